//! Values that the pins screen derives from the console's state.

use crate::state::State;
use pinnace_core::check::{self};
use pinnace_core::pins::{self, PinScope};
use pinnace_core::registry::FactQuery;
use std::collections::BTreeSet;

use crate::screens::pins::state::PinsState;

/// Returns the keys by which the opened service can be pinned, the most specific first.
pub fn keys_of(state: &State, screen: &PinsState) -> Vec<PinScope> {
    let Some(cluster) = state.clusters.get(screen.cluster) else { return Vec::new() };
    let Some(service) = screen.service.as_ref().and_then(|name| cluster.world.service_named(name)) else {
        return Vec::new();
    };
    pins::keys_of(&screen.group, service)
}

/// Returns the queries for what must be known to open or check the pins; none during the pause after an edit.
pub fn queries(state: &State, screen: &PinsState) -> BTreeSet<FactQuery> {
    let Some(cluster) = state.clusters.get(screen.cluster) else { return BTreeSet::new() };
    if !cluster.world.knows_journal() {
        return BTreeSet::from([FactQuery::Journal]);
    }
    match &screen.text {
        None => {
            let unread = cluster.world.history(&screen.group).pins().err();
            unread.map(|change| FactQuery::Record(change.to_owned())).into_iter().collect()
        }
        Some(text) if text.edited.is_none() => {
            let mut wants = check::queries(&screen.group, &text.doc, &cluster.world, &cluster.facts);
            wants.extend(check::running::queries(&screen.group, &cluster.world, &cluster.facts));
            wants
        }
        Some(_) => BTreeSet::new(),
    }
}
