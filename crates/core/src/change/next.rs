//! The next step of a change, a pure function of plan, progress and mode.

use serde::{Deserialize, Serialize};

use super::event::{OperatorCommand, Question};
use super::progress::Progress;
use crate::journal::{ChangeState, UnitState};
use crate::plan::{Plan, PlanKind};

/// The policy for a failed unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Rolls back every touched unit; the default for a stack.
    #[serde(rename = "all")]
    RollBackAll,
    /// Rolls back the failed unit, then asks; the default for a database.
    #[serde(rename = "unit")]
    RollBackUnit,
    /// Leaves every unit as it is, and asks.
    Stop,
    /// Continues with the remaining units, then asks about the failed ones.
    #[serde(rename = "go-on")]
    Continue,
}

/// The settings with which a change is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionSettings {
    /// The policy for a failed unit.
    pub on_failure: OnFailure,
    /// Set to pause after each unit.
    pub step: bool,
    /// Set when an operator can be asked. Otherwise the change ends, or detaches after a pause, instead of
    /// asking.
    pub asks: bool,
}

/// The next step of a change; units are given by their index in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionStep {
    /// Brings a unit to its target.
    Forward(usize),
    /// Rolls a unit back.
    RollBack(usize),
    /// Asks the operator and waits for an order.
    Ask(Question),
    /// Writes the outcome and ends.
    End(ChangeState),
    /// Releases the change unfinished.
    Detach,
}

/// Decides the next step.
pub fn next(plan: &Plan, progress: &Progress, mode: ExecutionSettings) -> ExecutionStep {
    let units: Vec<usize> = plan.active().map(|(at, _)| at).collect();
    let state = |at: usize| progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state);
    match progress.order {
        Some(OperatorCommand::Detach) => return ExecutionStep::Detach,
        Some(OperatorCommand::KeepAsIs) => return ExecutionStep::End(outcome(&units, progress)),
        _ => {}
    }
    if progress.going_back {
        return going_back(&units, progress, mode);
    }
    if plan.kind != PlanKind::Rollback
        && let Some(step) = failed(&units, progress, mode)
    {
        return step;
    }
    let left: Vec<usize> = units
        .iter()
        .copied()
        .filter(|at| matches!(state(*at), UnitState::Untouched | UnitState::Updating | UnitState::RollingBack))
        .collect();
    if let Some(at) = left.first() {
        if progress.order == Some(OperatorCommand::Stop) {
            return question(Question::Stopped, &units, progress, mode);
        }
        if mode.step && progress.stepped {
            return question(Question::StepPause, &units, progress, mode);
        }
        return ExecutionStep::Forward(*at);
    }
    // A rollback is not put back itself. Its unit is `PutBack` if it could not begin, or if the engine
    // reverted it: that is a failure.
    let failed = |at: usize| match state(at) {
        UnitState::Failed | UnitState::Superseded => true,
        UnitState::RolledBack => plan.kind == PlanKind::Rollback,
        _ => false,
    };
    let open = units.iter().copied().find(|at| failed(*at) && !progress.passed.contains(at));
    match open {
        Some(unit) if state(unit) == UnitState::Superseded => {
            question(Question::Superseded { unit }, &units, progress, mode)
        }
        Some(unit) => question(Question::Failed { unit }, &units, progress, mode),
        None => ExecutionStep::End(outcome(&units, progress)),
    }
}

/// Returns the step that the first open failure leads to; `None` if there is none, or the policy is to
/// continue. A failure is open until the operator continues past it.
fn failed(units: &[usize], progress: &Progress, mode: ExecutionSettings) -> Option<ExecutionStep> {
    let state = |at: usize| progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state);
    let open = |at: &usize| !progress.passed.contains(at);
    let overtaken = units.iter().copied().filter(open).find(|at| state(*at) == UnitState::Superseded);
    if let Some(unit) = overtaken {
        return Some(question(Question::Superseded { unit }, units, progress, mode));
    }
    let touched = |at: &usize| matches!(state(*at), UnitState::Failed | UnitState::RollingBack | UnitState::RolledBack);
    let unit = units.iter().copied().filter(open).find(touched)?;
    let tried = progress.not_back.contains(&unit);
    match mode.on_failure {
        OnFailure::Continue => None,
        OnFailure::Stop => Some(question(Question::Failed { unit }, units, progress, mode)),
        OnFailure::RollBackUnit if state(unit) == UnitState::RolledBack || tried => {
            Some(question(Question::Failed { unit }, units, progress, mode))
        }
        OnFailure::RollBackUnit => Some(ExecutionStep::RollBack(unit)),
        OnFailure::RollBackAll => Some(going_back(units, progress, mode)),
    }
}

