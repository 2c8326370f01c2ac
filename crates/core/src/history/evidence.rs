//! Evidence of a service's past: which images ran in it, which failed, and which one ran well last.
//!
//! A task that ended as `shutdown` proves little: one that was only `ready` and one that ran for days and ended with
//! exit code 0 look the same in the API (observed on Docker Engine 28.5.2). So an image *ran* only if a journal or a
//! console says so, or if a task lived longer than it could have without running.

use std::time::Duration;

use crate::image::same;
use crate::journal::{ChangeState, UnitState};
use crate::swarm::HealthState;
use crate::swarm::{GroupKey, GroupKind};
use crate::swarm::{LONG_RUN, RestartCondition, SETTLED, Service, ServiceMode, Task, TaskState};
use crate::time::{Time, age};
use crate::world::World;

/// The lifetime from which a task that failed counts as one that ran.
const HOUR: Duration = Duration::from_secs(3600);

/// What is known about the runs of an image in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// The image is proven to have run.
    Ran,
    /// A task or a change failed with the image, and no long run outweighs it.
    FailedHere,
    /// Nothing proves that the image ran or failed.
    NotKnown,
}

/// The evidence about one image in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageEvidence {
    /// The conclusion.
    pub verdict: RunVerdict,
    /// The longest proven run; `None` without one, or if its length is not known.
    pub longest: Option<Duration>,
    /// Set if the image ran, and failed after its last proven run.
    pub failed_last: bool,
    /// Set if the only proof is that the image runs in another instance of the same database.
    pub in_sibling: bool,
}

impl ImageEvidence {
    /// Returns whether the image is proven to have run and did not fail afterwards.
    pub fn is_good(&self) -> bool {
        self.verdict == RunVerdict::Ran && !self.failed_last
    }

    /// Returns whether the image failed: always, or after its last proven run.
    pub fn has_failed(&self) -> bool {
        self.verdict == RunVerdict::FailedHere || self.failed_last
    }

    /// Describes the evidence in a clause, such as "ran here (41d)".
    pub fn describe(&self) -> String {
        let span = self.longest.map(|span| format!(" ({})", age(span))).unwrap_or_default();
        match self.verdict {
            RunVerdict::Ran if self.in_sibling => "runs in another instance of this database".to_owned(),
            RunVerdict::Ran if self.failed_last => format!("ran here{span} and failed afterwards"),
            RunVerdict::Ran => format!("ran here{span}"),
            RunVerdict::FailedHere => "failed here".to_owned(),
            RunVerdict::NotKnown => "not known to have run here".to_owned(),
        }
    }
}

/// A run of a task, or of a whole service, that is proven.
struct ProvenRun {
    length: Option<Duration>,
    until: Option<Time>,
    /// Set if no failure of the same image outweighs the run.
    conclusive: bool,
}

/// Returns the run time of a task that is proven to have run; `None` without proof. `service` is the service it
/// belongs to.
pub(crate) fn run_time(task: &Task, service: &Service, now: Time) -> Option<Duration> {
    let since = task.since?;
    if task.state == TaskState::Running {
        return Some(now.since(since)).filter(|time| *time >= SETTLED);
    }
    // Without a container the task never ran.
    let created = task.created.filter(|_| task.exit_code.is_some())?;
    let life = since.since(created);
    // A task can wait this long beside the task that it replaces, or while its health is not yet checked.
    let idle = service.restart_delay + service.stop_grace + service.health_start.unwrap_or_default();
    let proves = match task.state {
        TaskState::Complete if may_complete(service) => true,
        // A task that was stopped before it ran has an error.
        TaskState::Complete | TaskState::Shutdown => task.error.is_empty() && life >= LONG_RUN + idle,
        // The error of a container that ran and ended by itself; other errors come from containers that never started
        // or never became healthy. Its life may be a long wait or pull before a short run.
        TaskState::Failed => {
            task.error.starts_with("task: non-zero exit") && !task.error.contains("unhealthy") && life >= HOUR + idle
        }
        _ => false,
    };
    proves.then_some(life)
}

/// Returns whether a task's node is known to have had its image: it runs, however short, or is proven to have run.
pub(crate) fn had_its_image(task: &Task, service: &Service, now: Time) -> bool {
    task.state == TaskState::Running || run_time(task, service, now).is_some()
}

