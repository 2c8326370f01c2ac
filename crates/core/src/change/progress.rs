//! Where a change stands: the fold of its events.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{Event, Kind, Order, Phase, Question, TaskLine};
use crate::journal::{ChangeState, Direction, Slot, UnitState};
use crate::time::Time;

/// How a unit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitProgress {
    /// Its letter.
    pub state: UnitState,
    /// The steps it entered, with when; of the newest direction only.
    pub phases: Vec<(Phase, Time)>,
    /// The direction of its newest step.
    pub direction: Direction,
    /// When its newest direction was over.
    pub ended: Option<Time>,
    /// Its tasks, when last looked at.
    pub tasks: Vec<TaskLine>,
    /// The engine's update state, when last looked at.
    pub update: String,
    /// What it waits for.
    pub waits: String,
    /// Why it failed, and what to do.
    pub failure: Option<(String, String)>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl UnitProgress {
    /// The steps of its newest direction, each with how long it took; none for the one at work.
    pub fn steps(&self) -> Vec<(Phase, Time, Option<Duration>)> {
        let after = |at: usize| self.phases.get(at + 1).map(|(_, at)| *at).or(self.ended);
        let step = |(at, (phase, from)): (usize, &(Phase, Time))| (*phase, *from, after(at).map(|to| to.since(*from)));
        self.phases.iter().enumerate().map(step).collect()
    }
}

/// Where a change stands: the fold of its events, for screen, verbs and the executor alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The units.
    pub units: Vec<UnitProgress>,
    /// The change's number, once claimed.
    pub seq: u64,
    /// Who does it.
    pub by: String,
    /// When the first event came.
    pub begun: Option<Time>,
    /// The question waiting for an answer.
    pub asking: Option<Question>,
    /// What is slow or stuck.
    pub trouble: String,
    /// The claim is lost: why.
    pub lost: Option<String>,
    /// The outcome.
    pub ended: Option<(ChangeState, String)>,
    /// Whether a person ordered everything back.
    pub ordered_back: bool,
    /// Whether everything is being put back, by order or by rule.
    pub going_back: bool,
    /// Failures a person went on past.
    pub passed: BTreeSet<usize>,
    /// Units whose way back failed.
    pub not_back: BTreeSet<usize>,
    /// An order not carried out yet.
    pub order: Option<Order>,
    /// Whether a unit was finished since the last question, for step mode.
    pub stepped: bool,
}

