//! The tolerant conversion of the engine's JSON into the core's types.
//!
//! Nodes, services and the engine's info are read member by member from generic JSON: a value that is absent, null
//! or of another type is treated as missing. Tasks are numerous, so they have a typed model.
//!
//! Displayed texts (names, labels, messages, errors) are cleaned here. Ids and image texts are kept exactly, as they
//! are compared and sent back: clean an image text before it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::spec;
use pinnace_core::image::Platform;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{
    Availability, FailureAction, Node, NodeState, RestartCondition, Role, Service, ServiceMode, Task, TaskState,
    UpdatePolicy, UpdateState, UpdateStatus,
};
use pinnace_core::time::Time;

/// Returns the exact text at a JSON pointer; empty if there is none.
fn exact(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns the cleaned text at a JSON pointer; empty if there is none.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(clean).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

fn time(value: &Value, pointer: &str) -> Option<Time> {
    value.pointer(pointer).and_then(Value::as_str).and_then(Time::parse)
}

/// Reads a duration in nanoseconds at a JSON pointer.
fn nanos(value: &Value, pointer: &str) -> Option<Duration> {
    number(value, pointer).map(Duration::from_nanos)
}

fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Reads the labels at a JSON pointer, cleaned.
fn labels(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let pairs = value.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((clean(key), clean(value.as_str()?)))).collect()
}

fn word<T: From<String>>(value: &Value, pointer: &str, default: &str) -> T {
    let text = text(value, pointer);
    T::from(if text.is_empty() { default.to_owned() } else { text })
}

/// Reads a node; `None` if it has no id.
pub(super) fn node(raw: &RawValue) -> Option<Node> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    let id = exact(&value, "/ID");
    let address = text(&value, "/Status/Addr");
    let own = text(&value, "/ManagerStatus/Addr");
    let known = own.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    Some(Node {
        hostname: text(&value, "/Description/Hostname"),
        role: word::<Role>(&value, "/Spec/Role", "worker"),
        leader: flag(&value, "/ManagerStatus/Leader"),
        reachability: value.pointer("/ManagerStatus/Reachability").and_then(Value::as_str).map(clean),
        availability: word::<Availability>(&value, "/Spec/Availability", "active"),
        state: word::<NodeState>(&value, "/Status/State", "unknown"),
        state_message: text(&value, "/Status/Message"),
        platform: Platform::new(
            &text(&value, "/Description/Platform/OS"),
            &text(&value, "/Description/Platform/Architecture"),
        ),
        engine: text(&value, "/Description/Engine/EngineVersion"),
        address: match known {
            Some(known) if address.is_empty() || address == "0.0.0.0" => known,
            _ => address,
        },
        labels: labels(&value, "/Spec/Labels"),
        engine_labels: labels(&value, "/Description/Engine/Labels"),
        id: Some(id).filter(|id| !id.is_empty())?,
    })
}

/// The outer fields of a service; its specs remain raw text.
#[derive(Deserialize)]
pub(super) struct ServiceBody<'a> {
    #[serde(borrow, rename = "Spec")]
    pub(super) spec: &'a RawValue,
    #[serde(borrow, rename = "PreviousSpec", default)]
    previous: Option<&'a RawValue>,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Version", default)]
    version: Value,
    #[serde(rename = "CreatedAt", default)]
    created: Value,
    #[serde(rename = "UpdatedAt", default)]
    updated: Value,
    #[serde(rename = "UpdateStatus", default)]
    update: Value,
    #[serde(rename = "ServiceStatus", default)]
    status: Value,
}

