//! The read calls for nodes, services, tasks and the engine's info, in the core's types.

use serde_json::value::RawValue;
use serde_json::{Value, from_slice};

use super::client::{Docker, encoded, filters};
use super::error::DockerError;
use super::json_decoder;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{Node, Service, Task};
use pinnace_core::world::EngineInfo;

/// The tasks to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFilter<'a> {
    /// All tasks whose desired state is running.
    Running,
    /// The tasks of these services, by id, whose desired state is running.
    RunningOf(&'a [String]),
    /// All stored tasks of a node, by id. On a node that is down the desired state of its tasks is shutdown,
    /// although the swarm counts them as running.
    On(&'a str),
    /// All stored tasks of these services, by id, with the hash of the untouched part of their templates.
    History(&'a [String]),
}

/// The engine's info, and its role in a swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemInfo {
    /// The part that the world stores.
    pub engine: EngineInfo,
    /// The state of the engine in the swarm: `active`, `inactive`, `pending`, `locked` or `error`.
    pub state: String,
    /// Set when the engine is a manager.
    pub is_manager: bool,
    /// The engine's error about the swarm; empty if there is none.
    pub error: String,
    /// The addresses of the managers that a worker knows.
    pub managers: Vec<String>,
}

impl Docker {
    /// Lists all nodes.
    ///
    /// # Errors
    /// A fault if they cannot be read; the fault identifies a worker, a locked swarm or a missing leader.
    pub async fn nodes(&self) -> Result<Vec<Node>, DockerError> {
        let what = "reading the nodes";
        let body = self.get_bytes(what, "/nodes").await?;
        each(what, &body, json_decoder::node)
    }

    /// Lists all services with their task counts, or those with these ids; ids that no longer exist are left out.
    ///
    /// # Errors
    /// The same as [`Docker::nodes`].
    pub async fn services(&self, ids: Option<&[String]>) -> Result<Vec<Service>, DockerError> {
        let what = "reading the services";
        let path = match ids {
            None => "/services?status=true".to_owned(),
            Some(ids) => format!("/services?status=true&{}", filters(&[("id", &strs(ids))])),
        };
        let body = self.get_bytes(what, &path).await?;
        each(what, &body, json_decoder::service)
    }

    /// Reads one service by id or name, without task counts.
    ///
    /// # Errors
    /// A fault if it cannot be read or does not exist ([`DockerError::is_not_found`]).
    pub async fn service(&self, id_or_name: &str) -> Result<Service, DockerError> {
        let what = format!("reading service {}", clean(id_or_name));
        let body = self.get_bytes(&what, &format!("/services/{}", encoded(id_or_name))).await?;
        let raw: &RawValue = from_slice(&body).map_err(|error| DockerError::bad(&what, error))?;
        json_decoder::service(raw).ok_or_else(|| DockerError::bad(&what, "it is not a service"))
    }

    /// Lists tasks.
    ///
    /// # Errors
    /// The same as [`Docker::nodes`]; 404 if one of the named services or the node no longer exists.
    pub async fn tasks(&self, which: TaskFilter<'_>) -> Result<Vec<Task>, DockerError> {
        let what = "reading the tasks";
        let running = ("desired-state", &["running"][..]);
        let filters = match which {
            TaskFilter::Running => filters(&[running]),
            TaskFilter::RunningOf(ids) => filters(&[running, ("service", &strs(ids))]),
            TaskFilter::On(node) => filters(&[("node", &[node])]),
            TaskFilter::History(ids) => filters(&[("service", &strs(ids))]),
        };
        let body = self.get_bytes(what, &format!("/tasks?{filters}")).await?;
        let with_rest = matches!(which, TaskFilter::History(_));
        each(what, &body, |raw| json_decoder::task(raw, with_rest))
    }

    /// Reads the engine's info.
    ///
    /// # Errors
    /// A fault if the engine does not answer.
    pub async fn info(&self) -> Result<SystemInfo, DockerError> {
        let value: Value = self.get("reading the engine's info", "/info").await?;
        Ok(read_info(&value, self.api().await?))
    }
}

fn read_info(value: &Value, api: String) -> SystemInfo {
    let text = |pointer: &str| json_decoder::text(value, pointer);
    let texts = |pointer: &str| value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let mut insecure: Vec<String> =
        texts("/RegistryConfig/InsecureRegistryCIDRs").filter_map(|cidr| cidr.as_str().map(clean)).collect();
    let indexes = value.pointer("/RegistryConfig/IndexConfigs").and_then(Value::as_object).into_iter().flatten();
    insecure.extend(
        indexes.filter(|(_, index)| index.get("Secure") == Some(&Value::Bool(false))).map(|(name, _)| clean(name)),
    );
    SystemInfo {
        engine: EngineInfo {
            swarm: text("/Swarm/Cluster/ID"),
            node: text("/Swarm/NodeID"),
            host: text("/Name"),
            api,
            version: text("/ServerVersion"),
            insecure,
        },
        state: text("/Swarm/LocalNodeState"),
        is_manager: value.pointer("/Swarm/ControlAvailable") == Some(&Value::Bool(true)),
        error: text("/Swarm/Error"),
        managers: texts("/Swarm/RemoteManagers").map(|manager| json_decoder::text(manager, "/Addr")).collect(),
    }
}

fn strs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// Reads a list entry by entry, so that an unreadable entry does not affect the others; `null` is an empty list.
pub(super) fn each<T>(what: &str, body: &[u8], read: impl Fn(&RawValue) -> Option<T>) -> Result<Vec<T>, DockerError> {
    let entries: Option<Vec<&RawValue>> = from_slice(body).map_err(|error| DockerError::bad(what, error))?;
    let entries = entries.unwrap_or_default();
    let (all, mut odd) = (entries.len(), 0_usize);
    let items: Vec<T> = entries
        .into_iter()
        .filter_map(|raw| {
            let item = read(raw);
            odd += usize::from(item.is_none());
            item
        })
        .collect();
    if odd > 0 {
        tracing::warn!(what, odd, all, "entries that cannot be read were left out");
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::docker::test_server::capture;
    use pinnace_core::swarm::{FailureAction, NodeState, RestartCondition, ServiceMode, TaskState, UpdateState};

    fn services(name: &str) -> Vec<Service> {
        each("x", capture(name).as_bytes(), json_decoder::service).unwrap()
    }

    fn tasks(name: &str) -> Vec<Task> {
        each("x", capture(name).as_bytes(), |raw| json_decoder::task(raw, true)).unwrap()
    }

    #[test]
    fn nodes_of_a_swarm_with_one_down() {
        let nodes = each("x", capture("70-nodes-node3-down.json").as_bytes(), json_decoder::node).unwrap();
        assert_eq!(nodes.len(), 3);
        let down = nodes.iter().find(|node| node.hostname == "node-3").unwrap();
        assert_eq!((&down.state, down.state_message.as_str()), (&NodeState::Down, "heartbeat failure"));
        assert_eq!(down.platform.to_string(), "linux/amd64");
        assert!(nodes.iter().any(|node| node.leader && node.reachability.as_deref() == Some("reachable")));
        assert!(nodes.iter().all(|node| !node.address.is_empty() && node.address != "0.0.0.0"));
    }

    #[test]
    fn services_with_counts() {
        let services = services("70-services-pgedge-like.json");
        assert!(services.iter().all(|service| service.running == Some(1) && service.desired == Some(1)));
        assert_eq!(services[0].mode, ServiceMode::Replicated(1));
        assert_eq!(services[0].restart, RestartCondition::Any);
        assert_eq!(services[0].stop_grace, Duration::from_secs(10));
        assert!(!services[0].constraints.is_empty());
        assert!(each("x", capture("base-services-list.json").as_bytes(), json_decoder::service).is_ok());
    }

    #[test]
    fn a_rollout_that_was_rolled_back() {
        let body = format!("[{}]", capture("22-service-after-auto-rollback.json"));
        let service = each("x", body.as_bytes(), json_decoder::service).unwrap().remove(0);
        let update = service.update.clone().unwrap();
        assert_eq!((&update.state, update.message.as_str()), (&UpdateState::RollbackCompleted, "rollback completed"));
        assert!(service.previous.is_none() && service.previous_differs.is_empty());
        assert_eq!(service.policy.on_failure, FailureAction::Rollback);
        assert!(service.policy.start_first && service.policy.explicit);
        assert_eq!((service.policy.parallelism, service.policy.monitor), (2, Duration::from_secs(2)));
        assert_eq!(service.places.platforms.path, "/TaskTemplate/Placement");
    }

    #[test]
    fn tasks_and_their_errors() {
        let tasks = tasks("A0-tasks-missing-tag.json");
        let rejected = tasks.iter().find(|task| task.state == TaskState::Rejected).unwrap();
        assert!(rejected.error.starts_with("No such image: "), "{}", rejected.error);
        assert_eq!(rejected.exit_code, None);
        assert!(rejected.rest.is_some() && rejected.image.contains("/demo/"));
        let ended = self::tasks("A0-tasks-exit1.json");
        assert!(ended.iter().any(|task| task.exit_code == Some(1)));
        let job = self::tasks("engine-26.1/D2-gjob-tasks.json");
        assert!(job.iter().all(|task| task.slot.is_none()));
    }

    #[test]
    fn an_odd_entry_costs_itself_only() {
        let body = br#"[7, null, {"ID": 5}, {"ID":"a","Spec":{"Name":"x\u001b[2Jy","Labels":{"k":"v\u202e","n":null},
            "Mode":{"Quantum":{}},"TaskTemplate":null},"UpdateStatus":{"State":"pondering"},"ServiceStatus":"?"}]"#;
        let services = each("x", body, json_decoder::service).unwrap();
        assert_eq!(services.len(), 1);
        assert_eq!((services[0].name.as_str(), services[0].label("k")), ("xy", Some("v")));
        assert_eq!(services[0].mode, ServiceMode::Other("Quantum".into()));
        assert_eq!(services[0].update.as_ref().unwrap().state, UpdateState::Other("pondering".into()));
        let body = br#"[{"ID":"t","ServiceID":"s","Status":{"State":"dreaming","Err":null},"Slot":"x","Spec":null},
            {"ID":"u","Status":[],"NodeID":null,"DesiredState":9}]"#;
        let tasks = each("x", body, |raw| json_decoder::task(raw, true)).unwrap();
        assert_eq!(tasks.len(), 2);
        assert_eq!(tasks[0].state, TaskState::Other("dreaming".into()));
        assert_eq!(each("x", b"null", json_decoder::node).unwrap(), []);
        assert!(each("x", b"<html>", json_decoder::node).is_err());
    }

    #[test]
    fn what_an_engine_says_of_itself() {
        let read = |name: &str| read_info(&serde_json::from_str(&capture(name)).unwrap(), "1.41".into());
        let manager = read("base-manager-info.json");
        assert!(manager.is_manager && manager.state == "active" && !manager.engine.swarm.is_empty());
        assert!(manager.engine.insecure.iter().any(|host| host.contains(':')), "{:?}", manager.engine.insecure);
        let worker = read("60-worker-info.json");
        assert!(!worker.is_manager && !worker.managers.is_empty());
    }
}
