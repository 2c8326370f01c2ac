//! Evidence of a service's past: which images ran in it, which failed, and which one ran well last.

use crate::image::digest_of;
use crate::journal::{ChangeState, UnitState};
use crate::swarm::GroupKey;
use crate::swarm::HealthState;
use crate::swarm::{Service, Task, TaskState};
use crate::world::World;

/// Returns whether a task came up: it runs, or it ran until it ended or was stopped without an error.
pub(crate) fn came_up(task: &Task) -> bool {
    match task.state {
        TaskState::Running => true,
        // A task that was stopped before it ran has an error.
        TaskState::Shutdown | TaskState::Complete => task.error.is_empty(),
        _ => false,
    }
}

/// Returns whether two references name the same image: by an equal text or an equal digest.
pub fn same(one: &str, other: &str) -> bool {
    let digest = digest_of(one);
    one == other || (digest.is_some() && digest == digest_of(other))
}

/// Returns whether an image, by text or digest, is known to have run in a service. An image that the service's
/// spec had before counts too, unless it failed.
pub(crate) fn ran_here(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    let before = || {
        let records = world.history(group).newest_first().filter_map(|entry| entry.record.as_ref());
        let mut units = records.flat_map(|record| &record.plan.units);
        units.any(|unit| unit.service_id == service.id && same(text, &unit.from.image))
            || service.previous.as_ref().is_some_and(|previous| same(text, &previous.image))
    };
    ran_well(world, group, service, text) || (before() && !failed_here(world, group, service, text))
}

/// Returns whether there is proof that an image ran well in a service. The current or a
/// previous spec alone is no proof.
pub(crate) fn ran_well(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    if is_well(world, service) && same(text, service.image()) {
        return true;
    }
    let by_task = || {
        let tasks = world.tasks(&service.id).iter();
        tasks.filter(|task| same(text, &task.image)).any(came_up) && !failed_here(world, group, service, text)
    };
    let says = || journal_says(world, group, service, text);
    by_task() || says() == Some(true) || (was_seen(world, group, service, text) && says() != Some(false))
}

/// Returns whether an observation is recorded of the image running in this service.
fn was_seen(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    let mut seen = world.history(group).sightings().filter(|seen| seen.service_id == service.id);
    seen.any(|seen| same(text, &seen.places.image))
}

fn is_well(world: &World, service: &Service) -> bool {
    matches!(world.health(&service.id).map(|health| health.state), Some(HealthState::Ok | HealthState::Finished))
}

/// Returns whether the newest change to this image succeeded in a service; `None` if no change gives an answer.
fn journal_says(world: &World, group: &GroupKey, service: &Service, text: &str) -> Option<bool> {
    world.history(group).newest_first().find_map(|entry| {
        let units = &entry.record.as_ref()?.plan.units;
        let at = units.iter().position(|unit| unit.service_id == service.id && same(text, &unit.to.image))?;
        match (entry.unit_state(at), entry.slot.labels.state) {
            (UnitState::Done, _) => Some(true),
            (UnitState::Failed, _) | (UnitState::RolledBack, ChangeState::Failed) => Some(false),
            _ => None,
        }
    })
}

/// Returns whether an image is known to have failed in a service, and not to have run well since.
pub fn failed_here(world: &World, group: &GroupKey, service: &Service, image: &str) -> bool {
    let tasks = world.tasks(&service.id).iter().filter(|task| task.image == image);
    let (bad, good): (Vec<_>, Vec<_>) = tasks.partition(|task| task.state.is_failure());
    // In a crash loop the image runs at moments; such a run does not count.
    let loops = image == service.image()
        && matches!(
            world.health(&service.id).map(|health| health.state),
            Some(HealthState::Failing | HealthState::CrashLoop | HealthState::Paused)
        );
    let counts = |task: &&Task| match task.state {
        TaskState::Running => !loops,
        TaskState::Shutdown | TaskState::Complete => true,
        _ => false,
    };
    if !bad.is_empty() && !good.iter().any(counts) {
        return true;
    }
    let is_well_now = image == service.image() && is_well(world, service) && good.iter().any(counts);
    !is_well_now && journal_says(world, group, service, image) == Some(false)
}

