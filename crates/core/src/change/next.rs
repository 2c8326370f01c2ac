//! What a change does next: a function of plan and progress, and of nothing else.

use serde::{Deserialize, Serialize};

use super::event::{Order, Question};
use super::progress::Progress;
use crate::journal::{ChangeState, UnitState};
use crate::plan::{Kind, Plan};

/// What a failed unit leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Every touched unit is put back: the default for a stack.
    All,
    /// The failing unit is put back, then it asks: the default for a database.
    Unit,
    /// It stops as it stands, and asks.
    Stop,
    /// It goes on with the others.
    GoOn,
}

/// How a change is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What a failed unit leads to.
    pub on_failure: OnFailure,
    /// Whether it stops after each unit.
    pub step: bool,
    /// Whether there is a person to ask; else a question ends it.
    pub asks: bool,
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bring a unit to its target.
    Forward(usize),
    /// Put a unit back.
    Back(usize),
    /// Wait for an order.
    Ask(Question),
    /// Write the outcome and be done.
    End(ChangeState),
    /// Give it up half-way.
    Detach,
}

/// Decides the next step.
pub fn next(plan: &Plan, progress: &Progress, mode: Mode) -> Step {
    let units: Vec<usize> = plan.active().map(|(at, _)| at).collect();
    let state = |at: usize| progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state);
    match progress.order {
        Some(Order::Detach) => return Step::Detach,
        Some(Order::Leave) => return Step::End(outcome(&units, progress)),
        _ => {}
    }
    if progress.going_back {
        return going_back(&units, progress, mode);
    }
    if plan.kind != Kind::Back
        && let Some(step) = failed(&units, progress, mode)
    {
        return step;
    }
    let left: Vec<usize> = units
        .iter()
        .copied()
        .filter(|at| matches!(state(*at), UnitState::Untouched | UnitState::Posting | UnitState::PuttingBack))
        .collect();
    if let Some(at) = left.first() {
        if progress.order == Some(Order::Stop) {
            return question(Question::Stopped, &units, progress, mode);
        }
        if mode.step && progress.stepped {
            return question(Question::Next, &units, progress, mode);
        }
        return Step::Forward(*at);
    }
    // Of a rollback that is not put back itself, one that could not be begun, or that the engine took back, stands there.
    let failed = |at: usize| match state(at) {
        UnitState::Failed | UnitState::Overtaken => true,
        UnitState::PutBack => plan.kind == Kind::Back,
        _ => false,
    };
    let open = units.iter().copied().find(|at| failed(*at) && !progress.passed.contains(at));
    match open {
        Some(unit) if state(unit) == UnitState::Overtaken => {
            question(Question::Overtaken { unit }, &units, progress, mode)
        }
        Some(unit) => question(Question::Failed { unit }, &units, progress, mode),
        None => Step::End(outcome(&units, progress)),
    }
}

/// What a failure that nobody went past leads to.
fn failed(units: &[usize], progress: &Progress, mode: Mode) -> Option<Step> {
    let state = |at: usize| progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state);
    let open = |at: &usize| !progress.passed.contains(at);
    let overtaken = units.iter().copied().filter(open).find(|at| state(*at) == UnitState::Overtaken);
    if let Some(unit) = overtaken {
        return Some(question(Question::Overtaken { unit }, units, progress, mode));
    }
    let touched = |at: &usize| matches!(state(*at), UnitState::Failed | UnitState::PuttingBack | UnitState::PutBack);
    let unit = units.iter().copied().filter(open).find(touched)?;
    let tried = progress.not_back.contains(&unit);
    match mode.on_failure {
        OnFailure::GoOn => None,
        OnFailure::Stop => Some(question(Question::Failed { unit }, units, progress, mode)),
        OnFailure::Unit if state(unit) == UnitState::PutBack || tried => {
            Some(question(Question::Failed { unit }, units, progress, mode))
        }
        OnFailure::Unit => Some(Step::Back(unit)),
        OnFailure::All => Some(going_back(units, progress, mode)),
    }
}

