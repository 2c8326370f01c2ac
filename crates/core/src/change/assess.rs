//! The judgement of a unit's rollout by spec and tasks; the engine's update state alone is never trusted.
//!
//! The engine reports `completed` during a crash loop, stays at `updating` for ever if a task cannot be
//! scheduled, and reports nothing at all after an update that changes no task. It also counts tasks as
//! running on nodes that do not respond.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use super::conflict::overtaken;
use super::unit_view::{EditedFieldsState, UnitObservation};
use crate::journal::Direction;
use crate::swarm::candidates;
use crate::swarm::{FailureAction, Node, NodeState, RestartCondition, ServiceMode, Task, TaskState, UpdateState};

/// The time that the engine may take, under load too, to report an update state after an update.
const SILENT: Duration = Duration::from_secs(3);
/// The time on top of the service's monitor time and delay after which the state `updating` is ignored: if
/// the leader is lost during a rollout, the engine never clears that state.
const LATE: Duration = Duration::from_secs(10);

/// The judgement on a unit's rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitVerdict {
    /// A rollout that has not converged yet.
    Pending {
        /// The reason, for display.
        waits: String,
        /// Set when waiting is unlikely to help, for example when the scheduler finds no suitable node.
        stuck: bool,
    },
    /// All desired tasks run the target, and no old task is left.
    Converged,
    /// A new task failed, or the engine paused the update.
    Failed {
        /// The cause, for display.
        why: String,
    },
    /// The engine rolled the service back automatically.
    RolledBackByEngine {
        /// The cause, for display.
        why: String,
    },
    /// Another client changed the service.
    Superseded {
        /// The other client's change, for display.
        what: String,
    },
}

/// Judges the rollout of a unit from one observation.
pub fn assess(look: &UnitObservation<'_>) -> UnitVerdict {
    let service = look.service;
    let state = service.update.as_ref().map(|update| &update.state);
    let rolls = matches!(
        state,
        Some(UpdateState::RollbackStarted | UpdateState::RollbackCompleted | UpdateState::RollbackPaused)
    );
    match look.spot {
        EditedFieldsState::Target => at_goal(look, state),
        _ if rolls && look.is_asked_rollback() => {
            let what = format!("another client rolled it back to {} (`docker service rollback`)", service.image());
            UnitVerdict::Superseded { what }
        }
        _ if state == Some(&UpdateState::RollbackStarted) => waiting("the engine is rolling it back", false),
        EditedFieldsState::Origin if rolls => {
            let cause = look.failure().map_or_else(|| look.message(), |task| look.describe(task));
            UnitVerdict::RolledBackByEngine { why: format!("{cause}; the engine rolled it back") }
        }
        EditedFieldsState::Origin => UnitVerdict::Superseded {
            what: format!("another client set it back to {}, which it ran before", service.image()),
        },
        EditedFieldsState::Diverged => UnitVerdict::Superseded { what: overtaken(service, look.target) },
    }
}

/// Judges a unit whose spec is the target: by its tasks, and by the engine's update state where that
/// reports a stop.
fn at_goal(look: &UnitObservation<'_>, state: Option<&UpdateState>) -> UnitVerdict {
    let stops = look.service.policy.on_failure == FailureAction::Rollback
        && match state {
            None => look.waited < SILENT,
            Some(state) => matches!(state, UpdateState::Updating | UpdateState::RollbackStarted),
        };
    let lying = state == Some(&UpdateState::RollbackCompleted) && look.direction == Direction::Forward;
    if let Some(task) = look.failure() {
        let why = look.describe(task);
        if stops {
            return waiting(&format!("a new task failed ({why}); waiting for the engine to roll it back"), false);
        }
        let still = if lying { "; the engine ended its rollback, but the new image is still in the spec" } else { "" };
        return UnitVerdict::Failed { why: format!("{why}{still}") };
    }
    match state {
        Some(UpdateState::Paused | UpdateState::RollbackPaused) if !look.has_run_to_its_end() => {
            UnitVerdict::Failed { why: look.message() }
        }
        Some(UpdateState::RollbackStarted) => waiting("the engine is rolling it back", false),
        Some(UpdateState::RollbackCompleted) if lying && look.since.is_none() => UnitVerdict::Failed {
            why: "the engine ended its rollback, but the new image is still in the spec".to_owned(),
        },
        _ => arrived(look, state),
    }
}