impl Progress {
    /// A change of so many units, not begun.
    pub fn new(units: usize) -> Self {
        let unit = UnitProgress {
            state: UnitState::Untouched,
            phases: Vec::new(),
            direction: Direction::To,
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

    /// Where a slot says a change stands.
    pub fn of_slot(slot: &Slot, units: usize) -> Self {
        let mut progress = Self::new(units);
        progress.seq = slot.seq;
        progress.by.clone_from(&slot.labels.by);
        for (unit, state) in progress.units.iter_mut().zip(&slot.labels.units) {
            unit.state = *state;
            if matches!(state, UnitState::PuttingBack | UnitState::PutBack) {
                unit.direction = Direction::Back;
            }
        }
        if slot.labels.state.is_terminal() {
            progress.ended = Some((slot.labels.state, slot.labels.sum.clone()));
        }
        progress
    }

    /// The units' letters.
    pub fn letters(&self) -> Vec<UnitState> {
        self.units.iter().map(|unit| unit.state).collect()
    }

    /// Whether a unit carries, or may carry, the new text.
    pub fn carries(&self, unit: usize) -> bool {
        let state = self.units.get(unit).map(|unit| unit.state);
        matches!(state, Some(UnitState::Posting | UnitState::Done | UnitState::Failed | UnitState::PuttingBack))
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            Kind::Begun { seq, by, units, .. } => {
                self.seq = *seq;
                self.by.clone_from(by);
                self.begun = Some(event.at);
                for (unit, state) in self.units.iter_mut().zip(units) {
                    unit.state = *state;
                }
            }
            Kind::Trouble { text } => self.trouble.clone_from(text),
            Kind::Asked { question } => {
                if let Question::Stuck { unit } = question {
                    self.passed.remove(unit);
                }
                self.asking = Some(question.clone());
                // Who wants it stopped after the unit in work still does when that is stuck.
                let stops = self.order == Some(Order::Stop) && matches!(question, Question::Stuck { .. });
                self.order = stops.then_some(Order::Stop);
                self.stepped = false;
            }
            Kind::Withdrawn => self.asking = None,
            Kind::Ordered { order } => self.ordered(*order),
            Kind::Lost { why } => self.lost = Some(why.clone()),
            Kind::Ended { state, text } => {
                self.ended = Some((*state, text.clone()));
                self.asking = None;
            }
            Kind::Unit { unit, .. }
            | Kind::Phase { unit, .. }
            | Kind::Tasks { unit, .. }
            | Kind::Noted { unit, .. }
            | Kind::Failed { unit, .. } => {
                self.apply_unit(*unit, event);
            }
        }
    }

    fn apply_unit(&mut self, at: usize, event: &Event) {
        let Some(unit) = self.units.get_mut(at) else { return };
        match &event.kind {
            Kind::Unit { state, .. } => {
                let was = unit.state;
                unit.state = *state;
                if matches!(state, UnitState::Done | UnitState::PutBack | UnitState::Failed | UnitState::Overtaken) {
                    unit.ended = Some(event.at);
                    self.stepped |= *state == UnitState::Done;
                }
                if *state == UnitState::Failed && was == UnitState::PuttingBack {
                    self.not_back.insert(at);
                }
            }
            Kind::Phase { phase, direction, .. } => {
                let turned = *direction != unit.direction;
                unit.phases.retain(|(known, _)| !turned && known < phase);
                unit.ended = None;
                unit.direction = *direction;
                unit.phases.push((*phase, event.at));
            }
            Kind::Tasks { tasks, update, waits, .. } => {
                unit.tasks.clone_from(tasks);
                unit.update.clone_from(update);
                unit.waits.clone_from(waits);
            }
            Kind::Failed { why, hint, .. } => {
                // What failed first stays on the record when the way back fails as well.
                let why = match unit.failure.take() {
                    Some((first, _)) if unit.direction == Direction::Back => format!("{first}; on the way back: {why}"),
                    _ => why.clone(),
                };
                unit.failure = Some((why, hint.clone()));
            }
            Kind::Noted { text, .. } if !unit.notes.contains(text) => unit.notes.push(text.clone()),
            _ => {}
        }
    }

    fn ordered(&mut self, order: Order) {
        self.order = Some(order);
        if order == Order::Stop && matches!(self.asking, Some(Question::Stuck { .. })) {
            // It stops after the unit in work: what to do about that one is still to be said.
            return;
        }
        let asked = self.asking.take();
        match order {
            Order::Continue => {
                self.order = None;
                if let Some(Question::Failed { unit } | Question::Overtaken { unit } | Question::Stuck { unit }) = asked
                {
                    self.passed.insert(unit);
                }
                let stuck = matches!(asked, Some(Question::Stuck { .. }));
                let failed = self.units.iter().enumerate().filter(|(_, unit)| match unit.state {
                    UnitState::Failed | UnitState::PutBack | UnitState::Overtaken => true,
                    // Left half-way back by who had it before: now it is to go forward.
                    UnitState::PuttingBack => !stuck,
                    _ => false,
                });
                self.passed.extend(failed.map(|(at, _)| at));
            }
            Order::PutBack => {
                self.order = None;
                self.going_back = true;
                self.ordered_back = true;
                self.not_back.clear();
            }
            Order::Stop | Order::Leave | Order::Detach => {}
        }
    }
}
