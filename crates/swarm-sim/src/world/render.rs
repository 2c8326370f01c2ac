//! The engine's JSON of nodes, services, tasks and configs, with members in the engine's order.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::model::{Config, Nanos, Node, NodeState, Service, Slot, State, Task};
use super::spec::Mode;
use super::time::rfc3339;
use super::{World, schema};

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn head(id: &str, index: u64, created: Nanos, updated: Nanos) -> String {
    let (created, updated) = (rfc3339(created), rfc3339(updated));
    format!(
        "{{\"ID\":\"{id}\",\"Version\":{{\"Index\":{index}}},\"CreatedAt\":\"{created}\",\"UpdatedAt\":\"{updated}\""
    )
}

/// Returns a node as JSON.
pub fn node(node: &Node) -> String {
    let mut out = head(&node.id, node.index, node.created, node.updated);
    let labels = json!(node.labels);
    let (role, availability) = (quoted(&node.role), quoted(&node.availability));
    let _ = write!(out, ",\"Spec\":{{\"Labels\":{labels},\"Role\":{role},\"Availability\":{availability}}}");
    let (host, arch, version) = (quoted(&node.hostname), quoted(&node.architecture), quoted(&node.engine));
    let plugins = "[{\"Type\":\"Log\",\"Name\":\"json-file\"},{\"Type\":\"Log\",\"Name\":\"local\"},\
                   {\"Type\":\"Network\",\"Name\":\"bridge\"},{\"Type\":\"Network\",\"Name\":\"host\"},\
                   {\"Type\":\"Network\",\"Name\":\"overlay\"},{\"Type\":\"Volume\",\"Name\":\"local\"}]";
    let _ = write!(
        out,
        ",\"Description\":{{\"Hostname\":{host},\"Platform\":{{\"Architecture\":{arch},\"OS\":\"linux\"}},\
         \"Resources\":{{\"NanoCPUs\":{},\"MemoryBytes\":{}}},\"Engine\":{{\"EngineVersion\":{version},\
         \"Plugins\":{plugins}}},\"TLSInfo\":{{}}}}",
        node.cpus, node.memory
    );
    let mut status = format!("\"State\":\"{}\"", node.state.word());
    if !node.message.is_empty() {
        let _ = write!(status, ",\"Message\":{}", quoted(&node.message));
    }
    let _ = write!(out, ",\"Status\":{{{status},\"Addr\":{}}}", quoted(&node.address));
    if node.role == "manager" {
        let leader = if node.leader { "\"Leader\":true," } else { "" };
        let reach = if node.link && node.state != NodeState::Down { "reachable" } else { "unreachable" };
        let address = quoted(&format!("{}:2377", node.address));
        let _ = write!(out, ",\"ManagerStatus\":{{{leader}\"Reachability\":\"{reach}\",\"Addr\":{address}}}");
    }
    out.push('}');
    out
}

/// The query parameters that change a service's JSON.
#[derive(Clone, Copy, Debug)]
pub struct RenderedView {
    /// API version of the call, as the minor number.
    pub minor: u32,
    /// Adds `ServiceStatus`, the task counts.
    pub status: bool,
    /// Fills in the engine's default values (`insertDefaults`).
    pub defaults: bool,
}

impl World {
    fn spec_text(&self, spec: &super::Spec, view: RenderedView) -> String {
        if view.defaults {
            return schema::service(&with_defaults(&spec.value), self.engine.minor);
        }
        // Answers to older clients are complete; only specs that they post lose members.
        spec.text.clone()
    }

