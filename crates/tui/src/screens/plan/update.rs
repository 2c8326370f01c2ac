//! The update of the plan screen: making, reviewing, acknowledging and applying a plan.

use crate::action::Action;
use crate::availability::{drift_goal, rollback_goal};
use crate::clusters::ClusterId;
use crate::dialogs::state::{ActionToConfirm, Confirmation, Dialog, PromptPurpose, TextDialog};
use crate::msg::Effect;
use crate::screens::ActionOutcome;
use crate::screens::change::state::{ChangeId, ChangeScreenState, ChangeStage, LocalChange, mode, target};
use crate::screens::plan::state::{PauseMode, PlanState, action_label, docker_lines, forget_old};
use crate::selection::Selection;
use crate::state::{Screen, State, WriteProtection};
use pinnace_core::change::Progress;
use pinnace_core::finding::Severity;
use pinnace_core::plan::{CredentialOrigin, Plan, UnitAction as Doing};
use pinnace_core::plan::{CredentialPolicy, UpdateOrderOption};
use pinnace_core::plan::{DriftResolution, Goal, RedeployImage, SavedPlan, plural};
use pinnace_core::sanitize::clean;

use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[
    Action::Apply,
    Action::Copy,
    Action::Details,
    Action::Acknowledge,
    Action::AcceptUnverified,
    Action::StepMode,
    Action::Reason,
    Action::Credentials,
    Action::StartFirst,
    Action::Newest,
    Action::SavePlan,
    Action::MoveUnitDown,
    Action::MoveUnitUp,
    Action::ToggleFold,
    Action::NextTrouble,
    Action::PreviousTrouble,
];

/// Opens the plan for a goal.
pub(crate) fn open(state: &mut State, cluster: ClusterId, goal: Goal) {
    let now = state.now;
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    forget_old(&goal, one, now);
    let plan = PlanState::new(cluster, goal, one, now);
    state.screens.push(Screen::Plan(Box::new(plan)));
}

/// Opens the plan that rolls the selection back.
pub(crate) fn open_back(state: &mut State) {
    if let Ok((cluster, goal)) = rollback_goal(state) {
        open(state, cluster, goal);
    }
}

/// Completes or compares the open plans after new observations or facts.
pub(crate) fn after_message(state: &mut State) {
    let now = state.now;
    for screen in &mut state.screens {
        if let Screen::Plan(plan) = screen
            && let Some(one) = state.clusters.get(plan.cluster)
        {
            plan.look(one, now);
        }
    }
}

