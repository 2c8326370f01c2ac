//! The order in which a plan's units are applied.

use super::Unit;
use super::planner::Planner;
use crate::finding::{Code, Finding, Severity};
use crate::swarm::{GroupKind, ROLE, Service};

impl Planner<'_> {
    /// Sorts the units: a database's instances by member, known replicas first; then the services that the
    /// operator ordered are moved to the front.
    pub(super) fn order(&mut self) {
        if self.group.kind == GroupKind::Database {
            let world = self.world;
            self.units.sort_by_cached_key(|unit| {
                let rank = world.services.get(&unit.service_id).map_or(InstanceRole::Unknown, InstanceRole::of);
                (unit.member.clone(), rank, unit.node.clone(), unit.service.clone())
            });
        }
        let order = &self.manner.order;
        if !order.is_empty() {
            self.units.sort_by_key(|unit| order.iter().position(|id| *id == unit.service_id).unwrap_or(order.len()));
        }
    }
}

/// The role of a database instance, from its label `pinnace.role`; the engine does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum InstanceRole {
    /// A replica; it is updated first.
    Replica,
    /// An instance without the label, or with an unknown value.
    Unknown,
    /// The primary; it is updated last.
    Primary,
}

impl InstanceRole {
    /// Reads the role from the service's label.
    fn of(service: &Service) -> Self {
        match service.label(ROLE) {
            Some("replica" | "standby") => Self::Replica,
            Some("primary") => Self::Primary,
            _ => Self::Unknown,
        }
    }
}

impl Planner<'_> {
    /// Adds a finding if the plan restarts several instances of a database and the role of any of them is
    /// unknown.
    pub(super) fn roles_are_told(&mut self) {
        let active: Vec<_> = self.units.iter().filter(|unit| unit.action.is_active()).collect();
        let unknown = |unit: &&&Unit| {
            let service = self.world.services.get(&unit.service_id);
            service.is_some_and(|service| InstanceRole::of(service) == InstanceRole::Unknown)
        };
        if self.group.kind != GroupKind::Database || active.len() < 2 || !active.iter().any(|unit| unknown(&unit)) {
            return;
        }
        let message = "the primary instance is not known; the console pauses after each unit";
        let hint = format!(
            "move the primary to the end (`J`, `K`), or set the service label `{ROLE}` to `primary` or `replica`"
        );
        let finding = Finding::new(Severity::Info, Code::RolesUnknown, self.group.to_string(), message);
        self.findings.push(finding.hint(hint));
    }
}
