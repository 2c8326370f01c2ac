//! The health of a service, assessed from its spec, its tasks and their nodes, never from the engine's counts alone.
//!
//! The engine counts a task as running whatever its image is and even if its node is down. It calls a rollout
//! `completed` in a crash loop, and `updating` while a task can never be scheduled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::swarm::{
    Availability, EditableFields, Node, NodeState, RestartCondition, Service, ServiceMode, Task, TaskState, UpdateState,
};
use crate::time::Time;

/// The state of a service; the order of the variants is by urgency, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Tasks are missing because the newest ones failed.
    Failing,
    /// A crash loop: tasks start and end again and again.
    CrashLoop,
    /// The service was removed, but the journal knows it.
    Missing,
    /// Tasks are missing because a node that runs them is down.
    NodeDown,
    /// The rollout, or the engine's rollback, is paused after a failure.
    Paused,
    /// Tasks are pending: wanted, but not running yet.
    Pending,
    /// A rollout is in progress.
    Updating,
    /// The state before anything is known.
    Unknown,
    /// All wanted tasks run.
    Ok,
    /// A job or one-shot service that ran to its end.
    Finished,
    /// A replicated service that is scaled to 0.
    Stopped,
}

impl HealthState {
    /// Returns the state's word, as used in JSON, filters and on screens.
    pub fn label(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::CrashLoop => "crash-loop",
            Self::Missing => "missing",
            Self::NodeDown => "node-down",
            Self::Paused => "paused",
            Self::Pending => "pending",
            Self::Updating => "updating",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
        }
    }

    /// Returns whether the state needs attention from an operator.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failing | Self::CrashLoop | Self::Missing | Self::NodeDown | Self::Paused | Self::Pending)
    }
}

/// The newest task error that explains the present state of a service: of a task with the service's current image and
/// template, and with no later task in its slot that came up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskError {
    /// The error text of the engine.
    pub text: String,
    /// The id of the task's node; `None` if it had none.
    pub node: Option<String>,
    /// The time at which the task entered its state.
    pub at: Option<Time>,
    /// The image reference in the task's spec.
    pub image: String,
}

/// The last image change that the engine remembers, from the service's `PreviousSpec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousImage {
    /// The image reference before the change.
    pub from: String,
    /// The start of the last rollout, else the time at which the engine last touched the service.
    pub at: Option<Time>,
}

/// The assessed health of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state in one word.
    pub state: HealthState,
    /// The number of running tasks, not counting those on nodes that are down.
    pub running: u64,
    /// The number of wanted tasks.
    pub desired: u64,
    /// The number of running tasks with the spec's image; equal to `running` if no rollout is in progress.
    pub fresh: u64,
    /// The newest task error; only while the state needs attention or a rollout is in progress.
    pub error: Option<TaskError>,
    /// The ids of the nodes that lost tasks of this service which do not run elsewhere yet: nodes that are down or
    /// drained.
    pub left: Vec<String>,
    /// The reason why a task is not running yet, in the scheduler's words or in ours.
    pub waits: Option<String>,
    /// The last image change; `None` if the engine keeps no previous spec, or one with the same image.
    pub changed: Option<PreviousImage>,
    /// The time since which the newest running task runs; without one, the time of the newest task state.
    pub since: Option<Time>,
    /// The time of the newest failure of a task with the current image, if it is recent and all tasks run again.
    pub restarted: Option<Time>,
    /// Set when the engine rolled the last update back automatically.
    pub engine_rolled_back: bool,
}

/// The period in which failures count towards a crash loop.
const LOOP_WINDOW: Duration = Duration::from_secs(600);
/// The run time from which an ended task counts as one that had come up.
const LIVED: Duration = Duration::from_secs(10);
/// The run time after which a running task has outlived the quick failures before it.
const RECOVERED: Duration = Duration::from_secs(30);

/// Assesses a service. `tasks` may hold only the running tasks, or none, if no more was read.
pub(crate) fn assess(service: &Service, tasks: &[Task], nodes: &BTreeMap<String, Node>, now: Time) -> Health {
    let view = HealthInput { service, tasks, nodes, now };
    let running = view.running();
    let desired = view.desired(running);
    let state = view.state(running, desired);
    let update = service.update.as_ref().map(|update| &update.state);
    Health {
        state,
        running,
        desired,
        fresh: view.fresh().unwrap_or(running),
        error: if state.is_trouble() || state == HealthState::Updating { view.error() } else { None },
        left: if running < desired && (state.is_trouble() || state == HealthState::Updating) {
            view.left()
        } else {
            Vec::new()
        },
        waits: if matches!(state, HealthState::Pending | HealthState::Updating) { view.waits() } else { None },
        changed: service.previous.as_ref().filter(|previous| previous.image != service.image()).map(|previous| {
            PreviousImage {
                from: previous.image.clone(),
                at: service.update.as_ref().and_then(|update| update.started).or(service.updated),
            }
        }),
        since: view.since(),
        restarted: if state == HealthState::Ok { view.restarted() } else { None },
        engine_rolled_back: update == Some(&UpdateState::RollbackCompleted),
    }
}

