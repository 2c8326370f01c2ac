//! The changes there were, as the history screen lists them.

use crate::state::Scroll;
use pinnace_core::journal::{Entry, History};
use pinnace_core::plan::plural;
use pinnace_core::plan::{Action, Kind, Unit};
use pinnace_core::swarm::GroupKey;
use pinnace_core::text::clean;
use pinnace_core::world::World;
use std::collections::BTreeSet;

use crate::state::State;
use pinnace_core::image::short;

/// One change in the list.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The change.
    pub entry: &'a Entry,
    /// Whether its units are shown below.
    pub open: bool,
}

impl Item<'_> {
    /// How many lines it takes.
    pub fn lines(&self) -> usize {
        let units = self.entry.record.as_ref().map_or(1, |record| record.plan.units.len().max(1));
        if self.open { 1 + units } else { 1 }
    }
}

/// Lists the changes, newest first by the leader's clock; within a group always by number.
pub fn items<'a>(state: &'a State, screen: &'a HistoryState) -> Vec<Item<'a>> {
    let Some(cluster) = state.clusters.get(screen.cluster) else { return Vec::new() };
    let wanted = screen.filter.to_lowercase();
    let entries = entries(&cluster.world, &screen.span).into_iter();
    let passing = entries.filter(|entry| wanted.split_whitespace().all(|word| mentions(entry, word)));
    passing.map(|entry| Item { entry, open: screen.open.contains(&entry.slot.change) }).collect()
}

/// The changes of a span, newest first.
pub fn entries<'a>(world: &'a World, span: &Span) -> Vec<&'a Entry> {
    let mut all: Vec<&Entry> = match span {
        Span::All => world.histories().flat_map(History::newest_first).collect(),
        Span::Group(group) => return world.history(group).newest_first().collect(),
        Span::Service(group, service) => {
            return world.history(group).newest_first().filter(|entry| concerns(entry, service)).collect();
        }
    };
    all.sort_by_key(|entry| std::cmp::Reverse((entry.slot.created, entry.slot.seq)));
    all
}

/// Whether a change edited this service, or may have, as its record is not read.
fn concerns(entry: &Entry, service: &str) -> bool {
    let units = entry.record.as_ref().map(|record| &record.plan.units);
    units.is_none_or(|units| units.iter().any(|unit| unit.service == service && unit.action != Action::None))
}

fn mentions(entry: &Entry, word: &str) -> bool {
    let labels = &entry.slot.labels;
    let texts = [&labels.group, &labels.by, &labels.why, &labels.sum, &entry.slot.change];
    let units = entry.record.iter().flat_map(|record| &record.plan.units);
    texts.iter().any(|text| text.to_lowercase().contains(word))
        || labels.state.word().contains(word)
        || units.into_iter().any(|unit| unit.service.contains(word) || unit.to.image.contains(word))
}

/// What a change did, in one line.
pub fn what(entry: &Entry) -> String {
    if entry.slot.is_foreign() {
        return "made by a newer pinnace".to_owned();
    }
    let Some(record) = &entry.record else {
        return clean(&entry.slot.labels.sum);
    };
    let active: Vec<&Unit> = record.plan.active().map(|(_, unit)| unit).collect();
    let Some(first) = active.first() else {
        return if record.plan.changes_pins() { "pins only".to_owned() } else { "nothing".to_owned() };
    };
    let same = active.iter().all(|unit| unit.to.image == first.to.image);
    let word = if record.plan.kind == Kind::Back { "back to " } else { "" };
    let more = if same { String::new() } else { " and others".to_owned() };
    let count = active.len();
    clean(&format!("{word}{}{more} · {count} {}", short(&first.to.image), plural(count, "service")))
}

/// The group a change is of, in words.
pub fn group_name(entry: &Entry) -> String {
    entry.slot.group().map_or_else(|| clean(&entry.slot.labels.group), |group: GroupKey| clean(&group.name))
}

/// Which changes are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// All.
    All,
    /// Those of a group.
    Group(GroupKey),
    /// Those of a group that named this service.
    Service(GroupKey, String),
}

/// The changes there were.
#[derive(Clone, Debug)]
pub struct HistoryState {
    /// The cluster.
    pub cluster: usize,
    /// Which of them.
    pub span: Span,
    /// The filter.
    pub filter: String,
    /// The changes that are open.
    pub open: BTreeSet<String>,
    /// Where in the list.
    pub scroll: Scroll,
}
