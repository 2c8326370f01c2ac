//! The order in which a plan's units are carried out.

use super::Unit;
use super::planner::Work;
use crate::finding::{Code, Finding, Severity};
use crate::swarm::{GroupKind, ROLE, Service};

impl Work<'_> {
    /// Puts the units in order: as chosen, else a database's instances one after another, known replicas first.
    pub(super) fn order(&mut self) {
        if self.group.kind == GroupKind::Database {
            let world = self.world;
            self.units.sort_by_cached_key(|unit| {
                let rank = world.services.get(&unit.service_id).map_or(Role::Unknown, Role::of);
                (unit.member.clone(), rank, unit.node.clone(), unit.service.clone())
            });
        }
        let order = &self.manner.order;
        if !order.is_empty() {
            self.units.sort_by_key(|unit| order.iter().position(|id| *id == unit.service_id).unwrap_or(order.len()));
        }
    }
}

/// What an instance of a database is, as far as its label `pinnace.role` tells: the engine does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// A replica: it goes first.
    Replica,
    /// Not told.
    Unknown,
    /// The primary: it goes last.
    Primary,
}

impl Role {
    /// The role of a service.
    fn of(service: &Service) -> Self {
        match service.label(ROLE) {
            Some("replica" | "standby") => Self::Replica,
            Some("primary") => Self::Primary,
            _ => Self::Unknown,
        }
    }
}

impl Work<'_> {
    /// A database's instances restart one after another, and nobody knows which is the primary.
    pub(super) fn roles_are_told(&mut self) {
        let active: Vec<_> = self.units.iter().filter(|unit| unit.action.is_active()).collect();
        let unknown = |unit: &&&Unit| {
            let service = self.world.services.get(&unit.service_id);
            service.is_some_and(|service| Role::of(service) == Role::Unknown)
        };
        if self.group.kind != GroupKind::Database || active.len() < 2 || !active.iter().any(|unit| unknown(&unit)) {
            return;
        }
        let message = "which of its instances is the primary is not known; the console stops after each";
        let hint = format!(
            "put the primary last (`J`, `K`), or tell it once by the service label `{ROLE}=primary`, `replica`"
        );
        let finding = Finding::new(Severity::Info, Code::RolesUnknown, self.group.to_string(), message);
        self.findings.push(finding.hint(hint));
    }
}
