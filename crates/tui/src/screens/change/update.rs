//! The update of the change screen: events of running changes come in, orders go out.

use crate::action::Action;
use crate::availability::rollback_goal;
use crate::clusters::ClusterId;
use crate::dialogs::state::{ActionToConfirm, Confirmation, Dialog, TextDialog};
use crate::msg::Effect;
use crate::screens::change::selectors::{at_work, shown};
use crate::screens::change::state::{
    ChangeId, ChangeScreenState, ChangeStage, LocalChange, ShownChange, StopRequest, describe, find, mode, open_in,
    target, unit_name,
};
use crate::screens::plan::state::PauseMode;
use crate::screens::{ActionOutcome, NavigationTarget};
use crate::state::{Screen, State};
use pinnace_core::change::{ChangeEvent, ChangeEventKind as Happened, OperatorCommand, Progress, Question as Put};
use pinnace_core::finding::Severity;
use pinnace_core::journal::ChangeState;
use pinnace_core::plan::PlanKind;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;

use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[
    Action::ContinuePastFailure,
    Action::ResumeContinue,
    Action::ResumeRollBack,
    Action::ResumeKeep,
    Action::Stop,
    Action::Details,
    Action::Copy,
    Action::NextTrouble,
    Action::PreviousTrouble,
];

/// Opens the open change of a group; returns false if the group has none.
pub(crate) fn open_group(state: &mut State, cluster: ClusterId, group: &GroupKey) -> bool {
    let Some(id) = state.clusters.get(cluster).and_then(|one| open_in(one, group)) else { return false };
    open(state, cluster, group.clone(), id);
    true
}

/// Opens the screen of a change.
pub(crate) fn open(state: &mut State, cluster: ClusterId, group: GroupKey, id: ChangeId) {
    state.screens.push(Screen::Change(ChangeScreenState { cluster, group, id, unit: None }));
}

/// Records that a requested change started. Its screens use its journal id from here on.
pub(crate) fn started(state: &mut State, cluster: ClusterId, plan: &str, change: &str) {
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    let starting = |local: &&mut LocalChange| local.plan.id == plan && local.is_starting();
    let Some(local) = one.local_changes.iter_mut().rev().find(starting) else { return };
    local.stage = ChangeStage::Running { change: change.to_owned(), stop: StopRequest::No };
    for screen in &mut state.screens {
        if let Screen::Change(screen) = screen
            && screen.cluster == cluster
            && screen.id == ChangeId::Plan(plan.to_owned())
        {
            screen.id = ChangeId::Change(change.to_owned());
        }
    }
}

/// Records that a requested change did not start; nothing was posted to the engine.
pub(crate) fn refused(state: &mut State, cluster: ClusterId, plan: &str, why: &str, hint: &str) {
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    let starting = |local: &LocalChange| local.plan.id == plan && local.is_starting();
    let Some(at) = one.local_changes.iter().rposition(starting) else { return };
    let local = &mut one.local_changes[at];
    match local.stage {
        // The journal still has the change, and it can be taken over later.
        ChangeStage::TakingOver { .. } => drop(one.local_changes.remove(at)),
        _ => local.stage = ChangeStage::Refused { why: clean(why), hint: clean(hint) },
    }
    state.say(Severity::Error, format!("not started: {}", clean(why)), clean(hint));
}

/// Records that this console is done with a change, with any outcome.
pub(crate) fn finished(state: &mut State, cluster: ClusterId, change: &str, text: &str) {
    let id = ChangeId::Change(change.to_owned());
    let Some(local) = local_change(state, cluster, &id) else { return };
    local.stage = ChangeStage::Over { change: change.to_owned(), text: clean(text) };
    // If the change has an outcome, `take` already reported it, before the change's log was complete.
    if local.progress.ended.is_none() {
        let group = clean(&local.plan.group.name);
        over(state, &id, &group, text);
    }
}

/// Returns the newest change of this console with this id.
fn local_change<'a>(state: &'a mut State, cluster: ClusterId, id: &ChangeId) -> Option<&'a mut LocalChange> {
    state.clusters.get_mut(cluster)?.local_changes.iter_mut().rev().find(|local| local.is(id))
}

fn is_on_screen(state: &State, id: &ChangeId) -> bool {
    matches!(state.screens.last(), Some(Screen::Change(screen)) if screen.id == *id)
}

/// Reports the end of a change that is not on the screen.
fn over(state: &mut State, id: &ChangeId, group: &str, text: &str) {
    if !is_on_screen(state, id) {
        state.say(Severity::Info, format!("the change of {group} ended: {}", clean(text)), "");
    }
}