impl ServiceBody<'_> {
    /// Converts to the core's service; `None` without a name or a readable spec.
    pub(super) fn service(&self) -> Option<Service> {
        let spec: Value = serde_json::from_str(self.spec.get()).ok()?;
        let previous: Option<Value> =
            self.previous.and_then(|raw| serde_json::from_str(raw.get()).ok()).filter(Value::is_object);
        let moment = |value: &Value| value.as_str().and_then(Time::parse);
        Some(Service {
            id: self.id.clone(),
            name: Some(text(&spec, "/Name")).filter(|name| !name.is_empty())?,
            index: number(&self.version, "/Index").unwrap_or(0),
            created: moment(&self.created),
            updated: moment(&self.updated),
            labels: labels(&spec, "/Labels"),
            places: spec::places(&spec),
            rest: spec::rest_hash(&spec),
            template: spec::template_hash(spec.get("TaskTemplate")),
            previous: previous.as_ref().map(spec::previous_places),
            previous_differs: previous.as_ref().map(|previous| spec::differences(&spec, previous)).unwrap_or_default(),
            mode: mode(&spec),
            constraints: list(&spec, "/TaskTemplate/Placement/Constraints")
                .iter()
                .filter_map(|constraint| constraint.as_str().map(clean))
                .collect(),
            platforms: platforms(list(&spec, "/TaskTemplate/Placement/Platforms")),
            policy: policy(&spec),
            restart: word::<RestartCondition>(&spec, "/TaskTemplate/RestartPolicy/Condition", "any"),
            restart_delay: nanos(&spec, "/TaskTemplate/RestartPolicy/Delay").unwrap_or(Duration::from_secs(5)),
            stop_grace: nanos(&spec, "/TaskTemplate/ContainerSpec/StopGracePeriod").unwrap_or(Duration::from_secs(10)),
            health_start: health_start(&spec),
            exclusive: exclusive(&spec),
            own_command: ["/Command", "/Args"]
                .iter()
                .any(|at| !list(&spec, &format!("/TaskTemplate/ContainerSpec{at}")).is_empty()),
            update: update(&self.update),
            running: number(&self.status, "/RunningTasks"),
            desired: number(&self.status, "/DesiredTasks"),
            completed: number(&self.status, "/CompletedTasks"),
        })
    }
}

/// Reads a service; `None` if it is unreadable.
pub(super) fn service(raw: &RawValue) -> Option<Service> {
    serde_json::from_str::<ServiceBody<'_>>(raw.get()).ok()?.service()
}

fn mode(spec: &Value) -> ServiceMode {
    let Some((word, inner)) = spec.get("Mode").and_then(Value::as_object).and_then(|mode| mode.iter().next()) else {
        return ServiceMode::Replicated(1);
    };
    match word.as_str() {
        "Replicated" => ServiceMode::Replicated(number(inner, "/Replicas").unwrap_or(1)),
        "Global" => ServiceMode::Global,
        "ReplicatedJob" => ServiceMode::ReplicatedJob(
            number(inner, "/TotalCompletions").or_else(|| number(inner, "/MaxConcurrent")).unwrap_or(1),
        ),
        "GlobalJob" => ServiceMode::GlobalJob,
        other => ServiceMode::Other(clean(other)),
    }
}

/// Reads platforms: normalised, sorted, without placeholders and duplicates.
fn platforms(items: &[Value]) -> Vec<Platform> {
    let mut read: Vec<_> = items
        .iter()
        .map(|item| Platform::new(&text(item, "/OS"), &text(item, "/Architecture")))
        .filter(|platform| !platform.is_unknown())
        .collect();
    read.sort();
    read.dedup();
    read
}

/// Reads the update policy. The engine replaces an absent or zero `Monitor` by its default; a `Parallelism` of 0
/// means all tasks at once.
fn policy(spec: &Value) -> UpdatePolicy {
    let Some(config) = spec.get("UpdateConfig").filter(|config| config.is_object()) else {
        return UpdatePolicy::default();
    };
    UpdatePolicy {
        parallelism: number(config, "/Parallelism").unwrap_or(0),
        delay: nanos(config, "/Delay").unwrap_or_default(),
        on_failure: word::<FailureAction>(config, "/FailureAction", "pause"),
        monitor: nanos(config, "/Monitor")
            .filter(|monitor| !monitor.is_zero())
            .unwrap_or_else(|| UpdatePolicy::default().monitor),
        max_failure_ratio: config.get("MaxFailureRatio").and_then(Value::as_f64).unwrap_or(0.0),
        start_first: text(config, "/Order") == "start-first",
        explicit: true,
    }
}

