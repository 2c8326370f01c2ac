//! The permanent fix for what the screen is about.

use crate::core::fix::{self, Fix};
use crate::core::group::GroupKey;
use crate::core::journal::ChangeState;
use crate::core::pins;

use super::available::{Reason, place};
use super::change::shown;
use super::plan::Fresh;
use super::state::{Screen, State};

/// The fix for the pins as they are edited, for a plan or a change as it is shown, else for a group's pins in force.
///
/// # Errors
/// With why there is none.
pub fn here(state: &State) -> Result<Fix, Reason> {
    let found = match state.screens.last() {
        Some(Screen::Pins(screen)) => {
            let text = screen.text.as_ref().ok_or(Reason::Reading)?;
            let cluster = state.clusters.get(screen.cluster).ok_or(Reason::NotHere)?;
            fix::of_pins(&screen.group, &text.doc, &text.in_force, &cluster.world, &cluster.facts)
        }
        Some(Screen::Plan(screen)) => {
            if screen.fresh == Fresh::Making {
                return Err(Reason::Reading);
            }
            let cluster = state.clusters.get(screen.cluster).ok_or(Reason::NotHere)?;
            fix::of_plan(&screen.shown.plan, &cluster.world, &cluster.facts)
        }
        Some(Screen::Change(screen)) => {
            let seen = shown(state, screen).ok_or(Reason::Reading)?;
            let plan = seen.plan.ok_or(Reason::Reading)?;
            if seen.progress.ended.as_ref().is_some_and(|(ended, _)| *ended != ChangeState::Done) {
                return Err(Reason::NotDone);
            }
            let cluster = state.clusters.get(screen.cluster).ok_or(Reason::NotHere)?;
            fix::of_plan(plan, &cluster.world, &cluster.facts)
        }
        _ => {
            let (cluster, group, _) = place(state)?;
            in_force(state, cluster, &group)?
        }
    };
    found.ok_or(Reason::NoPins)
}

fn in_force(state: &State, cluster: usize, group: &GroupKey) -> Result<Option<Fix>, Reason> {
    let cluster = state.clusters.get(cluster).ok_or(Reason::NotHere)?;
    let text = cluster.world.history(group).pins().map_err(|_| Reason::Reading)?;
    let Some(text) = text else { return Ok(None) };
    let doc = pins::read(text);
    Ok(fix::of_pins(group, &doc, &doc, &cluster.world, &cluster.facts))
}
