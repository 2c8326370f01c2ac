//! Tests of the evidence about images.

use super::*;
use crate::sample;
use crate::world::Observation;

fn world(service: &Service, tasks: Vec<Task>) -> World {
    let mut world = World::default();
    world.apply(Observation::Nodes(vec![sample::node("a")]), sample::NOW);
    world.apply(Observation::Services(vec![service.clone()]), sample::NOW);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks }, sample::NOW);
    world
}

fn task(id: &str, service: &Service, image: &str, state: TaskState, ago: i64) -> Task {
    Task { image: image.into(), ..sample::task(id, service, "a", state, ago) }
}

#[test]
fn the_last_that_ran_well() {
    let mut service = sample::service("web", "r/web:bad");
    let group = GroupKey::of(&service);
    let healthy = |service: &Service, tasks| last_healthy(&world(service, tasks), &group, service);
    let failed = |ago| task("f", &service, "r/web:bad", TaskState::Rejected, ago);
    let old = |image: &str, ago| task(image, &service, image, TaskState::Shutdown, ago);
    let ran = healthy(&service, vec![failed(1), old("r/web:1", 500), old("r/web:0", 900)]);
    assert_eq!(ran.as_deref(), Some("r/web:1"), "not the spec's, which never started");
    assert_eq!(healthy(&service, vec![failed(1)]), None);
    let running = task("r", &service, "r/web:bad", TaskState::Running, 500);
    assert_eq!(healthy(&service, vec![running]).as_deref(), Some("r/web:bad"), "it is well");
    let tasks = vec![failed(1)];
    service.previous = Some(sample::places("r/web:1"));
    assert_eq!(healthy(&service, tasks).as_deref(), Some("r/web:1"));
}

/// What the tasks of an image say about it, beside a service that runs another one.
fn past(tasks: Vec<Task>) -> ImageEvidence {
    let service = sample::service("web", "r/web:now");
    evidence(&world(&service, tasks), &GroupKey::of(&service), &service, "r/web:x")
}

/// A task of the image that lived for this time and ended ten minutes ago.
fn lived(state: TaskState, seconds: i64, error: &str) -> Task {
    let service = sample::service("web", "r/web:now");
    let end = 600;
    Task {
        created: Some(Time(sample::NOW.0 - (end + seconds) * 1000)),
        error: error.to_owned(),
        exit_code: Some(0),
        desired: TaskState::Shutdown,
        ..task(&format!("{state}{seconds}{error}"), &service, "r/web:x", state, end)
    }
}

#[test]
fn a_task_that_was_shut_down_proves_a_run_only_by_its_lifetime() {
    use RunVerdict::{FailedHere, NotKnown, Ran};
    let exited = "task: non-zero exit (3)";
    // It may wait for 5 s of restart delay and 10 s of stop grace before it starts.
    for (tasks, verdict, failed_last) in [
        (vec![], NotKnown, false),
        (vec![lived(TaskState::Shutdown, 4, "")], NotKnown, false),
        (vec![lived(TaskState::Shutdown, 314, "")], NotKnown, false),
        (vec![lived(TaskState::Shutdown, 315, "")], Ran, false),
        (vec![lived(TaskState::Shutdown, 9999, "No such image")], NotKnown, false),
        (vec![Task { exit_code: None, ..lived(TaskState::Shutdown, 9999, "") }], NotKnown, false),
        (vec![lived(TaskState::Failed, 4, exited)], FailedHere, false),
        (vec![lived(TaskState::Failed, 9999, exited)], Ran, false),
        (
            vec![lived(TaskState::Failed, 9999, "task: non-zero exit (137): dockerexec: unhealthy container")],
            FailedHere,
            false,
        ),
        (vec![lived(TaskState::Failed, 9999, "starting container failed: no such file")], FailedHere, false),
        (vec![lived(TaskState::Rejected, 4, "No such image")], FailedHere, false),
        (vec![lived(TaskState::Failed, 4, exited), lived(TaskState::Shutdown, 40, "")], FailedHere, false),
        (vec![lived(TaskState::Failed, 4, exited), lived(TaskState::Shutdown, 999, "")], Ran, false),
    ] {
        let found = past(tasks.clone());
        assert_eq!((found.verdict, found.failed_last), (verdict, failed_last), "{tasks:?}");
    }
    let mut late = lived(TaskState::Failed, 4, exited);
    (late.created, late.since) = (Some(Time(sample::NOW.0 - 64_000)), Some(Time(sample::NOW.0 - 60_000)));
    let found = past(vec![lived(TaskState::Shutdown, 999, ""), late]);
    assert_eq!((found.verdict, found.failed_last), (Ran, true), "it ran, and then it did not");
    assert!(found.has_failed() && !found.is_good());
}

