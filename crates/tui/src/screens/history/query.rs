//! What this screen reads from the whole state.

use crate::state::State;

use crate::screens::history::state::{HistoryState, Item};

/// Lists the changes, newest first by the leader's clock; within a group always by number.
pub fn items<'a>(state: &'a State, screen: &'a HistoryState) -> Vec<Item<'a>> {
    state.clusters.get(screen.cluster).map_or_else(Vec::new, |cluster| screen.items(&cluster.world))
}
