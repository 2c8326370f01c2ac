//! The construction of a service's row.

use std::time::Duration;

use pinnace_core::check::running;
use pinnace_core::history::drift;
use pinnace_core::history::drift::Drift;
use pinnace_core::image::{ImageRef, digest_of};
use pinnace_core::journal::{ChangeEntry, UnitState};
use pinnace_core::pins::PinDoc;
use pinnace_core::plan::{Unit, UnitAction};
use pinnace_core::registry::{Fact, Facts, LookupError, ResolvedImage};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{GroupKey, GroupKind, member_of};
use pinnace_core::swarm::{Health, HealthState};
use pinnace_core::swarm::{NodeState, Service, TaskState};
use pinnace_core::time::Time;

use crate::screens::change::other_clients;
use crate::screens::fleet::rows::{Badge, FleetRowsInput, RecentServiceChange, ServiceProblem, ServiceRow};

/// The time for which an automatic rollback by the engine is shown in full.
const NEWS: Duration = Duration::from_secs(24 * 3600);

/// Builds the row of a service, with a detail line for its change and one for its problem, if any.
pub(crate) fn row(view: &FleetRowsInput<'_>, group: &GroupKey, pins: Option<&PinDoc>, service: &Service) -> ServiceRow {
    let unknown = Health {
        state: HealthState::Unknown,
        running: 0,
        desired: 0,
        fresh: 0,
        error: None,
        left: Vec::new(),
        waits: None,
        changed: None,
        since: None,
        restarted: None,
        engine_rolled_back: false,
    };
    let health = view.world.health(&service.id).unwrap_or(&unknown);
    let member = member_of(service);
    let mut hosts = view.world.hosts(service);
    let host = (group.kind == GroupKind::Database && hosts.len() == 1).then(|| hosts.remove(0));
    let pin = pins.and_then(|doc| doc.effective(group, service));
    let changed = changed(view, group, service, health);
    let wrong = wrong(view, service, health);
    let lines = usize::from(changed.is_some()) + usize::from(wrong.is_some());
    // Trouble after a change began with the change, not with the newest attempt to start a task.
    let since = match &changed {
        Some(RecentServiceChange::Image { at: Some(at), .. }) if health.state.is_trouble() => Some(*at),
        _ => health.since,
    };
    let drift = pins.and_then(|doc| drift::of(view.world, group, doc, service));
    let mut marks = marks(view, service, health, drift.as_ref());
    if wrong.as_ref().is_some_and(|wrong| wrong.cause.is_some()) {
        // The detail line states the cause in full.
        marks.retain(|mark| *mark != Badge::Gone);
    }
    ServiceRow {
        group: group.clone(),
        service: Some(service.id.clone()),
        name: service.name.clone(),
        label: clean(if group.kind == GroupKind::Service { &service.name } else { &member }),
        member,
        host: host.map(|host| clean(&host)),
        nested: group.kind != GroupKind::Service,
        state: health.state,
        running: health.running,
        desired: health.desired,
        fresh: health.fresh,
        image: clean(service.image()),
        pin: pin.map(|(key, _)| key.to_string()),
        marks,
        since,
        changed,
        wrong,
        lines,
    }
}

/// Builds the row of a service that a change names and that no longer exists.
pub(crate) fn missing(group: &GroupKey, entry: &ChangeEntry, unit: &Unit) -> ServiceRow {
    let at = entry.slot.labels.at.or(entry.slot.created);
    ServiceRow {
        group: group.clone(),
        service: None,
        name: unit.service.clone(),
        member: unit.member.clone(),
        label: clean(&unit.member),
        host: (group.kind == GroupKind::Database && !unit.node.is_empty()).then(|| clean(&unit.node)),
        nested: group.kind != GroupKind::Service,
        state: HealthState::Missing,
        running: 0,
        desired: 0,
        fresh: 0,
        image: clean(&left_by(entry, unit).image),
        pin: None,
        marks: Vec::new(),
        since: None,
        changed: Some(RecentServiceChange::Gone { sum: clean(&entry.slot.labels.sum), at }),
        wrong: None,
        lines: 1,
    }
}

/// Returns the image on which a change left a unit.
fn left_by<'a>(entry: &ChangeEntry, unit: &'a Unit) -> &'a pinnace_core::plan::SpecImage {
    let units = entry.record.iter().flat_map(|record| &record.plan.units);
    let at = units.into_iter().position(|one| one.service == unit.service).unwrap_or(0);
    let moved = matches!(entry.unit_state(at), UnitState::Done | UnitState::Failed | UnitState::Updating);
    if moved || unit.action == UnitAction::None { &unit.to } else { &unit.from }
}