fn health_start(spec: &Value) -> Option<Duration> {
    let check = spec.pointer("/TaskTemplate/ContainerSpec/Healthcheck").filter(|check| check.is_object())?;
    let off = list(check, "/Test").first().and_then(Value::as_str) == Some("NONE");
    (!off).then(|| nanos(check, "/StartPeriod").unwrap_or_default())
}

/// Returns whether the service publishes ports on its host, or writes to a bind mount or volume of its host.
fn exclusive(spec: &Value) -> bool {
    let ports = list(spec, "/EndpointSpec/Ports").iter().any(|port| text(port, "/PublishMode") == "host");
    let mounts = list(spec, "/TaskTemplate/ContainerSpec/Mounts").iter();
    ports
        || mounts
            .filter(|mount| ["bind", "volume"].contains(&text(mount, "/Type").as_str()))
            .any(|mount| !flag(mount, "/ReadOnly") && !exact(mount, "/Source").is_empty())
}

fn update(value: &Value) -> Option<UpdateStatus> {
    let state = text(value, "/State");
    (!state.is_empty()).then(|| UpdateStatus {
        state: UpdateState::from(state),
        message: text(value, "/Message"),
        started: time(value, "/StartedAt"),
        completed: time(value, "/CompletedAt"),
    })
}

/// Deserializes an optional member: null and a value of another type give `None`.
fn maybe<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Deserializes an optional member, and keeps `null` distinct from absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskBody<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID", default)]
    service: String,
    #[serde(default, deserialize_with = "maybe")]
    slot: Option<u64>,
    #[serde(rename = "NodeID", default, deserialize_with = "maybe")]
    node: Option<String>,
    #[serde(default, deserialize_with = "maybe")]
    created_at: Option<String>,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "maybe")]
    status: Option<TaskStatusBody>,
    #[serde(default, deserialize_with = "maybe")]
    desired_state: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskStatusBody {
    #[serde(deserialize_with = "maybe_owned")]
    timestamp: Option<String>,
    #[serde(deserialize_with = "maybe_owned")]
    state: Option<String>,
    #[serde(deserialize_with = "maybe_owned")]
    message: Option<String>,
    #[serde(deserialize_with = "maybe_owned")]
    err: Option<String>,
    container_status: Option<Value>,
}

/// Deserializes an optional text like [`maybe`].
fn maybe_owned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    maybe(deserializer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskSpec {
    #[serde(default)]
    container_spec: Option<ContainerSpec>,
    #[serde(default, deserialize_with = "present")]
    placement: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    force_update: Option<Value>,
}

#[derive(Deserialize)]
struct ContainerSpec {
    #[serde(rename = "Image", default)]
    image: Option<String>,
}

/// Reads a task; `None` if it is unreadable. With `with_rest`, the untouched part of its template is hashed too.
pub(super) fn task(raw: &RawValue, with_rest: bool) -> Option<Task> {
    let body: TaskBody<'_> = serde_json::from_str(raw.get()).ok()?;
    let spec: TaskSpec = body.spec.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(TaskSpec {
        container_spec: None,
        placement: None,
        force_update: None,
    });
    let rest = body.spec.filter(|_| with_rest).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let image = spec.container_spec.and_then(|container| container.image).unwrap_or_default();
    let status = body.status.unwrap_or_default();
    let container = status.container_status.unwrap_or_default();
    let cleaned = |text: Option<String>| text.map(|text| clean(&text)).unwrap_or_default();
    let state = TaskState::from(cleaned(status.state));
    Some(Task {
        id: body.id,
        service: body.service,
        slot: body.slot.filter(|slot| *slot > 0),
        node: body.node.filter(|node| !node.is_empty()),
        image: image.clone(),
        places: spec::places_of(image, spec.placement, spec.force_update),
        rest: rest.map(|spec| spec::template_hash(Some(&spec))),
        desired: TaskState::from(cleaned(body.desired_state)),
        message: cleaned(status.message),
        error: cleaned(status.err),
        exit_code: container
            .get("ExitCode")
            .and_then(Value::as_i64)
            .filter(|_| state.is_over() && !exact(&container, "/ContainerID").is_empty()),
        state,
        created: body.created_at.as_deref().and_then(Time::parse),
        since: status.timestamp.as_deref().and_then(Time::parse),
    })
}
