//! How the units of a plan are carried out, as far as the operator chooses that: order, credentials, start-first.

use serde::{Deserialize, Serialize};

use super::Work;
use crate::finding::{Code, Finding, Severity};
use crate::group::{GroupKind, ROLE};
use crate::image::ImageRef;
use crate::swarm::{Place, Places, Service};
use crate::wire::v1::{Credentials, Kind, Unit};

/// The operator's choices for a plan. They are part of the plan: with other choices it is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// Whose credentials go with the updates.
    pub sending: Sending,
    /// In which order the engine replaces tasks.
    pub replacing: Replacing,
    /// The services in the order the operator wants them, by id; those not named come behind, in the planner's order.
    pub order: Vec<String>,
}

/// Whose credentials for the registry go with the updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sending {
    /// Those stored in the service; the operator's where a service moves to another registry.
    #[default]
    Auto,
    /// Always those stored in the service.
    Stored,
    /// The operator's wherever there are some; they replace those stored.
    Operator,
}

/// In which order the engine replaces tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacing {
    /// As the service's own policy says.
    #[default]
    AsItIs,
    /// New tasks first, where nothing forbids it.
    StartFirst,
}

/// Why a service cannot run an old and a new task side by side; `None`: it can.
pub fn forbids_start_first(service: &Service) -> Option<&'static str> {
    if service.mode.is_job() {
        Some("a job is not updated by replacing tasks")
    } else if service.exclusive {
        Some("two of its tasks would clash: it writes to its host, or publishes a port of it")
    } else {
        None
    }
}

/// The places with the update policy as it stands, but for the order. Where there is no policy the engine's defaults are
/// written out in full: with the order alone it would replace all tasks at once (Docker Engine 20.10).
pub(super) fn start_first(places: &Places) -> Places {
    let Some(now) = &places.update else { return places.clone() };
    let mut value = match &now.value {
        Some(value) if value.is_object() => value.clone(),
        // What `GET /services/{id}?insertDefaults=true` shows for a service without a policy.
        _ => serde_json::json!({
            "Parallelism": 1, "FailureAction": "pause", "Monitor": 5_000_000_000_u64, "MaxFailureRatio": 0
        }),
    };
    value["Order"] = "start-first".into();
    Places { update: Some(Place { value: Some(value), ..now.clone() }), ..places.clone() }
}

impl Work<'_> {
    /// Whether a service is switched to start-first: chosen, not its policy yet, and forbidden by nothing.
    pub(super) fn switches_to_start_first(&self, service: &Service) -> bool {
        self.manner.replacing == Replacing::StartFirst
            && !service.policy.start_first
            && forbids_start_first(service).is_none()
    }

    /// The target with the order of replacing that was chosen.
    pub(super) fn replaced(&self, service: &Service, target: &Places) -> Places {
        if self.switches_to_start_first(service) { start_first(target) } else { target.clone() }
    }

    /// Whose credentials go with an update.
    pub(super) fn credentials(&mut self, service: &Service, target: &str) -> Credentials {
        let (Ok(from), Ok(to)) = (ImageRef::parse(service.image()), ImageRef::parse(target)) else {
            return Credentials::Stored;
        };
        let moves = from.host != to.host;
        let previous = || service.previous.as_ref().and_then(|previous| ImageRef::parse(&previous.image).ok());
        match (self.manner.sending, self.kind) {
            (Sending::Operator, _) if self.has_login(&to.host) => Credentials::Operator,
            // A way back never needs the operator's: the engine keeps those that were stored with the previous spec.
            (_, Kind::Back) if moves && previous().is_some_and(|previous| previous.host == to.host) => {
                Credentials::Previous
            }
            (Sending::Auto, Kind::Pin | Kind::Redeploy) if self.has_login(&to.host) && moves => Credentials::Operator,
            _ => Credentials::Stored,
        }
    }

    /// Whether the operator has credentials for a registry.
    pub(super) fn has_login(&mut self, host: &str) -> bool {
        let fact = self.facts.login(host);
        if !fact.answered() {
            self.wants.insert(super::Want::Login(host.to_owned()));
        }
        fact.known().copied().unwrap_or(false)
    }

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
pub enum Role {
    /// A replica: it goes first.
    Replica,
    /// Not told.
    Unknown,
    /// The primary: it goes last.
    Primary,
}

impl Role {
    /// The role of a service.
    pub fn of(service: &Service) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::swarm::Mode;

    #[test]
    fn start_first_writes_the_whole_policy() {
        let places = sample::places("r/a:1");
        let value = start_first(&places).update.unwrap().value.unwrap();
        assert_eq!((&value["Parallelism"], &value["Order"]), (&1.into(), &"start-first".into()));
        let mut own = places;
        own.update.as_mut().unwrap().value = Some(serde_json::json!({"Parallelism": 3, "Order": "stop-first"}));
        let value = start_first(&own).update.unwrap().value.unwrap();
        assert_eq!(
            value,
            serde_json::json!({"Parallelism": 3, "Order": "start-first"}),
            "the rest stays to the letter"
        );
    }

    #[test]
    fn what_clashes_stays_stop_first() {
        let mut service = sample::service("pg", "r/pg:1");
        assert_eq!(forbids_start_first(&service), None);
        service.exclusive = true;
        assert!(forbids_start_first(&service).is_some_and(|why| why.contains("clash")));
        service.mode = Mode::ReplicatedJob(1);
        assert!(forbids_start_first(&service).is_some_and(|why| why.contains("job")));
    }
}
