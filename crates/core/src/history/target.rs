//! Where a service goes back to, and how that is known.
//!
//! The target is what ran immediately before what runs now. That is the journal's newest change only while the service
//! still runs what that change left; otherwise the engine's previous spec, then the images of old tasks. An image that
//! failed here is never chosen by itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::history::{came_up, failed_here};
use crate::journal::{ChangeState, Entry, UnitState};
use crate::pins::PinKey;
use crate::plan::{Action, Edit, Kind, Unit};
use crate::registry::Want;
use crate::swarm::GroupKey;
use crate::swarm::PLATFORMS;
use crate::swarm::{Place, Places, Service};
use crate::time::Time;
use crate::world::World;

/// Where a target is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A change of the journal.
    Change(String),
    /// The engine's previous spec.
    EnginePrevious,
    /// A task that ran.
    OldTask,
    /// It was seen running well, by this operator or their console.
    Seen(String),
    /// Its pin in force.
    Pin(PinKey),
    /// The spec as it is.
    Now,
    /// A tag of the registry: it never ran here.
    Registry,
}

impl Source {
    /// In a word, as JSON has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Change(_) => "change",
            Self::EnginePrevious => "previous-spec",
            Self::OldTask => "task",
            Self::Seen(_) => "seen",
            Self::Pin(_) => "pin",
            Self::Now => "spec",
            Self::Registry => "registry",
        }
    }

    /// The change that tells it.
    pub fn change(&self) -> Option<&str> {
        if let Self::Change(change) = self { Some(change) } else { None }
    }

    /// In a few words.
    pub fn told(&self) -> String {
        match self {
            Self::Change(change) => format!("by change {change}"),
            Self::EnginePrevious => "by the engine's previous spec".to_owned(),
            Self::OldTask => "by the service's task history".to_owned(),
            Self::Seen(by) => format!("as {by} saw it running"),
            Self::Pin(key) => format!("by {key}"),
            Self::Now => "by the service's spec".to_owned(),
            Self::Registry => "by the registry's tags".to_owned(),
        }
    }
}

/// A target of a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What the spec's places go back to.
    pub places: Places,
    /// Where that is known from.
    pub source: Source,
    /// When what runs now took its place, as far as known.
    pub at: Option<Time>,
}

/// The answer to "where does this service go back to".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There.
    To(Box<Way>),
    /// It went back already, by this change, and still stands.
    Stands(String),
    /// No earlier image that ran well is known.
    NoWay,
    /// This must be read first.
    Wants(BTreeSet<Want>),
}

/// Where a service goes back to by itself.
pub fn way_back(world: &World, group: &GroupKey, service: &Service) -> Answer {
    let want = |want| Answer::Wants(BTreeSet::from([want]));
    if !world.knows_journal() {
        return want(Want::Journal);
    }
    match journal_way(world, group, service) {
        Ok(Some(answer)) => return answer,
        Ok(None) => {}
        Err(change) => return want(Want::Record(change)),
    }
    if !world.knows_history(&service.id) {
        return want(Want::Tasks(service.id.clone()));
    }
    let since = service.update.as_ref().and_then(|update| update.started).or(service.updated);
    let other = |image: &str| image != service.image() && !failed_here(world, group, service, image);
    // What never came up did not run: a task that waits for a node for ever is no failure, and no proof either.
    let tasks = world.tasks(&service.id);
    let never_up = |image: &str| {
        let mut of = tasks.iter().filter(|task| task.image == image).peekable();
        of.peek().is_some() && !of.any(came_up)
    };
    let previous = service.previous.as_ref().filter(|previous| other(&previous.image) && !never_up(&previous.image));
    if let Some(previous) = previous {
        return Answer::To(Box::new(Way { places: previous.clone(), source: Source::EnginePrevious, at: since }));
    }
    let old = tasks.iter().filter(|task| other(&task.image) && came_up(task)).max_by_key(|task| task.created);
    old.map_or(Answer::NoWay, |task| {
        Answer::To(Box::new(Way { places: task.places.clone(), source: Source::OldTask, at: since }))
    })
}

