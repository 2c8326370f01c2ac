//! The objects of a swarm: nodes, services, tasks, configs, networks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::spec::Spec;

/// Id of an object, as the engine formats it.
pub type Id = Arc<str>;
/// Nanoseconds: a time since the Unix epoch, or a duration.
pub type Nanos = u64;

pub const MILLI: Nanos = 1_000_000;
pub const SECOND: Nanos = 1_000_000_000;

/// The state of a task, in the engine's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Created, without its networks.
    New,
    /// Waiting for the scheduler.
    Pending,
    /// Assigned to a node.
    Assigned,
    /// Accepted by the node's agent.
    Accepted,
    /// Preparing: the node pulls the image.
    Preparing,
    /// Ready to start.
    Ready,
    /// Starting, or not healthy yet.
    Starting,
    Running,
    /// Exited with code 0.
    Complete,
    /// Stopped by the swarm.
    Shutdown,
    /// Exited with another code.
    Failed,
    /// Rejected by the node.
    Rejected,
    /// Marked for removal; a desired state only.
    Remove,
    /// Lost: the node was down for too long.
    Orphaned,
}

impl State {
    /// Returns the state's name in the Engine API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Remove => "remove",
            Self::Orphaned => "orphaned",
        }
    }

    /// Parses a state's name in the Engine API.
    pub fn of(word: &str) -> Option<Self> {
        use State::{
            Accepted, Assigned, Complete, Failed, New, Orphaned, Pending, Preparing, Ready, Rejected, Remove, Running,
            Shutdown, Starting,
        };
        let all = [
            New, Pending, Assigned, Accepted, Preparing, Ready, Starting, Running, Complete, Shutdown, Failed,
            Rejected, Remove, Orphaned,
        ];
        all.into_iter().find(|state| state.word() == word)
    }
}

/// The position of a task in its service: a number, or a node for global services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The slot number in a replicated service.
    Nth(u64),
    /// The node in a global service.
    On(Id),
}

/// The container of a task.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// Id; empty if no container was created.
    pub id: String,
    /// Process id while it runs, else 0.
    pub pid: u32,
    /// Exit code.
    pub exit: i64,
}

/// A task of a service.
#[derive(Clone, Debug)]
pub struct Task {
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// Creation time.
    pub created: Nanos,
    /// Time of the last write.
    pub updated: Nanos,
    /// Id of its service.
    pub service: Id,
    /// Position in the service.
    pub slot: Slot,
    /// Id of its node; `None` until it is assigned.
    pub node: Option<Id>,
    /// The service spec that it was created from.
    pub spec: Arc<Spec>,
    /// The observed state.
    pub state: State,
    /// The desired state.
    pub desired: State,
    /// The member `Message` of its status.
    pub message: Cow<'static, str>,
    /// The error of its status; empty: none.
    pub err: String,
    /// Timestamp of its status.
    pub since: Nanos,
    /// The container; `None` until the task was prepared.
    pub container: Option<Container>,
    /// Digest of the manifest that the node pulled for it.
    pub runs: Option<Arc<str>>,
    /// Iteration of the job that it belongs to; `None` unless its service is a job.
    pub iteration: Option<u64>,
    /// Counts the steps scheduled on the node, so that superseded ones are dropped.
    pub step: u32,
    /// The observed and desired state for which the next step on the node was scheduled.
    pub planned: Option<(State, State)>,
    /// Set when the node has received the assignment; not used yet.
    pub logged: bool,
}

impl Task {
    /// Returns true if the task should keep running or complete.
    pub fn is_wanted(&self) -> bool {
        self.desired <= State::Running || self.desired == State::Complete
    }

    /// Returns true if the task has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.state <= State::Running
    }
}

/// The state of a rollout: an update or a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The update is running.
    Updating,
    /// The update was paused by a failure.
    Paused,
    /// The update has completed.
    Completed,
    /// The rollback is running.
    RollbackStarted,
    /// The rollback was paused by a failure.
    RollbackPaused,
    /// The rollback has completed.
    RollbackCompleted,
}

impl Phase {
    /// Returns the state's name in the Engine API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Updating => "updating",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::RollbackStarted => "rollback_started",
            Self::RollbackPaused => "rollback_paused",
            Self::RollbackCompleted => "rollback_completed",
        }
    }
}

/// The member `UpdateStatus` of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// State of the rollout.
    pub phase: Phase,
    /// Start time.
    pub started: Nanos,
    /// Time of completion; `None` while it runs or is paused.
    pub completed: Option<Nanos>,
    pub message: String,
}

/// The member `JobStatus` of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRun {
    /// Counts the updates of the job; each starts a new iteration.
    pub iteration: u64,
    /// Start time of the iteration.
    pub last: Nanos,
}

/// A service of the swarm.
#[derive(Clone, Debug)]
pub struct Service {
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// Creation time.
    pub created: Nanos,
    /// Time of the last write.
    pub updated: Nanos,
    pub spec: Arc<Spec>,
    /// The member `PreviousSpec`, the target of a rollback.
    pub previous: Option<Arc<Spec>>,
    /// Status of the last rollout; `None` before the first one, and right after an update.
    pub update: Option<Update>,
    /// Job status; `None` unless the service is a job.
    pub job: Option<JobRun>,
    /// Virtual IP addresses as `(network id, address)`.
    pub vips: Vec<(String, String)>,
    /// True once the allocator has assigned addresses and ports.
    pub allocated: bool,
}

/// The availability of a node's agent, as the managers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Heartbeats arrive.
    Ready,
    /// Heartbeats have been missing for too long.
    Down,
    /// Unknown since an election.
    Unknown,
}

impl NodeState {
    /// Returns the state's name in the Engine API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A node of the swarm.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// The time at which it joined.
    pub created: Nanos,
    /// Time of the last write.
    pub updated: Nanos,
    pub hostname: String,
    /// The IP address.
    pub address: String,
    /// Desired role: `manager` or `worker`.
    pub role: String,
    /// One of `active`, `pause` and `drain`.
    pub availability: String,
    /// Labels of its spec.
    pub labels: BTreeMap<String, String>,
    /// Architecture as the kernel names it, `x86_64`.
    pub architecture: String,
    /// Version of its engine.
    pub engine: String,
    /// CPUs, in billionths (`NanoCPUs`).
    pub cpus: u64,
    /// Memory in bytes.
    pub memory: u64,
    /// True for the leader of the managers.
    pub leader: bool,
    /// State as the managers see it.
    pub state: NodeState,
    /// The member `Message` of its status.
    pub message: String,
    /// True while its network link is up. The managers notice a change only later.
    pub link: bool,
    /// Counts the changes of its link.
    pub flips: u32,
    /// Pulled images: manifest digests by requested reference.
    pub images: BTreeMap<String, Arc<str>>,
    /// Tasks on it that have not ended.
    pub tasks: BTreeSet<Id>,
}

/// A config or a secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// Creation time.
    pub created: Nanos,
    /// Time of the last write.
    pub updated: Nanos,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Data in base64, as received.
    pub data: String,
    /// The member `Templating` of its spec, as received.
    pub templating: Option<Value>,
}

/// A network that services can refer to.
#[derive(Clone, Debug)]
pub struct Network {
    pub id: Id,
    pub name: String,
    /// Driver: `overlay`, `host` or `bridge`.
    pub driver: String,
    /// True for the networks that every node has without a swarm: `host`, `bridge`.
    pub predefined: bool,
    /// Creation time.
    pub created: Nanos,
}

/// A file that a host serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Media type.
    pub kind: String,
    /// The content.
    pub body: String,
}