/// The key of a series of tasks that replace each other: a slot number, or a node id for global services.
type TaskSlotKey<'a> = (Option<u64>, Option<&'a String>);

struct HealthInput<'a> {
    service: &'a Service,
    tasks: &'a [Task],
    nodes: &'a BTreeMap<String, Node>,
    now: Time,
}

impl HealthInput<'_> {
    fn on_down_node(&self, task: &Task) -> bool {
        let node = task.node.as_ref().and_then(|id| self.nodes.get(id));
        node.is_some_and(|node| node.state == NodeState::Down)
    }

    fn wanted(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.desired == TaskState::Running)
    }

    fn is_running(&self, task: &Task) -> bool {
        task.state == TaskState::Running && !self.on_down_node(task)
    }

    fn running(&self) -> u64 {
        if self.tasks.is_empty() {
            return self.service.running.unwrap_or(0);
        }
        self.wanted().filter(|task| self.is_running(task)).count() as u64
    }

    /// Counts the running tasks with the spec's image; `None` if no task was read.
    fn fresh(&self) -> Option<u64> {
        let image = self.service.image();
        (!self.tasks.is_empty())
            .then(|| self.wanted().filter(|task| self.is_running(task) && task.image == image).count() as u64)
    }

    fn desired(&self, running: u64) -> u64 {
        match self.service.mode {
            ServiceMode::Replicated(replicas) => replicas,
            _ => self.service.desired.unwrap_or(running),
        }
    }

    fn state(&self, running: u64, desired: u64) -> HealthState {
        if let Some(over) = self.over(running, desired) {
            return over;
        }
        let update = self.service.update.as_ref().map(|update| &update.state);
        if matches!(update, Some(UpdateState::Paused | UpdateState::RollbackPaused)) {
            return HealthState::Paused;
        }
        // The swarm sets such a task to `shutdown` as soon as its node is down, and creates a
        // replacement that may stay pending.
        if running < desired && self.tasks.iter().any(|task| !task.state.is_over() && self.on_down_node(task)) {
            return HealthState::NodeDown;
        }
        if self.loops() {
            return HealthState::CrashLoop;
        }
        if running < desired && self.newest_ended_badly() {
            return HealthState::Failing;
        }
        let updating = matches!(update, Some(UpdateState::Updating | UpdateState::RollbackStarted));
        if running < desired {
            let stuck = self.wanted().any(|task| !task.error.is_empty());
            return if updating && !stuck { HealthState::Updating } else { HealthState::Pending };
        }
        if updating { HealthState::Updating } else { HealthState::Ok }
    }

    /// Returns the state of a service that is finished or stopped as intended; `None` for all others.
    fn over(&self, running: u64, desired: u64) -> Option<HealthState> {
        match self.service.mode {
            ServiceMode::Replicated(0) => return Some(HealthState::Stopped),
            ServiceMode::ReplicatedJob(wanted) if self.service.completed.unwrap_or(0) >= wanted => {
                return Some(HealthState::Finished);
            }
            ServiceMode::GlobalJob if running == 0 && self.service.completed.unwrap_or(0) > 0 => {
                return Some(HealthState::Finished);
            }
            _ => {}
        }
        let one_shot = self.service.restart != RestartCondition::Any && running == 0 && desired > 0;
        let newest = self.newest_per_slot();
        (one_shot && !newest.is_empty() && newest.iter().all(|task| task.state == TaskState::Complete))
            .then_some(HealthState::Finished)
    }

    fn newest_per_slot(&self) -> Vec<&Task> {
        self.slots().into_iter().filter_map(|tasks| tasks.first().copied()).collect()
    }

    /// Returns the tasks of each slot, newest first.
    fn slots(&self) -> Vec<Vec<&Task>> {
        let mut slots: BTreeMap<TaskSlotKey<'_>, Vec<&Task>> = BTreeMap::new();
        for task in self.tasks {
            slots.entry(Self::slot(task)).or_default().push(task);
        }
        let mut slots: Vec<_> = slots.into_values().collect();
        for tasks in &mut slots {
            tasks.sort_by_key(|task| std::cmp::Reverse(task.created));
        }
        slots
    }

    /// Returns whether a task has the service's current image and template, so that its end says something about
    /// what the service is now.
    fn is_current(&self, task: &Task) -> bool {
        let force = |fields: &EditableFields| fields.force.value.as_ref().and_then(Value::as_u64).unwrap_or(0);
        task.image == self.service.image()
            && task.rest.as_ref().is_none_or(|rest| *rest == self.service.template)
            && force(&task.places) == force(&self.service.places)
    }

    /// Returns whether, in any slot without a running task, the newest ended task failed; a later `shutdown` clears it.
    fn newest_ended_badly(&self) -> bool {
        self.slots().into_iter().any(|tasks| {
            let up = tasks.iter().position(|task| self.is_running(task) && task.desired == TaskState::Running);
            let bad = tasks.iter().position(|task| task.state.is_failure() && self.is_current(task));
            match (up, bad) {
                (None, Some(bad)) => !tasks[..bad].iter().any(|task| task.state == TaskState::Shutdown),
                _ => false,
            }
        })
    }

    /// Returns the nodes whose loss explains missing tasks: in a slot without a running task, the newest task that was
    /// placed and did not fail was on a node that is down or drained.
    fn left(&self) -> Vec<String> {
        let lost = |tasks: Vec<&Task>| {
            if tasks.iter().any(|task| self.is_running(task) && task.desired == TaskState::Running) {
                return None;
            }
            let newest = tasks.into_iter().find(|task| task.node.is_some() && task.desired != TaskState::Running)?;
            let node = self.nodes.get(newest.node.as_ref()?)?;
            let gone = node.state == NodeState::Down || node.availability == Availability::Drain;
            (gone && !newest.state.is_failure()).then(|| node.id.clone())
        };
        let nodes: BTreeSet<String> = self.slots().into_iter().filter_map(lost).collect();
        nodes.into_iter().collect()
    }

    /// Returns whether a slot is in a crash loop: at least two of its tasks ended lately after they
    /// had come up. Tasks that end within `LIVED` count as failures only; they count as a loop
    /// once a new task runs, until it has outlived them.
    fn loops(&self) -> bool {
        let mut slots: BTreeMap<TaskSlotKey<'_>, (u32, u32)> = BTreeMap::new();
        for task in self.tasks {
            let ended = task.state == TaskState::Failed
                || (task.state == TaskState::Complete && self.service.restart == RestartCondition::Any);
            let (Some(created), Some(since)) = (task.created, task.since) else { continue };
            if !ended || self.now.since(since) >= LOOP_WINDOW || !self.is_current(task) {
                continue;
            }
            let ends = slots.entry(Self::slot(task)).or_default();
            if since.since(created) >= LIVED {
                ends.0 += 1;
            }
            ends.1 += 1;
        }
        let young = |task: &&Task| task.since.is_some_and(|since| self.now.since(since) < RECOVERED);
        let up: Vec<_> = self.wanted().filter(|task| self.is_running(task)).filter(young).map(Self::slot).collect();
        slots.iter().any(|(slot, (long, all))| *long >= 2 || (*all >= 2 && up.contains(slot)))
    }

    fn slot(task: &Task) -> TaskSlotKey<'_> {
        (task.slot, if task.slot.is_none() { task.node.as_ref() } else { None })
    }

    fn error(&self) -> Option<TaskError> {
        // A task that came up later in the same slot ended the matter, unless it came up just now.
        let came_up = |task: &&Task| match task.state {
            TaskState::Running => {
                self.is_running(task) && task.since.is_none_or(|since| self.now.since(since) >= RECOVERED)
            }
            TaskState::Shutdown => task.error.is_empty(),
            _ => false,
        };
        let mut newest: Option<&Task> = None;
        for tasks in self.slots() {
            let until = tasks.iter().position(came_up).unwrap_or(tasks.len());
            let open = tasks[..until].iter().copied().find(|task| !task.error.is_empty() && self.is_current(task));
            newest = [newest, open].into_iter().flatten().max_by_key(|task| task.since.max(task.created));
        }
        let newest = newest?;
        Some(TaskError {
            text: newest.error.clone(),
            node: newest.node.clone(),
            at: newest.since,
            image: newest.image.clone(),
        })
    }

    /// Returns the time of the newest failure of a task with the current image, if it is recent.
    fn restarted(&self) -> Option<Time> {
        let ended = self.tasks.iter().filter(|task| task.state.is_failure() && self.is_current(task));
        ended.filter_map(|task| task.since).max().filter(|at| self.now.since(*at) < LOOP_WINDOW)
    }

    fn waits(&self) -> Option<String> {
        let waiting = self.wanted().filter(|task| !self.is_running(task) && !task.state.is_over());
        let task = waiting.max_by_key(|task| (!task.error.is_empty(), task.created))?;
        if !task.error.is_empty() {
            return Some(task.error.clone());
        }
        let word = match task.state {
            TaskState::Preparing => "the node pulls or prepares the image",
            TaskState::Starting => "the container starts, or its health check has not passed yet",
            TaskState::Ready | TaskState::Assigned | TaskState::Accepted => "assigned to a node, not started yet",
            TaskState::New | TaskState::Allocated | TaskState::Pending => "not scheduled yet",
            _ => return None,
        };
        Some(word.to_owned())
    }

    fn since(&self) -> Option<Time> {
        let running = self.wanted().filter(|task| self.is_running(task)).filter_map(|task| task.since).max();
        running.or_else(|| self.tasks.iter().filter_map(|task| task.since).max()).or(self.service.updated)
    }
}

#[cfg(test)]
mod tests;