/// Rolls the touched units back, last one first. Units whose rollback failed are skipped; a question
/// reports them at the end.
fn going_back(units: &[usize], progress: &Progress, mode: ExecutionSettings) -> ExecutionStep {
    let carrying = units.iter().rev().copied().filter(|at| progress.carries(*at));
    let mut open = carrying.clone().filter(|at| !progress.not_back.contains(at));
    if let Some(at) = open.next() {
        return ExecutionStep::RollBack(at);
    }
    if carrying.clone().next().is_some() {
        return question(Question::RollbackFailed, units, progress, mode);
    }
    let ordered = if progress.ordered_back { ChangeState::RolledBackByUser } else { ChangeState::Failed };
    ExecutionStep::End(ordered)
}

/// Asks the operator; if there is nobody to ask, ends or detaches the change instead.
fn question(question: Question, units: &[usize], progress: &Progress, mode: ExecutionSettings) -> ExecutionStep {
    match (mode.asks, &question) {
        (true, _) => ExecutionStep::Ask(question),
        (false, Question::Stopped | Question::StepPause) => ExecutionStep::Detach,
        (false, _) => ExecutionStep::End(outcome(units, progress)),
    }
}

/// Returns the outcome for the units' current states.
fn outcome(units: &[usize], progress: &Progress) -> ChangeState {
    let state = |at: &usize| progress.units.get(*at).map_or(UnitState::Untouched, |unit| unit.state);
    if units.iter().all(|at| state(at) == UnitState::Done) {
        ChangeState::Done
    } else if units.iter().any(|at| progress.carries(*at)) {
        ChangeState::Partial
    } else if progress.ordered_back {
        ChangeState::RolledBackByUser
    } else {
        ChangeState::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{ChangeEvent, ChangeEventKind as Happened};
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

    fn progress(letters: &str, orders: &[OperatorCommand], asked: Option<Question>) -> Progress {
        let mut progress = Progress::new(letters.len());
        let mut kinds: Vec<Happened> = Vec::new();
        for (unit, letter) in letters.chars().enumerate() {
            kinds.push(Happened::Unit { unit, state: UnitState::from_letter(letter).unwrap() });
        }
        kinds.extend(asked.map(|question| Happened::Asked { question }));
        kinds.extend(orders.iter().map(|order| Happened::Ordered { order: *order }));
        for (index, kind) in kinds.into_iter().enumerate() {
            progress.apply(&ChangeEvent { index: index as u64, at: Time(0), kind });
        }
        progress
    }

    #[test]
    fn the_next_step() {
        use {ChangeState as C, ExecutionStep as S, OnFailure as F, OperatorCommand as O, Question as Q};
        let none: &[OperatorCommand] = &[];
        for (letters, on_failure, orders, wanted) in [
            ("---", F::RollBackAll, none, S::Forward(0)),
            ("d--", F::RollBackAll, none, S::Forward(1)),
            ("dp-", F::RollBackAll, none, S::Forward(1)),
            ("ddd", F::RollBackAll, none, S::End(C::Done)),
            ("df-", F::RollBackAll, none, S::RollBack(1)),
            ("dU-", F::RollBackAll, none, S::RollBack(0)),
            ("UU-", F::RollBackAll, none, S::End(C::Failed)),
            ("df-", F::RollBackUnit, none, S::RollBack(1)),
            ("dU-", F::RollBackUnit, none, S::Ask(Q::Failed { unit: 1 })),
            ("dU-", F::RollBackUnit, &[O::Continue], S::Forward(2)),
            // The previous owner died during the rollback of the unit.
            ("du-", F::RollBackAll, none, S::RollBack(1)),
            ("du-", F::RollBackAll, &[O::Continue], S::Forward(1)),
            ("dUd", F::RollBackUnit, &[O::Continue], S::End(C::Partial)),
            ("dU-", F::RollBackUnit, &[O::RollBack], S::RollBack(0)),
            ("UU-", F::RollBackUnit, &[O::RollBack], S::End(C::RolledBackByUser)),
            ("dU-", F::RollBackUnit, &[O::KeepAsIs], S::End(C::Partial)),
            ("U--", F::RollBackUnit, &[O::KeepAsIs], S::End(C::Failed)),
            ("df-", F::Stop, none, S::Ask(Q::Failed { unit: 1 })),
            ("df-", F::Continue, none, S::Forward(2)),
            ("do-", F::RollBackAll, none, S::Ask(Q::Superseded { unit: 1 })),
            ("d--", F::RollBackAll, &[O::Stop], S::Ask(Q::Stopped)),
            ("d--", F::RollBackAll, &[O::Detach], S::Detach),
        ] {
            let asked = (letters == "dU-").then_some(Q::Failed { unit: 1 });
            let mode = ExecutionSettings { on_failure, step: false, asks: true };
            assert_eq!(
                next(&plan("pin"), &progress(letters, orders, asked), mode),
                wanted,
                "{letters} {on_failure:?} {orders:?}"
            );
        }
    }

    #[test]
    fn a_stop_is_kept_while_the_unit_in_work_is_stuck() {
        let mode = ExecutionSettings { on_failure: OnFailure::RollBackAll, step: false, asks: true };
        let mut stopped = progress("p--", &[OperatorCommand::Stop], None);
        let stuck = Question::Stuck { unit: 0 };
        for kind in [
            Happened::Asked { question: stuck },
            Happened::Withdrawn,
            Happened::Unit { unit: 0, state: UnitState::Done },
        ] {
            stopped.apply(&ChangeEvent { index: 9, at: Time(0), kind });
        }
        assert_eq!(next(&plan("pin"), &stopped, mode), ExecutionStep::Ask(Question::Stopped));
    }

    #[test]
    fn a_rollback_is_never_itself_put_back() {
        let mode = ExecutionSettings { on_failure: OnFailure::RollBackAll, step: false, asks: true };
        assert_eq!(next(&plan("back"), &progress("f--", &[], None), mode), ExecutionStep::Forward(1));
        assert_eq!(
            next(&plan("back"), &progress("fdd", &[], None), mode),
            ExecutionStep::Ask(Question::Failed { unit: 0 })
        );
        assert_eq!(
            next(&plan("back"), &progress("dUd", &[], None), mode),
            ExecutionStep::Ask(Question::Failed { unit: 1 })
        );
        assert_eq!(
            next(&plan("back"), &progress("fdd", &[], None), ExecutionSettings { asks: false, ..mode }),
            ExecutionStep::End(ChangeState::Partial)
        );
    }

    #[test]
    fn nobody_to_ask_ends_it() {
        let mode = ExecutionSettings { on_failure: OnFailure::RollBackUnit, step: false, asks: false };
        assert_eq!(next(&plan("pin"), &progress("U--", &[], None), mode), ExecutionStep::End(ChangeState::Failed));
        assert_eq!(next(&plan("pin"), &progress("dU-", &[], None), mode), ExecutionStep::End(ChangeState::Partial));
        let step = ExecutionSettings { step: true, ..mode };
        assert_eq!(next(&plan("pin"), &progress("d--", &[], None), step), ExecutionStep::Detach);
    }

    #[test]
    fn what_cannot_be_put_back_is_named_and_the_others_go_on() {
        let mut stuck = progress("duu", &[], None);
        stuck.going_back = true;
        stuck.apply(&ChangeEvent { index: 9, at: Time(0), kind: Happened::Unit { unit: 2, state: UnitState::Failed } });
        let mode = ExecutionSettings { on_failure: OnFailure::RollBackAll, step: false, asks: true };
        assert_eq!(next(&plan("pin"), &stuck, mode), ExecutionStep::RollBack(1));
        stuck.apply(&ChangeEvent {
            index: 10,
            at: Time(0),
            kind: Happened::Unit { unit: 1, state: UnitState::RolledBack },
        });
        stuck.apply(&ChangeEvent {
            index: 11,
            at: Time(0),
            kind: Happened::Unit { unit: 0, state: UnitState::RolledBack },
        });
        assert_eq!(next(&plan("pin"), &stuck, mode), ExecutionStep::Ask(Question::RollbackFailed));
    }
}
