//! What this screen reads from the whole state.

use std::collections::BTreeSet;

use crate::screens::history::state::{Span, entries};
use crate::screens::service::state::ServiceState;
use crate::state::State;
use pinnace_core::registry::Want;

/// The most records of changes that are asked for at once.
const RECORDS: usize = 20;

/// The records of its changes that are not read yet.
pub(crate) fn wants(state: &State, screen: &ServiceState) -> BTreeSet<Want> {
    let span = Span::Service(screen.group.clone(), screen.name.clone());
    let unread = entries(state.world(), &span).into_iter().filter(|entry| entry.record.is_none());
    unread.take(RECORDS).map(|entry| Want::Record(entry.slot.change.clone())).collect()
}
