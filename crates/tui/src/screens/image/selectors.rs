//! Values that the image screen derives from the console's state.

use crate::availability::Unavailable;
use crate::state::{Screen, State};
use pinnace_core::registry::FactQuery;
use std::collections::BTreeSet;

use crate::screens::image::state::ImageState;

/// Returns whether the files of the image on the screen can be read. The error says why not: no image screen is
/// on top, its cluster is gone, or the image is not known yet.
pub(crate) fn readable(state: &State) -> Result<(), Unavailable> {
    let Some(Screen::Image(screen)) = state.screens.last() else { return Err(Unavailable::NotHere) };
    let one = state.clusters.get(screen.cluster).ok_or(Unavailable::Gone)?;
    screen.view(one).shown().map(|_| ()).map_err(|_| Unavailable::Reading)
}

/// Returns the queries for what has to be learned about the image.
pub(crate) fn queries(state: &State, screen: &ImageState) -> BTreeSet<FactQuery> {
    state.clusters.get(screen.cluster).map(|one| screen.view(one).queries()).unwrap_or_default()
}
