//! Availability of the actions that change the swarm: pins, plans, rollbacks, orders to a change.

use crate::action::Action;
use crate::clusters::ClusterId;
use crate::rollback_target::{is_choice, selected_service};
use crate::screens::candidates::state as earlier;
use crate::screens::change::selectors::shown;
use crate::screens::change::state::{ChangeStage, ShownChange, StopRequest};
use crate::screens::pins::completion::under_cursor;
use crate::screens::pins::state::PinsMode;
use crate::screens::plan::state::{Freshness, PlanState};
use crate::selection::Selection;
use crate::state::{Screen, State, WriteProtection};
use pinnace_core::change::OperatorCommand;
use pinnace_core::history::drift;
use pinnace_core::history::{TargetSearch, way_back};
use pinnace_core::pins;
use pinnace_core::plan::UnitAction as Doing;
use pinnace_core::plan::{DriftResolution, Goal, RollbackChoice, Scope};
use pinnace_core::swarm::Service;

use crate::availability::Unavailable;

/// Returns the goal of a rollback here: on the history screen, and on that of a change, to the state before the
/// change; else of the selected service or group.
pub(crate) fn rollback_goal(state: &State) -> Result<(ClusterId, Goal), Unavailable> {
    let selection = Selection::of(state);
    let cluster = selection.cluster;
    let Some(Screen::History(_) | Screen::Change(_)) = state.screens.last() else {
        let (group, scope) = selection.planned()?;
        return Ok((cluster, Goal::Back { group, scope, to: None }));
    };
    let change = selection.change.clone().ok_or(Unavailable::NoRow)?;
    let group = selection.group.ok_or(Unavailable::NotHere)?;
    let world = state.clusters.get(cluster).map(|one| &one.world).ok_or(Unavailable::Gone)?;
    let entry = world.history(&group).newest_first().find(|entry| entry.slot.change == change);
    if !entry.ok_or(Unavailable::NoRow)?.slot.labels.state.is_terminal() {
        return Err(Unavailable::Unfinished);
    }
    Ok((cluster, Goal::Back { group, scope: Scope::Group, to: Some(RollbackChoice::Change(change)) }))
}

pub(crate) fn rollback(state: &State) -> Result<(), Unavailable> {
    if matches!(state.screens.last(), Some(Screen::Change(_))) && !here(state)?.has_ended() {
        return order(state, OperatorCommand::RollBack);
    }
    let (_, goal) = rollback_goal(state)?;
    if !matches!(goal, Goal::Back { scope: Scope::Service(_), .. }) {
        return Ok(());
    }
    let (world, group, service) = selected_service(state).ok_or(Unavailable::Gone)?;
    match way_back(world, &group, service) {
        // The key opens the list to choose from.
        _ if is_choice(state) => Ok(()),
        TargetSearch::NoneKnown => Err(Unavailable::NoRollbackTarget),
        TargetSearch::AlreadyRolledBack(change) => Err(Unavailable::AlreadyRolledBack(change)),
        TargetSearch::Found(_) | TargetSearch::Needs(_) => Ok(()),
    }
}

/// Returns the goal of resolving the drift of the selected service or group; an error if there is none.
pub(crate) fn drift_goal(state: &State, how: DriftResolution) -> Result<(ClusterId, Goal), Unavailable> {
    let selection = Selection::of(state);
    let (cluster, (group, scope)) = (selection.cluster, selection.planned()?);
    let world = state.clusters.get(cluster).map(|one| &one.world).ok_or(Unavailable::Gone)?;
    let text = world.history(&group).pins().map_err(|_| Unavailable::Reading)?;
    let doc = text.map(pins::read).unwrap_or_default();
    let drifted = |service: &Service| scope.holds(service) && drift::of(world, &group, &doc, service).is_some();
    let any = world.members(&group).any(drifted);
    if any { Ok((cluster, Goal::Drift { group, scope, how })) } else { Err(Unavailable::NoDrift) }
}

/// Checks whether a rollback to the selected candidate is possible.
pub(crate) fn on_earlier(state: &State) -> Result<(), Unavailable> {
    let Some(Screen::Candidates(screen)) = state.screens.last() else { return Err(Unavailable::NotHere) };
    earlier::goal(screen).map(drop)
}

/// Checks whether the pins of the selected group can be opened.
pub(crate) fn pins_of(state: &State) -> Result<(), Unavailable> {
    if matches!(state.screens.last(), Some(Screen::Pins(_))) {
        return Err(Unavailable::NotHere);
    }
    has_members(state)
}

/// Checks whether the group that a plan would be made for has services.
fn has_members(state: &State) -> Result<(), Unavailable> {
    let selection = Selection::of(state);
    let (group, _) = selection.planned()?;
    let one = state.clusters.get(selection.cluster);
    let there = one.is_some_and(|one| one.world.members(&group).next().is_some());
    if there { Ok(()) } else { Err(Unavailable::Gone) }
}

/// Checks whether the selected service or group can be redeployed.
pub(crate) fn redeploy(state: &State) -> Result<(), Unavailable> {
    has_members(state)
}

