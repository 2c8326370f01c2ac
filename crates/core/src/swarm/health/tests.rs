//! Tests of the assessed states.

use super::*;
use crate::sample;

fn judge(service: &Service, tasks: &[Task], nodes: &[Node]) -> HealthState {
    let nodes = nodes.iter().map(|node| (node.id.clone(), node.clone())).collect();
    assess(service, tasks, &nodes, sample::NOW).state
}

#[test]
fn words_of_a_service() {
    let service = sample::service("web", "reg/web:1");
    let node = sample::node("a");
    let mut down = node.clone();
    down.state = NodeState::Down;
    let up = sample::task("t1", &service, "a", TaskState::Running, 100);
    let mut pending = sample::task("t2", &service, "a", TaskState::Pending, 5);
    pending.error = "no suitable node (insufficient resources on 3 nodes)".into();
    let mut rejected = sample::task("t0", &service, "a", TaskState::Rejected, 50);
    rejected.desired = TaskState::Shutdown;
    rejected.error = "No such image: reg/web:1".into();
    assert_eq!(judge(&service, std::slice::from_ref(&up), std::slice::from_ref(&node)), HealthState::Ok);
    assert_eq!(judge(&service, std::slice::from_ref(&up), std::slice::from_ref(&down)), HealthState::NodeDown);
    let mut given_up = up.clone();
    given_up.desired = TaskState::Shutdown;
    assert_eq!(judge(&service, &[given_up, pending.clone()], std::slice::from_ref(&down)), HealthState::NodeDown);
    assert_eq!(judge(&service, std::slice::from_ref(&pending), std::slice::from_ref(&node)), HealthState::Pending);
    let mut fetching = sample::task("t3", &service, "a", TaskState::Preparing, 1);
    fetching.created = Some(Time(sample::NOW.0 - 1000));
    assert_eq!(judge(&service, &[rejected.clone(), fetching], std::slice::from_ref(&node)), HealthState::Failing);
    let nodes = BTreeMap::from([(node.id.clone(), node)]);
    let now = assess(&service, &[rejected.clone(), up], &nodes, sample::NOW);
    assert_eq!((now.state, now.restarted), (HealthState::Ok, rejected.since), "well again, and that is told");
}

#[test]
fn what_ended_as_it_should_is_no_trouble() {
    let mut service = sample::service("job", "reg/job:1");
    service.restart = RestartCondition::None;
    service.running = Some(0);
    let mut done = sample::task("t", &service, "a", TaskState::Complete, 90);
    done.desired = TaskState::Shutdown;
    assert_eq!(judge(&service, &[done], &[sample::node("a")]), HealthState::Finished);
    service.mode = ServiceMode::Replicated(0);
    assert_eq!(judge(&service, &[], &[]), HealthState::Stopped);
}

#[test]
fn coming_up_again_and_again_is_looping() {
    let service = sample::service("web", "reg/web:1");
    let ended = |id: &str, ago: i64| {
        let mut task = sample::task(id, &service, "a", TaskState::Failed, ago);
        task.desired = TaskState::Shutdown;
        task.created = Some(Time(sample::NOW.0 - (ago + 22) * 1000));
        task
    };
    let up = sample::task("t", &service, "a", TaskState::Running, 3);
    assert_eq!(
        judge(&service, &[ended("1", 60), ended("2", 30), up.clone()], &[sample::node("a")]),
        HealthState::CrashLoop
    );
    assert_eq!(judge(&service, &[ended("1", 6000), ended("2", 30), up], &[sample::node("a")]), HealthState::Ok);
}