fn changed(
    view: &FleetRowsInput<'_>,
    group: &GroupKey,
    service: &Service,
    health: &Health,
) -> Option<RecentServiceChange> {
    let history = view.world.history(group);
    if let Some(entry) = history.unfinished().filter(|_| group.kind == GroupKind::Service) {
        return Some(RecentServiceChange::Unfinished(other_clients::describe(history, entry)));
    }
    if health.engine_rolled_back {
        let update = service.update.as_ref();
        let at = update.and_then(|update| update.completed.or(update.started));
        let news = at.is_none_or(|at| view.now.since(at) < NEWS);
        let message = clean(update.map_or("", |update| &update.message));
        return (news || health.state.is_trouble()).then_some(RecentServiceChange::EngineRolledBack { message, at });
    }
    let loud = health.state.is_trouble() || health.state == HealthState::Updating;
    // What a node lost has its cause there, not in the last change of the image.
    let by_node = health.state == HealthState::NodeDown || (!health.left.is_empty() && health.error.is_none());
    let changed = health.changed.as_ref().filter(|_| loud && !by_node)?;
    Some(RecentServiceChange::Image { from: clean(&changed.from), at: changed.at })
}

fn wrong(view: &FleetRowsInput<'_>, service: &Service, health: &Health) -> Option<ServiceProblem> {
    if health.state == HealthState::NodeDown {
        return Some(node_down(view, service));
    }
    if let Some(left) = left(view, health) {
        return Some(left);
    }
    if let Some(error) = &health.error {
        let text = short_error(&error.text, &error.image);
        let cause = cause(view.facts, &error.text, &error.image);
        let waits = health.waits.as_deref().is_some_and(|waits| waits == error.text);
        return Some(ServiceProblem { text, waits, cause, at: error.at });
    }
    let waits = health.waits.as_deref().map(|text| ServiceProblem {
        text: clean(text),
        waits: true,
        cause: None,
        at: health.since,
    });
    waits.or_else(|| {
        let text = match health.state {
            HealthState::Paused => service.update.as_ref().map(|update| clean(&update.message))?,
            HealthState::Failing | HealthState::CrashLoop if view.world.knows_history(&service.id) => {
                "tasks keep ending, without an error of their own".to_owned()
            }
            HealthState::Failing | HealthState::CrashLoop => "tasks keep exiting; loading their errors …".to_owned(),
            HealthState::Pending => format!("{}/{} tasks running", health.running, health.desired),
            _ => return None,
        };
        Some(ServiceProblem { text, waits: health.state == HealthState::Pending, cause: None, at: None })
    })
}

/// Describes the problem of a service whose tasks left nodes that are drained or down, and do not run elsewhere yet;
/// `None` if they have a reason of their own not to run.
fn left(view: &FleetRowsInput<'_>, health: &Health) -> Option<ServiceProblem> {
    let waits = health.waits.as_deref();
    if health.left.is_empty() || health.error.as_ref().is_some_and(|error| Some(&*error.text) != waits) {
        return None;
    }
    let nodes = health.left.iter().filter_map(|id| view.world.nodes.get(id));
    let names = |down: bool| {
        let of = nodes.clone().filter(|node| (node.state == NodeState::Down) == down);
        of.map(|node| clean(&node.hostname)).collect::<Vec<_>>()
    };
    let (down, drained) = (names(true), names(false));
    let mut parts = Vec::new();
    if !down.is_empty() {
        parts.push(format!("{} down", are(&down)));
    }
    if !drained.is_empty() {
        parts.push(format!("{} drained", are(&drained)));
    }
    let then = waits.map_or_else(|| format!("{}/{} tasks running", health.running, health.desired), clean);
    let at = health.error.as_ref().map_or(health.since, |error| error.at);
    Some(ServiceProblem { text: format!("{}; {then}", parts.join(", ")), waits: true, cause: None, at })
}

