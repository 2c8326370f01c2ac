//! Drift: a service has another image than its pin in force, because another client changed it.

use super::in_force;
use crate::history::known;
use crate::history::{ServiceChangeEntry, steps};
use crate::image::same;
use crate::image::{ImageRef, digest_of};
use crate::journal::UnitState;
use crate::pins::{MANIFEST, PinDoc, PinScope, means};
use crate::swarm::{DATABASE, GroupKey, STACK_IMAGE};
use crate::swarm::{EditableFields, Service, UpdateState};
use crate::time::Time;
use crate::world::World;

/// The drift of one service: the image that its pin demands, and the image that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The key of the pin in force that covers the service.
    pub key: PinScope,
    /// The demanded image: with the digest that the pin's change resolved, else as the pin names it.
    pub due: String,
    /// The editable fields exactly as the pin's change left them; `None` if no change of ours applied the pin.
    pub places: Option<EditableFields>,
    /// The image reference that the service has.
    pub has: String,
    /// The time of the external change, as the engine reports it.
    pub since: Option<Time>,
    /// The time at which the service is last known to have had the demanded image.
    pub right: Option<Time>,
    /// The likely author of the external change.
    pub by: DriftAuthor,
}

/// The likely author of an external change, deduced from labels, update status and journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftAuthor {
    /// `docker stack deploy`: the stack's label names exactly this image.
    StackDeploy,
    /// The pgEdge control plane, because it owns the service.
    ControlPlane,
    /// A change of pinnace that did not succeed, but whose image the service still has; holds the change's id.
    Change(String),
    /// The engine, by an automatic rollback.
    Engine,
    /// An unknown author.
    Unknown,
}

impl DriftAuthor {
    /// Describes the author, as a phrase with "by".
    pub fn describe(&self) -> String {
        match self {
            Self::StackDeploy => "by `docker stack deploy`".to_owned(),
            Self::ControlPlane => "by the pgEdge control plane".to_owned(),
            Self::Change(change) => format!("by change {change}, which did not complete"),
            Self::Engine => "by the engine, which rolled it back".to_owned(),
            Self::Unknown => "by another client".to_owned(),
        }
    }
}

impl Drift {
    /// Describes the drift in one sentence: the author and both times. It holds no
    /// ages, so that the text stays the same.
    pub fn describe(&self) -> String {
        let at = |at: Option<Time>, word: &str| at.map(|at| format!("{word} {} {}", at.date(0), &at.clock(0)[..5]));
        let likely = if matches!(self.by, DriftAuthor::Unknown | DriftAuthor::Change(_) | DriftAuthor::Engine) {
            ""
        } else {
            "likely "
        };
        let mut parts = vec![format!("{likely}changed {}", self.by.describe())];
        parts.extend(at(self.since, "seen since").map(|text| format!("{text} UTC")));
        parts.extend(at(self.right, "last matched").map(|text| format!("{text} UTC")));
        parts.join(", ")
    }
}

/// Returns the drift of a service from its pin in force; `None` if it has the demanded image or no pin covers it.
pub fn of(world: &World, group: &GroupKey, in_force: &PinDoc, service: &Service) -> Option<Drift> {
    let (key, pinned) = in_force.effective(group, service)?;
    let floating = in_force.rules_for(group, service).floating.unwrap_or(false);
    let (steps, _) = steps(world, group, service);
    let done = steps.iter().find(|step| step.state == UnitState::Done);
    // The image that the pin's change left is what the pin resolved to, with digest. A
    // floating pin is held to its tag only.
    let fixed = done.filter(|step| !floating && (pinned == MANIFEST || means(pinned, &step.after.image)));
    let due = match fixed {
        Some(step) => step.after.image.clone(),
        None if pinned == MANIFEST => return None,
        None => pinned.to_owned(),
    };
    let has = service.image();
    if is_right(&due, has) {
        return None;
    }
    let since = service.update.as_ref().and_then(|update| update.started).or(service.updated);
    let known = known(world, group, service, world.heard.unwrap_or_default());
    let right = known.iter().find(|one| is_right(&due, &one.places.image)).and_then(|one| one.last);
    let by = who(service, steps.first());
    let places = fixed.map(|step| step.after.clone());
    Some(Drift { key: key.clone(), due, places, has: has.to_owned(), since, right, by })
}

/// Returns the drift like [`of`], from the pins in force as far as they were read.
pub fn here(world: &World, group: &GroupKey, service: &Service) -> Option<Drift> {
    of(world, group, &in_force(group, world), service)
}

/// Returns whether an image is the demanded one: by digest if both have one, else by repository and tag.
fn is_right(due: &str, has: &str) -> bool {
    match (digest_of(due), digest_of(has)) {
        (Some(_), Some(_)) => same(due, has),
        // The same tag may name another image; another finding reports that.
        _ => bare(due) == bare(has),
    }
}

fn bare(image: &str) -> Option<(String, String, Option<String>)> {
    let image = ImageRef::parse(image).ok()?;
    Some((image.host, image.path, image.tag))
}

fn who(service: &Service, newest: Option<&ServiceChangeEntry<'_>>) -> DriftAuthor {
    if let Some(step) = newest.filter(|step| step.state != UnitState::Done && step.after.image == service.image()) {
        return DriftAuthor::Change(step.entry.slot.change.clone());
    }
    let back = |state: &UpdateState| {
        matches!(state, UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
    };
    if service.update.as_ref().is_some_and(|update| back(&update.state)) {
        return DriftAuthor::Engine;
    }
    let deployed = |text: &str| text == service.image() || service.image().split('@').next() == Some(text);
    if service.label(STACK_IMAGE).is_some_and(deployed) {
        DriftAuthor::StackDeploy
    } else if service.label(DATABASE).is_some_and(|id| !id.is_empty()) {
        DriftAuthor::ControlPlane
    } else {
        DriftAuthor::Unknown
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
