//! Whether a unit has arrived: judged by spec and tasks, never by the engine's word alone.
//!
//! The engine says `completed` in a crash loop, `updating` for ever where a task cannot be scheduled, and nothing at
//! all after an update that changes no task. It counts tasks as running on nodes that nobody hears from.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use super::conflict::overtaken;
use super::unit_view::{Look, Spot};
use crate::journal::Direction;
use crate::swarm::candidates;
use crate::swarm::{FailureAction, Mode, Node, NodeState, RestartCondition, Task, TaskState, UpdateState};

/// How long the engine may say nothing after an update, under load too.
const SILENT: Duration = Duration::from_secs(3);
/// What the engine may take longer than its own monitor time and delay, before its `updating` counts for nothing: a
/// leader that is lost in a rollout leaves it there for ever.
const LATE: Duration = Duration::from_secs(10);

/// The judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not yet; what it waits for, and whether that will not come by itself.
    Waiting {
        /// What for.
        waits: String,
        /// Whether the scheduler says it cannot.
        stuck: bool,
    },
    /// All wanted tasks run the target.
    Converged,
    /// A new task failed, or the engine stopped.
    Failed {
        /// Why.
        why: String,
    },
    /// The engine put the old text back by itself.
    WentBack {
        /// Why.
        why: String,
    },
    /// Somebody else changed the service.
    Overtaken {
        /// What they did.
        what: String,
    },
}

/// Judges a unit.
pub fn judge(look: &Look<'_>) -> Verdict {
    let service = look.service;
    let state = service.update.as_ref().map(|update| &update.state);
    let rolls = matches!(
        state,
        Some(UpdateState::RollbackStarted | UpdateState::RollbackCompleted | UpdateState::RollbackPaused)
    );
    match look.spot {
        Spot::Goal => at_goal(look, state),
        _ if rolls && look.is_asked_rollback() => {
            let what = format!("somebody rolled it back (`docker service rollback`): it names {}", service.image());
            Verdict::Overtaken { what }
        }
        _ if state == Some(&UpdateState::RollbackStarted) => waiting("the engine goes back by itself", false),
        Spot::Origin if rolls => {
            let cause = look.failure().map_or_else(|| look.message(), |task| look.told(task));
            Verdict::WentBack { why: format!("{cause}; the engine went back by itself") }
        }
        Spot::Origin => {
            Verdict::Overtaken { what: format!("somebody set it back to {}, which it ran before", service.image()) }
        }
        Spot::Elsewhere => Verdict::Overtaken { what: overtaken(service, look.target) },
    }
}

/// Its spec is as it should be: now its tasks, and the engine's word where it says that it stopped.
fn at_goal(look: &Look<'_>, state: Option<&UpdateState>) -> Verdict {
    let stops = look.service.policy.on_failure == FailureAction::Rollback
        && match state {
            None => look.waited < SILENT,
            Some(state) => matches!(state, UpdateState::Updating | UpdateState::RollbackStarted),
        };
    let lying = state == Some(&UpdateState::RollbackCompleted) && look.direction == Direction::To;
    if let Some(task) = look.failure() {
        let why = look.told(task);
        if stops {
            return waiting(&format!("a new task failed ({why}); the engine goes back by itself"), false);
        }
        let still = if lying { "; the engine ended its rollback with the new image still in the spec" } else { "" };
        return Verdict::Failed { why: format!("{why}{still}") };
    }
    match state {
        Some(UpdateState::Paused | UpdateState::RollbackPaused) if !look.has_run_to_its_end() => {
            Verdict::Failed { why: look.message() }
        }
        Some(UpdateState::RollbackStarted) => waiting("the engine goes back by itself", false),
        Some(UpdateState::RollbackCompleted) if lying && look.since.is_none() => {
            Verdict::Failed { why: "the engine ended its rollback with the new image still in the spec".to_owned() }
        }
        _ => arrived(look, state),
    }
}

fn waiting(waits: &str, stuck: bool) -> Verdict {
    Verdict::Waiting { waits: waits.to_owned(), stuck }
}

/// No task failed: are all wanted ones there, new, on nodes that are heard from, and the engine done?
fn arrived(look: &Look<'_>, state: Option<&UpdateState>) -> Verdict {
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
                    "{name} ({}, {}) takes no new tasks, and still has the old one",
                    node.state, node.availability
                ),
                true,
            ),
            _ => waiting(&format!("the new tasks run; the old one on {name} has to stop"), false),
        };
    }
    let policy = &look.service.policy;
    if state == Some(&UpdateState::Updating) && look.steady < policy.monitor + policy.delay + LATE {
        return waiting("all tasks run; the engine watches them for its monitor time", false);
    }
    Verdict::Converged
}

