//! What this screen reads from the whole state.

use crate::availability::Reason;
use crate::state::{Screen, State};
use pinnace_core::registry::Want;
use std::collections::BTreeSet;

use crate::screens::image::state::ImageState;

/// Whether its files can be read: what it is must be known.
pub(crate) fn readable(state: &State) -> Result<(), Reason> {
    let Some(Screen::Image(screen)) = state.screens.last() else { return Err(Reason::NotHere) };
    let one = state.clusters.get(screen.cluster).ok_or(Reason::Gone)?;
    screen.view(one).shown().map(|_| ()).map_err(|_| Reason::Reading)
}

/// What has to be learned of it.
pub(crate) fn wants(state: &State, screen: &ImageState) -> BTreeSet<Want> {
    state.clusters.get(screen.cluster).map(|one| screen.view(one).wants()).unwrap_or_default()
}