fn waiting(waits: &str, stuck: bool) -> UnitVerdict {
    UnitVerdict::Pending { waits: waits.to_owned(), stuck }
}

/// Judges a unit without a failed task. It has converged when all desired tasks are new and run on
/// responding nodes, no old task is left, and the engine has finished.
fn arrived(look: &UnitObservation<'_>, state: Option<&UpdateState>) -> UnitVerdict {
    let (wanted, up) = match look.wanted() {
        Ok(wanted) => (wanted, look.up().len() as u64),
        Err(why) => return waiting(&why, true),
    };
    if up < wanted {
        return look.missing(up, wanted);
    }
    if let Some(old) = look.old() {
        let node = look.node(old);
        let takes = node.is_some_and(Node::takes_tasks);
        let name = look.host(old);
        return match node {
            Some(node) if !takes => waiting(
                &format!(
                    "{name} ({}, {}) accepts no new tasks, and still has the old one",
                    node.state, node.availability
                ),
                true,
            ),
            _ => waiting(&format!("the new tasks run; waiting for the old task on {name} to stop"), false),
        };
    }
    let policy = &look.service.policy;
    if state == Some(&UpdateState::Updating) && look.steady < policy.monitor + policy.delay + LATE {
        return waiting("all tasks run; the engine's monitor period is not over yet", false);
    }
    UnitVerdict::Converged
}