#[test]
fn what_was_seen_running_ran_after_the_engine_forgot_it() {
    let service = sample::service("web", "r/web:x");
    let up = |ago| task("up", &service, "r/web:x", TaskState::Running, ago);
    for (ago, verdict) in [(9, RunVerdict::NotKnown), (10, RunVerdict::Ran)] {
        let mut world = world(&service, vec![up(ago)]);
        let mut next = sample::service("web", "r/web:now");
        next.running = Some(0);
        world.apply(Observation::Services(vec![next.clone()]), sample::NOW);
        let failed = task("f", &next, "r/web:now", TaskState::Rejected, 1);
        world.apply(Observation::Tasks { service: next.id.clone(), tasks: vec![failed] }, sample::NOW);
        let found = evidence(&world, &GroupKey::of(&next), &next, "r/web:x");
        assert_eq!(found.verdict, verdict, "seen for {ago} s");
    }
}

fn labels(group: &GroupKey, over: ChangeState, unit: UnitState) -> crate::journal::SlotLabels {
    crate::journal::SlotLabels {
        group: group.to_string(),
        owner: String::new(),
        beat: 1,
        state: over,
        units: vec![unit],
        post: None,
        by: String::new(),
        why: String::new(),
        at: None,
        sum: String::new(),
        home: String::new(),
        extra: std::collections::BTreeMap::new(),
    }
}

fn changed(world: &mut World, service: &Service, seq: u64, to: &str, state: UnitState) {
    use crate::journal::ChangeSlot;
    use crate::plan::{ChangeRecord, Plan, PlanKind, SpecEdit, SpecImage, Unit, UnitAction};
    let group = GroupKey::of(service);
    let over = if state == UnitState::Done { ChangeState::Done } else { ChangeState::Failed };
    let unit = Unit {
        service: service.name.clone(),
        service_id: service.id.clone(),
        member: service.name.clone(),
        node: String::new(),
        action: UnitAction::Update,
        from: SpecImage::new("r/web:from"),
        to: SpecImage::new(to),
        reasons: Vec::new(),
        effect: crate::plan::TaskImpact { restarts: 1, stays: 0 },
        edits: Vec::<SpecEdit>::new(),
        rest: service.rest.clone(),
        engine_rolls_back: false,
        credentials: crate::plan::CredentialOrigin::default(),
        notes: Vec::new(),
        lands: Vec::new(),
        unchecked: None,
        from_ran: false,
        extra: serde_json::Map::new(),
    };
    let plan = Plan {
        v: 1,
        id: String::new(),
        created: sample::NOW,
        swarm: String::new(),
        group: group.clone(),
        parent: seq - 1,
        kind: PlanKind::Pin,
        api: String::new(),
        pins_before: None,
        pins_after: None,
        units: vec![unit],
        findings: Vec::new(),
        extra: serde_json::Map::new(),
    };
    let change = format!("change-{seq}");
    let slot = ChangeSlot {
        config: change.clone(),
        index: 1,
        created: None,
        seq,
        v: 1,
        change: change.clone(),
        group_hash: group.hash(),
        labels: labels(&group, over, state),
    };
    world.apply(Observation::ChangeSlot(Box::new(slot)), sample::NOW);
    let record = ChangeRecord { v: 1, change: change.clone(), plan, extra: serde_json::Map::new() };
    world.apply(Observation::Record { change, record: Some(Box::new(record)) }, sample::NOW);
}

#[test]
fn what_did_well_later_has_not_failed() {
    let service = sample::service("web", "r/web:bad");
    let group = GroupKey::of(&service);
    let mut world = world(&service, vec![task("f", &service, "r/web:bad", TaskState::Rejected, 1)]);
    changed(&mut world, &service, 1, "r/web:x", UnitState::RolledBack);
    assert!(failed_here(&world, &group, &service, "r/web:x") && !ran_here(&world, &group, &service, "r/web:x"));
    changed(&mut world, &service, 2, "r/web:x", UnitState::Done);
    assert!(!failed_here(&world, &group, &service, "r/web:x") && ran_here(&world, &group, &service, "r/web:x"));
    changed(&mut world, &service, 3, "r/web:x", UnitState::Failed);
    assert!(failed_here(&world, &group, &service, "r/web:x"), "the newest word counts");
}

