//! Values that the service screen derives from the console's state.

use std::collections::BTreeSet;

use crate::screens::history::state::{HistoryScope, entries};
use crate::screens::service::state::ServiceState;
use crate::state::State;
use pinnace_core::registry::FactQuery;

/// The most change records requested at once.
const RECORDS: usize = 20;

/// Returns the queries for the service's change records that are not read yet.
pub(crate) fn queries(state: &State, screen: &ServiceState) -> BTreeSet<FactQuery> {
    let span = HistoryScope::Service(screen.group.clone(), screen.name.clone());
    let unread = entries(state.world(), &span).into_iter().filter(|entry| entry.record.is_none());
    unread.take(RECORDS).map(|entry| FactQuery::Record(entry.slot.change.clone())).collect()
}
