//! The permanent fix for the subject of the top screen: what to put into a stack file or a database's spec.

use crate::clusters::ClusterId;
use pinnace_core::export;
use pinnace_core::export::PermanentFix;
use pinnace_core::journal::ChangeState;
use pinnace_core::pins;
use pinnace_core::plan::Plan;
use pinnace_core::swarm::GroupKey;

use crate::availability::Unavailable;
use crate::screens::change::selectors::shown;
use crate::screens::plan::state::Freshness;
use crate::selection::Selection;
use crate::state::{ClusterState, Screen, State};

/// Checks whether a permanent fix exists. The check is cheap and so approximate, because the footer repeats it
/// for each frame.
///
/// # Errors
/// Returns the reason if there is none.
pub fn is_there(state: &State) -> Result<(), Unavailable> {
    let found = match state.screens.last() {
        Some(Screen::Pins(screen)) => {
            let text = screen.text.as_ref().ok_or(Unavailable::Reading)?;
            !text.doc.pins.is_empty() || !text.in_force.pins.is_empty()
        }
        Some(Screen::Plan(screen)) if screen.fresh == Freshness::Incomplete => return Err(Unavailable::Reading),
        Some(Screen::Plan(screen)) => can_keep(&screen.shown.plan),
        Some(Screen::Change(screen)) => {
            let seen = shown(state, screen).ok_or(Unavailable::Reading)?;
            if seen.progress.ended.as_ref().is_some_and(|(ended, _)| *ended != ChangeState::Done) {
                return Err(Unavailable::NotDone);
            }
            can_keep(seen.plan.ok_or(Unavailable::Reading)?)
        }
        _ => in_force(state)?.2.is_some(),
    };
    if found { Ok(()) } else { Err(Unavailable::NoPins) }
}

fn can_keep(plan: &Plan) -> bool {
    plan.pins_after.is_some() || plan.active().next().is_some()
}

/// Builds the fix for the edited pins, for the plan or change shown, or else for the pins in force of the
/// selected group.
///
/// # Errors
/// Returns the reason if there is none.
pub fn here(state: &State) -> Result<PermanentFix, Unavailable> {
    is_there(state)?;
    let cluster = |at: ClusterId| state.clusters.get(at).ok_or(Unavailable::NotHere);
    let found = match state.screens.last() {
        Some(Screen::Pins(screen)) => {
            let (text, cluster) = (screen.text.as_ref().ok_or(Unavailable::Reading)?, cluster(screen.cluster)?);
            export::of_pins(&screen.group, &text.doc, &text.in_force, &cluster.world, &cluster.facts)
        }
        Some(Screen::Plan(screen)) => {
            let cluster = cluster(screen.cluster)?;
            export::of_plan(&screen.shown.plan, &cluster.world, &cluster.facts)
        }
        Some(Screen::Change(screen)) => {
            let plan = shown(state, screen).and_then(|seen| seen.plan).ok_or(Unavailable::Reading)?;
            let cluster = cluster(screen.cluster)?;
            export::of_plan(plan, &cluster.world, &cluster.facts)
        }
        _ => {
            let (cluster, group, text) = in_force(state)?;
            let doc = pins::read(text.unwrap_or_default());
            export::of_pins(&group, &doc, &doc, &cluster.world, &cluster.facts)
        }
    };
    found.ok_or(Unavailable::NoPins)
}

/// Returns the selected group with its cluster and its pins in force.
fn in_force(state: &State) -> Result<(&ClusterState, GroupKey, Option<&str>), Unavailable> {
    let selection = Selection::of(state);
    let group = selection.group()?.clone();
    let cluster = state.clusters.get(selection.cluster).ok_or(Unavailable::NotHere)?;
    let text = cluster.world.history(&group).pins().map_err(|_| Unavailable::Reading)?;
    Ok((cluster, group, text))
}
