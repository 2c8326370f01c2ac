//! Drift: a service that has another image than its pin in force says, because somebody else changed it.

use super::in_force;
use crate::history::known;
use crate::history::same;
use crate::history::{Step, steps};
use crate::image::{ImageRef, digest_of};
use crate::journal::UnitState;
use crate::pins::{MANIFEST, PinDoc, PinKey, means};
use crate::swarm::{DATABASE, GroupKey, STACK_IMAGE};
use crate::swarm::{Places, Service, UpdateState};
use crate::time::Time;
use crate::world::World;

/// What a service should have by its pin, and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The pin in force.
    pub key: PinKey,
    /// What it should have: the digest that the pin's change fixed, where it fixed one.
    pub due: String,
    /// The places of that, to the letter, where a change of ours brought it.
    pub places: Option<Places>,
    /// What it has.
    pub has: String,
    /// Since when, by the engine.
    pub since: Option<Time>,
    /// When it was last known to have what it should.
    pub right: Option<Time>,
    /// Who changed it, likely.
    pub by: By,
}

/// Who changed a service, as far as it can be told from what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// `docker stack deploy`: the stack's label names just this image.
    StackDeploy,
    /// The pgEdge control plane: it owns the service.
    ControlPlane,
    /// A change of ours that was not done and is left as it is.
    Change(String),
    /// The engine, which went back by itself.
    Engine,
    /// Nobody knows.
    Unknown,
}

impl By {
    /// In a few words.
    pub fn told(&self) -> String {
        match self {
            Self::StackDeploy => "by `docker stack deploy`".to_owned(),
            Self::ControlPlane => "by the pgEdge control plane".to_owned(),
            Self::Change(change) => format!("by change {change}, which was not done"),
            Self::Engine => "by the engine, which went back by itself".to_owned(),
            Self::Unknown => "by somebody else".to_owned(),
        }
    }
}

impl Drift {
    /// Since when, when it was right, and who it was: one sentence without ages, so that it stays the same.
    pub fn told(&self) -> String {
        let at = |at: Option<Time>, word: &str| at.map(|at| format!("{word} {} {}", at.date(0), &at.clock(0)[..5]));
        let likely = if matches!(self.by, By::Unknown | By::Change(_) | By::Engine) { "" } else { "likely " };
        let mut parts = vec![format!("changed {likely}{}", self.by.told())];
        parts.extend(at(self.since, "seen since").map(|text| format!("{text} UTC")));
        parts.extend(at(self.right, "last right").map(|text| format!("{text} UTC")));
        parts.join(", ")
    }
}

/// Whether a service drifted from its pin in force, and how; `None` where it has what it should, or no pin covers it.
pub fn of(world: &World, group: &GroupKey, in_force: &PinDoc, service: &Service) -> Option<Drift> {
    let (key, pinned) = in_force.effective(group, service)?;
    let floating = in_force.rules_for(group, service).floating.unwrap_or(false);
    let (steps, _) = steps(world, group, service);
    let done = steps.iter().find(|step| step.state == UnitState::Done);
    // What its change left is what the pin came to, digest and all; a floating one is held to its tag alone.
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

/// The same by the pins in force, as far as they were read.
pub fn here(world: &World, group: &GroupKey, service: &Service) -> Option<Drift> {
    of(world, group, &in_force(group, world), service)
}

/// Whether it is the image that is due: by digest where both have one, else by tag.
fn is_right(due: &str, has: &str) -> bool {
    match (digest_of(due), digest_of(has)) {
        (Some(_), Some(_)) => same(due, has),
        // By its tag alone it may be another image; that is a remark of its own.
        _ => bare(due) == bare(has),
    }
}

fn bare(image: &str) -> Option<(String, String, Option<String>)> {
    let image = ImageRef::parse(image).ok()?;
    Some((image.host, image.path, image.tag))
}

fn who(service: &Service, newest: Option<&Step<'_>>) -> By {
    if let Some(step) = newest.filter(|step| step.state != UnitState::Done && step.after.image == service.image()) {
        return By::Change(step.entry.slot.change.clone());
    }
    let back = |state: &UpdateState| {
        matches!(state, UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
    };
    if service.update.as_ref().is_some_and(|update| back(&update.state)) {
        return By::Engine;
    }
    let deployed = |text: &str| text == service.image() || service.image().split('@').next() == Some(text);
    if service.label(STACK_IMAGE).is_some_and(deployed) {
        By::StackDeploy
    } else if service.label(DATABASE).is_some_and(|id| !id.is_empty()) {
        By::ControlPlane
    } else {
        By::Unknown
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