/// The touched units in reverse; those that could not be put back are named, and the others go on.
fn going_back(units: &[usize], progress: &Progress, mode: Mode) -> Step {
    let carrying = units.iter().rev().copied().filter(|at| progress.carries(*at));
    let mut open = carrying.clone().filter(|at| !progress.not_back.contains(at));
    if let Some(at) = open.next() {
        return Step::Back(at);
    }
    if carrying.clone().next().is_some() {
        return question(Question::NotBack, units, progress, mode);
    }
    let ordered = if progress.ordered_back { ChangeState::Undone } else { ChangeState::Failed };
    Step::End(ordered)
}

/// Puts a question, or ends where nobody can be asked.
fn question(question: Question, units: &[usize], progress: &Progress, mode: Mode) -> Step {
    match (mode.asks, &question) {
        (true, _) => Step::Ask(question),
        (false, Question::Stopped | Question::Next) => Step::Detach,
        (false, _) => Step::End(outcome(units, progress)),
    }
}

/// The outcome as it stands.
fn outcome(units: &[usize], progress: &Progress) -> ChangeState {
    let state = |at: &usize| progress.units.get(*at).map_or(UnitState::Untouched, |unit| unit.state);
    if units.iter().all(|at| state(at) == UnitState::Done) {
        ChangeState::Done
    } else if units.iter().any(|at| progress.carries(*at)) {
        ChangeState::Left
    } else if progress.ordered_back {
        ChangeState::Undone
    } else {
        ChangeState::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Event, Kind as Happened};
    use crate::time::Time;

    fn plan(kind: &str) -> Plan {
        let unit = |name: &str| {
            serde_json::json!({"service": name, "service_id": name, "member": "m", "node": "", "action": "new",
                "from": {"image": "a", "digest": null}, "to": {"image": "b", "digest": null}, "reasons": [], "rest": ""})
        };
        serde_json::from_value(
            serde_json::json!({"v": 1, "id": "", "created": "", "group": "stack/s", "parent": 0, "kind": kind,
            "units": [unit("1"), unit("2"), unit("3")], "findings": []}),
        )
        .unwrap()
    }

    fn progress(letters: &str, orders: &[Order], asked: Option<Question>) -> Progress {
        let mut progress = Progress::new(letters.len());
        let mut kinds: Vec<Happened> = Vec::new();
        for (unit, letter) in letters.chars().enumerate() {
            kinds.push(Happened::Unit { unit, state: UnitState::from_letter(letter).unwrap() });
        }
        kinds.extend(asked.map(|question| Happened::Asked { question }));
        kinds.extend(orders.iter().map(|order| Happened::Ordered { order: *order }));
        for (index, kind) in kinds.into_iter().enumerate() {
            progress.apply(&Event { index: index as u64, at: Time(0), kind });
        }
        progress
    }

    #[test]
    fn the_next_step() {
        use {ChangeState as C, OnFailure as F, Order as O, Question as Q, Step as S};
        let none: &[Order] = &[];
        for (letters, on_failure, orders, wanted) in [
            ("---", F::All, none, S::Forward(0)),
            ("d--", F::All, none, S::Forward(1)),
            ("dp-", F::All, none, S::Forward(1)),
            ("ddd", F::All, none, S::End(C::Done)),
            ("df-", F::All, none, S::Back(1)),
            ("dU-", F::All, none, S::Back(0)),
            ("UU-", F::All, none, S::End(C::Failed)),
            ("df-", F::Unit, none, S::Back(1)),
            ("dU-", F::Unit, none, S::Ask(Q::Failed { unit: 1 })),
            ("dU-", F::Unit, &[O::Continue], S::Forward(2)),
            // Who had it before died while putting back.
            ("du-", F::All, none, S::Back(1)),
            ("du-", F::All, &[O::Continue], S::Forward(1)),
            ("dUd", F::Unit, &[O::Continue], S::End(C::Left)),
            ("dU-", F::Unit, &[O::PutBack], S::Back(0)),
            ("UU-", F::Unit, &[O::PutBack], S::End(C::Undone)),
            ("dU-", F::Unit, &[O::Leave], S::End(C::Left)),
            ("U--", F::Unit, &[O::Leave], S::End(C::Failed)),
            ("df-", F::Stop, none, S::Ask(Q::Failed { unit: 1 })),
            ("df-", F::GoOn, none, S::Forward(2)),
            ("do-", F::All, none, S::Ask(Q::Overtaken { unit: 1 })),
            ("d--", F::All, &[O::Stop], S::Ask(Q::Stopped)),
            ("d--", F::All, &[O::Detach], S::Detach),
        ] {
            let asked = (letters == "dU-").then_some(Q::Failed { unit: 1 });
            let mode = Mode { on_failure, step: false, asks: true };
            assert_eq!(
                next(&plan("pin"), &progress(letters, orders, asked), mode),
                wanted,
                "{letters} {on_failure:?} {orders:?}"
            );
        }
    }

    #[test]
    fn a_stop_is_kept_while_the_unit_in_work_is_stuck() {
        let mode = Mode { on_failure: OnFailure::All, step: false, asks: true };
        let mut stopped = progress("p--", &[Order::Stop], None);
        let stuck = Question::Stuck { unit: 0 };
        for kind in [
            Happened::Asked { question: stuck },
            Happened::Withdrawn,
            Happened::Unit { unit: 0, state: UnitState::Done },
        ] {
            stopped.apply(&Event { index: 9, at: Time(0), kind });
        }
        assert_eq!(next(&plan("pin"), &stopped, mode), Step::Ask(Question::Stopped));
    }

    #[test]
    fn a_rollback_is_never_itself_put_back() {
        let mode = Mode { on_failure: OnFailure::All, step: false, asks: true };
        assert_eq!(next(&plan("back"), &progress("f--", &[], None), mode), Step::Forward(1));
        assert_eq!(next(&plan("back"), &progress("fdd", &[], None), mode), Step::Ask(Question::Failed { unit: 0 }));
        assert_eq!(next(&plan("back"), &progress("dUd", &[], None), mode), Step::Ask(Question::Failed { unit: 1 }));
        assert_eq!(
            next(&plan("back"), &progress("fdd", &[], None), Mode { asks: false, ..mode }),
            Step::End(ChangeState::Left)
        );
    }

    #[test]
    fn nobody_to_ask_ends_it() {
        let mode = Mode { on_failure: OnFailure::Unit, step: false, asks: false };
        assert_eq!(next(&plan("pin"), &progress("U--", &[], None), mode), Step::End(ChangeState::Failed));
        assert_eq!(next(&plan("pin"), &progress("dU-", &[], None), mode), Step::End(ChangeState::Left));
        let step = Mode { step: true, ..mode };
        assert_eq!(next(&plan("pin"), &progress("d--", &[], None), step), Step::Detach);
    }

    #[test]
    fn what_cannot_be_put_back_is_named_and_the_others_go_on() {
        let mut stuck = progress("duu", &[], None);
        stuck.going_back = true;
        stuck.apply(&Event { index: 9, at: Time(0), kind: Happened::Unit { unit: 2, state: UnitState::Failed } });
        let mode = Mode { on_failure: OnFailure::All, step: false, asks: true };
        assert_eq!(next(&plan("pin"), &stuck, mode), Step::Back(1));
        stuck.apply(&Event { index: 10, at: Time(0), kind: Happened::Unit { unit: 1, state: UnitState::PutBack } });
        stuck.apply(&Event { index: 11, at: Time(0), kind: Happened::Unit { unit: 0, state: UnitState::PutBack } });
        assert_eq!(next(&plan("pin"), &stuck, mode), Step::Ask(Question::NotBack));
    }
}
