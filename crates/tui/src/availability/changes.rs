//! Availability of the actions that change the swarm: pins, plans, rollbacks, orders to a change.

use crate::action::Action;
use crate::clusters::ClusterId;
use crate::rollback_target::selected_service;
use crate::screens::candidates::state as earlier;
use crate::screens::change::query::shown;
use crate::screens::change::state::{Shown, Stage, Stop};
use crate::screens::pins::completion::under_cursor;
use crate::screens::pins::state::PinsMode;
use crate::screens::plan::state::{Freshness, PlanState};
use crate::selection::Selection;
use crate::state::{ChangeGuard, Screen, State};
use pinnace_core::change::Order;
use pinnace_core::history::drift;
use pinnace_core::history::{Answer, way_back};
use pinnace_core::pins;
use pinnace_core::plan::Action as Doing;
use pinnace_core::plan::{DriftResolution, Goal, RollbackChoice, Scope};
use pinnace_core::swarm::Service;

use crate::availability::Reason;

/// Returns the goal of a rollback here: on the history screen to the state before the selected change, else of
/// the selected service or group.
pub(crate) fn rollback_goal(state: &State) -> Result<(ClusterId, Goal), Reason> {
    let selection = Selection::of(state);
    let cluster = selection.cluster;
    let Some(Screen::History(_)) = state.screens.last() else {
        let (group, scope) = selection.planned()?;
        return Ok((cluster, Goal::Back { group, scope, to: None }));
    };
    let change = selection.change.clone().ok_or(Reason::NoRow)?;
    let group = selection.group.ok_or(Reason::NotHere)?;
    let world = state.clusters.get(cluster).map(|one| &one.world).ok_or(Reason::Gone)?;
    let entry = world.history(&group).newest_first().find(|entry| entry.slot.change == change);
    if !entry.ok_or(Reason::NoRow)?.slot.labels.state.is_terminal() {
        return Err(Reason::Unfinished);
    }
    Ok((cluster, Goal::Back { group, scope: Scope::Group, to: Some(RollbackChoice::Change(change)) }))
}

pub(crate) fn rollback(state: &State) -> Result<(), Reason> {
    if let Some(Screen::Change(_)) = state.screens.last() {
        return order(state, Order::PutBack);
    }
    let (_, goal) = rollback_goal(state)?;
    if !matches!(goal, Goal::Back { scope: Scope::Service(_), .. }) {
        return Ok(());
    }
    let (world, group, service) = selected_service(state).ok_or(Reason::Gone)?;
    match way_back(world, &group, service) {
        Answer::NoWay => Err(Reason::NoWayBack),
        Answer::Stands(change) => Err(Reason::WentBack(change)),
        Answer::To(_) | Answer::Wants(_) => Ok(()),
    }
}

/// Returns the goal of resolving the drift of the selected service or group; an error if there is none.
pub(crate) fn drift_goal(state: &State, how: DriftResolution) -> Result<(ClusterId, Goal), Reason> {
    let selection = Selection::of(state);
    let (cluster, (group, scope)) = (selection.cluster, selection.planned()?);
    let world = state.clusters.get(cluster).map(|one| &one.world).ok_or(Reason::Gone)?;
    let text = world.history(&group).pins().map_err(|_| Reason::Reading)?;
    let doc = text.map(pins::read).unwrap_or_default();
    let drifted = |service: &Service| scope.holds(service) && drift::of(world, &group, &doc, service).is_some();
    let any = world.members(&group).any(drifted);
    if any { Ok((cluster, Goal::Drift { group, scope, how })) } else { Err(Reason::NoDrift) }
}

