//! Nodes, services and tasks as the Docker Engine reports them, without the other contents of their specs.
//!
//! All words are Docker's. An enum value that the engine adds later is kept as `Other`, never refused.

mod api_enums;
mod editable_fields;
mod group;
mod health;
mod placement;

pub use api_enums::{Availability, FailureAction, NodeState, RestartCondition, Role, TaskState, UpdateState};
pub use editable_fields::IMAGE;
pub(crate) use editable_fields::{PLATFORMS, with_image};
pub use group::{COMPONENT, DATABASE, DB_NODE, GroupKey, GroupKind, HOST, ROLE, STACK, hex, is_postgres, member_of};
pub(crate) use group::{SERVICE_ID, STACK_IMAGE};
pub(crate) use health::assess;
pub use health::{Health, HealthState, PreviousImage, TaskError};
pub use placement::candidates;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::image::Platform;
use super::time::Time;

/// One node of the swarm, from `/nodes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node's id.
    pub id: String,
    /// The host name.
    pub hostname: String,
    /// The role: manager or worker.
    pub role: Role,
    /// Set on the leader of the managers.
    pub leader: bool,
    /// A manager's reachability as the leader sees it (`reachable`); `None` for workers.
    pub reachability: Option<String>,
    /// The operator's setting whether the node takes tasks.
    pub availability: Availability,
    /// The state of the node's connection to the managers.
    pub state: NodeState,
    /// The engine's explanation of the state (`heartbeat failure`); may be empty.
    pub state_message: String,
    /// The node's operating system and architecture, normalised.
    pub platform: Platform,
    /// The version of its Docker Engine.
    pub engine: String,
    /// The node's IP address; `0.0.0.0` if unknown.
    pub address: String,
    /// The node's labels (`node.labels.*` in constraints).
    pub labels: BTreeMap<String, String>,
    /// The labels of the node's engine (`engine.labels.*` in constraints).
    pub engine_labels: BTreeMap<String, String>,
}

impl Node {
    /// Returns whether the scheduler may place a new task on the node now: it is ready and active.
    pub fn takes_tasks(&self) -> bool {
        self.state == NodeState::Ready && self.availability == Availability::Active
    }
}

/// The mode of a service, with the number of wanted tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceMode {
    /// A fixed number of replicas.
    Replicated(u64),
    /// One task on each node that satisfies the constraints.
    Global,
    /// A job with a fixed number of completions.
    ReplicatedJob(u64),
    /// A job with one completion on each node that satisfies the constraints.
    GlobalJob,
    /// A mode that this version does not know.
    Other(String),
}

impl ServiceMode {
    /// Returns whether the service is a job, which most edits would run again.
    pub fn is_job(&self) -> bool {
        matches!(self, Self::ReplicatedJob(_) | Self::GlobalJob)
    }
}

/// The update policy of a service (`UpdateConfig`), with the engine's defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatePolicy {
    /// The number of tasks that are replaced at once; 0 means all.
    pub parallelism: u64,
    /// The delay between batches.
    pub delay: Duration,
    /// The action when a new task fails.
    pub on_failure: FailureAction,
    /// The period after its start in which the failure of a new task counts.
    pub monitor: Duration,
    /// The tolerated share of failed tasks, from 0 to 1.
    pub max_failure_ratio: f64,
    /// Set for order `start-first`: the new task starts before the old one stops.
    pub start_first: bool,
    /// Set when the spec has an `UpdateConfig`; otherwise all values are the engine's defaults.
    pub explicit: bool,
}

impl Default for UpdatePolicy {
    /// Returns the values that `?insertDefaults=true` shows for a spec without `UpdateConfig`.
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Duration::ZERO,
            on_failure: FailureAction::Pause,
            monitor: Duration::from_secs(5),
            max_failure_ratio: 0.0,
            start_first: false,
            explicit: false,
        }
    }
}

/// The engine's report on the last rollout of a service (`UpdateStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStatus {
    /// The state of the rollout.
    pub state: UpdateState,
    /// The engine's message; after a failure it names the failed task.
    pub message: String,
    /// The start time; `None` if the engine does not report it.
    pub started: Option<Time>,
    /// The end time; `None` while the rollout is not completed.
    pub completed: Option<Time>,
}

/// One editable field of a service spec, with its current value.
///
/// If a parent is absent or `null`, `path` is the highest such parent: to restore the field, exactly that is removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpecField {
    /// The field's JSON pointer in the spec.
    pub path: String,
    /// The current value; `None` if the field is absent.
    pub value: Option<serde_json::Value>,
    /// Set when the parent has no other member, so that the parent is removed together with the field.
    #[serde(default)]
    pub alone: bool,
}

