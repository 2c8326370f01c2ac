//! What is known of a unit while it is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::docker::{EditState, ServiceRevision};
use crate::execute::unit::image_of;
use pinnace_core::change::{Host, Look, Spot};
use pinnace_core::journal::Direction;
use pinnace_core::plan::Unit;
use pinnace_core::swarm::{Node, Task};
use pinnace_core::time::Time;

/// One look.
pub(super) struct Reading {
    pub revision: ServiceRevision,
    pub tasks: Vec<Task>,
    pub nodes: BTreeMap<String, Node>,
}

/// A unit being watched.
pub(super) struct Watch {
    pub at: usize,
    pub unit: Unit,
    pub direction: Direction,
    /// When the tasks that are up now were first seen as they are, and which they are.
    pub up: (Vec<String>, Duration),
    /// Since when all is as it should be, and with which tasks.
    pub arrived: Option<(Duration, Vec<String>)>,
    /// What it waits for, and since when.
    pub waits: (String, Duration),
    /// Whether that was put as a question.
    pub asked: bool,
    /// The first failure that was seen, and where: the engine keeps five tasks a slot.
    pub first: Option<(String, Host)>,
    known: BTreeSet<String>,
    posted: bool,
    began: Duration,
}

impl Watch {
    /// Watches from now on; `known`: the tasks there were before the update, where we made it.
    pub fn new(at: usize, unit: &Unit, direction: Direction, known: Option<BTreeSet<String>>, now: Duration) -> Self {
        Self {
            at,
            unit: unit.clone(),
            direction,
            up: (Vec::new(), now),
            arrived: None,
            waits: (String::new(), now),
            asked: false,
            first: None,
            posted: known.is_some(),
            known: known.unwrap_or_default(),
            began: now,
        }
    }

    /// The image text it goes to.
    pub fn target(&self) -> &str {
        image_of(&self.unit, self.direction)
    }

    /// Where its edited places stand.
    pub fn spot(&self, revision: &ServiceRevision) -> Spot {
        match (revision.edit_state(&self.unit.edits), self.direction) {
            (EditState::After, Direction::To) | (EditState::Before, Direction::Back) => Spot::Goal,
            (EditState::Before, Direction::To) | (EditState::After, Direction::Back) => Spot::Origin,
            (EditState::Diverged, _) => Spot::Elsewhere,
        }
    }

    /// A look as the judge takes it; the tasks that are up are compared with those of the look before.
    pub fn look<'a>(&'a self, seen: &'a Reading, now: Duration) -> Look<'a> {
        let started = seen.revision.service.update.as_ref().and_then(|update| update.started);
        let look = Look {
            service: &seen.revision.service,
            tasks: &seen.tasks,
            nodes: &seen.nodes,
            spot: self.spot(&seen.revision),
            direction: self.direction,
            target: self.target(),
            known: &self.known,
            since: if self.posted { None } else { started.map(a_little_before) },
            waited: now.saturating_sub(self.began),
            steady: Duration::ZERO,
        };
        let same = look.up() == self.up.0;
        Look { steady: if same { now.saturating_sub(self.up.1) } else { Duration::ZERO }, ..look }
    }

    /// Keeps what has to be kept of a look: which tasks are up, and the first failure.
    pub fn keep(&mut self, seen: &Reading, now: Duration) {
        let look = self.look(seen, now);
        let up: Vec<String> = look.up().into_iter().map(str::to_owned).collect();
        let failure = look.failure().map(|task| {
            let platform = look.node(task).map(|node| node.platform.clone());
            (look.told(task), Host { name: look.host(task), platform })
        });
        if up != self.up.0 {
            self.up = (up, now);
        }
        if self.first.is_none() {
            self.first = failure;
        }
    }
}

/// The engine notes an update's start a moment before or after it makes the first task.
fn a_little_before(at: Time) -> Time {
    Time(at.0 - 2000)
}