    /// Returns a service as JSON.
    pub fn service_json(&self, service: &Service, view: RenderedView) -> String {
        let mut out = head(&service.id, service.index, service.created, service.updated);
        let _ = write!(out, ",\"Spec\":{}", self.spec_text(&service.spec, view));
        if let Some(previous) = &service.previous {
            let view = RenderedView { defaults: false, ..view };
            let _ = write!(out, ",\"PreviousSpec\":{}", self.spec_text(previous, view));
        }
        let endpoint = service.spec.value.get("EndpointSpec").filter(|_| service.allocated);
        let mut inner = format!("\"Spec\":{}", endpoint.map_or("{}".to_owned(), endpoint_text));
        if let Some(ports) = endpoint.and_then(|spec| spec.get("Ports")) {
            let _ = write!(inner, ",\"Ports\":{}", ports_text(ports));
        }
        if !service.vips.is_empty() {
            let vips = service.vips.iter().map(|(network, address)| {
                let address = if address.is_empty() { String::new() } else { format!(",\"Addr\":\"{address}\"") };
                format!("{{\"NetworkID\":\"{network}\"{address}}}")
            });
            let _ = write!(inner, ",\"VirtualIPs\":[{}]", vips.collect::<Vec<_>>().join(","));
        }
        let _ = write!(out, ",\"Endpoint\":{{{inner}}}");
        if let Some(update) = &service.update {
            let completed = match update.completed {
                Some(at) => format!(",\"CompletedAt\":\"{}\"", rfc3339(at)),
                None => String::new(),
            };
            let _ = write!(
                out,
                ",\"UpdateStatus\":{{\"State\":\"{}\",\"StartedAt\":\"{}\"{completed},\"Message\":{}}}",
                update.phase.word(),
                rfc3339(update.started),
                quoted(&update.message)
            );
        }
        if view.status && view.minor >= 41 {
            let (running, desired, completed) = self.counts(service);
            let _ = write!(
                out,
                ",\"ServiceStatus\":{{\"RunningTasks\":{running},\"DesiredTasks\":{desired},\"CompletedTasks\":{completed}}}"
            );
        }
        if let Some(job) = service.job.filter(|_| view.minor >= 41) {
            let index = if job.iteration == 0 { "{}".to_owned() } else { format!("{{\"Index\":{}}}", job.iteration) };
            let last = rfc3339(job.last);
            let _ = write!(out, ",\"JobStatus\":{{\"JobIteration\":{index},\"LastExecution\":\"{last}\"}}");
        }
        out.push('}');
        out
    }

    /// Returns the numbers of running, desired and completed tasks, as the engine counts them. Running tasks count by
    /// their last reported state, whatever their desired state and node.
    pub fn counts(&self, service: &Service) -> (u64, u64, u64) {
        let (mut running, mut wanted, mut completed) = (0, 0, 0);
        for task in self.tasks_of(&service.id) {
            running += u64::from(task.state == State::Running);
            wanted += u64::from(task.desired == State::Running);
            let of_run = service.job.is_none_or(|job| task.iteration == Some(job.iteration));
            completed += u64::from(service.job.is_some() && of_run && task.state == State::Complete);
        }
        match service.spec.mode {
            Mode::Replicated(replicas) => (running, replicas, 0),
            Mode::Global => (running, wanted, 0),
            Mode::Job { at_once, .. } => (running, at_once, completed),
            Mode::GlobalJob => {
                let open = self.tasks_of(&service.id).filter(|task| task.is_wanted() && task.is_alive()).count();
                (running, u64::try_from(open).unwrap_or(0), completed)
            }
        }
    }

