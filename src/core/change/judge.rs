//! Whether a unit has arrived: judged by spec and tasks, never by the engine's word alone.
//!
//! The engine says `completed` in a crash loop, `updating` for ever where a task cannot be scheduled, and nothing at
//! all after an update that changes no task.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::placement;
use crate::core::swarm::{
    FailureAction, Mode, Node, NodeState, RestartCondition, Service, Task, TaskState, UpdateState,
};
use crate::core::time::Time;

/// What is seen of a unit's service.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The service as it is.
    pub service: &'a Service,
    /// Its whole task history.
    pub tasks: &'a [Task],
    /// The nodes.
    pub nodes: &'a BTreeMap<String, Node>,
    /// The image text the unit goes to.
    pub target: &'a str,
    /// Tasks that were there before the update: they cannot fail it.
    pub known: &'a BTreeSet<String>,
    /// For an update somebody else posted: when it was taken, by the engine's clock; older tasks cannot fail it.
    pub since: Option<Time>,
}

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
    /// A new task failed, or the engine went back.
    Failed {
        /// Why.
        why: String,
        /// Whether the engine put the old text back itself.
        engine_went_back: bool,
    },
    /// Somebody else changed the service.
    Overtaken {
        /// What it runs instead.
        by: String,
    },
}

/// Judges a unit.
pub fn judge(look: &Look<'_>) -> Verdict {
    let service = look.service;
    let update = service.update.as_ref().map(|update| &update.state);
    if service.image() != look.target {
        return off_target(look, update);
    }
    let failure = look.newest_failure();
    let engine_goes_back = service.policy.on_failure == FailureAction::Rollback
        && matches!(update, None | Some(UpdateState::Updating | UpdateState::RollbackStarted));
    if let Some(task) = failure {
        let text = if task.error.is_empty() { task.message.clone() } else { task.error.clone() };
        let why = format!("{}: {text}", task.state);
        if engine_goes_back {
            return waiting(&format!("a new task failed ({why}); the engine goes back by itself"), false);
        }
        return Verdict::Failed { why, engine_went_back: false };
    }
    match update {
        Some(UpdateState::Paused | UpdateState::RollbackPaused) => {
            let why = service.update.as_ref().map(|update| update.message.clone()).unwrap_or_default();
            return Verdict::Failed { why, engine_went_back: false };
        }
        Some(UpdateState::RollbackStarted) => return waiting("the engine goes back by itself", false),
        Some(UpdateState::RollbackCompleted) => {
            let why = "the engine ended its rollback with the new image still in the spec".to_owned();
            return Verdict::Failed { why, engine_went_back: false };
        }
        _ => {}
    }
    arrived(look, update)
}

fn off_target(look: &Look<'_>, update: Option<&UpdateState>) -> Verdict {
    let message = look.service.update.as_ref().map(|update| update.message.clone()).unwrap_or_default();
    match update {
        Some(UpdateState::RollbackStarted) => waiting("the engine goes back by itself", false),
        Some(UpdateState::RollbackCompleted | UpdateState::RollbackPaused) => {
            let failure =
                look.newest_failure().map(|task| format!("; {}: {}", task.state, task.error)).unwrap_or_default();
            Verdict::Failed {
                why: format!("the engine went back by itself: {message}{failure}"),
                engine_went_back: true,
            }
        }
        _ => Verdict::Overtaken { by: look.service.image().to_owned() },
    }
}

fn waiting(waits: &str, stuck: bool) -> Verdict {
    Verdict::Waiting { waits: waits.to_owned(), stuck }
}

/// No task failed: are all wanted ones there, new, on nodes that are heard from, and the engine done?
fn arrived(look: &Look<'_>, update: Option<&UpdateState>) -> Verdict {
    let service = look.service;
    if service.mode.is_job() {
        return Verdict::Converged;
    }
    let wanted = look.wanted();
    let fresh = look.fresh();
    let running =
        fresh.iter().filter(|task| task.state == TaskState::Running && !look.on_down_node(task)).count() as u64;
    let ran = service.restart != RestartCondition::Any && look.ran_to_its_end();
    let old = look
        .tasks
        .iter()
        .any(|task| task.image != look.target && task.desired == TaskState::Running && !task.state.is_over());
    if (running >= wanted || ran) && !old {
        return match update {
            Some(UpdateState::Updating) => {
                waiting("all tasks run; the engine watches them for its monitor time", false)
            }
            _ => Verdict::Converged,
        };
    }
    let pending = fresh
        .iter()
        .filter(|task| task.state != TaskState::Running)
        .max_by_key(|task| (!task.error.is_empty(), task.created));
    match pending {
        Some(task) if !task.error.is_empty() => waiting(&task.error, true),
        Some(task) => waiting(&format!("{running} of {wanted} new tasks run; the next is {}", task.state), false),
        None => waiting(&format!("{running} of {wanted} new tasks run"), false),
    }
}

