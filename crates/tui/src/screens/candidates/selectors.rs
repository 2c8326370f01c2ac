//! Values that the candidates screen derives from the console's state.

use crate::availability::Unavailable;
use crate::clusters::ClusterId;
use crate::layout;
use crate::selection::Selection;
use crate::state::{Screen, State};
use pinnace_core::history::{self, wants_of};
use pinnace_core::registry::FactQuery;
use pinnace_core::swarm::GroupKey;
use std::collections::BTreeSet;

use crate::screens::candidates::state::CandidatesState;

/// Returns the height of the list in lines; each image takes one line.
pub fn page(state: &State) -> usize {
    usize::from(layout::earlier(crate::update::body(state)).list.height)
}

/// Returns the selected service, whose rollback candidates can be listed: its cluster, group and id. The error
/// says why nothing can be listed.
pub(crate) fn listable(state: &State) -> Result<(ClusterId, GroupKey, String), Unavailable> {
    if matches!(state.screens.last(), Some(Screen::Candidates(_))) {
        return Err(Unavailable::NotHere);
    }
    let selection = Selection::of(state);
    let id = selection.service_id()?.to_owned();
    let one = state.clusters.get(selection.cluster).ok_or(Unavailable::Gone)?;
    let service = one.world.services.get(&id).ok_or(Unavailable::Gone)?;
    Ok((selection.cluster, GroupKey::of(service), id))
}

/// Returns the queries that the list needs; registries are asked only about the images on the screen.
pub(crate) fn queries(state: &State, screen: &CandidatesState) -> BTreeSet<FactQuery> {
    let Some(one) = state.clusters.get(screen.cluster) else { return BTreeSet::new() };
    let Some(service) = one.world.services.get(&screen.service) else { return BTreeSet::new() };
    let mut wants = history::queries(&one.world, &screen.group, service, &one.facts);
    let page = page(state);
    let shown = screen.rows.iter().skip(screen.scroll(page).top).take(page);
    wants.extend(shown.flat_map(|row| wants_of(row, &one.facts)));
    wants
}
