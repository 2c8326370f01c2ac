//! What this screen reads from the whole state.

use std::collections::BTreeSet;

use crate::state::State;
use pinnace_core::change::Progress;
use pinnace_core::registry::Want;
use std::borrow::Cow;

use crate::screens::change::state::{ChangeId, ChangeScreen, LocalChange, Shown, Stage, find};

/// Looks a change up: at work here, else as the journal has it.
pub fn shown<'a>(state: &'a State, screen: &ChangeScreen) -> Option<Shown<'a>> {
    let cluster = state.clusters.get(screen.cluster)?;
    let (history, offset) = (cluster.world.history(&screen.group), state.offset);
    let entry = match &screen.id {
        ChangeId::Change(change) => history.newest_first().find(|entry| entry.slot.change == *change),
        ChangeId::Plan(_) => None,
    };
    if let Some(local) = find(&cluster.local_changes, &screen.id) {
        let given_up = matches!(local.stage, Stage::Over { .. }) && local.progress.ended.is_none();
        // What others do with it from then on is in the journal only.
        let progress = match entry.filter(|_| given_up) {
            Some(entry) => Cow::Owned(Progress::of_slot(&entry.slot, local.plan.units.len())),
            None => Cow::Borrowed(&local.progress),
        };
        let (plan, stage) = (Some(&*local.plan), Some(&local.stage));
        return Some(Shown { plan, progress, stage, entry, history, offset });
    }
    let entry = entry?;
    let plan = entry.record.as_ref().map(|record| &record.plan);
    let units = plan.map_or(entry.slot.labels.units.len(), |plan| plan.units.len());
    let progress = Cow::Owned(Progress::of_slot(&entry.slot, units));
    Some(Shown { plan, progress, stage: None, entry: Some(entry), history, offset })
}

/// The changes at work here.
pub fn at_work(state: &State) -> impl Iterator<Item = &LocalChange> {
    state.clusters.iter().flat_map(|(_, cluster)| &cluster.local_changes).filter(|change| change.is_at_work())
}

/// Its record, if that is not read yet.
pub(crate) fn wants(state: &State, screen: &ChangeScreen) -> BTreeSet<Want> {
    let entry = shown(state, screen).and_then(|shown| shown.entry).filter(|entry| entry.record.is_none());
    entry.map(|entry| Want::Record(entry.slot.change.clone())).into_iter().collect()
}
