//! Values that the change screen derives from the console's state.

use std::collections::BTreeSet;

use crate::state::State;
use pinnace_core::change::Progress;
use pinnace_core::registry::FactQuery;
use std::borrow::Cow;

use crate::screens::change::state::{ChangeId, ChangeScreenState, ChangeStage, LocalChange, ShownChange, find};

/// Looks a change up: among the changes of this console, else in the journal.
pub fn shown<'a>(state: &'a State, screen: &ChangeScreenState) -> Option<ShownChange<'a>> {
    let cluster = state.clusters.get(screen.cluster)?;
    let (history, offset) = (cluster.world.history(&screen.group), state.offset);
    let entry = match &screen.id {
        ChangeId::Change(change) => history.newest_first().find(|entry| entry.slot.change == *change),
        ChangeId::Plan(_) => None,
    };
    if let Some(local) = find(&cluster.local_changes, &screen.id) {
        let given_up = matches!(local.stage, ChangeStage::Over { .. }) && local.progress.ended.is_none();
        // After this console gave the change up, only the journal knows what other clients do with it.
        let progress = match entry.filter(|_| given_up) {
            Some(entry) => Cow::Owned(Progress::of_slot(&entry.slot, local.plan.units.len())),
            None => Cow::Borrowed(&local.progress),
        };
        let (plan, stage) = (Some(&*local.plan), Some(&local.stage));
        return Some(ShownChange { plan, progress, stage, entry, history, offset });
    }
    let entry = entry?;
    let plan = entry.record.as_ref().map(|record| &record.plan);
    let units = plan.map_or(entry.slot.labels.units.len(), |plan| plan.units.len());
    let progress = Cow::Owned(Progress::of_slot(&entry.slot, units));
    Some(ShownChange { plan, progress, stage: None, entry: Some(entry), history, offset })
}

/// Returns the changes that this console is starting or running.
pub fn at_work(state: &State) -> impl Iterator<Item = &LocalChange> {
    state.clusters.iter().flat_map(|(_, cluster)| &cluster.local_changes).filter(|change| change.is_at_work())
}

/// Returns the query for the change's record, if the record is not read yet.
pub(crate) fn queries(state: &State, screen: &ChangeScreenState) -> BTreeSet<FactQuery> {
    let entry = shown(state, screen).and_then(|shown| shown.entry).filter(|entry| entry.record.is_none());
    entry.map(|entry| FactQuery::Record(entry.slot.change.clone())).into_iter().collect()
}
