//! The engine's words for states and choices; one it may add some day is kept, never refused.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A word this version does not know.
            Other(String),
        }
        impl $name {
            /// The Engine's word.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() { $($text => Self::$variant,)* _ => Self::Other(text) }
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self::from(text.to_owned()) }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self { value.as_str().to_owned() }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

words! {
    /// What a node is in the swarm.
    Role {
        /// Holds the Raft store and answers this API.
        Manager = "manager",
        /// Only runs tasks.
        Worker = "worker",
    }
}

words! {
    /// Whether a node takes tasks.
    Availability {
        /// Takes tasks.
        Active = "active",
        /// Keeps its tasks, takes no new ones.
        Pause = "pause",
        /// Gives its tasks away.
        Drain = "drain",
    }
}

words! {
    /// Whether the swarm hears from a node.
    NodeState {
        /// Heard from.
        Ready = "ready",
        /// Its heartbeat failed: what it reports running is not known to run.
        Down = "down",
        /// Not known, as right after an election.
        Unknown = "unknown",
        /// Cut off by the swarm.
        Disconnected = "disconnected",
    }
}

words! {
    /// A task's state, in the order of its life.
    TaskState {
        /// Created.
        New = "new",
        /// Resources allocated.
        Allocated = "allocated",
        /// Waits for a node.
        Pending = "pending",
        /// Has a node.
        Assigned = "assigned",
        /// The node took it.
        Accepted = "accepted",
        /// The node pulls its image.
        Preparing = "preparing",
        /// Prepared, waits for its turn.
        Ready = "ready",
        /// The container starts, or its health check has not passed yet.
        Starting = "starting",
        /// Runs (and is healthy where there is a check).
        Running = "running",
        /// Ended with exit code 0.
        Complete = "complete",
        /// Stopped because it should.
        Shutdown = "shutdown",
        /// Ended by a fault.
        Failed = "failed",
        /// The node could not run it: no image, no mount, no room.
        Rejected = "rejected",
        /// About to be removed.
        Remove = "remove",
        /// Its node is long gone.
        Orphaned = "orphaned",
    }
}

impl TaskState {
    /// Whether it ended by a fault of its own.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Rejected)
    }

    /// Whether it has ended, whatever way.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Complete | Self::Shutdown | Self::Failed | Self::Rejected | Self::Remove | Self::Orphaned)
    }
}

words! {
    /// What the engine says of a rollout; judged together with spec and tasks, never alone.
    UpdateState {
        /// Under way, or waiting for ever.
        Updating = "updating",
        /// Stopped half-way after a failure.
        Paused = "paused",
        /// The engine is done; not a word about health.
        Completed = "completed",
        /// The engine goes back by itself.
        RollbackStarted = "rollback_started",
        /// Going back failed as well.
        RollbackPaused = "rollback_paused",
        /// The engine went back: the update failed.
        RollbackCompleted = "rollback_completed",
    }
}

words! {
    /// What happens to a rollout when a new task fails.
    FailureAction {
        /// It stops where it is, with what it broke.
        Pause = "pause",
        /// It goes on.
        Continue = "continue",
        /// The engine goes back to the previous spec.
        Rollback = "rollback",
    }
}

words! {
    /// When a task is started again after it ended.
    RestartCondition {
        /// Always.
        Any = "any",
        /// After a fault.
        OnFailure = "on-failure",
        /// Never.
        None = "none",
    }
}
