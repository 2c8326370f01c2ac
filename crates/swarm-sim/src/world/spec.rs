//! Service specs: the engine's text, and the values that the swarm uses.

use std::sync::Arc;

use serde_json::Value;

use super::images::{Reference, reference};
use super::model::{Nanos, SECOND};
use super::schema;

/// The mode of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Replicated, with this number of tasks.
    Replicated(u64),
    /// One task on every node.
    Global,
    /// A replicated job.
    Job {
        /// Number of tasks that run in parallel (`MaxConcurrent`).
        at_once: u64,
        /// Number of tasks that must complete (`TotalCompletions`).
        total: u64,
    },
    /// A job with one task on every node.
    GlobalJob,
}

impl Mode {
    /// Returns true if both modes are of the same kind; an update cannot change the kind.
    pub fn is_kind_of(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Returns true for jobs, whose tasks run to completion.
    pub fn is_job(self) -> bool {
        matches!(self, Self::Job { .. } | Self::GlobalJob)
    }
}

/// The `FailureAction` of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Failures are ignored.
    Continue,
    /// The rollout is paused.
    Pause,
    /// The service is rolled back.
    Rollback,
}

/// `UpdateConfig` or `RollbackConfig`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Number of slots that are updated in parallel; 0: all.
    pub parallelism: usize,
    /// Delay after each slot.
    pub delay: Nanos,
    /// The action after a failure.
    pub on_failure: OnFailure,
    /// Monitor period: a task that ends within this time after its start counts as failed.
    pub monitor: Nanos,
    /// Share of slots that may fail, 0 to 1.
    pub ratio: f64,
    /// Starts the new task before the old one stops.
    pub start_first: bool,
}

/// The condition of a restart policy: the ends after which a task is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Restarts disabled (`none`).
    Never,
    /// Failures only.
    OnFailure,
    /// Any end.
    Any,
}

/// A placement constraint, `key==value` or `key!=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The key, such as `node.labels.zone`.
    pub key: String,
    /// True for `==`, false for `!=`.
    pub equal: bool,
    pub value: String,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The protocol, such as `tcp`.
    pub protocol: String,
    /// The container's port.
    pub target: u64,
    /// The published port; 0: chosen by the swarm.
    pub published: u64,
    /// True if it is published on the host, false for ingress.
    pub host: bool,
}

/// A service spec, as stored by the swarm.
#[derive(Debug)]
pub struct Spec {
    /// The spec as the engine writes it.
    pub text: String,
    /// The task spec as the engine writes it.
    pub task_text: String,
    /// The spec as JSON values.
    pub value: Value,
    /// The version of the write that set it; specs of equal version are equal.
    pub version: u64,
    /// The registry credentials sent with it, still encoded.
    pub auth: Option<String>,
    /// The image reference.
    pub image: String,
    /// The parsed image reference; `None` if it is invalid.
    pub named: Option<Reference>,
    /// Name of the service.
    pub name: String,
    pub mode: Mode,
    pub constraints: Vec<Constraint>,
    /// Allowed platforms as `(os, architecture)`, normalised; empty: any.
    pub platforms: Vec<(String, String)>,
    /// The published ports.
    pub ports: Vec<Port>,
    /// Maximum number of tasks on one node; 0: unlimited.
    pub max_replicas: u64,
    /// Reserved CPUs in billionths, and memory in bytes.
    pub reserved: (u64, u64),
}

