//! Whether what changes the swarm is possible now: pins, plans, rollbacks, orders to a change.

use crate::action::Action;
use crate::rollback_target as back;
use crate::screens::candidates::state as earlier;
use crate::screens::change::state::{ChangeId, Shown, Stand, shown};
use crate::screens::fleet::rows::Row;
use crate::screens::fleet::state::Pane;
use crate::screens::history::state::items;
use crate::screens::pins::completion::under_cursor;
use crate::screens::plan::state::{Fresh, PlanState};
use crate::state::{Guard, Screen, State};
use pinnace_core::change::Order;
use pinnace_core::history::drift;
use pinnace_core::history::{Answer, way_back};
use pinnace_core::pins;
use pinnace_core::plan::Action as Doing;
use pinnace_core::plan::{BackTo, Goal, Scope, Settle};
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::Service;

use crate::availability::{Reason, Subject, subject};

/// The cluster and the group the keys act on, and the service within it if it is one.
pub(crate) fn place(state: &State) -> Result<(usize, GroupKey, Option<String>), Reason> {
    Ok(match state.screens.last() {
        Some(Screen::Service(screen)) => (screen.cluster, screen.group.clone(), Some(screen.name.clone())),
        Some(Screen::Change(screen)) => (screen.cluster, screen.group.clone(), None),
        Some(_) => return Err(Reason::NotHere),
        None if state.fleet.pane != Pane::Services => return Err(Reason::NoService),
        None => match state.row() {
            Some(Row::Service(row)) => (state.active, row.group.clone(), Some(row.name.clone())),
            Some(row) => (state.active, row.group().cloned().ok_or(Reason::NoService)?, None),
            None => return Err(Reason::NoRow),
        },
    })
}

/// What `R` asks for here: the service or group under the cursor, or the change.
pub(crate) fn rollback_goal(state: &State) -> Result<(usize, Goal), Reason> {
    let back = |group: GroupKey, scope, to| Goal::Back { group, scope, to };
    match state.screens.last() {
        Some(Screen::History(screen)) => {
            let list = items(state, screen);
            let entry = list.get(screen.scroll.at).ok_or(Reason::NoRow)?.entry;
            let group = entry.slot.group().ok_or(Reason::NotHere)?;
            if !entry.slot.labels.state.is_terminal() {
                return Err(Reason::Unfinished);
            }
            Ok((screen.cluster, back(group, Scope::Group, Some(BackTo::Change(entry.slot.change.clone())))))
        }
        Some(Screen::Pins(screen)) => Ok((screen.cluster, back(screen.group.clone(), Scope::Group, None))),
        _ => {
            let (cluster, group, service) = place(state)?;
            Ok((cluster, back(group, service.map_or(Scope::Group, Scope::Service), None)))
        }
    }
}

pub(crate) fn rollback(state: &State) -> Result<(), Reason> {
    if let Some(Screen::Change(_)) = state.screens.last() {
        return order(state, Order::PutBack);
    }
    let (_, goal) = rollback_goal(state)?;
    if !matches!(goal, Goal::Back { scope: Scope::Service(_), .. }) {
        return Ok(());
    }
    let Subject::There(id) = subject(state)? else { return Err(Reason::Gone) };
    let (group, service) = back::service_of(state, &id).ok_or(Reason::Gone)?;
    way(state, &group, service)
}

fn way(state: &State, group: &GroupKey, service: &Service) -> Result<(), Reason> {
    match way_back(state.world(), group, service) {
        Answer::NoWay => Err(Reason::NoWayBack),
        Answer::Stands(change) => Err(Reason::WentBack(change)),
        Answer::To(_) | Answer::Wants(_) => Ok(()),
    }
}

