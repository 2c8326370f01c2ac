//! The engine's words for states and settings; a word that the engine adds later is kept, never refused.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A word that this version does not know.
            Other(String),
        }
        impl $name {
            /// Returns the word of the Docker Engine API.
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
    /// The role of a node in the swarm.
    Role {
        /// A manager: it holds the Raft store and serves the swarm API.
        Manager = "manager",
        /// A worker: it only runs tasks.
        Worker = "worker",
    }
}

words! {
    /// The availability of a node, which an operator sets.
    Availability {
        /// The node takes new tasks.
        Active = "active",
        /// The node keeps its tasks, but takes no new ones.
        Pause = "pause",
        /// The node's tasks are moved to other nodes, and it takes no new ones.
        Drain = "drain",
    }
}

words! {
    /// The state of a node's connection to the managers.
    NodeState {
        /// The node sends its heartbeats.
        Ready = "ready",
        /// The heartbeat failed: tasks that the node reported as running may have ended.
        Down = "down",
        /// The state is not known, for example right after an election.
        Unknown = "unknown",
        /// The swarm closed the connection to the node.
        Disconnected = "disconnected",
    }
}

words! {
    /// The state of a task; the order of the variants is that of its life cycle.
    TaskState {
        /// The task was created.
        New = "new",
        /// Resources of the task, such as networks, were allocated.
        Allocated = "allocated",
        /// The task waits for the scheduler to assign a node.
        Pending = "pending",
        /// The scheduler assigned a node.
        Assigned = "assigned",
        /// The node accepted the task.
        Accepted = "accepted",
        /// The node pulls the image and prepares the container.
        Preparing = "preparing",
        /// The container is prepared, and waits to be started.
        Ready = "ready",
        /// The container starts, or its health check has not passed yet.
        Starting = "starting",
        /// The container runs, and is healthy if it has a health check.
        Running = "running",
        /// The container ended with exit code 0.
        Complete = "complete",
        /// The swarm stopped the task.
        Shutdown = "shutdown",
        /// The container ended with an error.
        Failed = "failed",
        /// The node could not start the task: no image, no mount, or too few resources.
        Rejected = "rejected",
        /// The task is about to be removed, with its service or by scaling down.
        Remove = "remove",
        /// The node of the task was down for too long.
        Orphaned = "orphaned",
    }
}

impl TaskState {
    /// Returns whether the task ended with an error of its own: failed or rejected.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Rejected)
    }

    /// Returns whether the task has ended, successfully or not.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Complete | Self::Shutdown | Self::Failed | Self::Rejected | Self::Remove | Self::Orphaned)
    }
}

words! {
    /// The engine's state of a rollout. It is assessed together with spec and tasks, never alone.
    UpdateState {
        /// The rollout is in progress, or waits for a task that may never start.
        Updating = "updating",
        /// The rollout stopped after a failure, with some tasks replaced.
        Paused = "paused",
        /// The engine has replaced all tasks; this says nothing about their health.
        Completed = "completed",
        /// The engine is rolling back automatically.
        RollbackStarted = "rollback_started",
        /// The engine's rollback failed as well, and is paused.
        RollbackPaused = "rollback_paused",
        /// The engine rolled back: the update failed.
        RollbackCompleted = "rollback_completed",
    }
}

words! {
    /// The engine's action when a new task fails during a rollout.
    FailureAction {
        /// The rollout stops, and the failed tasks stay.
        Pause = "pause",
        /// The rollout continues.
        Continue = "continue",
        /// The engine rolls back to the previous spec.
        Rollback = "rollback",
    }
}

words! {
    /// The condition under which an ended task is replaced by a new one.
    RestartCondition {
        /// Restart after every end.
        Any = "any",
        /// Restart after an end with an error.
        OnFailure = "on-failure",
        /// No restart.
        None = "none",
    }
}