/// Checks whether a rollback to the selected candidate is possible.
pub(crate) fn on_earlier(state: &State) -> Result<(), Reason> {
    let Some(Screen::Earlier(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    earlier::goal(screen).map(drop)
}

/// Checks whether the pins of the selected group can be opened.
pub(crate) fn pins_of(state: &State) -> Result<(), Reason> {
    if matches!(state.screens.last(), Some(Screen::Pins(_))) {
        return Err(Reason::NotHere);
    }
    has_members(state)
}

/// Checks whether the group that a plan would be made for has services.
fn has_members(state: &State) -> Result<(), Reason> {
    let selection = Selection::of(state);
    let (group, _) = selection.planned()?;
    let one = state.clusters.get(selection.cluster);
    let there = one.is_some_and(|one| one.world.members(&group).next().is_some());
    if there { Ok(()) } else { Err(Reason::Gone) }
}

/// Checks whether the selected service or group can be redeployed.
pub(crate) fn redeploy(state: &State) -> Result<(), Reason> {
    has_members(state)
}

/// Checks whether an action is possible on the pins screen.
pub(crate) fn on_pins(state: &State, action: Action) -> Result<(), Reason> {
    let Some(Screen::Pins(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    let text = screen.text.as_ref().ok_or(Reason::Reading)?;
    match action {
        Action::Revert if !text.is_edited() => Err(Reason::NotEdited),
        Action::Complete if screen.mode != PinsMode::Editing => Err(Reason::NotHere),
        Action::Complete if under_cursor(text).is_none() => Err(Reason::NoImage),
        Action::NextTrouble | Action::PreviousTrouble | Action::Details if text.placed.is_empty() => {
            Err(Reason::NothingWrong)
        }
        _ => Ok(()),
    }
}

/// Checks whether an action is possible on the plan screen.
pub(crate) fn on_plan(state: &State, screen: &PlanState, action: Action) -> Result<(), Reason> {
    let plan = &screen.shown.plan;
    match action {
        Action::Apply => {
            crate::screens::plan::query::obstacle(state, screen).map_or(Ok(()), |why| Err(Reason::Obstacle(why)))
        }
        Action::Acknowledge if plan.warnings() == 0 => Err(Reason::NoWarnings),
        Action::Unchecked if plan.unchecked().next().is_none() => Err(Reason::Checked),
        Action::NextTrouble | Action::PreviousTrouble if plan.findings.is_empty() => Err(Reason::NothingWrong),
        Action::Newest if !matches!(screen.goal, Goal::Redeploy { .. }) => Err(Reason::NoRedeploy),
        Action::SavePlan if is_read_only(state, screen.cluster) => Err(Reason::ReadOnly),
        Action::SavePlan if screen.fresh != Freshness::Equal => Err(Reason::NotEqual),
        Action::Credentials | Action::StartFirst if !screen.wants().is_empty() => Err(Reason::NotEqual),
        Action::StepMode | Action::Copy | Action::Credentials | Action::StartFirst | Action::Reason
            if plan.active().next().is_none() =>
        {
            Err(Reason::NothingPlanned)
        }
        Action::MoveUnitDown | Action::MoveUnitUp => {
            let moves = plan.units.iter().filter(|unit| unit.action != Doing::None).count();
            if moves > 1 { Ok(()) } else { Err(Reason::NothingPlanned) }
        }
        _ => Ok(()),
    }
}

fn is_read_only(state: &State, cluster: ClusterId) -> bool {
    let guard = state.clusters.get(cluster).map(|one| one.guard);
    state.config.settings.read_only || guard == Some(ChangeGuard::ReadOnly)
}

/// Checks whether an action is possible on the change screen.
pub(crate) fn on_change(state: &State, action: Action) -> Result<(), Reason> {
    match action {
        Action::ContinuePastFailure | Action::ResumeContinue => order(state, Order::Continue),
        Action::ResumeLeave => order(state, Order::Leave),
        Action::Stop => order(state, Order::Stop),
        Action::NextTrouble | Action::PreviousTrouble => {
            let failed = here(state)?.progress.units.iter().any(|unit| unit.failure.is_some());
            if failed { Ok(()) } else { Err(Reason::NothingWrong) }
        }
        Action::Details => here(state).map(|_| ()),
        _ => Ok(()),
    }
}

fn here(state: &State) -> Result<Shown<'_>, Reason> {
    let Some(Screen::Change(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    shown(state, screen).ok_or(Reason::Reading)
}

/// Checks whether the change on the screen can take an order now.
fn order(state: &State, order: Order) -> Result<(), Reason> {
    let Some(Screen::Change(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    let seen = here(state)?;
    if seen.is_left_open() {
        return match order {
            _ if is_read_only(state, screen.cluster) => Err(Reason::ReadOnly),
            Order::Stop => Err(Reason::NotOurs),
            _ if seen.plan.is_none() => Err(Reason::Reading),
            _ => Ok(()),
        };
    }
    let stop = match seen.stage {
        Some(Stage::Claiming | Stage::TakingOver { .. }) => return Err(Reason::Starting),
        Some(Stage::Running { stop, .. }) if seen.progress.ended.is_none() => *stop,
        Some(Stage::Running { .. } | Stage::Refused { .. } | Stage::Over { .. }) | None => return Err(Reason::Over),
    };
    let asking = seen.progress.asking.as_ref();
    match order {
        Order::Stop if asking.is_some() => Err(Reason::Asking),
        Order::Stop if stop == Stop::GivenUp => Err(Reason::Over),
        Order::PutBack if asking.is_none() && seen.progress.going_back => Err(Reason::GoingBack),
        Order::Stop | Order::PutBack => Ok(()),
        _ if asking.is_some_and(|question| question.choices().contains(&order)) => Ok(()),
        _ => Err(Reason::NotAsking),
    }
}