/// What settling the drift of what the keys act on asks for; nothing where there is none.
pub(crate) fn drift_goal(state: &State, how: Settle) -> Result<(usize, Goal), Reason> {
    let (cluster, group, service) = match state.screens.last() {
        Some(Screen::Pins(screen)) => (screen.cluster, screen.group.clone(), None),
        _ => place(state)?,
    };
    let scope = service.map_or(Scope::Group, Scope::Service);
    let world = state.clusters.get(cluster).map(|one| &one.world).ok_or(Reason::Gone)?;
    let text = world.history(&group).pins().map_err(|_| Reason::Reading)?;
    let doc = text.map(pins::read).unwrap_or_default();
    let drifted = |service: &Service| scope.holds(service) && drift::of(world, &group, &doc, service).is_some();
    let any = world.members(&group).any(drifted);
    if any { Ok((cluster, Goal::Drift { group, scope, how })) } else { Err(Reason::NoDrift) }
}

/// Whether the chosen earlier image can be gone back to.
pub(crate) fn on_earlier(state: &State) -> Result<(), Reason> {
    let Some(Screen::Earlier(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    earlier::goal(screen).map(drop)
}

/// The pins of what the keys act on.
pub(crate) fn pins_of(state: &State) -> Result<(), Reason> {
    let (cluster, group, _) = place(state)?;
    let there = state.clusters.get(cluster).is_some_and(|one| one.world.members(&group).next().is_some());
    if there { Ok(()) } else { Err(Reason::Gone) }
}

/// A redeploy of what the keys act on.
pub(crate) fn redeploy(state: &State) -> Result<(), Reason> {
    pins_of(state)?;
    if matches!(state.screens.last(), Some(Screen::Service(_)) | None) { Ok(()) } else { Err(Reason::NotHere) }
}

/// What the pins' screen can do.
pub(crate) fn on_pins(state: &State, action: Action) -> Result<(), Reason> {
    let Some(Screen::Pins(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    let text = screen.text.as_ref().ok_or(Reason::Reading)?;
    match action {
        Action::Revert if !text.is_edited() => Err(Reason::NotEdited),
        Action::Complete if under_cursor(text).is_none() => Err(Reason::NoImage),
        Action::NextTrouble | Action::PreviousTrouble | Action::Details if text.placed.is_empty() => {
            Err(Reason::NothingWrong)
        }
        _ => Ok(()),
    }
}

/// What the plan's screen can do.
pub(crate) fn on_plan(state: &State, screen: &PlanState, action: Action) -> Result<(), Reason> {
    let plan = &screen.shown.plan;
    match action {
        Action::Apply => screen.obstacle(state).map_or(Ok(()), |why| Err(Reason::Obstacle(why))),
        Action::Acknowledge if plan.warnings() == 0 => Err(Reason::NoWarnings),
        Action::Unchecked if plan.unchecked().next().is_none() => Err(Reason::Checked),
        Action::NextTrouble | Action::PreviousTrouble if plan.findings.is_empty() => Err(Reason::NothingWrong),
        Action::Newest if !matches!(screen.goal, Goal::Redeploy { .. }) => Err(Reason::NoRedeploy),
        Action::SavePlan if is_read_only(state, screen.cluster) => Err(Reason::ReadOnly),
        Action::SavePlan if screen.fresh != Fresh::Equal => Err(Reason::NotEqual),
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

fn is_read_only(state: &State, cluster: usize) -> bool {
    let guard = state.clusters.get(cluster).map(|one| one.guard);
    state.config.settings.read_only || guard == Some(Guard::ReadOnly)
}

/// What the change's screen can do.
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

/// Whether an order means something to the change on the screen.
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
    match seen.stand {
        Stand::Starting => return Err(Reason::Starting),
        Stand::Refused { .. } | Stand::Over { .. } | Stand::Journal => return Err(Reason::Over),
        Stand::Ours => {}
    }
    if seen.progress.ended.is_some() || matches!(screen.id, ChangeId::Plan(_)) {
        return Err(Reason::Over);
    }
    let asking = seen.progress.asking.as_ref();
    match order {
        Order::Stop if asking.is_some() => Err(Reason::Asking),
        Order::Stop if seen.stops > 1 => Err(Reason::Over),
        Order::PutBack if asking.is_none() && seen.progress.going_back => Err(Reason::GoingBack),
        Order::Stop | Order::PutBack => Ok(()),
        _ if asking.is_some_and(|question| question.choices().contains(&order)) => Ok(()),
        _ => Err(Reason::NotAsking),
    }
}