/// Returns whether a task that ends with exit code 0 did what it was meant to do.
fn may_complete(service: &Service) -> bool {
    matches!(service.mode, ServiceMode::ReplicatedJob(_) | ServiceMode::GlobalJob)
        || service.restart != RestartCondition::Any
}

/// Returns the evidence about an image, by text or digest, in a service.
pub fn evidence(world: &World, group: &GroupKey, service: &Service, image: &str) -> ImageEvidence {
    let now = world.heard.unwrap_or_default();
    let tasks = || world.tasks(&service.id).iter().filter(|task| same(image, &task.image));
    let mut runs: Vec<ProvenRun> = Vec::new();
    let mut failed: Vec<Option<Time>> =
        tasks().filter(|task| task.state.is_failure()).map(|task| task.since.or(task.created)).collect();
    let is_current = same(image, service.image());
    for task in tasks() {
        let Some(length) = run_time(task, service, now) else { continue };
        let well_now = is_current && task.state == TaskState::Running && is_well(world, service);
        let conclusive = length >= LONG_RUN || well_now || (task.state == TaskState::Complete && may_complete(service));
        let until = if task.state == TaskState::Running { Some(now) } else { task.since };
        runs.push(ProvenRun { length: Some(length), until, conclusive });
    }
    if is_current && is_well(world, service) && world.tasks(&service.id).is_empty() {
        // Tasks of healthy services are not read; the engine's counts say that all of them run.
        let since = world.health(&service.id).and_then(|health| health.since).or(service.updated);
        let length = since.map(|since| now.since(since)).filter(|time| *time >= SETTLED);
        runs.extend(length.map(|_| ProvenRun { length: None, until: Some(now), conclusive: true }));
    }
    if let Some((length, last)) = world.seen_running(&service.id, image) {
        runs.push(ProvenRun { length: Some(length), until: Some(last), conclusive: length >= LONG_RUN });
    }
    // Between two observations of an image another one may have run: they prove that it ran, and not for how long.
    let mut seen = world
        .history(group)
        .sightings()
        .filter(|seen| seen.service_id == service.id && same(image, &seen.places.image));
    runs.extend(seen.next().map(|last| ProvenRun { length: None, until: last.at, conclusive: false }));
    match journal_says(world, group, service, image) {
        Some((true, at)) => runs.push(ProvenRun { length: None, until: at, conclusive: false }),
        Some((false, at)) => failed.push(at),
        None => {}
    }
    if was_replaced_well(world, group, service, image) {
        runs.push(ProvenRun { length: None, until: None, conclusive: false });
    }
    let mut found = conclude(&runs, &failed);
    if found.verdict == RunVerdict::NotKnown && runs_in_sibling(world, group, service, image) {
        (found.verdict, found.in_sibling) = (RunVerdict::Ran, true);
    }
    found
}

/// Returns whether another instance of the same database runs the image well: all of them run the same program on copies
/// of the same data.
fn runs_in_sibling(world: &World, group: &GroupKey, service: &Service, image: &str) -> bool {
    let mut others = world.members(group).filter(|other| other.id != service.id && same(image, other.image()));
    group.kind == GroupKind::Database && others.any(|other| is_well(world, other))
}

/// Weighs runs against failures.
fn conclude(runs: &[ProvenRun], failed: &[Option<Time>]) -> ImageEvidence {
    let longest = runs.iter().filter_map(|run| run.length).max();
    let conclusive = || runs.iter().filter(|run| run.conclusive);
    if conclusive().next().is_none() {
        let verdict = match (failed.is_empty(), runs.is_empty()) {
            (false, _) => RunVerdict::FailedHere,
            (true, false) => RunVerdict::Ran,
            (true, true) => RunVerdict::NotKnown,
        };
        return ImageEvidence {
            verdict,
            longest: longest.filter(|_| verdict == RunVerdict::Ran),
            failed_last: false,
            in_sibling: false,
        };
    }
    let ended = conclusive().filter_map(|run| run.until).max();
    let failed_last = failed.iter().flatten().max() > ended.as_ref();
    ImageEvidence { verdict: RunVerdict::Ran, longest, failed_last, in_sibling: false }
}