/// Checks whether an action is possible on the pins screen.
pub(crate) fn on_pins(state: &State, action: Action) -> Result<(), Unavailable> {
    let Some(Screen::Pins(screen)) = state.screens.last() else { return Err(Unavailable::NotHere) };
    let text = screen.text.as_ref().ok_or(Unavailable::Reading)?;
    match action {
        Action::Revert if !text.is_edited() => Err(Unavailable::NotEdited),
        Action::Complete if screen.mode != PinsMode::Editing => Err(Unavailable::NotHere),
        Action::Complete if under_cursor(text).is_none() => Err(Unavailable::NoImage),
        Action::NextTrouble | Action::PreviousTrouble | Action::Details if text.placed.is_empty() => {
            Err(Unavailable::NothingWrong)
        }
        _ => Ok(()),
    }
}

/// Checks whether an action is possible on the plan screen.
pub(crate) fn on_plan(state: &State, screen: &PlanState, action: Action) -> Result<(), Unavailable> {
    let plan = &screen.shown.plan;
    match action {
        Action::Apply => crate::screens::plan::selectors::obstacle(state, screen)
            .map_or(Ok(()), |why| Err(Unavailable::Obstacle(why))),
        Action::Acknowledge if plan.warnings() == 0 => Err(Unavailable::NoWarnings),
        Action::AcceptUnverified if plan.unchecked().next().is_none() => Err(Unavailable::AllVerified),
        Action::NextTrouble | Action::PreviousTrouble if plan.findings.is_empty() => Err(Unavailable::NothingWrong),
        Action::Newest if !matches!(screen.goal, Goal::Redeploy { .. }) => Err(Unavailable::NoRedeploy),
        Action::SavePlan if is_read_only(state, screen.cluster) => Err(Unavailable::ReadOnly),
        Action::SavePlan if screen.fresh != Freshness::UpToDate => Err(Unavailable::Stale),
        Action::Credentials | Action::StartFirst if !screen.queries().is_empty() => Err(Unavailable::Stale),
        Action::StepMode | Action::Copy | Action::Credentials | Action::StartFirst | Action::Reason
            if plan.active().next().is_none() =>
        {
            Err(Unavailable::NothingPlanned)
        }
        Action::MoveUnitDown | Action::MoveUnitUp => {
            let moves = plan.units.iter().filter(|unit| unit.action != Doing::None).count();
            if moves > 1 { Ok(()) } else { Err(Unavailable::NothingPlanned) }
        }
        _ => Ok(()),
    }
}

fn is_read_only(state: &State, cluster: ClusterId) -> bool {
    let guard = state.clusters.get(cluster).map(|one| one.guard);
    state.config.settings.read_only || guard == Some(WriteProtection::ReadOnly)
}

/// Checks whether an action is possible on the change screen.
pub(crate) fn on_change(state: &State, action: Action) -> Result<(), Unavailable> {
    match action {
        Action::ContinuePastFailure | Action::ResumeContinue => order(state, OperatorCommand::Continue),
        Action::ResumeKeep => order(state, OperatorCommand::KeepAsIs),
        Action::Stop => order(state, OperatorCommand::Stop),
        Action::NextTrouble | Action::PreviousTrouble => {
            let failed = here(state)?.progress.units.iter().any(|unit| unit.failure.is_some());
            if failed { Ok(()) } else { Err(Unavailable::NothingWrong) }
        }
        Action::Details => here(state).map(|_| ()),
        _ => Ok(()),
    }
}

fn here(state: &State) -> Result<ShownChange<'_>, Unavailable> {
    let Some(Screen::Change(screen)) = state.screens.last() else { return Err(Unavailable::NotHere) };
    shown(state, screen).ok_or(Unavailable::Reading)
}

/// Checks whether the change on the screen can take an order now.
fn order(state: &State, order: OperatorCommand) -> Result<(), Unavailable> {
    let Some(Screen::Change(screen)) = state.screens.last() else { return Err(Unavailable::NotHere) };
    let seen = here(state)?;
    if seen.is_left_open() {
        return match order {
            _ if is_read_only(state, screen.cluster) => Err(Unavailable::ReadOnly),
            OperatorCommand::Stop => Err(Unavailable::ForeignChange),
            _ if seen.plan.is_none() => Err(Unavailable::Reading),
            _ => Ok(()),
        };
    }
    let stop = match seen.stage {
        Some(ChangeStage::Claiming | ChangeStage::TakingOver { .. }) => return Err(Unavailable::Starting),
        Some(ChangeStage::Running { stop, .. }) if seen.progress.ended.is_none() => *stop,
        Some(ChangeStage::Running { .. } | ChangeStage::Refused { .. } | ChangeStage::Over { .. }) | None => {
            return Err(Unavailable::Ended);
        }
    };
    let asking = seen.progress.asking.as_ref();
    match order {
        OperatorCommand::Stop if asking.is_some() => Err(Unavailable::Asking),
        OperatorCommand::Stop if stop == StopRequest::Detached => Err(Unavailable::Ended),
        OperatorCommand::RollBack if asking.is_none() && seen.progress.going_back => Err(Unavailable::RollingBack),
        OperatorCommand::Stop | OperatorCommand::RollBack => Ok(()),
        _ if asking.is_some_and(|question| question.choices().contains(&order)) => Ok(()),
        _ => Err(Unavailable::NotAsking),
    }
}
