//! The progress of a change: the fold of its events.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{ChangeEvent, ChangeEventKind, OperatorCommand, Question, TaskLine, UnitPhase};
use crate::journal::{ChangeSlot, ChangeState, Direction, UnitState};
use crate::time::Time;

/// The state, phases and last observation of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitProgress {
    /// The unit's state, as stored in the slot.
    pub state: UnitState,
    /// The phases it entered, each with its start time; those of the newest direction only.
    pub phases: Vec<(UnitPhase, Time)>,
    /// The direction of the newest phase.
    pub direction: Direction,
    /// The time at which the newest direction ended; `None` while it is in progress.
    pub ended: Option<Time>,
    /// The tasks as last observed.
    pub tasks: Vec<TaskLine>,
    /// The engine's update state and message as last observed.
    pub update: String,
    /// The reason why the unit has not converged, as last observed; empty if it does not wait.
    pub waits: String,
    /// The cause of the failure and its remediation.
    pub failure: Option<(String, String)>,
    /// Further notes for display, without duplicates.
    pub notes: Vec<String>,
}

impl UnitProgress {
    /// Returns the phases of the newest direction, each with its start and duration; `None` for the one in
    /// progress.
    pub fn steps(&self) -> Vec<(UnitPhase, Time, Option<Duration>)> {
        let after = |at: usize| self.phases.get(at + 1).map(|(_, at)| *at).or(self.ended);
        let step =
            |(at, (phase, from)): (usize, &(UnitPhase, Time))| (*phase, *from, after(at).map(|to| to.since(*from)));
        self.phases.iter().enumerate().map(step).collect()
    }
}

/// The progress of a change: the fold of its events, shared by the screens, the CLI commands and the
/// executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// One entry per unit, in the plan's order.
    pub units: Vec<UnitProgress>,
    /// The change's number within its group; 0 before the claim.
    pub seq: u64,
    /// The operator who applies the change.
    pub by: String,
    /// The time of the first event; `None` before it.
    pub begun: Option<Time>,
    /// The open question.
    pub asking: Option<Question>,
    /// The problem that delays the change; empty if there is none.
    pub trouble: String,
    /// The reason why the claim is lost; `None` while it is held.
    pub lost: Option<String>,
    /// The outcome and its summary line; `None` before the end.
    pub ended: Option<(ChangeState, String)>,
    /// Set when the operator ordered the rollback of all units.
    pub ordered_back: bool,
    /// Set once all touched units are to be rolled back.
    pub going_back: bool,
    /// Units whose failure, or whose lack of progress, the operator decided to pass over.
    pub passed: BTreeSet<usize>,
    /// Units whose rollback failed.
    pub not_back: BTreeSet<usize>,
    /// The order that is not carried out yet.
    pub order: Option<OperatorCommand>,
    /// Set when a unit was completed since the last question; for step mode.
    pub stepped: bool,
}

impl Progress {
    /// Returns the progress of a change with this many units that has not begun.
    pub fn new(units: usize) -> Self {
        let unit = UnitProgress {
            state: UnitState::Untouched,
            phases: Vec::new(),
            direction: Direction::Forward,
            ended: None,
            tasks: Vec::new(),
            update: String::new(),
            waits: String::new(),
            failure: None,
            notes: Vec::new(),
        };
        Self {
            units: vec![unit; units],
            seq: 0,
            by: String::new(),
            begun: None,
            asking: None,
            trouble: String::new(),
            lost: None,
            ended: None,
            ordered_back: false,
            going_back: false,
            passed: BTreeSet::new(),
            not_back: BTreeSet::new(),
            order: None,
            stepped: false,
        }
    }

    /// Returns the progress that a slot records, for a plan with this many units.
    pub fn of_slot(slot: &ChangeSlot, units: usize) -> Self {
        let mut progress = Self::new(units);
        progress.seq = slot.seq;
        progress.by.clone_from(&slot.labels.by);
        for (unit, state) in progress.units.iter_mut().zip(&slot.labels.units) {
            unit.state = *state;
            if matches!(state, UnitState::RollingBack | UnitState::RolledBack) {
                unit.direction = Direction::Back;
            }
        }
        if slot.labels.state.is_terminal() {
            progress.ended = Some((slot.labels.state, slot.labels.sum.clone()));
        }
        progress
    }

    /// Returns the state of each unit, in the plan's order.
    pub fn letters(&self) -> Vec<UnitState> {
        self.units.iter().map(|unit| unit.state).collect()
    }

    /// Returns whether a unit has, or may have, the new spec.
    pub fn carries(&self, unit: usize) -> bool {
        let state = self.units.get(unit).map(|unit| unit.state);
        matches!(state, Some(UnitState::Updating | UnitState::Done | UnitState::Failed | UnitState::RollingBack))
    }

