//! Values that the history screen derives from the console's state.

use std::collections::BTreeSet;

use crate::state::State;
use pinnace_core::registry::FactQuery;

use crate::screens::history::state::{HistoryRow, HistoryState};

/// Lists the changes that pass the filter, newest first: by the leader's clock, within a single group by number.
pub fn items<'a>(state: &'a State, screen: &'a HistoryState) -> Vec<HistoryRow<'a>> {
    state.clusters.get(screen.cluster).map_or_else(Vec::new, |cluster| screen.items(&cluster.world))
}

/// Returns the queries for the records, not read yet, of the changes on the screen.
pub(crate) fn queries(state: &State, screen: &HistoryState) -> BTreeSet<FactQuery> {
    let items = items(state, screen);
    let near = items.iter().skip(screen.scroll.top).take(usize::from(state.size.height));
    let unread = near.filter(|item| item.entry.record.is_none());
    unread.map(|item| FactQuery::Record(item.entry.slot.change.clone())).collect()
}
