use super::*;
use crate::sample;
use crate::swarm::Service;
use crate::swarm::{Availability, UpdateStatus};
use crate::time::Time;
use std::collections::BTreeSet;

const NEW: &str = "r/pg:2";
const OLD: &str = "r/pg:1";

/// A service with its tasks and nodes, as each test varies it.
struct Scene {
    service: Service,
    tasks: Vec<Task>,
    nodes: Vec<Node>,
    spot: EditedFieldsState,
    direction: Direction,
    since: Option<Time>,
    waited: u64,
    steady: u64,
}

impl Scene {
    /// Returns a service with two replicas whose spec is the target.
    fn of(state: Option<UpdateState>, tasks: Vec<Task>) -> Self {
        let mut service = sample::service("pg", NEW);
        service.mode = ServiceMode::Replicated(2);
        service.update =
            state.map(|state| UpdateStatus { state, message: "said".into(), started: None, completed: None });
        let nodes = vec![sample::node("a"), sample::node("b")];
        let since = Some(Time(sample::NOW.0 - 60_000));
        let (direction, spot) = (Direction::Forward, EditedFieldsState::Target);
        Self { service, tasks, nodes, spot, direction, since, waited: 10, steady: 0 }
    }

    fn at(mut self, spot: EditedFieldsState, image: &str) -> Self {
        self.spot = spot;
        self.service.places.image = image.into();
        self
    }

    fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    fn verdict(&self) -> UnitVerdict {
        let nodes = self.nodes.iter().map(|node| (node.id.clone(), node.clone())).collect();
        let known = BTreeSet::from(["known".to_owned()]);
        assess(&UnitObservation {
            service: &self.service,
            tasks: &self.tasks,
            nodes: &nodes,
            spot: self.spot,
            direction: self.direction,
            target: NEW,
            known: &known,
            since: self.since,
            waited: Duration::from_secs(self.waited),
            steady: Duration::from_secs(self.steady),
        })
    }

    fn waits(&self) -> (String, bool) {
        match self.verdict() {
            UnitVerdict::Pending { waits, stuck } => (waits, stuck),
            other => panic!("{other:?}"),
        }
    }

    fn fails(&self) -> String {
        match self.verdict() {
            UnitVerdict::Failed { why } => why,
            other => panic!("{other:?}"),
        }
    }
}

fn task(id: &str, image: &str, state: TaskState, ago: i64) -> Task {
    let slot = id.bytes().last().map(|byte| u64::from(byte % 10));
    Task { image: image.into(), slot, ..sample::task(id, &sample::service("pg", image), "a", state, ago) }
}

fn up() -> Vec<Task> {
    vec![task("1", NEW, TaskState::Running, 30), task("2", NEW, TaskState::Running, 20)]
}

#[test]
fn completed_is_not_healthy() {
    let done = |tasks| Scene::of(Some(UpdateState::Completed), tasks);
    assert_eq!(done(up()).verdict(), UnitVerdict::Converged);
    assert_eq!(done(Vec::new()).waits().0, "0 of 2 new tasks run", "`continue` completes with nothing running");
    assert_eq!(done(up()[..1].to_vec()).waits().0, "1 of 2 new tasks run");
    let crashed = vec![up()[0].clone(), task("2", NEW, TaskState::Failed, 20)];
    assert!(done(crashed).fails().starts_with("failed on a: "));
    let before = [up(), vec![task("0", NEW, TaskState::Failed, 900)]].concat();
    assert_eq!(done(before).verdict(), UnitVerdict::Converged, "a failure from before the update is none of ours");
    let known = [up(), vec![task("known", NEW, TaskState::Failed, 1)]].concat();
    assert_eq!(done(known).verdict(), UnitVerdict::Converged);
    let ended = vec![up()[0].clone(), task("2", NEW, TaskState::Complete, 20)];
    assert!(done(ended).fails().contains("exited with code 0"), "it should run on");
}