    /// Applies one event.
    pub fn apply(&mut self, event: &ChangeEvent) {
        match &event.kind {
            ChangeEventKind::Begun { seq, by, units, .. } => {
                self.seq = *seq;
                self.by.clone_from(by);
                self.begun = Some(event.at);
                for (unit, state) in self.units.iter_mut().zip(units) {
                    unit.state = *state;
                }
            }
            ChangeEventKind::Trouble { text } => self.trouble.clone_from(text),
            ChangeEventKind::Asked { question } => {
                if let Question::Stuck { unit } = question {
                    self.passed.remove(unit);
                }
                self.asking = Some(question.clone());
                // An order to stop after the current unit stays in force when that unit is stuck.
                let stops = self.order == Some(OperatorCommand::Stop) && matches!(question, Question::Stuck { .. });
                self.order = stops.then_some(OperatorCommand::Stop);
                self.stepped = false;
            }
            ChangeEventKind::Withdrawn => self.asking = None,
            ChangeEventKind::Ordered { order } => self.ordered(*order),
            ChangeEventKind::Lost { why } => self.lost = Some(why.clone()),
            ChangeEventKind::Ended { state, text } => {
                self.ended = Some((*state, text.clone()));
                self.asking = None;
            }
            ChangeEventKind::Unit { unit, .. }
            | ChangeEventKind::Phase { unit, .. }
            | ChangeEventKind::Tasks { unit, .. }
            | ChangeEventKind::Noted { unit, .. }
            | ChangeEventKind::Failed { unit, .. } => {
                self.apply_unit(*unit, event);
            }
        }
    }

    fn apply_unit(&mut self, at: usize, event: &ChangeEvent) {
        let Some(unit) = self.units.get_mut(at) else { return };
        match &event.kind {
            ChangeEventKind::Unit { state, .. } => {
                let was = unit.state;
                unit.state = *state;
                if matches!(state, UnitState::Done | UnitState::RolledBack | UnitState::Failed | UnitState::Superseded)
                {
                    unit.ended = Some(event.at);
                    self.stepped |= *state == UnitState::Done;
                }
                if *state == UnitState::Failed && was == UnitState::RollingBack {
                    self.not_back.insert(at);
                }
            }
            ChangeEventKind::Phase { phase, direction, .. } => {
                let turned = *direction != unit.direction;
                unit.phases.retain(|(known, _)| !turned && known < phase);
                unit.ended = None;
                unit.direction = *direction;
                unit.phases.push((*phase, event.at));
            }
            ChangeEventKind::Tasks { tasks, update, waits, .. } => {
                unit.tasks.clone_from(tasks);
                unit.update.clone_from(update);
                unit.waits.clone_from(waits);
            }
            ChangeEventKind::Failed { why, hint, .. } => {
                // The first failure stays visible when the rollback fails as well.
                let why = match unit.failure.take() {
                    Some((first, _)) if unit.direction == Direction::Back => {
                        format!("{first}; during the rollback: {why}")
                    }
                    _ => why.clone(),
                };
                unit.failure = Some((why, hint.clone()));
            }
            ChangeEventKind::Noted { text, .. } if !unit.notes.contains(text) => unit.notes.push(text.clone()),
            _ => {}
        }
    }

    fn ordered(&mut self, order: OperatorCommand) {
        self.order = Some(order);
        if order == OperatorCommand::Stop && matches!(self.asking, Some(Question::Stuck { .. })) {
            // The change stops after the current unit; the question about that unit stays open.
            return;
        }
        let asked = self.asking.take();
        match order {
            OperatorCommand::Continue => {
                self.order = None;
                if let Some(Question::Failed { unit } | Question::Superseded { unit } | Question::Stuck { unit }) =
                    asked
                {
                    self.passed.insert(unit);
                }
                let stuck = matches!(asked, Some(Question::Stuck { .. }));
                let failed = self.units.iter().enumerate().filter(|(_, unit)| match unit.state {
                    UnitState::Failed | UnitState::RolledBack | UnitState::Superseded => true,
                    // The previous owner left this rollback unfinished; now the unit goes forward.
                    UnitState::RollingBack => !stuck,
                    _ => false,
                });
                self.passed.extend(failed.map(|(at, _)| at));
            }
            OperatorCommand::RollBack => {
                self.order = None;
                self.going_back = true;
                self.ordered_back = true;
                self.not_back.clear();
            }
            OperatorCommand::Stop | OperatorCommand::KeepAsIs | OperatorCommand::Detach => {}
        }
    }
}
