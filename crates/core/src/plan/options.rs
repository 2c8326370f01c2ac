//! How the units of a plan are carried out, as far as the operator chooses that: order, credentials, start-first.

use serde::{Deserialize, Serialize};

use crate::swarm::{Place, Places, Service};

/// The operator's choices for a plan. They are part of the plan: with other choices it is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanOptions {
    /// Whose credentials go with the updates.
    pub sending: CredentialSource,
    /// In which order the engine replaces tasks.
    pub replacing: UpdateOrder,
    /// The services in the order the operator wants them, by id; those not named come behind, in the planner's order.
    pub order: Vec<String>,
}

/// Whose credentials for the registry go with the updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialSource {
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
pub enum UpdateOrder {
    /// As the service's own policy says.
    #[default]
    AsItIs,
    /// New tasks first, where nothing forbids it.
    StartFirst,
}

/// Why a service cannot run an old and a new task side by side; `None`: it can.
pub(crate) fn forbids_start_first(service: &Service) -> Option<&'static str> {
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
