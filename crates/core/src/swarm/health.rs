//! How a service really is: judged by its spec, its tasks and their nodes, never by the engine's counts alone.
//!
//! The engine counts a task as running whatever its image and whether or not its node is down, calls a rollout
//! `completed` in a crash loop, and `updating` while a task can never be scheduled.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::swarm::{Mode, Node, NodeState, RestartCondition, Service, Task, TaskState, UpdateState};
use crate::time::Time;

/// The state of a service, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Tasks fail.
    Failing,
    /// Tasks come up and end again and again.
    Looping,
    /// The service is gone, and the journal knew it.
    Missing,
    /// A node that its tasks are on is down.
    NodeDown,
    /// Its rollout is paused after a failure.
    Paused,
    /// Tasks are wanted and do not run yet.
    Waiting,
    /// A rollout is under way.
    Updating,
    /// Not known.
    Unknown,
    /// All is as wanted.
    Ok,
    /// Ran to its end, as it should.
    Finished,
    /// Scaled to 0.
    Stopped,
}

impl State {
    /// The word of JSON, filters and screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Looping => "looping",
            Self::Missing => "missing",
            Self::NodeDown => "node-down",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Updating => "updating",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
        }
    }

    /// Whether a person is needed.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failing | Self::Looping | Self::Missing | Self::NodeDown | Self::Paused | Self::Waiting)
    }
}

/// The newest error of a service's tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskError {
    /// The engine's text.
    pub text: String,
    /// The node's id, where the task had one.
    pub node: Option<String>,
    /// When.
    pub at: Option<Time>,
    /// The image text the task had.
    pub image: String,
}

/// The last change of image as the engine remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The previous text.
    pub from: String,
    /// When the engine last touched the service.
    pub at: Option<Time>,
}

/// What is known of a service's well-being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// In one word.
    pub state: State,
    /// Tasks that run, on nodes that are heard from.
    pub running: u64,
    /// Tasks wanted.
    pub desired: u64,
    /// Running tasks that have the spec's image; equal to `running` when no rollout is under way.
    pub fresh: u64,
    /// The newest error, where there is trouble.
    pub error: Option<TaskError>,
    /// What a task waits for, in the scheduler's words or ours.
    pub waits: Option<String>,
    /// What changed last, where the engine still knows another image.
    pub changed: Option<Changed>,
    /// Since when the newest running task runs, or the newest task is in its state.
    pub since: Option<Time>,
    /// When a task of its image last ended by a fault, although all run now.
    pub restarted: Option<Time>,
    /// Whether the engine went back by itself after the last update.
    pub engine_rolled_back: bool,
}

/// How recent an end must be to count for a loop.
const LOOP_WINDOW: Duration = Duration::from_secs(600);
/// A task that lived this long before it ended was up.
const LIVED: Duration = Duration::from_secs(10);
/// One that ran for so long has got over the quick ends before it.
const RECOVERED: Duration = Duration::from_secs(30);

/// Judges a service; `tasks` may be what runs only, or nothing, when more has not been read.
pub(crate) fn assess(service: &Service, tasks: &[Task], nodes: &BTreeMap<String, Node>, now: Time) -> Health {
    let view = View { service, tasks, nodes, now };
    let running = view.running();
    let desired = view.desired(running);
    let state = view.state(running, desired);
    let update = service.update.as_ref().map(|update| &update.state);
    Health {
        state,
        running,
        desired,
        fresh: view.fresh().unwrap_or(running),
        error: if state.is_trouble() || state == State::Updating { view.error() } else { None },
        waits: if matches!(state, State::Waiting | State::Updating) { view.waits() } else { None },
        changed: service.previous.as_ref().filter(|previous| previous.image != service.image()).map(|previous| {
            Changed {
                from: previous.image.clone(),
                at: service.update.as_ref().and_then(|update| update.started).or(service.updated),
            }
        }),
        since: view.since(),
        restarted: if state == State::Ok { view.restarted() } else { None },
        engine_rolled_back: update == Some(&UpdateState::RollbackCompleted),
    }
}

/// What a task is the successor of others in: its slot, or its node.
type Slot<'a> = (Option<u64>, Option<&'a String>);

struct View<'a> {
    service: &'a Service,
    tasks: &'a [Task],
    nodes: &'a BTreeMap<String, Node>,
    now: Time,
}

