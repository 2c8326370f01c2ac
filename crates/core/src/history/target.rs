//! The default rollback target of a service, and its source.
//!
//! The target is the image that ran immediately before the current one. The journal's newest change names it
//! only while the service still runs the result of that change. Otherwise the engine's previous spec names it,
//! then the images of old tasks. Only an image that is proven to have run, and that did not fail afterwards, is chosen
//! automatically.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::history::{evidence, run_time};
use crate::journal::{ChangeEntry, ChangeState, UnitState};
use crate::pins::PinScope;
use crate::plan::{PlanKind, SpecEdit, Unit, UnitAction};
use crate::registry::FactQuery;
use crate::swarm::GroupKey;
use crate::swarm::PLATFORMS;
use crate::swarm::{EditableFields, Service, SpecField};
use crate::time::Time;
use crate::world::World;

/// The source from which an image of a service is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateSource {
    /// A change in the journal; holds its id.
    Change(String),
    /// The engine's previous spec.
    EnginePrevious,
    /// An old task in the service's task history.
    OldTask,
    /// An observation of the running image; holds the operator who recorded it.
    Seen(String),
    /// The pin in force that covers the service.
    Pin(PinScope),
    /// The service's current spec.
    Now,
    /// A tag in the registry; the image never ran here.
    Registry,
}

impl CandidateSource {
    /// Returns the word that JSON uses.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Change(_) => "change",
            Self::EnginePrevious => "previous-spec",
            Self::OldTask => "task",
            Self::Seen(_) => "external",
            Self::Pin(_) => "pin",
            Self::Now => "spec",
            Self::Registry => "registry",
        }
    }

    /// Returns the id of the change, if the source is one.
    pub fn change(&self) -> Option<&str> {
        if let Self::Change(change) = self { Some(change) } else { None }
    }

    /// Describes the source in a phrase, such as "by change …".
    pub fn describe(&self) -> String {
        match self {
            Self::Change(change) => format!("known from change {change}"),
            Self::EnginePrevious => "known from the engine's previous spec".to_owned(),
            Self::OldTask => "known from the service's task history".to_owned(),
            Self::Seen(by) => format!("recorded by {by}"),
            Self::Pin(key) => format!("known from {key}"),
            Self::Now => "known from the service's spec".to_owned(),
            Self::Registry => "known from the registry's tags".to_owned(),
        }
    }
}

/// A rollback target with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackTarget {
    /// The values of the editable fields that the rollback restores.
    pub places: EditableFields,
    /// The source from which the target is known.
    pub source: CandidateSource,
    /// The time at which another image replaced it, if known.
    pub at: Option<Time>,
}

/// The result of the search for a service's rollback target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSearch {
    /// The target was found.
    Found(Box<RollbackTarget>),
    /// The service was already rolled back by this change, and still runs its result.
    AlreadyRolledBack(String),
    /// No earlier image is proven to have run well.
    NoneKnown,
    /// The search needs the answers to these queries first.
    Needs(BTreeSet<FactQuery>),
}

/// Finds the default rollback target of a service.
pub fn way_back(world: &World, group: &GroupKey, service: &Service) -> TargetSearch {
    let want = |want| TargetSearch::Needs(BTreeSet::from([want]));
    if !world.knows_journal() {
        return want(FactQuery::Journal);
    }
    match journal_way(world, group, service) {
        Ok(Some(answer)) => return answer,
        Ok(None) => {}
        Err(change) => return want(FactQuery::Record(change)),
    }
    if !world.knows_history(&service.id) {
        return want(FactQuery::Tasks(service.id.clone()));
    }
    let since = service.update.as_ref().and_then(|update| update.started).or(service.updated);
    let ran = |image: &str| image != service.image() && evidence(world, group, service, image).is_good();
    if let Some(previous) = service.previous.as_ref().filter(|previous| ran(&previous.image)) {
        return TargetSearch::Found(Box::new(RollbackTarget {
            places: previous.clone(),
            source: CandidateSource::EnginePrevious,
            at: since,
        }));
    }
    // What a console saw running may prove what the tasks do not.
    if !world.history(group).knows_sightings() {
        return want(FactQuery::ExternalDeploys(group.clone()));
    }
    let now = world.heard.unwrap_or_default();
    let tasks = world.tasks(&service.id).iter();
    let old = tasks.filter(|task| run_time(task, service, now).is_some() && ran(&task.image));
    old.max_by_key(|task| task.created).map_or(TargetSearch::NoneKnown, |task| {
        TargetSearch::Found(Box::new(RollbackTarget {
            places: task.places.clone(),
            source: CandidateSource::OldTask,
            at: task.since,
        }))
    })
}