impl Look<'_> {
    fn on_down_node(&self, task: &Task) -> bool {
        task.node.as_ref().and_then(|id| self.nodes.get(id)).is_some_and(|node| node.state == NodeState::Down)
    }

    fn is_new(&self, task: &Task) -> bool {
        let since = match (task.created, self.since) {
            (Some(created), Some(since)) => created >= since,
            _ => true,
        };
        since && !self.known.contains(&task.id)
    }

    fn fresh(&self) -> Vec<&Task> {
        self.tasks.iter().filter(|task| task.image == self.target && task.desired == TaskState::Running).collect()
    }

    fn newest_failure(&self) -> Option<&Task> {
        let target = |task: &&Task| task.image == self.target || self.service.image() != self.target;
        self.tasks
            .iter()
            .filter(target)
            .filter(|task| self.is_new(task) && task.state.is_failure())
            .max_by_key(|task| task.created)
    }

    fn ran_to_its_end(&self) -> bool {
        let mut ended = self.tasks.iter().filter(|task| task.image == self.target && self.is_new(task));
        ended.any(|task| task.state == TaskState::Complete)
    }

    fn wanted(&self) -> u64 {
        if let Mode::Replicated(replicas) = self.service.mode {
            return replicas;
        }
        let asked = &self.service.platforms;
        let fits = |node: &&Node| node.takes_tasks() && (asked.is_empty() || asked.contains(&node.platform));
        placement::candidates(self.service, self.nodes.values()).into_iter().filter(fits).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sample;
    use crate::core::swarm::UpdateStatus;

    const NEW: &str = "r/pg:2";

    fn service(state: Option<UpdateState>) -> Service {
        let mut service = sample::service("pg", NEW);
        service.mode = Mode::Replicated(2);
        service.update =
            state.map(|state| UpdateStatus { state, message: "said".into(), started: None, completed: None });
        service
    }

    fn task(id: &str, image: &str, state: TaskState, ago: i64) -> Task {
        Task { image: image.into(), ..sample::task(id, &sample::service("pg", image), "a", state, ago) }
    }

    fn verdict(service: &Service, tasks: &[Task]) -> Verdict {
        let nodes = BTreeMap::from([("a-id".to_owned(), sample::node("a"))]);
        let since = Some(Time(sample::NOW.0 - 60_000));
        let known = BTreeSet::from(["known".to_owned()]);
        judge(&Look { service, tasks, nodes: &nodes, target: NEW, known: &known, since })
    }

    #[test]
    fn completed_is_not_healthy() {
        let done = service(Some(UpdateState::Completed));
        let up = [task("1", NEW, TaskState::Running, 30), task("2", NEW, TaskState::Running, 20)];
        assert_eq!(verdict(&done, &up), Verdict::Converged);
        assert!(matches!(verdict(&done, &up[..1]), Verdict::Waiting { .. }));
        let crashed = [up[0].clone(), task("2", NEW, TaskState::Failed, 20)];
        assert!(matches!(verdict(&done, &crashed), Verdict::Failed { .. }));
        let before = [up[0].clone(), up[1].clone(), task("0", NEW, TaskState::Failed, 900)];
        assert_eq!(verdict(&done, &before), Verdict::Converged, "a failure from before the update is none of ours");
        let known = [up[0].clone(), up[1].clone(), task("known", NEW, TaskState::Failed, 1)];
        assert_eq!(verdict(&done, &known), Verdict::Converged);
    }

    #[test]
    fn no_word_of_the_engine_is_no_obstacle() {
        let silent = service(None);
        let up = [task("1", NEW, TaskState::Running, 30), task("2", NEW, TaskState::Running, 20)];
        assert_eq!(verdict(&silent, &up), Verdict::Converged);
        let watched = service(Some(UpdateState::Updating));
        assert!(matches!(verdict(&watched, &up), Verdict::Waiting { stuck: false, .. }));
        let mut scaled = silent.clone();
        scaled.mode = Mode::Replicated(0);
        assert_eq!(verdict(&scaled, &[]), Verdict::Converged);
    }

    #[test]
    fn a_task_that_cannot_be_scheduled_is_stuck_not_updating() {
        let mut pending = task("2", NEW, TaskState::Pending, 5);
        pending.error = "no suitable node (unsupported platform on 3 nodes)".into();
        let seen =
            verdict(&service(Some(UpdateState::Updating)), &[task("1", "r/pg:1", TaskState::Running, 900), pending]);
        assert_eq!(
            seen,
            Verdict::Waiting { waits: "no suitable node (unsupported platform on 3 nodes)".into(), stuck: true }
        );
    }

    #[test]
    fn the_engine_may_go_back_first() {
        let mut auto = service(Some(UpdateState::Updating));
        auto.policy.on_failure = FailureAction::Rollback;
        let failed = [task("1", NEW, TaskState::Failed, 5)];
        assert!(matches!(verdict(&auto, &failed), Verdict::Waiting { .. }));
        auto.places.image = "r/pg:1".into();
        auto.update = service(Some(UpdateState::RollbackCompleted)).update;
        assert!(matches!(verdict(&auto, &failed), Verdict::Failed { engine_went_back: true, .. }));
        let mut lying = service(Some(UpdateState::RollbackCompleted));
        lying.policy.on_failure = FailureAction::Rollback;
        assert!(
            matches!(verdict(&lying, &[]), Verdict::Failed { engine_went_back: false, .. }),
            "the bad image still in the spec"
        );
    }

    #[test]
    fn somebody_else() {
        let mut other = service(None);
        other.places.image = "r/pg:9".into();
        assert_eq!(verdict(&other, &[]), Verdict::Overtaken { by: "r/pg:9".into() });
    }
}