    /// Returns a task as JSON.
    pub fn task_json(&self, task: &Task, minor: u32) -> String {
        let mut out = head(&task.id, task.index, task.created, task.updated);
        out.push_str(",\"Labels\":{},\"Spec\":");
        out.push_str(&task.spec.task_text);
        let _ = write!(out, ",\"ServiceID\":\"{}\"", task.service);
        if let Slot::Nth(slot) = task.slot
            && slot > 0
        {
            let _ = write!(out, ",\"Slot\":{slot}");
        }
        if let Some(node) = &task.node {
            let _ = write!(out, ",\"NodeID\":\"{node}\"");
        }
        let _ = write!(
            out,
            ",\"Status\":{{\"Timestamp\":\"{}\",\"State\":\"{}\",\"Message\":\"{}\"",
            rfc3339(task.since),
            task.state.word(),
            task.message
        );
        if !task.err.is_empty() {
            let _ = write!(out, ",\"Err\":{}", quoted(&task.err));
        }
        if let Some(container) = task.container.as_ref().filter(|_| task.state > State::Ready) {
            let (id, pid, exit) = (&container.id, container.pid, container.exit);
            let _ = write!(out, ",\"ContainerStatus\":{{\"ContainerID\":\"{id}\",\"PID\":{pid},\"ExitCode\":{exit}}}");
        }
        let _ = write!(out, ",\"PortStatus\":{{}}}},\"DesiredState\":\"{}\"", task.desired.word());
        if minor >= 44 {
            out.push_str(",\"Volumes\":null");
        }
        if let Some(iteration) = task.iteration {
            let index = if iteration == 0 { "{}".to_owned() } else { format!("{{\"Index\":{iteration}}}") };
            let _ = write!(out, ",\"JobIteration\":{index}");
        }
        out.push('}');
        out
    }
}

fn endpoint_text(spec: &Value) -> String {
    let mode = spec.get("Mode").and_then(Value::as_str).unwrap_or("vip");
    match spec.get("Ports") {
        Some(ports) => format!("{{\"Mode\":\"{mode}\",\"Ports\":{}}}", ports_text(ports)),
        None => format!("{{\"Mode\":\"{mode}\"}}"),
    }
}

fn ports_text(ports: &Value) -> String {
    let order = ["Name", "Protocol", "TargetPort", "PublishedPort", "PublishMode"];
    let port = |port: &Value| {
        let members: Vec<String> =
            order.iter().filter_map(|key| Some(format!("\"{key}\":{}", port.get(*key)?))).collect();
        format!("{{{}}}", members.join(","))
    };
    let all: Vec<String> = ports.as_array().into_iter().flatten().map(port).collect();
    format!("[{}]", all.join(","))
}

/// Returns the spec with the engine's default values (`insertDefaults`).
fn with_defaults(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let policy = json!({ "Parallelism": 1, "FailureAction": "pause", "Monitor": 5_000_000_000_u64,
        "MaxFailureRatio": 0, "Order": "stop-first" });
    let mut fill = |pointer: &str, key: &str, default: Value| {
        let Some(parent) = spec.pointer_mut(pointer).and_then(Value::as_object_mut) else { return };
        parent.entry(key.to_owned()).or_insert(default);
    };
    fill("/TaskTemplate/ContainerSpec", "StopGracePeriod", json!(10_000_000_000_u64));
    fill("/TaskTemplate/ContainerSpec", "DNSConfig", json!({}));
    fill("/TaskTemplate", "Resources", json!({}));
    fill("/TaskTemplate", "RestartPolicy", json!({ "Condition": "any", "Delay": 5_000_000_000_u64, "MaxAttempts": 0 }));
    fill("/TaskTemplate", "Placement", json!({}));
    fill("", "UpdateConfig", policy.clone());
    fill("", "RollbackConfig", policy);
    for key in ["UpdateConfig", "RollbackConfig"] {
        fill(&format!("/{key}"), "Monitor", json!(5_000_000_000_u64));
    }
    spec
}

/// Returns a config as JSON, or a secret without its data.
pub fn config(config: &Config, with_data: bool) -> String {
    let mut out = head(&config.id, config.index, config.created, config.updated);
    let _ = write!(out, ",\"Spec\":{{\"Name\":{},\"Labels\":{}", quoted(&config.name), json!(config.labels));
    if with_data {
        let _ = write!(out, ",\"Data\":{}", quoted(&config.data));
    }
    if let Some(templating) = &config.templating {
        let _ = write!(out, ",\"Templating\":{templating}");
    }
    out.push_str("}}");
    out
}

/// Returns a posted spec without the members that an older API version does not know.
pub fn by_version(spec: &Value, minor: u32) -> Value {
    serde_json::from_str(&schema::service(spec, minor)).unwrap_or(Value::Null)
}