/// Plans again on the operator's request; the caller drops the facts that are to be looked up again.
pub(crate) fn again(state: &mut State) {
    let now = state.now;
    let Some(Screen::Plan(plan)) = state.screens.last_mut() else { return };
    if let Some(one) = state.clusters.get(plan.cluster) {
        plan.again(one, now);
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = usize::from(body(state).height);
    let Some(Screen::Plan(plan)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    match action {
        Action::Apply => ask_to_apply(state, effects),
        Action::Copy => {
            let text = docker_lines(&plan.shown.plan);
            copy(state, text, effects);
        }
        Action::Details => details(state),
        Action::Acknowledge => plan.warnings = plan.warnings.turned(),
        Action::AcceptUnverified => plan.unchecked = plan.unchecked.turned(),
        Action::StepMode => {
            plan.stepping = if plan.stepping == PauseMode::On { PauseMode::Off } else { PauseMode::On };
        }
        Action::Reason => crate::dialogs::update::open_line(state, PromptPurpose::Reason),
        Action::Credentials | Action::StartFirst | Action::Newest => choose(state, action),
        Action::SavePlan => save(state, effects),
        Action::MoveUnitDown => plan.move_unit(1),
        Action::MoveUnitUp => plan.move_unit(-1),
        Action::ToggleFold => {
            if !plan.folded.remove(&plan.at) {
                plan.folded.insert(plan.at);
            }
        }
        Action::NextTrouble | Action::PreviousTrouble => next_finding(plan, action == Action::NextTrouble),
        _ => {
            let Some(at) = motion::moved(action, plan.at, plan.len(), page / 3) else { return ActionOutcome::NotMine };
            plan.at = at;
        }
    }
    ActionOutcome::Handled
}

/// Opens the plan that restarts the tasks of the selection.
pub(crate) fn open_redeploy(state: &mut State) {
    let selection = Selection::of(state);
    let cluster = selection.cluster;
    let Ok((group, scope)) = selection.planned() else { return };
    open(state, cluster, Goal::Redeploy { group, scope, by: RedeployImage::Same });
}

/// Opens the plan that resolves the drift of the selection.
pub(crate) fn open_drift(state: &mut State, how: DriftResolution) {
    if let Ok((cluster, goal)) = drift_goal(state, how) {
        open(state, cluster, goal);
    }
}

/// Toggles an option of the plan, and plans again.
fn choose(state: &mut State, action: Action) {
    let now = state.now;
    let Some(Screen::Plan(plan)) = state.screens.last_mut() else { return };
    let Some(one) = state.clusters.get_mut(plan.cluster) else { return };
    match (action, &mut plan.goal) {
        (Action::Credentials, _) => {
            let sends = plan.shown.plan.active().any(|(_, unit)| unit.credentials == CredentialOrigin::Operator);
            plan.manner.sending = if sends { CredentialPolicy::Stored } else { CredentialPolicy::Operator };
        }
        (Action::StartFirst, _) => {
            plan.manner.replacing = match plan.manner.replacing {
                UpdateOrderOption::AsItIs => UpdateOrderOption::StartFirst,
                UpdateOrderOption::StartFirst => UpdateOrderOption::AsItIs,
            }
        }
        (_, Goal::Redeploy { by, .. }) => {
            *by = if *by == RedeployImage::Same { RedeployImage::Tag } else { RedeployImage::Same };
            forget_old(&plan.goal, one, now);
        }
        _ => {}
    }
    plan.choose(one, now);
}

/// Saves the plan to a file, to be applied later from the command line.
fn save(state: &State, effects: &mut Vec<Effect>) {
    let Some(Screen::Plan(screen)) = state.screens.last() else { return };
    let (goal, manner, plan) = (screen.goal.clone(), screen.manner.clone(), screen.shown.plan.clone());
    let name = format!("{}-{}", plan.group.name, plan.id);
    effects.push(Effect::SavePlan { name, text: SavedPlan::new(goal, manner, plan).write() });
}

fn next_finding(plan: &mut PlanState, forward: bool) {
    let units = plan.shown.plan.units.len();
    let last = plan.len().saturating_sub(1);
    plan.at = match forward {
        true if plan.at < units => units,
        true if plan.at == last => units,
        true => plan.at + 1,
        false if plan.at <= units => last,
        false => plan.at - 1,
    }
    .min(last);
}

/// Opens a dialog with all details of the chosen unit or finding.
fn details(state: &mut State) {
    let Some(Screen::Plan(screen)) = state.screens.last() else { return };
    let plan = &screen.shown.plan;
    let (title, lines) = match plan.units.get(screen.at) {
        Some(unit) => {
            let mut lines = vec![
                format!("action   {}", action_label(plan, unit)),
                format!("from     {}", clean(&unit.from.image)),
                format!("to       {}", clean(&unit.to.image)),
                format!("member   {}", clean(&unit.member)),
                format!("host     {}", clean(&unit.node)),
            ];
            lines.extend(unit.reasons.iter().map(|reason| format!("reason   {}", clean(reason))));
            lines.extend(unit.edits.iter().map(|edit| format!("edits    {}", clean(&edit.path))));
            (clean(&unit.service), lines)
        }
        None => match plan.findings.get(screen.at.saturating_sub(plan.units.len())) {
            Some(finding) => {
                let lines = vec![clean(&finding.subject), clean(&finding.message), clean(&finding.hint)];
                (format!("{} {}", finding.severity, clean(&finding.code)), lines)
            }
            None => return,
        },
    };
    state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
}

/// Applies the plan; asks for confirmation first if units are left out or the cluster is protected.
fn ask_to_apply(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Screen::Plan(screen)) = state.screens.last() else { return };
    let Some(cluster) = state.clusters.get(screen.cluster) else { return };
    let plan = &screen.shown.plan;
    let mut lines = left_out(plan);
    if cluster.guard == WriteProtection::Protected {
        lines.push(format!("Cluster {} is protected: confirm the change.", clean(&cluster.name)));
    }
    if lines.is_empty() {
        return apply(state, effects);
    }
    let count = plan.active().count();
    let title = format!("Apply {count} {}: {}?", plural(count, "unit"), target(plan));
    lines.push(String::new());
    lines.push("press enter to apply, esc to cancel".to_owned());
    state.modal = Some(Dialog::Ask(Confirmation { what: ActionToConfirm::Apply, title, lines }));
}

/// Lists the services that applying leaves out, in a line of text.
fn left_out(plan: &Plan) -> Vec<String> {
    let blocked: Vec<_> = plan.units.iter().filter(|unit| unit.action == Doing::Blocked).collect();
    if blocked.is_empty() {
        return Vec::new();
    }
    let names = blocked.iter().map(|unit| clean(&unit.service)).collect::<Vec<_>>().join(", ");
    let count = blocked.len();
    vec![format!("Left out, because an error blocks {}: {names}", if count == 1 { "it" } else { "them" })]
}

/// Starts the plan as a change, and opens the change screen.
pub(crate) fn apply(state: &mut State, effects: &mut Vec<Effect>) {
    state.modal = None;
    let Some(Screen::Plan(screen)) = state.screens.last() else { return };
    if let Some(why) = crate::screens::plan::selectors::obstacle(state, screen) {
        return state.say(Severity::Warning, format!("not applied: {why}"), "");
    }
    let (cluster, plan, why) = (screen.cluster, screen.shown.plan.clone(), screen.why.clone());
    let mode = mode(&plan.group, screen.stepping);
    let progress = Progress::new(plan.units.len());
    let local = LocalChange::new(Box::new(plan.clone()), ChangeStage::Claiming, progress, state.now);
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    one.begin(local);
    let group = plan.group.clone();
    let id = ChangeId::Plan(plan.id.clone());
    effects.push(Effect::Apply { cluster, plan: Box::new(plan), mode, why });
    state.screens.retain(|screen| !matches!(screen, Screen::Plan(_) | Screen::Pins(_)));
    state.screens.push(Screen::Change(ChangeScreenState { cluster, group, id, unit: None }));
}
