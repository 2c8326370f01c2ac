//! A service's spec: the engine's own text, and what the swarm reads out of it.

use std::sync::Arc;

use serde_json::Value;

use super::images::{Reference, reference};
use super::model::{Nanos, SECOND};
use super::schema;

/// What kind of service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// So many tasks.
    Replicated(u64),
    /// A task on every node.
    Global,
    /// So many at once until so many have ended well.
    Job {
        /// At once.
        at_once: u64,
        /// In all.
        total: u64,
    },
    /// Once on every node.
    GlobalJob,
}

impl Mode {
    /// Whether both are of one kind: it cannot be changed.
    pub fn is_kind_of(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Whether it runs to its end.
    pub fn is_job(self) -> bool {
        matches!(self, Self::Job { .. } | Self::GlobalJob)
    }
}

/// What a failure during a rollout leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing.
    Continue,
    /// The rollout stops.
    Pause,
    /// It goes back.
    Rollback,
}

/// `UpdateConfig` or `RollbackConfig`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How many slots at once; 0 is all.
    pub parallelism: usize,
    /// The wait after each slot.
    pub delay: Nanos,
    /// What a failure leads to.
    pub on_failure: OnFailure,
    /// How long after its start a task's end counts as a failure.
    pub monitor: Nanos,
    /// How large a share of the slots may fail.
    pub ratio: f64,
    /// Whether the new task starts before the old one stops.
    pub start_first: bool,
}

/// Which ends lead to another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// None.
    Never,
    /// Failures.
    OnFailure,
    /// All.
    Any,
}

/// `key==value` or `key!=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The key, as `node.labels.role`.
    pub key: String,
    /// Whether it is to be equal.
    pub equal: bool,
    /// The value.
    pub value: String,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The protocol.
    pub protocol: String,
    /// The container's port.
    pub target: u64,
    /// The port outside; 0: to be chosen.
    pub published: u64,
    /// Whether it is the host's own.
    pub host: bool,
}

/// A spec.
#[derive(Debug)]
pub struct Spec {
    /// The engine's text of it.
    pub text: String,
    /// The engine's text of the spec its tasks have.
    pub task_text: String,
    /// The same as values.
    pub value: Value,
    /// Which write it came by: two specs of one version are the same.
    pub version: u64,
    /// The registry credentials that came with it, as they came.
    pub auth: Option<String>,
    /// The image.
    pub image: String,
    /// The same in its parts.
    pub named: Option<Reference>,
    /// The name.
    pub name: String,
    /// The mode.
    pub mode: Mode,
    /// The constraints.
    pub constraints: Vec<Constraint>,
    /// The platforms it may run on, normalised; empty: any.
    pub platforms: Vec<(String, String)>,
    /// The published ports.
    pub ports: Vec<Port>,
    /// How many of its tasks a node may have; 0: any number.
    pub max_replicas: u64,
    /// Reserved processors and memory.
    pub reserved: (u64, u64),
}

impl Spec {
    /// Reads a spec, keeping of it what an engine of this API version keeps.
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

    /// The rollout's policy, forward or back.
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

    /// Which ends lead to another task, after how long, and how often within which time.
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

    /// How long a container has to stop by itself.
    pub fn grace(&self) -> Nanos {
        let given = self.value.pointer("/TaskTemplate/ContainerSpec/StopGracePeriod").and_then(Value::as_u64);
        given.unwrap_or(10 * SECOND)
    }

    /// The signal it is asked to stop by, where the spec says one.
    pub fn stop_signal(&self) -> &str {
        self.value.pointer("/TaskTemplate/ContainerSpec/StopSignal").and_then(Value::as_str).unwrap_or_default()
    }

    /// A text of its container spec.
    pub fn container(&self, key: &str) -> Option<&Value> {
        self.value.pointer("/TaskTemplate/ContainerSpec")?.get(key)
    }

    /// Whether tasks made by `self` are as good as those `other` asks for.
    pub fn makes_the_same_tasks(&self, other: &Self) -> bool {
        self.version == other.version
            || (self.auth == other.auth
                && self.value.get("TaskTemplate") == other.value.get("TaskTemplate")
                && self.value.get("EndpointSpec") == other.value.get("EndpointSpec"))
    }

    /// Whether they differ by their placement alone.
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

    /// The same spec under another version or with other credentials.
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

/// An architecture as manifests spell it.
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

/// Reads a constraint, or says what is wrong with it, as the engine does.
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