/// The editable fields of a service spec: all that a change may write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EditableFields {
    /// The image reference, at `/TaskTemplate/ContainerSpec/Image`.
    pub image: String,
    /// The platforms, at `/TaskTemplate/Placement/Platforms` or its highest absent parent.
    pub platforms: SpecField,
    /// The force counter, at `/TaskTemplate/ForceUpdate`; a higher value restarts the tasks.
    pub force: SpecField,
    /// The whole update policy, at `/UpdateConfig`; only start-first edits it. `None` in a previous spec and in
    /// a task, where it must not be restored because it is not part of what ran.
    pub update: Option<SpecField>,
}

/// A SHA-256 over the key-sorted JSON of a spec without its editable fields image, platforms and force counter.
/// It stays equal as long as nothing else in the spec is edited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UntouchedHash(pub String);

/// One service of the swarm, from `/services`.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The service's id.
    pub id: String,
    /// The service's name, with the stack's prefix where it has one.
    pub name: String,
    /// The version index, which every update has to name; the engine also increments it on its own.
    pub index: u64,
    /// The time of creation, by the engine's clock.
    pub created: Option<Time>,
    /// The time at which the engine last wrote the service, for whatever reason.
    pub updated: Option<Time>,
    /// The labels of the service; container labels are not among them.
    pub labels: BTreeMap<String, String>,
    /// The editable fields of the spec.
    pub places: EditableFields,
    /// The hash of the rest of the spec.
    pub rest: UntouchedHash,
    /// The hash of the task template without its editable fields, to compare with [`Task::rest`].
    pub template: UntouchedHash,
    /// The editable fields of the engine's previous spec; `None` if it keeps none.
    pub previous: Option<EditableFields>,
    /// The JSON pointers of all other fields in which the previous spec differs; empty without a previous spec.
    pub previous_differs: Vec<String>,
    /// The mode, with the number of wanted tasks.
    pub mode: ServiceMode,
    /// The placement constraints, exactly as in the spec.
    pub constraints: Vec<String>,
    /// The platforms that the spec demands, normalised; empty means any.
    pub platforms: Vec<Platform>,
    /// The update policy.
    pub policy: UpdatePolicy,
    /// The condition under which ended tasks are started again.
    pub restart: RestartCondition,
    /// The wait before an ended task is started again; the engine's default is 5 s.
    pub restart_delay: Duration,
    /// The time that a task may take to stop; the engine's default is 10 s.
    pub stop_grace: Duration,
    /// The start period of the health check; `None` without a health check.
    pub health_start: Option<Duration>,
    /// Set when the service uses host ports, or writable binds or volumes, so that two of its
    /// tasks would conflict on one node.
    pub exclusive: bool,
    /// Set when the spec replaces the image's command or its arguments.
    pub own_command: bool,
    /// The engine's report on the last rollout; also `None` for 60–400 ms after each update.
    pub update: Option<UpdateStatus>,
    /// The number of tasks that the engine counts as running, whatever their nodes and images.
    pub running: Option<u64>,
    /// The number of tasks that the engine wants.
    pub desired: Option<u64>,
    /// The number of completed tasks of a job.
    pub completed: Option<u64>,
}

impl Service {
    /// Returns the image reference in the spec.
    pub fn image(&self) -> &str {
        &self.places.image
    }

    /// Returns the value of a service label; `None` if it is not set.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

/// The time after which a running task counts as one that came up: the default settle time of a change.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);
/// The run time from which a run outweighs failures of the same image.
pub(crate) const LONG_RUN: Duration = Duration::from_secs(300);

/// One task of a service, from `/tasks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The task's id.
    pub id: String,
    /// The id of its service.
    pub service: String,
    /// The slot number among the service's replicas; `None` for global services.
    pub slot: Option<u64>,
    /// The id of its node; `None` until it is assigned to one.
    pub node: Option<String>,
    /// The image reference in the task's spec.
    pub image: String,
    /// The editable fields in the task's spec; `update` is `None`.
    pub places: EditableFields,
    /// The hash of the rest of its template; `None` unless the service's task history was read.
    pub rest: Option<UntouchedHash>,
    /// The state that the task is in.
    pub state: TaskState,
    /// The state that the swarm wants the task to be in.
    pub desired: TaskState,
    /// The engine's message about the state.
    pub message: String,
    /// The engine's error; empty if there is none.
    pub error: String,
    /// The exit code of the container, once it ended.
    pub exit_code: Option<i64>,
    /// The time of creation, by the engine's clock.
    pub created: Option<Time>,
    /// The time at which the task entered its state.
    pub since: Option<Time>,
}