/// The newest change that left what the service runs now; `Err` names a record to read first.
pub(crate) fn journal_way(world: &World, group: &GroupKey, service: &Service) -> Result<Option<Answer>, String> {
    let mut now = service.places.clone();
    for entry in world.history(group).newest_first() {
        let Some((unit, state)) = unit_of(world, group, entry, service)? else { continue };
        if matches!(state, UnitState::Untouched | UnitState::PutBack | UnitState::Overtaken) {
            continue;
        }
        if unit.from.image == unit.to.image {
            // Its tasks were started anew: what ran before it is what runs.
            now = undone(&now, &unit.edits, &unit.from.image);
            continue;
        }
        if unit.to.image != service.image() {
            return Ok(None);
        }
        let record = entry.record.as_ref();
        if state == UnitState::Done && record.is_some_and(|record| record.plan.kind == Kind::Back) {
            return Ok(Some(Answer::Stands(entry.slot.change.clone())));
        }
        if failed_here(world, group, service, &unit.from.image) {
            return Ok(None);
        }
        let places = undone(&now, &unit.edits, &unit.from.image);
        return Ok(Some(Answer::To(Box::new(Way {
            places,
            source: Source::Change(entry.slot.change.clone()),
            at: entry.slot.labels.at.or(entry.slot.created),
        }))));
    }
    Ok(None)
}

/// The unit of a change that edited this service, with how it stands.
pub(super) fn unit_of<'a>(
    world: &World,
    group: &GroupKey,
    entry: &'a Entry,
    service: &Service,
) -> Result<Option<(&'a Unit, UnitState)>, String> {
    if entry.slot.labels.state == ChangeState::Void {
        return Ok(None);
    }
    let Some(record) = &entry.record else {
        let gone = world.history(group).is_gone(&entry.slot.change);
        return if gone { Ok(None) } else { Err(entry.slot.change.clone()) };
    };
    let units = record.plan.units.iter().enumerate();
    let mut found =
        units.filter(|(_, unit)| unit.service_id == service.id && matches!(unit.action, Action::Back | Action::New));
    Ok(found.next().map(|(at, unit)| (unit, entry.unit_state(at))))
}

/// A change that edited a service, with its places before and after it.
pub struct Step<'a> {
    /// The change.
    pub entry: &'a Entry,
    /// How its unit stands.
    pub state: UnitState,
    /// The service's places before it.
    pub before: Places,
    /// And as it wanted them.
    pub after: Places,
}

impl Step<'_> {
    /// When it was begun.
    pub fn at(&self) -> Option<Time> {
        self.entry.slot.labels.at.or(self.entry.slot.created)
    }
}

/// The changes that edited a service, the newest first, and the records that have to be read to know them all.
///
/// The places are followed back from what the spec says now, change by change: what a later one edited is taken back
/// before an earlier one is, so that they are to the letter what they were.
pub fn steps<'a>(world: &'a World, group: &GroupKey, service: &Service) -> (Vec<Step<'a>>, BTreeSet<Want>) {
    let (mut found, mut wants) = (Vec::new(), BTreeSet::new());
    let mut now = service.places.clone();
    for entry in world.history(group).newest_first() {
        let (unit, state) = match unit_of(world, group, entry, service) {
            Ok(Some(unit)) => unit,
            Ok(None) => continue,
            Err(change) => {
                wants.insert(Want::Record(change));
                continue;
            }
        };
        let before = undone(&now, &unit.edits, &unit.from.image);
        let after = redone(&now, &unit.edits, &unit.to.image);
        if !matches!(state, UnitState::Untouched | UnitState::PutBack) {
            now = before.clone();
        }
        found.push(Step { entry, state, before, after });
    }
    (found, wants)
}

/// The places with a unit's edits taken back.
pub(super) fn undone(now: &Places, edits: &[Edit], image: &str) -> Places {
    edited(now, edits, image, |edit| edit.before.as_ref())
}

/// The places with a unit's edits made.
fn redone(now: &Places, edits: &[Edit], image: &str) -> Places {
    edited(now, edits, image, |edit| edit.after.as_ref())
}

fn edited(now: &Places, edits: &[Edit], image: &str, side: impl Fn(&Edit) -> Option<&Value>) -> Places {
    let mut places = Places { image: image.to_owned(), ..now.clone() };
    for edit in edits {
        let value = side(edit).cloned();
        if edit.path == now.force.path {
            places.force.value = value;
        } else if let Some(update) = places.update.as_mut().filter(|update| update.path == edit.path) {
            update.value = value;
        } else if edit.path.starts_with("/TaskTemplate/Placement") {
            // A parent that was made for it is none once it is there.
            let inside = value.as_ref().and_then(|value| value.get("Platforms")).cloned();
            places.platforms = match inside {
                Some(list) => Place { path: PLATFORMS.to_owned(), value: Some(list), alone: true },
                None => Place { path: edit.path.clone(), value, alone: now.platforms.alone },
            };
        }
    }
    places
}
