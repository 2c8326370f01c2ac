//! Nodes, services and tasks as the Docker Engine reports them, without their specs' contents.
//!
//! Words are Docker's. A value the Engine may add one day is kept as `Other`, never refused.

mod fields;
mod group;
mod health;
mod placement;
mod words;

pub use fields::IMAGE;
pub(crate) use fields::{PLATFORMS, with_image};
pub use group::{COMPONENT, DATABASE, DB_NODE, GroupKey, GroupKind, HOST, ROLE, STACK, hex, is_postgres, member_of};
pub(crate) use group::{SERVICE_ID, STACK_IMAGE};
pub(crate) use health::assess;
pub use health::{Changed, Health, State, TaskError};
pub use placement::candidates;
pub use words::{Availability, FailureAction, NodeState, RestartCondition, Role, TaskState, UpdateState};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::image::Platform;
use super::time::Time;

/// One node of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The engine's id.
    pub id: String,
    /// The host's name.
    pub hostname: String,
    /// Manager or worker.
    pub role: Role,
    /// Whether it leads the managers.
    pub leader: bool,
    /// A manager's reachability (`reachable`), as the leader sees it.
    pub reachability: Option<String>,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Whether the swarm hears from it.
    pub state: NodeState,
    /// The engine's word on that (`heartbeat failure`).
    pub state_message: String,
    /// What it runs.
    pub platform: Platform,
    /// The version of its engine.
    pub engine: String,
    /// The node's address, `0.0.0.0` where unknown.
    pub address: String,
    /// The node's labels and its engine's, for constraints.
    pub labels: BTreeMap<String, String>,
    /// Labels of the node's engine (`engine.labels.*` in constraints).
    pub engine_labels: BTreeMap<String, String>,
}

impl Node {
    /// Whether a new task could start there now.
    pub fn takes_tasks(&self) -> bool {
        self.state == NodeState::Ready && self.availability == Availability::Active
    }
}

/// How many tasks a service wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// So many.
    Replicated(u64),
    /// One on each node that fits.
    Global,
    /// So many completions.
    ReplicatedJob(u64),
    /// One completion on each node that fits.
    GlobalJob,
    /// A mode this version does not know.
    Other(String),
}

impl Mode {
    /// Whether most edits would run it again.
    pub fn is_job(&self) -> bool {
        matches!(self, Self::ReplicatedJob(_) | Self::GlobalJob)
    }
}

/// How the engine replaces tasks; the engine's defaults are filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatePolicy {
    /// How many at once; 0 is all.
    pub parallelism: u64,
    /// Between batches.
    pub delay: Duration,
    /// What a failure does.
    pub on_failure: FailureAction,
    /// How long a new task is watched for failure.
    pub monitor: Duration,
    /// The share of failures that is put up with.
    pub max_failure_ratio: f64,
    /// Whether the new task starts before the old one stops.
    pub start_first: bool,
    /// Whether the spec says all this, or the engine's defaults apply.
    pub explicit: bool,
}

impl Default for UpdatePolicy {
    /// What `?insertDefaults=true` shows for a spec without `UpdateConfig`.
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

/// What the engine says of the service's last rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStatus {
    /// Its state.
    pub state: UpdateState,
    /// The engine's message, which names a failed task.
    pub message: String,
    /// When it began.
    pub started: Option<Time>,
    /// When it ended.
    pub completed: Option<Time>,
}

/// One place of a spec that pinnace may edit, with what stands there.
///
/// Where a parent is absent (or `null`), `path` is the highest absent parent: putting back removes exactly that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// A JSON pointer into the spec.
    pub path: String,
    /// What stands there; `None` where nothing does.
    pub value: Option<serde_json::Value>,
    /// Whether nothing else stands in its parent, so that the parent goes with it.
    #[serde(default)]
    pub alone: bool,
}

/// The places of a spec that a change edits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Places {
    /// The image text, at `/TaskTemplate/ContainerSpec/Image`.
    pub image: String,
    /// `/TaskTemplate/Placement/Platforms` or its highest absent parent.
    pub platforms: Place,
    /// `/TaskTemplate/ForceUpdate`.
    pub force: Place,
    /// `/UpdateConfig` as a whole, which only start-first edits; `None` where it is not to be touched, as it is no part of
    /// what ran: in a previous spec, and in a task.
    pub update: Option<Place>,
}

/// A SHA-256 over the key-sorted JSON of a spec without its image, platforms and force counter: equal while nobody edited
/// anything else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UntouchedHash(pub String);

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version index, which the engine also moves by itself.
    pub index: u64,
    /// When it was made.
    pub created: Option<Time>,
    /// When the engine last touched it, for whatever reason.
    pub updated: Option<Time>,
    /// The service's labels.
    pub labels: BTreeMap<String, String>,
    /// What pinnace may edit.
    pub places: Places,
    /// The hash of everything else.
    pub rest: UntouchedHash,
    /// The hash of the task template without its places, to compare with a task's own.
    pub template: UntouchedHash,
    /// The same places in the engine's previous spec, where it keeps one.
    pub previous: Option<Places>,
    /// How many other differences the previous spec has, as their top-level paths.
    pub previous_differs: Vec<String>,
    /// How many tasks it wants.
    pub mode: Mode,
    /// Placement constraints, as written.
    pub constraints: Vec<String>,
    /// Platforms the spec asks for, normalised.
    pub platforms: Vec<Platform>,
    /// How the engine updates it.
    pub policy: UpdatePolicy,
    /// When its tasks restart.
    pub restart: RestartCondition,
    /// How long a task may take to stop; the engine's default is 10 s.
    pub stop_grace: Duration,
    /// The start period of the health check, where there is a check.
    pub health_start: Option<Duration>,
    /// Whether it binds host ports or mounts, so that two tasks of it would clash on one node.
    pub exclusive: bool,
    /// Whether it gives a command of its own in place of the image's.
    pub own_command: bool,
    /// The engine's word on the last rollout; `None` also for 60–400 ms after each update.
    pub update: Option<UpdateStatus>,
    /// Tasks the engine counts as running, on whatever node and image.
    pub running: Option<u64>,
    /// Tasks the engine wants.
    pub desired: Option<u64>,
    /// Tasks of a job that completed.
    pub completed: Option<u64>,
}

impl Service {
    /// The image text in the spec.
    pub fn image(&self) -> &str {
        &self.places.image
    }

    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The engine's id.
    pub id: String,
    /// Its service's id.
    pub service: String,
    /// The slot among its service's replicas; none for global services.
    pub slot: Option<u64>,
    /// The node it is on, once it has one.
    pub node: Option<String>,
    /// The image text of its own spec.
    pub image: String,
    /// What else of [`Places`] its own spec holds: platforms and force counter.
    pub places: Places,
    /// The hash of the rest of its template; only where the service's task history was read.
    pub rest: Option<UntouchedHash>,
    /// Its state.
    pub state: TaskState,
    /// The state the swarm wants for it.
    pub desired: TaskState,
    /// The engine's word on its state.
    pub message: String,
    /// The error, empty where there is none.
    pub error: String,
    /// The container's exit code, once it ended.
    pub exit_code: Option<i64>,
    /// When it was made.
    pub created: Option<Time>,
    /// When it entered its state.
    pub since: Option<Time>,
}