/// Describes the problem of a service with a node that is down: the state of its tasks there is unknown, and
/// their replacements may be pending.
fn node_down(view: &FleetRowsInput<'_>, service: &Service) -> ServiceProblem {
    let tasks = view.world.tasks(&service.id);
    let nodes = tasks.iter().filter(|task| !task.state.is_over()).filter_map(|task| task.node.as_ref());
    let down = nodes.filter_map(|id| view.world.nodes.get(id)).filter(|node| node.state == NodeState::Down);
    let mut hosts: Vec<_> = down.map(|node| clean(&node.hostname)).collect();
    hosts.sort();
    hosts.dedup();
    let waiting = tasks.iter().filter(|task| task.desired == TaskState::Running && !task.error.is_empty());
    let newest = waiting.max_by_key(|task| task.created);
    let then = newest.map_or("the state of its tasks there is not known".to_owned(), |task| {
        format!("the replacement is pending: {}", clean(&task.error))
    });
    ServiceProblem { text: format!("{} down; {then}", are(&hosts)), waits: false, cause: None, at: None }
}

fn are(hosts: &[String]) -> String {
    match hosts {
        [] => "its node is".to_owned(),
        [one] => format!("{one} is"),
        many => format!("{} are", many.join(", ")),
    }
}

/// Returns an error without the image reference, which the row shows already.
pub(crate) fn short_error(text: &str, image: &str) -> String {
    let text = clean(text);
    let bare = image.split('@').next().unwrap_or(image);
    let cut = [image, bare].iter().filter(|name| name.contains(['/', ':'])).find_map(|name| {
        let (before, after) = text.split_once(*name)?;
        let before = before.trim_end_matches([':', ' ', '"']);
        let after = after.trim_start_matches([':', '"']);
        Some(format!("{before}{after}"))
    });
    cut.filter(|text| text.len() > 5).unwrap_or(text)
}

/// Explains by the registry's answer why a node could not get an image; `None` for other errors, and until the
/// registry is asked.
pub fn cause(facts: &Facts, error: &str, image: &str) -> Option<String> {
    if !is_about_image(error) {
        return None;
    }
    let host = ImageRef::parse(image).map(|image| image.host).unwrap_or_default();
    match facts.image(image) {
        Fact::Unknown => None,
        Fact::Pending => Some(format!("asking {host} …")),
        Fact::Known { .. } => {
            Some(format!("{host} has it, but the node could not pull it: check the node's login and network"))
        }
        Fact::Failed { why, .. } => Some(match why {
            LookupError::NotFound => format!("{}, so no node can pull it", why.sentence(&host, "such image")),
            LookupError::Unreachable(_) => format!("this machine cannot reach {host} either"),
            _ => clean(&why.sentence(&host, "such image")),
        }),
    }
}

/// Returns whether the registry's answer can explain an error.
pub(crate) fn is_about_image(error: &str) -> bool {
    let lower = error.to_lowercase();
    ["no such image", "manifest unknown", "pull access denied", "not found: manifest"].iter().any(|e| lower.contains(e))
}

fn marks(view: &FleetRowsInput<'_>, service: &Service, health: &Health, drift: Option<&Drift>) -> Vec<Badge> {
    let mut marks = Vec::new();
    let image = service.image();
    let bare = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
    if drift.is_some() {
        marks.push(Badge::Drifted);
    }
    match (digest_of(image), view.facts.image(&bare(image))) {
        (Some(digest), Fact::Known { value: ResolvedImage { digest: now, .. }, .. }) if *now != digest => {
            marks.push(Badge::TagMoved);
        }
        (None, Fact::Failed { why: LookupError::NotFound, .. }) => marks.push(Badge::Gone),
        (Some(_), Fact::Failed { why: LookupError::NotFound, .. }) => {
            // A removed tag does not mean that its image is gone: the digest decides.
            match view.facts.image(image) {
                Fact::Failed { why: LookupError::NotFound, .. } => marks.push(Badge::Gone),
                Fact::Known { .. } => marks.push(Badge::TagMoved),
                _ => {}
            }
        }
        _ => {}
    }
    if health.engine_rolled_back {
        marks.push(Badge::RolledBack);
    }
    if health.restarted.is_some() {
        marks.push(Badge::Restarted);
    }
    if running::base_is_old(image, view.facts) {
        marks.push(Badge::BaseOld);
    }
    if digest_of(image).is_none() {
        marks.push(Badge::ByTag);
    }
    marks
}

/// Returns whether the row shows a recent automatic rollback by the engine; such rows come before other healthy ones.
pub(crate) fn is_news(row: &ServiceRow, now: Time) -> bool {
    matches!(&row.changed, Some(RecentServiceChange::EngineRolledBack { at, .. }) if at.is_none_or(|at| now.since(at) < NEWS))
}