/// Folds an event into its change; drops events of changes that this console did not start.
pub(crate) fn take(
    state: &mut State,
    cluster: ClusterId,
    change: &str,
    event: &ChangeEvent,
    effects: &mut Vec<Effect>,
) {
    let id = ChangeId::Change(change.to_owned());
    let Some(local) = local_change(state, cluster, &id) else { return };
    let asked = local.progress.asking.is_some();
    local.progress.apply(event);
    let put = !asked && local.progress.asking.is_some();
    let group = local.plan.group.clone();
    let done = matches!(local.progress.ended, Some((ChangeState::Done, _))) && local.plan.kind == PlanKind::Pin;
    if let Happened::Ended { state: outcome, .. } = &event.kind {
        over(state, &id, &clean(&group.name), outcome.label());
    }
    if done {
        crate::screens::pins::update::applied(state, cluster, &group, effects);
    }
    if put && !is_on_screen(state, &id) {
        let text = format!("the change of {} waits for your answer", clean(&group.name));
        state.say(Severity::Warning, text, "press h on its group to open it");
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = usize::from(body(state).height);
    let Some(Screen::Change(screen)) = state.screens.last() else { return ActionOutcome::NotMine };
    let screen = screen.clone();
    let Some(seen) = shown(state, &screen) else { return ActionOutcome::NotMine };
    let focus = screen.unit.or(seen.focus()).unwrap_or(0);
    let units = seen.progress.units.len();
    match action {
        // Nothing failed, so the next unit needs no confirmation.
        Action::ContinuePastFailure | Action::ResumeContinue
            if !seen.is_left_open() && matches!(seen.progress.asking, Some(Put::StepPause | Put::Stopped)) =>
        {
            order(state, OperatorCommand::Continue, effects);
        }
        Action::ContinuePastFailure | Action::ResumeContinue => ask(state, OperatorCommand::Continue),
        Action::Rollback if seen.has_ended() => {
            if let Ok((cluster, goal)) = rollback_goal(state) {
                return ActionOutcome::Open(NavigationTarget::Plan(cluster, goal));
            }
        }
        Action::Rollback | Action::ResumeRollBack if seen.is_left_open() => ask(state, OperatorCommand::RollBack),
        Action::Rollback | Action::ResumeRollBack => order(state, OperatorCommand::RollBack, effects),
        Action::ResumeKeep if seen.is_left_open() => ask(state, OperatorCommand::KeepAsIs),
        Action::ResumeKeep => order(state, OperatorCommand::KeepAsIs, effects),
        Action::Stop => stop(state, effects),
        Action::Details => details(state, &screen),
        Action::Copy => {
            let id = match &screen.id {
                ChangeId::Change(id) | ChangeId::Plan(id) => id.clone(),
            };
            copy(state, id, effects);
        }
        Action::NextTrouble | Action::PreviousTrouble => {
            let failed = |at: &usize| seen.progress.units.get(*at).is_some_and(|unit| unit.failure.is_some());
            let next = (1..=units).map(|step| (focus + step) % units).find(failed);
            choose(state, next);
        }
        _ => {
            let Some(at) = motion::moved(action, focus, units, page / 3) else { return ActionOutcome::NotMine };
            choose(state, Some(at));
        }
    }
    ActionOutcome::Handled
}

fn choose(state: &mut State, unit: Option<usize>) {
    if let (Some(unit), Some(Screen::Change(screen))) = (unit, state.screens.last_mut()) {
        screen.unit = Some(unit);
    }
}

/// Asks for confirmation before an order that continues past a failure or takes a change over.
fn ask(state: &mut State, order: OperatorCommand) {
    let Some(Screen::Change(screen)) = state.screens.last() else { return };
    let Some(seen) = shown(state, screen) else { return };
    let mut lines = Vec::new();
    let what = describe(order, &seen);
    let title = match (&seen.progress.asking, seen.is_left_open()) {
        (_, true) => "Take this change over?".to_owned(),
        (Some(Put::Failed { unit } | Put::Superseded { unit } | Put::Stuck { unit }), _) => {
            let unit = seen.plan.and_then(|plan| plan.units.get(*unit)).map(unit_name).unwrap_or_default();
            format!("Continue past {unit}?")
        }
        _ => "Continue?".to_owned(),
    };
    lines.push(format!("This will {what}."));
    if seen.is_left_open()
        && let Some(entry) = seen.entry.filter(|entry| entry.slot.labels.state == ChangeState::Running)
    {
        lines.push(format!("{} may still be running it, and would lose it.", clean(&entry.slot.labels.by)));
    }
    lines.push(String::new());
    lines.push("press enter to confirm, esc to cancel".to_owned());
    state.modal = Some(Dialog::Ask(Confirmation { what: ActionToConfirm::OperatorCommand(order), title, lines }));
}

/// Sends an order to the running change; an unfinished change is taken over with this order.
pub(crate) fn order(state: &mut State, order: OperatorCommand, effects: &mut Vec<Effect>) {
    state.modal = None;
    let Some(Screen::Change(screen)) = state.screens.last() else { return };
    let screen = screen.clone();
    let Some(seen) = shown(state, &screen) else { return };
    let ChangeId::Change(change) = screen.id.clone() else { return };
    if !seen.is_left_open() {
        effects.push(Effect::OperatorCommand { cluster: screen.cluster, change, order });
        return;
    }
    let Some(local) = resumed(&seen, &change, state.now) else { return };
    let mode = mode(&screen.group, PauseMode::Off);
    let plan = local.plan.id.clone();
    if let Some(one) = state.clusters.get_mut(screen.cluster) {
        one.begin(local);
    }
    effects.push(Effect::Resume { cluster: screen.cluster, change, order, plan, mode });
}

fn resumed(seen: &ShownChange<'_>, change: &str, now: pinnace_core::time::Time) -> Option<LocalChange> {
    let plan = seen.plan?.clone();
    let progress = seen
        .entry
        .map_or_else(|| seen.progress.clone().into_owned(), |entry| Progress::of_slot(&entry.slot, plan.units.len()));
    let stage = ChangeStage::TakingOver { change: change.to_owned() };
    Some(LocalChange::new(Box::new(plan), stage, progress, now))
}

/// Requests a stop after the current unit; the second time, gives the change up in this console.
fn stop(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Screen::Change(screen)) = state.screens.last() else { return };
    let (cluster, id) = (screen.cluster, screen.id.clone());
    let Some(local) = local_change(state, cluster, &id) else { return };
    let ChangeStage::Running { change, stop } = &mut local.stage else { return };
    let (order, text);
    (*stop, order, text) = match stop {
        StopRequest::No => {
            let text = "the change stops after the current unit; press x again to detach it";
            (StopRequest::AfterUnit, OperatorCommand::Stop, text)
        }
        StopRequest::AfterUnit | StopRequest::Detached => {
            (StopRequest::Detached, OperatorCommand::Detach, "detached from this console; any manager can resume it")
        }
    };
    effects.push(Effect::OperatorCommand { cluster, change: change.clone(), order });
    state.say(Severity::Info, text, "");
}