/// Returns whether the plan of a change says that this image ran when the change replaced it.
fn was_replaced_well(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    let records = world.history(group).newest_first().filter_map(|entry| entry.record.as_ref());
    let mut units = records.flat_map(|record| &record.plan.units);
    units.any(|unit| unit.from_ran && unit.service_id == service.id && same(text, &unit.from.image))
}

fn is_well(world: &World, service: &Service) -> bool {
    matches!(world.health(&service.id).map(|health| health.state), Some(HealthState::Ok | HealthState::Finished))
}

/// Returns whether the newest change to this image succeeded in a service, and when it began; `None` if no change
/// gives an answer.
fn journal_says(world: &World, group: &GroupKey, service: &Service, text: &str) -> Option<(bool, Option<Time>)> {
    world.history(group).newest_first().find_map(|entry| {
        let units = &entry.record.as_ref()?.plan.units;
        let at = units.iter().position(|unit| unit.service_id == service.id && same(text, &unit.to.image))?;
        let began = entry.slot.labels.at.or(entry.slot.created);
        // A change of a service without tasks is done at once, and proves nothing.
        let tasks = units.get(at).map_or(0, |unit| unit.effect.restarts + unit.effect.stays);
        match (entry.unit_state(at), entry.slot.labels.state) {
            (UnitState::Done, _) if tasks == 0 => None,
            (UnitState::Done, _) => Some((true, began)),
            // Of a change that the operator took back or left in part, a unit can have failed on its way back.
            (UnitState::Failed | UnitState::RolledBack, ChangeState::Failed) => Some((false, began)),
            _ => None,
        }
    })
}

/// Returns whether an image is proven to have run in this very service.
pub(crate) fn ran_here(world: &World, group: &GroupKey, service: &Service, text: &str) -> bool {
    let past = evidence(world, group, service, text);
    // Another instance has its own data: what runs there may not run on the data here.
    past.verdict == RunVerdict::Ran && !past.in_sibling
}

/// Returns whether an image is known to have failed in a service, and not to have run well since.
pub fn failed_here(world: &World, group: &GroupKey, service: &Service, image: &str) -> bool {
    evidence(world, group, service, image).has_failed()
}

/// Returns the image that last ran well in a service: the current one if the service is healthy, else the
/// newest earlier one that is proven to have run. Without proof, it is the newest one that is not known to have
/// failed: the checks that compare versions must not be lost for lack of proof.
pub(crate) fn last_healthy(world: &World, group: &GroupKey, service: &Service) -> Option<String> {
    if is_well(world, service) {
        return Some(service.image().to_owned());
    }
    let now = world.heard.unwrap_or_default();
    let well = |image: &str| !failed_here(world, group, service, image);
    let newest = |proven: bool| {
        let stopped = |task: &Task| task.state == TaskState::Shutdown && task.exit_code.is_some();
        let ended = |task: &&Task| if proven { run_time(task, service, now).is_some() } else { stopped(task) };
        let tasks = world.tasks(&service.id).iter().filter(ended).filter(|task| well(&task.image));
        tasks.max_by_key(|task| task.since.or(task.created)).map(|task| task.image.clone())
    };
    let of_journal = || {
        world.history(group).newest_first().find_map(|entry| {
            let units = &entry.record.as_ref()?.plan.units;
            let at = units.iter().position(|unit| unit.service_id == service.id)?;
            let unit = units.get(at)?;
            let to = (entry.unit_state(at) == UnitState::Done).then_some(&unit.to.image);
            to.into_iter().chain([&unit.from.image]).find(|image| well(image)).cloned()
        })
    };
    let previous = || service.previous.as_ref().map(|previous| previous.image.clone()).filter(|image| well(image));
    // For a stopped service, or one whose node is down, the spec is the last evidence.
    let rests = matches!(
        world.health(&service.id).map(|health| health.state),
        Some(HealthState::Stopped | HealthState::NodeDown | HealthState::Unknown)
    );
    let spec = || (rests && well(service.image())).then(|| service.image().to_owned());
    newest(true).or_else(of_journal).or_else(spec).or_else(previous).or_else(|| newest(false))
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
