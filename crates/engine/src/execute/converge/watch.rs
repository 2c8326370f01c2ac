//! The state of a unit that is being watched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::docker::{ServiceRevision, SpecEditState};
use crate::execute::unit::image_of;
use pinnace_core::change::{AssignedNode, EditedFieldsState, UnitObservation};
use pinnace_core::journal::Direction;
use pinnace_core::plan::Unit;
use pinnace_core::swarm::{Node, Task};
use pinnace_core::time::Time;

/// One reading of a service with its tasks and the nodes.
pub(super) struct UnitReading {
    pub revision: ServiceRevision,
    pub tasks: Vec<Task>,
    pub nodes: BTreeMap<String, Node>,
}

/// The watch over one unit. All times are by the boot clock.
pub(super) struct UnitWatch {
    pub at: usize,
    pub unit: Unit,
    pub direction: Direction,
    /// The ids of the tasks that are up, and the time since when they are the same.
    pub up: (Vec<String>, Duration),
    /// The time since when the unit has converged, and the ids of its tasks; `None` until then.
    pub arrived: Option<(Duration, Vec<String>)>,
    /// The reason for the present wait, and its start; empty if the unit waits for nothing.
    pub waits: (String, Duration),
    /// Set when the wait has been put as a question.
    pub asked: bool,
    /// The first failure seen, and its node; kept because the engine stores only five tasks a slot.
    pub first: Option<(String, AssignedNode)>,
    known: BTreeSet<String>,
    posted: bool,
    began: Duration,
}

impl UnitWatch {
    /// Starts a watch. `known` holds the tasks from before the update, if we posted it.
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

    /// Returns the image text that the unit changes to.
    pub fn target(&self) -> &str {
        image_of(&self.unit, self.direction)
    }

    /// Returns the state of the edited places, relative to the direction of the unit.
    pub fn spot(&self, revision: &ServiceRevision) -> EditedFieldsState {
        match (revision.edit_state(&self.unit.edits), self.direction) {
            (SpecEditState::After, Direction::Forward) | (SpecEditState::Before, Direction::Back) => {
                EditedFieldsState::Target
            }
            (SpecEditState::Before, Direction::Forward) | (SpecEditState::After, Direction::Back) => {
                EditedFieldsState::Origin
            }
            (SpecEditState::Diverged, _) => EditedFieldsState::Diverged,
        }
    }

    /// Prepares a reading for the assessment. The tasks that are up are compared with those of the previous reading.
    pub fn look<'a>(&'a self, seen: &'a UnitReading, now: Duration) -> UnitObservation<'a> {
        let started = seen.revision.service.update.as_ref().and_then(|update| update.started);
        let look = UnitObservation {
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
        UnitObservation { steady: if same { now.saturating_sub(self.up.1) } else { Duration::ZERO }, ..look }
    }

    /// Remembers the tasks that are up and the first failure.
    pub fn keep(&mut self, seen: &UnitReading, now: Duration) {
        let look = self.look(seen, now);
        let up: Vec<String> = look.up().into_iter().map(str::to_owned).collect();
        let failure = look.failure().map(|task| {
            let platform = look.node(task).map(|node| node.platform.clone());
            (look.describe(task), AssignedNode { name: look.host(task), platform })
        });
        if up != self.up.0 {
            self.up = (up, now);
        }
        if self.first.is_none() {
            self.first = failure;
        }
    }
}

/// Returns the time 2 s earlier: the engine records the start of an update shortly before or after it creates the
/// first task.
fn a_little_before(at: Time) -> Time {
    Time(at.0 - 2000)
}