#[test]
fn the_engine_counts_what_does_not_count() {
    let seen = |nodes: &dyn Fn(&mut Vec<Node>), tasks| {
        Scene::of(Some(UpdateState::Completed), tasks).with(|scene| nodes(&mut scene.nodes))
    };
    for state in [NodeState::Down, NodeState::Unknown, NodeState::Disconnected] {
        let told = seen(&|nodes| nodes[0].state = state.clone(), up()).waits();
        assert!(told.1 && told.0.contains(&format!("on a, which does not respond ({state})")), "{told:?}");
    }
    let same = |task: &Task| Task { id: format!("{}x", task.id), ..task.clone() };
    let twice = vec![up()[0].clone(), same(&up()[0])];
    assert_eq!(seen(&|_| (), twice).waits().0, "1 of 2 new tasks run", "one slot, two containers");
    let more = [up(), vec![task("3", OLD, TaskState::Running, 900)]].concat();
    let told = seen(&|_| (), more.clone()).waits();
    assert_eq!(
        told,
        ("the new tasks run; waiting for the old task on a to stop".to_owned(), false),
        "start-first: 3 of 2"
    );
    let paused = seen(&|nodes| nodes[0].availability = Availability::Pause, more).waits();
    assert!(paused.1 && paused.0.contains("accepts no new tasks, and still has the old one"), "{paused:?}");
    let stopping = task("3", OLD, TaskState::Running, 900);
    let leaving = [up(), vec![Task { desired: TaskState::Shutdown, ..stopping }]].concat();
    assert_eq!(seen(&|_| (), leaving).verdict(), UnitVerdict::Converged, "told to stop: 3/2 by its count");
}

#[test]
fn no_word_of_the_engine_is_no_obstacle() {
    assert_eq!(Scene::of(None, up()).verdict(), UnitVerdict::Converged);
    let watched = Scene::of(Some(UpdateState::Updating), up());
    assert!(!watched.waits().1);
    // If the leader is lost during a rollout, the update state is never cleared.
    assert_eq!(watched.with(|scene| scene.steady = 16).verdict(), UnitVerdict::Converged);
    let scaled = Scene::of(None, Vec::new()).with(|scene| scene.service.mode = ServiceMode::Replicated(0));
    assert_eq!(scaled.verdict(), UnitVerdict::Converged);
}

#[test]
fn what_it_waits_for() {
    let updating = |task: Task| Scene::of(Some(UpdateState::Updating), vec![up()[0].clone(), task]).waits();
    let mut pending = task("2", NEW, TaskState::Pending, 5);
    assert_eq!(updating(pending.clone()), ("1 of 2 new tasks run; the next has no node yet (pending)".into(), true));
    pending.error = "no suitable node (unsupported platform on 3 nodes)".into();
    assert_eq!(updating(pending), ("no suitable node (unsupported platform on 3 nodes)".into(), true));
    let (waits, stuck) = updating(task("2", NEW, TaskState::Preparing, 5));
    assert!(!stuck && waits.ends_with("a is pulling the image for the next (preparing)"), "{waits}");
    let (waits, stuck) = updating(task("2", NEW, TaskState::Starting, 5));
    assert!(!stuck && waits.contains("starting on a; its health check"), "{waits}");
    let ready = Task { desired: TaskState::Ready, ..task("2", NEW, TaskState::Ready, 5) };
    assert!(updating(ready).0.ends_with("is waiting for an old task to stop"));
}

#[test]
fn the_engine_may_go_back_first() {
    let auto =
        |state, tasks| Scene::of(state, tasks).with(|scene| scene.service.policy.on_failure = FailureAction::Rollback);
    let failed = || vec![task("1", NEW, TaskState::Failed, 5)];
    assert!(auto(Some(UpdateState::Updating), failed()).waits().0.contains("waiting for the engine to roll it back"));
    let silent = auto(None, failed());
    assert!(silent.fails().starts_with("failed"), "a word that does not come is not waited for");
    assert!(silent.with(|scene| scene.waited = 1).waits().0.contains("waiting for the engine to roll it back"));
    let gone = auto(Some(UpdateState::RollbackStarted), failed()).at(EditedFieldsState::Origin, OLD);
    assert_eq!(gone.waits().0, "the engine is rolling it back");
    let back = auto(Some(UpdateState::RollbackCompleted), failed()).at(EditedFieldsState::Origin, OLD);
    assert!(
        matches!(back.verdict(), UnitVerdict::RolledBackByEngine { why } if why.starts_with("failed on a") && why.ends_with("the engine rolled it back"))
    );
    let lying = auto(Some(UpdateState::RollbackCompleted), failed());
    assert!(lying.fails().contains("the new image is still in the spec"));
    let lying = auto(Some(UpdateState::RollbackCompleted), Vec::new()).with(|scene| scene.since = None);
    assert!(lying.fails().contains("still in the spec"));
    // On the way back, this is how the engine's own rollback ends when all is well.
    let returned = auto(Some(UpdateState::RollbackCompleted), up()).with(|scene| scene.direction = Direction::Back);
    assert_eq!(returned.verdict(), UnitVerdict::Converged);
}