impl Look<'_> {
    /// The tasks that count, by id: one a slot, of the target, that run on nodes which are heard from; of what runs to
    /// its end also those that ended well.
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

    /// The first new task that failed: what comes after it fails for the same reason, or because of it.
    pub fn failure(&self) -> Option<&Task> {
        let fails = |task: &&Task| {
            let ended = task.state == TaskState::Complete && !self.ends();
            // At the goal a task of the same image may still be one of before: the force counter tells them apart.
            let ours = if self.spot == Spot::Goal { self.is_fresh(task) } else { task.image == self.target };
            ours && self.is_new(task) && (task.state.is_failure() || ended)
        };
        self.tasks.iter().filter(fails).min_by_key(|task| task.created)
    }

    /// A failure in words: the task's own error, and where.
    pub fn told(&self, task: &Task) -> String {
        let text = match (&task.state, task.error.as_str()) {
            (TaskState::Complete, _) => "it ended by itself, with exit code 0, and should run on",
            (_, "") => task.message.as_str(),
            (_, error) => error,
        };
        let on = if task.node.is_some() { format!(" on {}", self.host(task)) } else { String::new() };
        format!("{}{on}: {text}", task.state)
    }

    /// The node a task is on, by its name.
    pub fn host(&self, task: &Task) -> String {
        let unknown = || task.node.clone().unwrap_or_else(|| "no node".to_owned());
        self.node(task).map_or_else(unknown, |node| node.hostname.clone())
    }

    /// The node a task is on.
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

    /// Whether a task is made from the image and the force counter the spec has now.
    fn is_fresh(&self, task: &Task) -> bool {
        let number =
            |force: &Option<serde_json::Value>| force.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0);
        task.image == self.target && number(&task.places.force.value) == number(&self.service.places.force.value)
    }

    /// Whether its tasks may end by themselves.
    fn ends(&self) -> bool {
        self.service.mode.is_job() || self.service.restart != RestartCondition::Any
    }

    fn has_run_to_its_end(&self) -> bool {
        self.ends() && self.wanted().is_ok_and(|wanted| self.up().len() as u64 >= wanted) && self.old().is_none()
    }

    /// A task that should run on and is not of the target.
    fn old(&self) -> Option<&Task> {
        let old = |task: &&Task| !self.is_fresh(task) && task.desired == TaskState::Running && !task.state.is_over();
        self.tasks.iter().find(old)
    }

    /// How many tasks it takes; or why there can be none.
    fn wanted(&self) -> Result<u64, String> {
        match self.service.mode {
            Mode::Replicated(replicas) => return Ok(replicas),
            // A job's tasks come one after another; that the first of them does well is all there is to wait for.
            Mode::ReplicatedJob(completions) => return Ok(completions.min(1)),
            _ => {}
        }
        let candidates = candidates(self.service, self.nodes.values());
        let asked = &self.service.platforms;
        let takes = |node: &&&Node| node.takes_tasks() && (asked.is_empty() || asked.contains(&node.platform));
        let count = candidates.iter().filter(takes).count() as u64;
        match (count, candidates.is_empty()) {
            (0, false) => Err("none of its nodes takes new tasks now".to_owned()),
            _ => Ok(count),
        }
    }

    /// What the tasks that are missing wait for.
    fn missing(&self, up: u64, wanted: u64) -> Verdict {
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
            return waiting(&format!("{head}; one is on {host}, which is not heard from ({state})"), true);
        }
        match task.state {
            _ if !task.error.is_empty() => waiting(&task.error, true),
            TaskState::Preparing => {
                waiting(&format!("{head}; {host} fetches the image for the next (preparing)"), false)
            }
            TaskState::Starting => waiting(
                &format!("{head}; the next is starting on {host}; its health check, if any, has not passed yet"),
                false,
            ),
            TaskState::Pending => waiting(&format!("{head}; the next waits for a node (pending)"), true),
            _ if task.desired < TaskState::Running => {
                waiting(&format!("{head}; the next waits for an old task to stop"), false)
            }
            _ => waiting(&format!("{head}; the next is {}", task.state), false),
        }
    }
}