impl Spec {
    /// Parses a spec; keeps only the members that an engine of this API version knows.
    pub fn new(given: &Value, minor: u32, version: u64, auth: Option<String>) -> Self {
        let text = schema::service(given, minor);
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let word = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let texts = |pointer: &str| {
            let items = value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
            items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let image = word("/TaskTemplate/ContainerSpec/Image");
        let constraints =
            texts("/TaskTemplate/Placement/Constraints").iter().filter_map(|text| constraint(text).ok()).collect();
        Self {
            task_text: schema::task(&value, minor),
            named: reference(&image),
            image,
            name: word("/Name"),
            mode: mode(&value),
            constraints,
            platforms: platforms(&value),
            ports: ports(&value),
            max_replicas: number("/TaskTemplate/Placement/MaxReplicas"),
            reserved: (
                number("/TaskTemplate/Resources/Reservations/NanoCPUs"),
                number("/TaskTemplate/Resources/Reservations/MemoryBytes"),
            ),
            text,
            value,
            version,
            auth,
        }
    }

    /// Returns the policy of an update or, with `back`, of a rollback.
    pub fn policy(&self, back: bool) -> Policy {
        let config = self.value.get(if back { "RollbackConfig" } else { "UpdateConfig" });
        let number = |key: &str| config.and_then(|config| config.get(key)).and_then(Value::as_u64);
        let word = |key: &str| config.and_then(|config| config.get(key)).and_then(Value::as_str).unwrap_or_default();
        Policy {
            parallelism: match config {
                None => 1,
                Some(_) => number("Parallelism").and_then(|many| usize::try_from(many).ok()).unwrap_or(0),
            },
            delay: number("Delay").unwrap_or(0),
            on_failure: match word("FailureAction") {
                "continue" => OnFailure::Continue,
                "rollback" => OnFailure::Rollback,
                _ => OnFailure::Pause,
            },
            monitor: number("Monitor").unwrap_or(5 * SECOND),
            ratio: config.and_then(|config| config.get("MaxFailureRatio")).and_then(Value::as_f64).unwrap_or(0.0),
            start_first: word("Order") == "start-first",
        }
    }

    /// Returns the restart policy: condition, delay, maximum attempts and their window.
    pub fn restart(&self) -> (Condition, Nanos, u64, Nanos) {
        let policy = self.value.pointer("/TaskTemplate/RestartPolicy");
        let number = |key: &str| policy.and_then(|policy| policy.get(key)).and_then(Value::as_u64);
        let condition = match policy.and_then(|policy| policy.get("Condition")).and_then(Value::as_str) {
            Some("none") => Condition::Never,
            Some("on-failure") => Condition::OnFailure,
            _ => Condition::Any,
        };
        (
            condition,
            number("Delay").unwrap_or(5 * SECOND),
            number("MaxAttempts").unwrap_or(0),
            number("Window").unwrap_or(0),
        )
    }

    /// Returns the stop grace period.
    pub fn grace(&self) -> Nanos {
        let given = self.value.pointer("/TaskTemplate/ContainerSpec/StopGracePeriod").and_then(Value::as_u64);
        given.unwrap_or(10 * SECOND)
    }

    /// Returns the stop signal of the spec; empty if it has none.
    pub fn stop_signal(&self) -> &str {
        self.value.pointer("/TaskTemplate/ContainerSpec/StopSignal").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns a member of the container spec.
    pub fn container(&self, key: &str) -> Option<&Value> {
        self.value.pointer("/TaskTemplate/ContainerSpec")?.get(key)
    }

    /// Returns true if a task made from `self` is up to date under `other`.
    pub fn makes_the_same_tasks(&self, other: &Self) -> bool {
        self.version == other.version
            || (self.auth == other.auth
                && self.value.get("TaskTemplate") == other.value.get("TaskTemplate")
                && self.value.get("EndpointSpec") == other.value.get("EndpointSpec"))
    }

    /// Returns true if the specs differ at most by their placement.
    pub fn differs_by_placement_only(&self, other: &Self) -> bool {
        let bare = |spec: &Self| {
            let mut template = spec.value.get("TaskTemplate").cloned().unwrap_or(Value::Null);
            if let Some(members) = template.as_object_mut() {
                members.remove("Placement");
            }
            template
        };
        self.auth == other.auth
            && bare(self) == bare(other)
            && self.value.get("EndpointSpec") == other.value.get("EndpointSpec")
    }

    /// Returns the same spec with another version and credentials.
    pub fn again(&self, minor: u32, version: u64, auth: Option<String>) -> Arc<Self> {
        Arc::new(Self::new(&self.value, minor, version, auth))
    }
}

fn mode(value: &Value) -> Mode {
    let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64);
    let has = |key: &str| value.pointer("/Mode").and_then(|mode| mode.get(key)).is_some();
    if has("Global") {
        Mode::Global
    } else if has("GlobalJob") {
        Mode::GlobalJob
    } else if has("ReplicatedJob") {
        let at_once = number("/Mode/ReplicatedJob/MaxConcurrent").unwrap_or(1);
        Mode::Job { at_once, total: number("/Mode/ReplicatedJob/TotalCompletions").unwrap_or(at_once) }
    } else {
        Mode::Replicated(number("/Mode/Replicated/Replicas").unwrap_or(1))
    }
}

fn platforms(value: &Value) -> Vec<(String, String)> {
    let items = value.pointer("/TaskTemplate/Placement/Platforms").and_then(Value::as_array);
    let word = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = |item: &Value| (word(item, "OS").to_lowercase(), architecture(&word(item, "Architecture")).to_owned());
    items.into_iter().flatten().map(read).collect()
}

/// Converts a kernel's architecture name to the one in manifests.
pub fn architecture(kernel: &str) -> &str {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn ports(value: &Value) -> Vec<Port> {
    let items = value.pointer("/EndpointSpec/Ports").and_then(Value::as_array);
    let number = |item: &Value, key: &str| item.get(key).and_then(Value::as_u64).unwrap_or(0);
    let word = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = |item: &Value| Port {
        protocol: word(item, "Protocol"),
        target: number(item, "TargetPort"),
        published: number(item, "PublishedPort"),
        host: word(item, "PublishMode") == "host",
    };
    items.into_iter().flatten().map(read).collect()
}

/// Parses a constraint.
///
/// # Errors
/// Returns the engine's error text.
pub fn constraint(text: &str) -> Result<Constraint, String> {
    let (key, equal, value) = if let Some((key, value)) = text.split_once("==") {
        (key, true, value)
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, false, value)
    } else {
        return Err("constraint expected one operator from ==, !=".to_owned());
    };
    let (key, value) = (key.trim(), value.trim());
    let is_key = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || !key.starts_with(|c: char| c.is_ascii_alphabetic()) || !key.chars().all(is_key) {
        return Err(format!("key '{key}' is invalid"));
    }
    let is_value = |c: char| c.is_ascii_alphanumeric() || "-_./:+@,= \\".contains(c);
    if value.is_empty() || !value.chars().all(is_value) {
        return Err(format!("value '{value}' is invalid"));
    }
    Ok(Constraint { key: key.to_owned(), equal, value: value.to_owned() })
}
