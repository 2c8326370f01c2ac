//! The operator's options for a plan: order, credentials, start-first.

use serde::{Deserialize, Serialize};

use crate::swarm::{EditableFields, Service, SpecField};

/// The operator's options for a plan. They are part of its input: other options give another plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanOptions {
    /// The source of the registry credentials for the updates.
    pub sending: CredentialPolicy,
    /// The order in which the engine replaces a service's tasks.
    pub replacing: UpdateOrderOption,
    /// The ids of services in the order that the operator chose; the other services follow in the planner's
    /// order.
    pub order: Vec<String>,
}

/// The rule for the source of registry credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialPolicy {
    /// The credentials stored in the service; the operator's if the service moves to another registry.
    #[default]
    Auto,
    /// Always the credentials stored in the service.
    Stored,
    /// The operator's credentials wherever there are any; they replace the stored ones.
    Operator,
}

/// The order in which the engine replaces a service's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrderOption {
    /// The order of the service's own update policy.
    #[default]
    AsItIs,
    /// New tasks start before old ones stop, where nothing forbids it.
    StartFirst,
}

/// Returns the reason why a service cannot run an old and a new task side by side; `None` if it can.
pub(crate) fn forbids_start_first(service: &Service) -> Option<&'static str> {
    if service.mode.is_job() {
        Some("an update does not replace a job's tasks")
    } else if service.exclusive {
        Some("two tasks could clash: it writes to its host, or publishes a port of its host")
    } else {
        None
    }
}

/// Returns the fields with the order of the update policy set to start-first. If there is no policy, the
/// engine's defaults are written out in full: with the order alone, the engine would replace all tasks at
/// once (Docker Engine 20.10).
pub(super) fn start_first(places: &EditableFields) -> EditableFields {
    let Some(now) = &places.update else { return places.clone() };
    let mut value = match &now.value {
        Some(value) if value.is_object() => value.clone(),
        // The values that `GET /services/{id}?insertDefaults=true` shows for a service without a policy.
        _ => serde_json::json!({
            "Parallelism": 1, "FailureAction": "pause", "Monitor": 5_000_000_000_u64, "MaxFailureRatio": 0
        }),
    };
    value["Order"] = "start-first".into();
    EditableFields { update: Some(SpecField { value: Some(value), ..now.clone() }), ..places.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::swarm::ServiceMode;

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
        service.mode = ServiceMode::ReplicatedJob(1);
        assert!(forbids_start_first(&service).is_some_and(|why| why.contains("job")));
    }
}