/// Opens a dialog with all details of the unit under the cursor.
fn details(state: &mut State, screen: &ChangeScreenState) {
    let Some(seen) = shown(state, screen) else { return };
    let at = screen.unit.or(seen.focus()).unwrap_or(0);
    let Some(unit) = seen.progress.units.get(at) else { return };
    let mut lines = Vec::new();
    let planned = seen.plan.and_then(|plan| plan.units.get(at));
    if let Some(planned) = planned {
        lines.push(format!("from     {}", clean(&planned.from.image)));
        lines.push(format!("to       {}", clean(&planned.to.image)));
    }
    lines.push(format!("state    {}", unit.state.label()));
    if let Some((why, hint)) = &unit.failure {
        lines.extend([format!("failed   {}", clean(why)), format!("hint     {}", clean(hint))]);
    }
    for (name, text) in [("engine", &unit.update), ("pending", &unit.waits)] {
        if !text.is_empty() {
            lines.push(format!("{name:<8} {}", clean(text)));
        }
    }
    for task in &unit.tasks {
        lines.push(format!("task     {} {} {} {}", clean(&task.id), clean(&task.node), task.state, clean(&task.error)));
    }
    lines.push(format!("by       {}", clean(&seen.progress.by)));
    let title = planned.map_or_else(|| format!("unit {}", at + 1), |unit| clean(&unit.service));
    state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
}

/// Describes the running changes that quitting would leave unfinished, for the confirmation; `None` without any.
pub(crate) fn at_work_told(state: &State) -> Option<String> {
    // A change that has its outcome only writes its log: quitting leaves none of its units unfinished.
    let mut open = at_work(state).filter(|local| local.progress.ended.is_none());
    let first = open.next()?;
    let more = open.count();
    let text = format!("{}: {}", clean(&first.plan.group.name), target(&first.plan));
    Some(if more == 0 { text } else { format!("{text}, and {more} more") })
}

/// Closes a confirmation that lost its object while it was open: the change ended or continued.
pub(crate) fn settle_question(state: &mut State) {
    let Some(Dialog::Ask(question)) = &state.modal else { return };
    let is_moot = match &question.what {
        ActionToConfirm::Quit => at_work_told(state).is_none(),
        ActionToConfirm::OperatorCommand(_) => match state.screens.last() {
            Some(Screen::Change(screen)) => shown(state, screen).is_some_and(|seen| {
                // A stuck unit may continue automatically; then there is nothing left to confirm.
                let moved = seen.progress.asking.is_none() && !seen.is_left_open();
                seen.progress.ended.is_some() || moved
            }),
            _ => false,
        },
        ActionToConfirm::Apply => false,
    };
    if is_moot {
        state.modal = None;
        state.say(Severity::Info, "the change continued or ended; no answer is needed any more", "");
    }
}

/// Returns whether the passing of time alone changes what the change screen shows.
pub(crate) fn is_moving(state: &State) -> bool {
    let Some(Screen::Change(screen)) = state.screens.last() else { return false };
    let one = state.clusters.get(screen.cluster);
    one.and_then(|one| find(&one.local_changes, &screen.id)).is_some_and(LocalChange::is_at_work)
}