#[test]
fn what_ends_soon_after_each_start_is_not_ok_while_it_is_up() {
    let service = sample::service("web", "reg/web:1");
    let ended = |id: &str, ago: i64| {
        let mut task = sample::task(id, &service, "a", TaskState::Failed, ago);
        task.desired = TaskState::Shutdown;
        task.created = Some(Time(sample::NOW.0 - (ago + 4) * 1000));
        task
    };
    let up = |ago: i64| sample::task("t", &service, "a", TaskState::Running, ago);
    let seen = |tasks: &[Task]| judge(&service, tasks, &[sample::node("a")]);
    assert_eq!(seen(&[ended("1", 12), ended("2", 6), up(2)]), HealthState::CrashLoop);
    assert_eq!(seen(&[ended("2", 6), up(2)]), HealthState::Ok, "once is no loop");
    assert_eq!(seen(&[ended("1", 99), ended("2", 90), up(60)]), HealthState::Ok, "it got over it");
    let of_old = |id: &str, ago: i64| Task { image: "reg/web:0".into(), ..ended(id, ago) };
    assert_eq!(seen(&[of_old("1", 12), of_old("2", 6), up(2)]), HealthState::Ok, "another image did that");
}

/// The health of a service `web` of image 2 whose only slot has these tasks, beside the nodes `a` and `b`.
fn of_tasks(tasks: &[Task], nodes: &[Node]) -> Health {
    let nodes = nodes.iter().map(|node| (node.id.clone(), node.clone())).collect();
    assess(&sample::service("web", "reg/web:2"), tasks, &nodes, sample::NOW)
}

fn ended(id: &str, image: &str, node: &str, state: TaskState, ago: i64, error: &str) -> Task {
    let service = sample::service("web", image);
    let desired = TaskState::Shutdown;
    Task { desired, error: error.into(), ..sample::task(id, &service, node, state, ago) }
}

#[test]
fn an_error_of_another_image_or_an_older_spec_is_no_cause() {
    let service = sample::service("web", "reg/web:2");
    let nodes = ["a", "b"].map(sample::node);
    let starts = sample::task("new", &service, "a", TaskState::Starting, 3);
    let crash = |image: &str| ended("old", image, "a", TaskState::Failed, 20, "task: non-zero exit (1)");
    let loops = |image: &str| {
        let one = |id: &str, ago| Task {
            created: Some(Time(sample::NOW.0 - (ago + 22) * 1000)),
            ..ended(id, image, "a", TaskState::Failed, ago, "task: non-zero exit (1)")
        };
        vec![one("1", 100), one("2", 60), one("3", 20), starts.clone()]
    };
    let redeployed = |mut task: Task| {
        task.places.force.value = Some(7.into());
        task
    };
    for (tasks, state, error) in [
        (vec![crash("reg/web:1"), starts.clone()], HealthState::Pending, false),
        (vec![crash("reg/web:2"), starts.clone()], HealthState::Failing, true),
        (vec![redeployed(crash("reg/web:2")), starts.clone()], HealthState::Pending, false),
        (loops("reg/web:1"), HealthState::Pending, false),
        (loops("reg/web:2"), HealthState::CrashLoop, true),
    ] {
        let health = of_tasks(&tasks, &nodes);
        assert_eq!((health.state, health.error.is_some()), (state, error), "{tasks:?}");
    }
}

#[test]
fn what_a_node_lost_is_told_by_the_node_and_not_by_last_nights_error() {
    let service = sample::service("web", "reg/web:2");
    let mut nodes = ["a", "b"].map(sample::node);
    let waits = Task { node: None, ..sample::task("new", &service, "a", TaskState::Pending, 3) };
    let night = ended("n", "reg/web:2", "b", TaskState::Failed, 40_000, "task: non-zero exit (1)");
    let moved = ended("m", "reg/web:2", "b", TaskState::Shutdown, 5, "");
    let tasks = [night, moved, waits];
    let calm = of_tasks(&tasks, &nodes);
    assert_eq!((calm.left.clone(), calm.error), (Vec::new(), None), "it was stopped for another reason");
    nodes[1].availability = Availability::Drain;
    let drained = of_tasks(&tasks, &nodes);
    assert_eq!((drained.left, drained.error), (vec!["b-id".to_owned()], None));
    (nodes[1].availability, nodes[1].state) = (Availability::Active, NodeState::Down);
    assert_eq!(of_tasks(&tasks, &nodes).left, ["b-id"]);
}