/// Finds the rollback target in the journal: the state before the newest change, if the service still runs that
/// change's result. `Ok(None)` if the journal has no target.
///
/// # Errors
/// The id of a change whose record must be read first.
pub(crate) fn journal_way(world: &World, group: &GroupKey, service: &Service) -> Result<Option<TargetSearch>, String> {
    let mut now = service.places.clone();
    for entry in world.history(group).newest_first() {
        let Some((unit, state)) = unit_of(world, group, entry, service)? else { continue };
        if matches!(state, UnitState::Untouched | UnitState::RolledBack | UnitState::Superseded) {
            continue;
        }
        if unit.from.image == unit.to.image {
            // A redeploy with the same image: the image before it is still the current one.
            now = undone(&now, &unit.edits, &unit.from.image);
            continue;
        }
        if unit.to.image != service.image() {
            return Ok(None);
        }
        let record = entry.record.as_ref();
        if state == UnitState::Done && record.is_some_and(|record| record.plan.kind == PlanKind::Rollback) {
            return Ok(Some(TargetSearch::AlreadyRolledBack(entry.slot.change.clone())));
        }
        if !evidence(world, group, service, &unit.from.image).is_good() {
            return Ok(None);
        }
        let places = undone(&now, &unit.edits, &unit.from.image);
        return Ok(Some(TargetSearch::Found(Box::new(RollbackTarget {
            places,
            source: CandidateSource::Change(entry.slot.change.clone()),
            at: entry.slot.labels.at.or(entry.slot.created),
        }))));
    }
    Ok(None)
}

/// Returns the unit of a change that edited this service, with its state; `Ok(None)` if the change did not edit
/// it, or its record does not exist any more.
///
/// # Errors
/// The id of the change, if its record must be read first.
pub(super) fn unit_of<'a>(
    world: &World,
    group: &GroupKey,
    entry: &'a ChangeEntry,
    service: &Service,
) -> Result<Option<(&'a Unit, UnitState)>, String> {
    if entry.slot.labels.state == ChangeState::Abandoned {
        return Ok(None);
    }
    let Some(record) = &entry.record else {
        let gone = world.history(group).is_gone(&entry.slot.change);
        return if gone { Ok(None) } else { Err(entry.slot.change.clone()) };
    };
    let units = record.plan.units.iter().enumerate();
    let mut found = units.filter(|(_, unit)| {
        unit.service_id == service.id && matches!(unit.action, UnitAction::Rollback | UnitAction::Update)
    });
    Ok(found.next().map(|(at, unit)| (unit, entry.unit_state(at))))
}

/// A change that edited a service, with the service's editable fields before and after it.
pub struct ServiceChangeEntry<'a> {
    /// The journal's entry of the change.
    pub entry: &'a ChangeEntry,
    /// The state of the unit that edits the service.
    pub state: UnitState,
    /// The editable fields before the change.
    pub before: EditableFields,
    /// The editable fields that the change wanted.
    pub after: EditableFields,
}

impl ServiceChangeEntry<'_> {
    /// Returns the start time: by the owner's clock, else by that of the swarm's leader.
    pub fn at(&self) -> Option<Time> {
        self.entry.slot.labels.at.or(self.entry.slot.created)
    }
}

/// Returns the changes that edited a service, newest first, and queries for the records that are still missing.
///
/// The editable fields are reconstructed backwards from the current spec, one change at a time: the edits of a later
/// change are reverted before those of an earlier one, so the values are exactly those of that time.
pub fn steps<'a>(
    world: &'a World,
    group: &GroupKey,
    service: &Service,
) -> (Vec<ServiceChangeEntry<'a>>, BTreeSet<FactQuery>) {
    let (mut found, mut wants) = (Vec::new(), BTreeSet::new());
    let mut now = service.places.clone();
    for entry in world.history(group).newest_first() {
        let (unit, state) = match unit_of(world, group, entry, service) {
            Ok(Some(unit)) => unit,
            Ok(None) => continue,
            Err(change) => {
                wants.insert(FactQuery::Record(change));
                continue;
            }
        };
        let before = undone(&now, &unit.edits, &unit.from.image);
        let after = redone(&now, &unit.edits, &unit.to.image);
        if !matches!(state, UnitState::Untouched | UnitState::RolledBack) {
            now = before.clone();
        }
        found.push(ServiceChangeEntry { entry, state, before, after });
    }
    (found, wants)
}

/// Returns the fields with a unit's edits reverted.
pub(super) fn undone(now: &EditableFields, edits: &[SpecEdit], image: &str) -> EditableFields {
    edited(now, edits, image, |edit| edit.before.as_ref())
}

/// Returns the fields with a unit's edits applied.
fn redone(now: &EditableFields, edits: &[SpecEdit], image: &str) -> EditableFields {
    edited(now, edits, image, |edit| edit.after.as_ref())
}

fn edited(
    now: &EditableFields,
    edits: &[SpecEdit],
    image: &str,
    side: impl Fn(&SpecEdit) -> Option<&Value>,
) -> EditableFields {
    let mut places = EditableFields { image: image.to_owned(), ..now.clone() };
    for edit in edits {
        let value = side(edit).cloned();
        if edit.path == now.force.path {
            places.force.value = value;
        } else if let Some(update) = places.update.as_mut().filter(|update| update.path == edit.path) {
            update.value = value;
        } else if edit.path.starts_with("/TaskTemplate/Placement") {
            // If the edit created the parent object, the parent exists now: address the field in it.
            let inside = value.as_ref().and_then(|value| value.get("Platforms")).cloned();
            places.platforms = match inside {
                Some(list) => SpecField { path: PLATFORMS.to_owned(), value: Some(list), alone: true },
                None => SpecField { path: edit.path.clone(), value, alone: now.platforms.alone },
            };
        }
    }
    places
}
