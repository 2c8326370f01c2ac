//! What a swarm is made of: nodes, services, tasks, configs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::spec::Spec;

/// An object's id, as the engine writes it.
pub type Id = Arc<str>;
/// Nanoseconds: since the Unix epoch, or a length of time.
pub type Nanos = u64;

/// One millisecond.
pub const MILLI: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// A task's state, in the engine's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Made, and without its networks.
    New,
    /// Waits for the scheduler.
    Pending,
    /// Has a node.
    Assigned,
    /// The node knows it.
    Accepted,
    /// The node fetches its image.
    Preparing,
    /// Could start.
    Ready,
    /// Starts, or is not healthy yet.
    Starting,
    /// Runs.
    Running,
    /// Ended with 0.
    Complete,
    /// Was stopped.
    Shutdown,
    /// Ended with something else.
    Failed,
    /// The node could not take it.
    Rejected,
    /// To be removed (wished for only).
    Remove,
    /// Its node was away for too long.
    Orphaned,
}

impl State {
    /// The engine's word.
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

    /// The state of this word.
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

/// Where in its service a task belongs: a number, or for global services a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Of a replicated service.
    Nth(u64),
    /// Of a global service.
    On(Id),
}

/// A task's container.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// Its id; empty where none came to be.
    pub id: String,
    /// Its process while it runs.
    pub pid: u32,
    /// What it ended with.
    pub exit: i64,
}

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id.
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// When it was made.
    pub created: Nanos,
    /// When it was last written.
    pub updated: Nanos,
    /// Its service.
    pub service: Id,
    /// Its place in the service.
    pub slot: Slot,
    /// Its node, once it has one.
    pub node: Option<Id>,
    /// The spec it was made by.
    pub spec: Arc<Spec>,
    /// What it is.
    pub state: State,
    /// What it should be.
    pub desired: State,
    /// The engine's word on its state.
    pub message: Cow<'static, str>,
    /// What went wrong.
    pub err: String,
    /// When its state was noted.
    pub since: Nanos,
    /// Its container, from preparing on.
    pub container: Option<Container>,
    /// The digest of the manifest its node has for it.
    pub runs: Option<Arc<str>>,
    /// The run of a job it belongs to.
    pub iteration: Option<u64>,
    /// Counts what the node was told to do, so that what is outdated is dropped.
    pub step: u32,
    /// For which state, real and wished, the node's next step was planned.
    pub planned: Option<(State, State)>,
    /// Whether the node has it: an assignment made while the link is cut has not arrived.
    pub logged: bool,
}

impl Task {
    /// Whether it should still be there.
    pub fn is_wanted(&self) -> bool {
        self.desired <= State::Running || self.desired == State::Complete
    }

    /// Whether it takes up its node.
    pub fn is_alive(&self) -> bool {
        self.state <= State::Running
    }
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Under way.
    Updating,
    /// Stopped by a failure.
    Paused,
    /// Done.
    Completed,
    /// Going back.
    RollbackStarted,
    /// Stopped by a failure on the way back.
    RollbackPaused,
    /// Gone back.
    RollbackCompleted,
}

impl Phase {
    /// The engine's word.
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

/// `UpdateStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// How it stands.
    pub phase: Phase,
    /// When it began.
    pub started: Nanos,
    /// When it ended well.
    pub completed: Option<Nanos>,
    /// In words.
    pub message: String,
}

/// A job's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which run this is.
    pub iteration: u64,
    /// When it began.
    pub last: Nanos,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// When it was made.
    pub created: Nanos,
    /// When it was last written.
    pub updated: Nanos,
    /// Its spec.
    pub spec: Arc<Spec>,
    /// The spec before.
    pub previous: Option<Arc<Spec>>,
    /// Its rollout.
    pub update: Option<Update>,
    /// Its runs, where it is a job.
    pub job: Option<Job>,
    /// Its virtual addresses, by network.
    pub vips: Vec<(String, String)>,
    /// Whether the allocator has dealt with it.
    pub allocated: bool,
}

/// Whether a node answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It does.
    Ready,
    /// It did not for too long.
    Down,
    /// Not known since an election.
    Unknown,
}

impl NodeState {
    /// The engine's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// When it joined.
    pub created: Nanos,
    /// When it was last written.
    pub updated: Nanos,
    /// Its name.
    pub hostname: String,
    /// Its address.
    pub address: String,
    /// `manager` or `worker`, as wished.
    pub role: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// The labels of its spec.
    pub labels: BTreeMap<String, String>,
    /// Its architecture as the kernel says it: `x86_64`.
    pub architecture: String,
    /// Its engine's version.
    pub engine: String,
    /// Its processors, in billionths.
    pub cpus: u64,
    /// Its memory.
    pub memory: u64,
    /// Whether it leads.
    pub leader: bool,
    /// Whether it answers.
    pub state: NodeState,
    /// The engine's word on that.
    pub message: String,
    /// Whether its link is up: what the swarm finds out only later.
    pub link: bool,
    /// Counts the changes of its link.
    pub flips: u32,
    /// Images it holds: what was asked for, to the manifest's digest.
    pub images: BTreeMap<String, Arc<str>>,
    /// The tasks on it that are alive.
    pub tasks: BTreeSet<Id>,
}

/// A config or a secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its id.
    pub id: Id,
    /// The version index of its last write.
    pub index: u64,
    /// When it was made.
    pub created: Nanos,
    /// When it was last written.
    pub updated: Nanos,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its data, in base64 as it came.
    pub data: String,
    /// The rest of its spec (`Templating`), as it came.
    pub templating: Option<Value>,
}

/// A network services can name.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Whether each node had it before there was a swarm: `host`, `bridge`.
    pub predefined: bool,
    /// When it was made.
    pub created: Nanos,
}

/// A file that a host serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub kind: String,
    /// What is in it.
    pub body: String,
}