impl UnitObservation<'_> {
    /// Returns the ids of the tasks that count: one per slot, of the target, running on a node that
    /// responds. If the service's tasks may end, completed new tasks count as well.
    pub fn up(&self) -> Vec<&str> {
        let ends = self.ends();
        let counts = |task: &&Task| {
            let runs = task.state == TaskState::Running && task.desired <= TaskState::Complete && self.is_heard(task);
            let ended = ends && task.state == TaskState::Complete && self.is_new(task);
            self.is_fresh(task) && (runs || ended)
        };
        let mut slots = BTreeMap::new();
        for task in self.tasks.iter().filter(counts) {
            let slot = task.slot.map_or_else(|| task.node.clone().unwrap_or_default(), |slot| slot.to_string());
            slots.entry(slot).or_insert(task.id.as_str());
        }
        slots.into_values().collect()
    }

    /// Returns the oldest new task that failed: later failures have the same cause, or follow from it.
    pub fn failure(&self) -> Option<&Task> {
        let fails = |task: &&Task| {
            let ended = task.state == TaskState::Complete && !self.ends();
            // At the goal, a task from before the update may have the same image: the force counter
            // distinguishes them.
            let ours =
                if self.spot == EditedFieldsState::Target { self.is_fresh(task) } else { task.image == self.target };
            ours && self.is_new(task) && (task.state.is_failure() || ended)
        };
        self.tasks.iter().filter(fails).min_by_key(|task| task.created)
    }

    /// Describes a task's failure: state, node and error.
    pub fn describe(&self, task: &Task) -> String {
        let text = match (&task.state, task.error.as_str()) {
            (TaskState::Complete, _) => "it exited with code 0, but should keep running",
            (_, "") => task.message.as_str(),
            (_, error) => error,
        };
        let on = if task.node.is_some() { format!(" on {}", self.host(task)) } else { String::new() };
        format!("{}{on}: {text}", task.state)
    }

    /// Returns the host name of a task's node, its id if the node is unknown, or `no node`.
    pub fn host(&self, task: &Task) -> String {
        let unknown = || task.node.clone().unwrap_or_else(|| "no node".to_owned());
        self.node(task).map_or_else(unknown, |node| node.hostname.clone())
    }

    /// Returns a task's node; `None` if it is not assigned, or unknown.
    pub fn node(&self, task: &Task) -> Option<&Node> {
        self.nodes.get(task.node.as_ref()?)
    }

    fn message(&self) -> String {
        self.service.update.as_ref().map(|update| update.message.clone()).unwrap_or_default()
    }

    fn is_heard(&self, task: &Task) -> bool {
        self.node(task).is_some_and(|node| node.state == NodeState::Ready)
    }

    fn is_new(&self, task: &Task) -> bool {
        let since = match (task.created, self.since) {
            (Some(created), Some(since)) => created >= since,
            _ => true,
        };
        since && !self.known.contains(&task.id)
    }

    /// Returns whether a task has the target image and the spec's current force counter.
    fn is_fresh(&self, task: &Task) -> bool {
        let number =
            |force: &Option<serde_json::Value>| force.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0);
        task.image == self.target && number(&task.places.force.value) == number(&self.service.places.force.value)
    }

    /// Returns whether the service's tasks may end: true for jobs, and for a restart condition
    /// other than `any`.
    fn ends(&self) -> bool {
        self.service.mode.is_job() || self.service.restart != RestartCondition::Any
    }

    fn has_run_to_its_end(&self) -> bool {
        self.ends() && self.wanted().is_ok_and(|wanted| self.up().len() as u64 >= wanted) && self.old().is_none()
    }

    /// Returns a task that should keep running but is not of the target.
    fn old(&self) -> Option<&Task> {
        let old = |task: &&Task| !self.is_fresh(task) && task.desired == TaskState::Running && !task.state.is_over();
        self.tasks.iter().find(old)
    }

    /// Returns the number of tasks that have to run, or the reason why none can.
    fn wanted(&self) -> Result<u64, String> {
        match self.service.mode {
            ServiceMode::Replicated(replicas) => return Ok(replicas),
            // A job's tasks run one after another: waiting for the first one is enough.
            ServiceMode::ReplicatedJob(completions) => return Ok(completions.min(1)),
            _ => {}
        }
        let candidates = candidates(self.service, self.nodes.values());
        let asked = &self.service.platforms;
        let takes = |node: &&&Node| node.takes_tasks() && (asked.is_empty() || asked.contains(&node.platform));
        let count = candidates.iter().filter(takes).count() as u64;
        match (count, candidates.is_empty()) {
            (0, false) => Err("none of its nodes accepts new tasks now".to_owned()),
            _ => Ok(count),
        }
    }

    /// Explains what the missing tasks wait for.
    fn missing(&self, up: u64, wanted: u64) -> UnitVerdict {
        let head = format!("{up} of {wanted} new tasks run");
        let awaited =
            |task: &&Task| self.is_fresh(task) && !task.state.is_over() && task.desired <= TaskState::Complete;
        let silent = |task: &&Task| task.state == TaskState::Running && !self.is_heard(task);
        let next = self
            .tasks
            .iter()
            .filter(awaited)
            .filter(|task| task.state != TaskState::Running || silent(task))
            .max_by_key(|task| (task.desired == TaskState::Running, !task.error.is_empty(), task.created));
        let Some(task) = next else { return waiting(&head, false) };
        let host = self.host(task);
        if silent(&task) {
            let state = self.node(task).map_or("gone", |node| node.state.as_str());
            return waiting(&format!("{head}; one is on {host}, which does not respond ({state})"), true);
        }
        match task.state {
            _ if !task.error.is_empty() => waiting(&task.error, true),
            TaskState::Preparing => {
                waiting(&format!("{head}; {host} is pulling the image for the next (preparing)"), false)
            }
            TaskState::Starting => waiting(
                &format!("{head}; the next is starting on {host}; its health check, if any, has not passed yet"),
                false,
            ),
            TaskState::Pending => waiting(&format!("{head}; the next has no node yet (pending)"), true),
            _ if task.desired < TaskState::Running => {
                waiting(&format!("{head}; the next is waiting for an old task to stop"), false)
            }
            _ => waiting(&format!("{head}; the next is {}", task.state), false),
        }
    }
}