/// Returns the image that last ran well in a service: the current one if the service is healthy, else the
/// newest earlier one that did not fail. The spec alone is no proof, because its image may never have started.
pub(crate) fn last_healthy(world: &World, group: &GroupKey, service: &Service) -> Option<String> {
    if is_well(world, service) {
        return Some(service.image().to_owned());
    }
    let well = |image: &str| !failed_here(world, group, service, image);
    let tasks = world.tasks(&service.id).iter().filter(|task| came_up(task) && well(&task.image));
    if let Some(task) = tasks.max_by_key(|task| task.since.or(task.created)) {
        return Some(task.image.clone());
    }
    let of_journal = world.history(group).newest_first().find_map(|entry| {
        let units = &entry.record.as_ref()?.plan.units;
        let at = units.iter().position(|unit| unit.service_id == service.id)?;
        let unit = units.get(at)?;
        let to = (entry.unit_state(at) == UnitState::Done).then_some(&unit.to.image);
        to.into_iter().chain([&unit.from.image]).find(|image| well(image)).cloned()
    });
    let previous = || service.previous.as_ref().map(|previous| previous.image.clone()).filter(|image| well(image));
    // For a stopped service, or one whose node is down, the spec is the last evidence.
    let rests = matches!(
        world.health(&service.id).map(|health| health.state),
        Some(HealthState::Stopped | HealthState::NodeDown | HealthState::Unknown)
    );
    let spec = || (rests && well(service.image())).then(|| service.image().to_owned());
    of_journal.or_else(spec).or_else(previous)
}

#[cfg(test)]
mod tests {
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
        use crate::journal::Slot;
        use crate::plan::{ChangeRecord, ImageWithDigest, Plan, PlanKind, SpecEdit, Unit, UnitAction};
        let group = GroupKey::of(service);
        let over = if state == UnitState::Done { ChangeState::Done } else { ChangeState::Failed };
        let unit = Unit {
            service: service.name.clone(),
            service_id: service.id.clone(),
            member: service.name.clone(),
            node: String::new(),
            action: UnitAction::Update,
            from: ImageWithDigest::new("r/web:from"),
            to: ImageWithDigest::new(to),
            reasons: Vec::new(),
            effect: crate::plan::TaskImpact::default(),
            edits: Vec::<SpecEdit>::new(),
            rest: service.rest.clone(),
            engine_rolls_back: false,
            credentials: crate::plan::CredentialOrigin::default(),
            notes: Vec::new(),
            lands: Vec::new(),
            unchecked: None,
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
        let slot = Slot {
            config: change.clone(),
            index: 1,
            created: None,
            seq,
            v: 1,
            change: change.clone(),
            group_hash: group.hash(),
            labels: labels(&group, over, state),
        };
        world.apply(Observation::Slot(Box::new(slot)), sample::NOW);
        let record = ChangeRecord { v: 1, change: change.clone(), plan, extra: serde_json::Map::new() };
        world.apply(Observation::Record { change, record: Some(Box::new(record)) }, sample::NOW);
    }

    #[test]
    fn what_did_well_later_has_not_failed() {
        let service = sample::service("web", "r/web:bad");
        let group = GroupKey::of(&service);
        let mut world = world(&service, vec![task("f", &service, "r/web:bad", TaskState::Rejected, 1)]);
        changed(&mut world, &service, 1, "r/web:x", UnitState::RolledBack);
        assert!(failed_here(&world, &group, &service, "r/web:x") && !ran_well(&world, &group, &service, "r/web:x"));
        changed(&mut world, &service, 2, "r/web:x", UnitState::Done);
        assert!(!failed_here(&world, &group, &service, "r/web:x") && ran_well(&world, &group, &service, "r/web:x"));
        changed(&mut world, &service, 3, "r/web:x", UnitState::Failed);
        assert!(failed_here(&world, &group, &service, "r/web:x"), "the newest word counts");
    }

    #[test]
    fn what_was_only_written_did_not_run() {
        let mut service = sample::service("pg", "r/pg:17");
        service.previous = Some(sample::places("r/pg:18"));
        let group = GroupKey::of(&service);
        let ran = |service: &Service, tasks, text: &str| ran_well(&world(service, tasks), &group, service, text);
        assert!(!ran(&service, vec![], "r/pg:18"), "the engine's previous spec is no proof");
        let waits = task("w", &service, "r/pg:17", TaskState::Pending, 5);
        assert!(!ran(&service, vec![waits], "r/pg:17"), "nor is the spec of what never started");
        // In a crash loop the image runs at moments, but it did not run well; scaling to 0 does not change that.
        let ends = |ago| task(&format!("e{ago}"), &service, "r/pg:17", TaskState::Failed, ago);
        let old = task("o", &service, "r/pg:16", TaskState::Shutdown, 900);
        let loops =
            vec![ends(50), ends(40), ends(30), task("n", &service, "r/pg:17", TaskState::Running, 1), old.clone()];
        assert_eq!(last_healthy(&world(&service, loops), &group, &service).as_deref(), Some("r/pg:16"));
        let tasks = vec![ends(50), old];
        service.mode = crate::swarm::ServiceMode::Replicated(0);
        let stopped = world(&service, tasks);
        assert_eq!(last_healthy(&stopped, &group, &service).as_deref(), Some("r/pg:16"));
    }
}