#[test]
fn what_was_only_written_did_not_run() {
    let mut service = sample::service("pg", "r/pg:17");
    service.previous = Some(sample::places("r/pg:18"));
    let group = GroupKey::of(&service);
    let ran = |service: &Service, tasks, text: &str| ran_here(&world(service, tasks), &group, service, text);
    assert!(!ran(&service, vec![], "r/pg:18"), "the engine's previous spec is no proof");
    let waits = task("w", &service, "r/pg:17", TaskState::Pending, 5);
    assert!(!ran(&service, vec![waits], "r/pg:17"), "nor is the spec of what never started");
    // In a crash loop the image runs at moments, but it did not run well; scaling to 0 does not change that.
    let ends = |ago| task(&format!("e{ago}"), &service, "r/pg:17", TaskState::Failed, ago);
    let old = task("o", &service, "r/pg:16", TaskState::Shutdown, 900);
    let loops = vec![ends(50), ends(40), ends(30), task("n", &service, "r/pg:17", TaskState::Running, 1), old.clone()];
    assert_eq!(last_healthy(&world(&service, loops), &group, &service).as_deref(), Some("r/pg:16"));
    let tasks = vec![ends(50), old];
    service.mode = crate::swarm::ServiceMode::Replicated(0);
    let stopped = world(&service, tasks);
    assert_eq!(last_healthy(&stopped, &group, &service).as_deref(), Some("r/pg:16"));
}

#[test]
fn an_instance_of_the_same_database_is_proof_and_another_service_of_a_stack_is_not() {
    for (label, verdict) in [(crate::swarm::DATABASE, RunVerdict::Ran), (crate::swarm::STACK, RunVerdict::NotKnown)] {
        let of = |name: &str, image: &str| {
            let mut service = sample::service(name, image);
            service.labels.insert(label.to_owned(), "g".to_owned());
            service
        };
        let (bad, good) = (of("one", "r/web:bad"), of("two", "r/web:x"));
        let mut world = World::default();
        world.apply(Observation::Nodes(vec![sample::node("a")]), sample::NOW);
        world.apply(Observation::Services(vec![bad.clone(), good.clone()]), sample::NOW);
        let failed = task("f", &bad, "r/web:bad", TaskState::Rejected, 1);
        world.apply(Observation::Tasks { service: bad.id.clone(), tasks: vec![failed.clone()] }, sample::NOW);
        let up = task("up", &good, "r/web:x", TaskState::Running, 500);
        world.apply(Observation::Tasks { service: good.id.clone(), tasks: vec![up] }, sample::NOW);
        let group = GroupKey::of(&bad);
        let found = evidence(&world, &group, &bad, "r/web:x");
        assert_eq!((found.verdict, found.in_sibling), (verdict, verdict == RunVerdict::Ran), "{group}");
        // What failed in the service itself outweighs it.
        let here = Task { image: "r/web:x".into(), ..failed };
        world.apply(Observation::Tasks { service: bad.id.clone(), tasks: vec![here] }, sample::NOW);
        assert_eq!(evidence(&world, &group, &bad, "r/web:x").verdict, RunVerdict::FailedHere);
    }
}

#[test]
fn a_short_run_after_a_long_one_does_not_hide_the_failures_between() {
    let service = sample::service("web", "r/web:x");
    let up = |ago: i64| task("up", &service, "r/web:x", TaskState::Running, ago);
    let mut world = World::default();
    world.apply(Observation::Nodes(vec![sample::node("a")]), sample::NOW);
    world.apply(Observation::Services(vec![service.clone()]), sample::NOW);
    // It ran for three days, and has been in a crash loop for the last minutes.
    let later = |seconds: i64| Time(sample::NOW.0 + seconds * 1000);
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: vec![up(3 * 86_400)] }, sample::NOW);
    let failed = Task { since: Some(later(300)), ..task("f", &service, "r/web:x", TaskState::Failed, 0) };
    let short = Task { id: "s".into(), since: Some(later(340)), ..up(0) };
    world.apply(Observation::Tasks { service: service.id.clone(), tasks: vec![failed.clone(), short] }, later(360));
    let mut next = sample::service("web", "r/web:now");
    next.running = Some(0);
    world.apply(Observation::Services(vec![next.clone()]), later(361));
    let bad = Task { image: "r/web:now".into(), ..failed.clone() };
    world.apply(Observation::Tasks { service: next.id.clone(), tasks: vec![failed, bad] }, later(362));
    let found = evidence(&world, &GroupKey::of(&next), &next, "r/web:x");
    assert_eq!((found.verdict, found.failed_last), (RunVerdict::Ran, true));
}

#[test]
fn a_change_of_a_service_without_tasks_proves_nothing() {
    let service = sample::service("web", "r/web:now");
    let group = GroupKey::of(&service);
    let mut world = world(&service, vec![task("f", &service, "r/web:now", TaskState::Rejected, 1)]);
    changed(&mut world, &service, 1, "r/web:x", UnitState::Done);
    assert_eq!(evidence(&world, &group, &service, "r/web:x").verdict, RunVerdict::Ran);
    let entry = world.history(&group).newest().unwrap();
    let (change, mut record) = (entry.slot.change.clone(), entry.record.clone().unwrap());
    record.plan.units[0].effect = crate::plan::TaskImpact::default();
    world.apply(Observation::Record { change, record: Some(Box::new(record)) }, sample::NOW);
    assert_eq!(evidence(&world, &group, &service, "r/web:x").verdict, RunVerdict::NotKnown);
}