#[test]
fn a_monitor_that_is_too_short_leaves_a_crash_loop() {
    let auto = Scene::of(Some(UpdateState::Completed), vec![up()[0].clone(), task("2", NEW, TaskState::Failed, 1)])
        .with(|scene| scene.service.policy.on_failure = FailureAction::Rollback);
    assert!(auto.fails().starts_with("failed"), "the engine does nothing any more");
}

#[test]
fn somebody_else() {
    let what = |scene: &Scene| match scene.verdict() {
        UnitVerdict::Superseded { what } => what,
        other => panic!("{other:?}"),
    };
    let other = Scene::of(None, Vec::new()).at(EditedFieldsState::Diverged, "r/pg:9");
    assert_eq!(what(&other), "another client set r/pg:9");
    let back = Scene::of(Some(UpdateState::Updating), Vec::new()).at(EditedFieldsState::Origin, OLD);
    assert_eq!(what(&back), "another client set it back to r/pg:1, which it ran before");
    let asked = Scene::of(Some(UpdateState::RollbackCompleted), Vec::new())
        .with(|scene| scene.service.previous = Some(sample::places(NEW)))
        .at(EditedFieldsState::Origin, OLD);
    assert!(what(&asked).contains("another client rolled it back"), "the engine's own leaves no previous spec");
}

#[test]
fn what_runs_to_its_end() {
    let once = |state, tasks| Scene::of(state, tasks).with(|scene| scene.service.restart = RestartCondition::None);
    let ended = |id: &str| Task { desired: TaskState::Shutdown, ..task(id, NEW, TaskState::Complete, 5) };
    let paused = || Some(UpdateState::Paused);
    assert_eq!(
        once(paused(), vec![ended("1"), ended("2")]).verdict(),
        UnitVerdict::Converged,
        "the end counts as a failure"
    );
    assert_eq!(once(paused(), vec![ended("1")]).fails(), "said", "half of it never began");
    assert!(once(paused(), vec![ended("1"), task("2", NEW, TaskState::Failed, 5)]).fails().starts_with("failed"));
    let job = |tasks| Scene::of(None, tasks).with(|scene| scene.service.mode = ServiceMode::ReplicatedJob(3));
    let running = Task { desired: TaskState::Complete, ..task("1", NEW, TaskState::Running, 5) };
    assert_eq!(job(vec![running]).verdict(), UnitVerdict::Converged);
    assert_eq!(job(Vec::new()).waits().0, "0 of 1 new tasks run");
}

#[test]
fn one_on_each_node() {
    let global = |tasks: Vec<Task>| Scene::of(None, tasks).with(|scene| scene.service.mode = ServiceMode::Global);
    let on = |id: &str, node: &str| Task {
        slot: None,
        node: Some(format!("{node}-id")),
        ..task(id, NEW, TaskState::Running, 5)
    };
    assert_eq!(global(vec![on("1", "a"), on("2", "b")]).verdict(), UnitVerdict::Converged);
    assert_eq!(global(vec![on("1", "a")]).waits().0, "1 of 2 new tasks run");
    let drained = global(vec![on("1", "a")]).with(|scene| scene.nodes[1].availability = Availability::Drain);
    assert_eq!(drained.verdict(), UnitVerdict::Converged);
    let away = |scene: &mut Scene| scene.nodes.iter_mut().for_each(|node| node.state = NodeState::Down);
    assert_eq!(global(Vec::new()).with(away).waits(), ("none of its nodes accepts new tasks now".to_owned(), true));
}

#[test]
fn the_same_text_by_force_is_not_there_before_its_tasks_are_new() {
    let forced = Scene::of(None, up()).with(|scene| scene.service.places.force.value = Some(1.into()));
    assert_eq!(forced.waits().0, "0 of 2 new tasks run");
}
