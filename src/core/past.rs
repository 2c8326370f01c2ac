//! What is known of a service's past: which images ran in it, which failed, which was the last that ran well.

use super::group::GroupKey;
use super::health::State;
use super::image::digest_of;
use super::journal::{ChangeState, UnitState};
use super::swarm::{Service, Task, TaskState};
use super::world::World;

/// Whether a task's image came up in it: it runs, or ran until it was told to stop.
fn came_up(task: &Task) -> bool {
    match task.state {
        TaskState::Running => true,
        // What was stopped before it ran was never up.
        TaskState::Shutdown | TaskState::Complete => task.error.is_empty(),
        _ => false,
    }
}

/// Whether the image, by text or digest, is known to have run in this service.
pub fn ran_here(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    let digest = digest_of(text);
    let same = |other: &str| other == text || (digest.is_some() && digest == digest_of(other));
    let records = world.history(group).newest_first().filter_map(|entry| entry.record.as_ref());
    let units = records.flat_map(|record| &record.plan.units);
    let in_history = units.filter(|unit| unit.service_id == service.id).any(|unit| same(&unit.from.image));
    in_history
        || service.previous.as_ref().is_some_and(|previous| same(&previous.image))
        || world.tasks(&service.id).iter().any(|task| same(&task.image) && !task.state.is_failure())
}

/// Whether an image is known to have failed in this service.
pub fn failed_here(world: &World, group: &GroupKey, service: &Service, image: &str) -> bool {
    let tasks = world.tasks(&service.id).iter().filter(|task| task.image == image);
    let (bad, good): (Vec<_>, Vec<_>) = tasks.partition(|task| task.state.is_failure());
    if !bad.is_empty() && good.iter().all(|task| !matches!(task.state.as_str(), "running" | "shutdown" | "complete")) {
        return true;
    }
    world.history(group).newest_first().any(|entry| {
        let failed = |at: usize| match entry.slot.labels.state {
            ChangeState::Failed => matches!(entry.unit_state(at), UnitState::Failed | UnitState::PutBack),
            _ => entry.unit_state(at) == UnitState::Failed,
        };
        entry
            .record
            .iter()
            .flat_map(|record| record.plan.units.iter().enumerate())
            .any(|(at, unit)| unit.service_id == service.id && unit.to.image == image && failed(at))
    })
}

/// The image that last ran well in this service: what runs where it is well, else the newest earlier one that did not
/// fail. What the spec says is no proof: an image that never started did not run here.
pub fn last_healthy(world: &World, group: &GroupKey, service: &Service) -> Option<String> {
    let state = world.health(&service.id).map(|health| health.state);
    if matches!(state, Some(State::Ok | State::Finished | State::Stopped | State::NodeDown)) {
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
    of_journal.or_else(previous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sample;
    use crate::core::world::Seen;

    fn world(service: &Service, tasks: Vec<Task>) -> World {
        let mut world = World::default();
        world.apply(Seen::Nodes(vec![sample::node("a")]), sample::NOW);
        world.apply(Seen::Services(vec![service.clone()]), sample::NOW);
        world.apply(Seen::Tasks { service: service.id.clone(), tasks }, sample::NOW);
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
}
