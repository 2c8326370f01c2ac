//! The state of the history screen.

use crate::availability::Unavailable;
use crate::clusters::ClusterId;
use crate::filter::TextFilter;
use crate::selection::Selection;
use crate::state::{ClusterState, ScrollState};
use pinnace_core::journal::{ChangeEntry, ChangeLog};
use pinnace_core::plan::plural;
use pinnace_core::plan::{PlanKind, Unit, UnitAction};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;
use std::collections::BTreeSet;

use pinnace_core::image::short;

/// One change in the list.
#[derive(Clone, Copy, Debug)]
pub struct HistoryRow<'a> {
    /// The change's entry in the journal.
    pub entry: &'a ChangeEntry,
    /// True if the change's units are shown below it.
    pub open: bool,
}

impl HistoryRow<'_> {
    /// Returns the number of lines that the item takes.
    pub fn lines(&self) -> usize {
        let units = self.entry.record.as_ref().map_or(1, |record| record.plan.units.len().max(1));
        if self.open { 1 + units } else { 1 }
    }
}

/// Returns the changes of a span, newest first.
pub fn entries<'a>(world: &'a World, span: &HistoryScope) -> Vec<&'a ChangeEntry> {
    let mut all: Vec<&ChangeEntry> = match span {
        HistoryScope::All => world.histories().flat_map(ChangeLog::newest_first).collect(),
        HistoryScope::Group(group) => return world.history(group).newest_first().collect(),
        HistoryScope::Service(group, service) => {
            return world.history(group).newest_first().filter(|entry| concerns(entry, service)).collect();
        }
    };
    all.sort_by_key(|entry| std::cmp::Reverse((entry.slot.created, entry.slot.seq)));
    all
}

/// Returns whether a change edited this service; true as well while its record is not read.
fn concerns(entry: &ChangeEntry, service: &str) -> bool {
    let units = entry.record.as_ref().map(|record| &record.plan.units);
    units.is_none_or(|units| units.iter().any(|unit| unit.service == service && unit.action != UnitAction::None))
}

fn mentions(entry: &ChangeEntry, word: &str) -> bool {
    let labels = &entry.slot.labels;
    let texts = [&labels.group, &labels.by, &labels.why, &labels.sum, &entry.slot.change];
    let units = entry.record.iter().flat_map(|record| &record.plan.units);
    texts.iter().any(|text| text.to_lowercase().contains(word))
        || labels.state.label().contains(word)
        || units.into_iter().any(|unit| unit.service.contains(word) || unit.to.image.contains(word))
}

/// Describes in one line what a change did.
pub fn what(entry: &ChangeEntry) -> String {
    if entry.slot.is_foreign() {
        return "change of a newer pinnace".to_owned();
    }
    let Some(record) = &entry.record else {
        return clean(&entry.slot.labels.sum);
    };
    let active: Vec<&Unit> = record.plan.active().map(|(_, unit)| unit).collect();
    let Some(first) = active.first() else {
        return if record.plan.changes_pins() { "pins only".to_owned() } else { "no change".to_owned() };
    };
    let same = active.iter().all(|unit| unit.to.image == first.to.image);
    let word = match record.plan.kind {
        PlanKind::Rollback => "rollback to ",
        PlanKind::Redeploy => "redeploy ",
        PlanKind::Pin | PlanKind::ExternalDeploy => "",
    };
    let more = if same { String::new() } else { " and others".to_owned() };
    let count = active.len();
    clean(&format!("{word}{}{more} · {count} {}", short(&first.to.image), plural(count, "service")))
}

/// Returns the display name of a change's group.
pub(crate) fn group_name(entry: &ChangeEntry) -> String {
    entry.slot.group().map_or_else(|| clean(&entry.slot.labels.group), |group: GroupKey| clean(&group.name))
}

/// The range of changes to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryScope {
    /// All changes of the cluster.
    All,
    /// The changes of a group.
    Group(GroupKey),
    /// The changes of a group that edited this service, by name.
    Service(GroupKey, String),
}

/// The state of the history screen: the listed changes.
#[derive(Clone, Debug)]
pub struct HistoryState {
    pub cluster: ClusterId,
    /// The range of changes listed.
    pub span: HistoryScope,
    pub filter: TextFilter,
    /// The ids of the changes whose units are shown.
    pub open: BTreeSet<String>,
    /// The cursor, and the first line shown.
    pub scroll: ScrollState,
}

impl HistoryState {
    /// Lists the changes of the span that pass the filter.
    pub(crate) fn items<'a>(&self, world: &'a World) -> Vec<HistoryRow<'a>> {
        let entries = entries(world, &self.span).into_iter();
        let passing = entries.filter(|entry| self.filter.passes_by_words(|word| mentions(entry, word)));
        passing.map(|entry| HistoryRow { entry, open: self.open.contains(&entry.slot.change) }).collect()
    }

    /// Returns the change under the cursor, its service if it changed only one, and the first image that it brought.
    pub(crate) fn selection<'a>(&self, one: Option<&'a ClusterState>) -> Selection<'a> {
        let items = one.map(|one| self.items(&one.world)).unwrap_or_default();
        let entry = items.get(self.scroll.at).map(|item| item.entry);
        let record = entry.and_then(|entry| entry.record.as_ref());
        let missing = match (entry, record) {
            (None, _) => Unavailable::NoRow,
            (Some(_), None) => Unavailable::Reading,
            (Some(_), Some(record)) if record.plan.units.is_empty() => Unavailable::NothingPlanned,
            (Some(_), Some(_)) => Unavailable::NoService,
        };
        let mut selection = Selection::new(self.cluster, missing);
        selection.change = entry.map(|entry| entry.slot.change.clone());
        selection.group = entry.and_then(|entry| entry.slot.group());
        let active: Vec<&Unit> = record.iter().flat_map(|record| record.plan.active()).map(|(_, unit)| unit).collect();
        let mut unit = active.first().copied();
        match (&self.span, active.as_slice()) {
            (HistoryScope::Service(group, name), active) => {
                let service = one.and_then(|one| one.world.service_named(name));
                let id = service.map(|service| service.id.clone()).unwrap_or_default();
                selection = selection.with_service(one, &id, name);
                selection.group.get_or_insert_with(|| group.clone());
                unit = active.iter().copied().find(|unit| unit.service == *name).or(unit);
            }
            (_, [unit]) => selection = selection.with_service(one, &unit.service_id, &unit.service),
            _ => {}
        }
        let Some(record) = record else { return selection };
        match unit.or(record.plan.units.first()) {
            Some(unit) => selection.with_image_after(&record.plan, unit),
            None => selection,
        }
    }
}