impl View<'_> {
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

    /// Those with the spec's image; unknown where no task was read.
    fn fresh(&self) -> Option<u64> {
        let image = self.service.image();
        (!self.tasks.is_empty())
            .then(|| self.wanted().filter(|task| self.is_running(task) && task.image == image).count() as u64)
    }

    fn desired(&self, running: u64) -> u64 {
        match self.service.mode {
            Mode::Replicated(replicas) => replicas,
            _ => self.service.desired.unwrap_or(running),
        }
    }

    fn state(&self, running: u64, desired: u64) -> State {
        if let Some(over) = self.over(running, desired) {
            return over;
        }
        let update = self.service.update.as_ref().map(|update| &update.state);
        if matches!(update, Some(UpdateState::Paused | UpdateState::RollbackPaused)) {
            return State::Paused;
        }
        // The swarm wants such a task shut down as soon as its node is down, and makes another, which may wait for ever.
        if running < desired && self.tasks.iter().any(|task| !task.state.is_over() && self.on_down_node(task)) {
            return State::NodeDown;
        }
        if self.loops() {
            return State::Looping;
        }
        if running < desired && self.newest_ended_badly() {
            return State::Failing;
        }
        let updating = matches!(update, Some(UpdateState::Updating | UpdateState::RollbackStarted));
        if running < desired {
            let stuck = self.wanted().any(|task| !task.error.is_empty());
            return if updating && !stuck { State::Updating } else { State::Waiting };
        }
        if updating { State::Updating } else { State::Ok }
    }

    /// What is at its end, and should be.
    fn over(&self, running: u64, desired: u64) -> Option<State> {
        match self.service.mode {
            Mode::Replicated(0) => return Some(State::Stopped),
            Mode::ReplicatedJob(wanted) if self.service.completed.unwrap_or(0) >= wanted => {
                return Some(State::Finished);
            }
            Mode::GlobalJob if running == 0 && self.service.completed.unwrap_or(0) > 0 => return Some(State::Finished),
            _ => {}
        }
        let one_shot = self.service.restart != RestartCondition::Any && running == 0 && desired > 0;
        let newest = self.newest_per_slot();
        (one_shot && !newest.is_empty() && newest.iter().all(|task| task.state == TaskState::Complete))
            .then_some(State::Finished)
    }

    fn newest_per_slot(&self) -> Vec<&Task> {
        let mut slots: BTreeMap<Slot<'_>, &Task> = BTreeMap::new();
        for task in self.tasks {
            let key = Self::slot(task);
            let newest = slots.entry(key).or_insert(task);
            if task.created > newest.created {
                *newest = task;
            }
        }
        slots.into_values().collect()
    }

    /// Whether a slot's newest task that got as far as a node ended by a fault.
    fn newest_ended_badly(&self) -> bool {
        let mut slots: BTreeMap<Slot<'_>, Vec<&Task>> = BTreeMap::new();
        for task in self.tasks {
            let key = Self::slot(task);
            slots.entry(key).or_default().push(task);
        }
        slots.into_values().any(|mut tasks| {
            tasks.sort_by_key(|task| std::cmp::Reverse(task.created));
            let up = tasks.iter().position(|task| self.is_running(task) && task.desired == TaskState::Running);
            let bad = tasks.iter().position(|task| task.state.is_failure());
            match (up, bad) {
                (None, Some(bad)) => !tasks[..bad].iter().any(|task| task.state == TaskState::Shutdown),
                _ => false,
            }
        })
    }

    /// Whether a slot's tasks came up and ended at least twice lately. Quick ends are failures, until one is up again:
    /// then they make a loop, for as long as that one has not outlived them.
    fn loops(&self) -> bool {
        let mut slots: BTreeMap<Slot<'_>, (u32, u32)> = BTreeMap::new();
        for task in self.tasks {
            let ended = task.state == TaskState::Failed
                || (task.state == TaskState::Complete && self.service.restart == RestartCondition::Any);
            let (Some(created), Some(since)) = (task.created, task.since) else { continue };
            if !ended || self.now.since(since) >= LOOP_WINDOW {
                continue;
            }
            let ends = slots.entry(Self::slot(task)).or_default();
            if since.since(created) >= LIVED {
                ends.0 += 1;
            }
            if task.image == self.service.image() {
                ends.1 += 1;
            }
        }
        let young = |task: &&Task| task.since.is_some_and(|since| self.now.since(since) < RECOVERED);
        let up: Vec<_> = self.wanted().filter(|task| self.is_running(task)).filter(young).map(Self::slot).collect();
        slots.iter().any(|(slot, (long, all))| *long >= 2 || (*all >= 2 && up.contains(slot)))
    }

    fn slot(task: &Task) -> Slot<'_> {
        (task.slot, if task.slot.is_none() { task.node.as_ref() } else { None })
    }

    fn error(&self) -> Option<TaskError> {
        let newest =
            self.tasks.iter().filter(|task| !task.error.is_empty()).max_by_key(|task| task.since.max(task.created))?;
        Some(TaskError {
            text: newest.error.clone(),
            node: newest.node.clone(),
            at: newest.since,
            image: newest.image.clone(),
        })
    }

    /// The end of a task that was replaced, while that is news.
    fn restarted(&self) -> Option<Time> {
        let image = self.service.image();
        let ended = self.tasks.iter().filter(|task| task.state.is_failure() && task.image == image);
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
            TaskState::Ready | TaskState::Assigned | TaskState::Accepted => "waits for its turn",
            TaskState::New | TaskState::Allocated | TaskState::Pending => "waits to be scheduled",
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
