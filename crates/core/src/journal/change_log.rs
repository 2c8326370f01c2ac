//! A group's changes, by number.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{ChangeState, Sighting, Slot, UnitState};
use crate::plan::Record;

/// One change of a group's history: its slot, and its record where that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The slot.
    pub slot: Slot,
    /// The record; `None`: not read yet, or gone.
    pub record: Option<Record>,
}

impl Entry {
    /// How many services it changes, as far as that is known.
    pub fn units(&self) -> usize {
        self.record.as_ref().map_or(self.slot.labels.units.len(), |record| record.plan.active().count())
    }

    /// How a unit stands.
    pub fn unit_state(&self, unit: usize) -> UnitState {
        self.slot.labels.units.get(unit).copied().unwrap_or(UnitState::Untouched)
    }
}

/// Who holds an unfinished change, as far as can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Its owner writes, or nothing else is known of it yet.
    Held,
    /// Its owner shows no sign of life: it may be gone, or the swarm takes no writes.
    Silent,
    /// It was given up half-way.
    GivenUp,
}

/// The changes of one group, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    entries: BTreeMap<u64, Entry>,
    /// Changes whose record could not be found: asking again is of no use.
    gone: BTreeSet<String>,
    /// The slot's config and index at which its owner showed no sign of life.
    silent: Option<(String, u64)>,
    /// What others brought, the newest first; `None` until it was read.
    seen: Option<Vec<Sighting>>,
}

impl History {
    /// Takes in a slot as read; a record known before is kept.
    pub(crate) fn learn_slot(&mut self, slot: Slot) {
        let record =
            self.entries.get(&slot.seq).filter(|old| old.slot.change == slot.change).and_then(|old| old.record.clone());
        self.entries.insert(slot.seq, Entry { slot, record });
    }

    /// Takes in a slot whose owner shows no sign of life.
    pub(crate) fn learn_silence(&mut self, slot: Slot) {
        self.silent = Some((slot.config.clone(), slot.index));
        self.learn_slot(slot);
    }

    /// What is seen of who holds an unfinished change.
    pub fn hold(&self, entry: &Entry) -> Hold {
        let Slot { config, index, labels, .. } = &entry.slot;
        if labels.owner.is_empty() {
            Hold::GivenUp
        } else if self.silent.as_ref().is_some_and(|(silent, at)| silent == config && at == index) {
            Hold::Silent
        } else {
            Hold::Held
        }
    }

    /// Takes in the group's slots as a whole: those not among them are gone.
    pub fn learn_all(&mut self, slots: Vec<Slot>) {
        let mut old = std::mem::take(&mut self.entries);
        for slot in slots {
            let record =
                old.remove(&slot.seq).filter(|entry| entry.slot.change == slot.change).and_then(|entry| entry.record);
            self.entries.insert(slot.seq, Entry { slot, record });
        }
    }

    /// Takes in a record, or that there is none.
    pub(crate) fn learn_record(&mut self, change: &str, record: Option<Record>) {
        match record {
            Some(record) => {
                if let Some(entry) = self.entries.values_mut().find(|entry| entry.slot.change == change) {
                    entry.record = Some(record);
                }
            }
            None => {
                self.gone.insert(change.to_owned());
            }
        }
    }

    /// Takes in all that was seen of the group, from wherever it was noted.
    pub(crate) fn learn_sightings(&mut self, mut seen: Vec<Sighting>) {
        seen.sort_by(|one, other| (other.at, &other.record).cmp(&(one.at, &one.record)));
        self.seen = Some(seen);
    }

    /// What ran here and was brought by others, the newest first; nothing until it was read.
    pub fn sightings(&self) -> impl Iterator<Item = &Sighting> {
        self.seen.iter().flatten()
    }

    /// Whether what was seen has been read.
    pub(crate) fn knows_sightings(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether a record is known not to exist.
    pub fn is_gone(&self, change: &str) -> bool {
        self.gone.contains(change)
    }

    /// The changes, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().rev()
    }

    /// The newest change.
    pub fn newest(&self) -> Option<&Entry> {
        self.entries.values().next_back()
    }

    /// The newest number; 0 where there was no change.
    pub fn parent(&self) -> u64 {
        self.entries.keys().next_back().copied().unwrap_or(0)
    }

    /// The change with this id, or whose id starts so when only one does.
    pub fn find(&self, change: &str) -> Option<&Entry> {
        let mut found = self.entries.values().filter(|entry| entry.slot.change.starts_with(change));
        match (found.next(), found.next()) {
            (Some(entry), None) => Some(entry),
            _ => self.entries.values().find(|entry| entry.slot.change == change),
        }
    }

    /// The change that is not finished, if there is one: at most one of a group is not.
    pub fn unfinished(&self) -> Option<&Entry> {
        self.newest_first().find(|entry| !entry.slot.labels.state.is_terminal())
    }

    /// The newest change that is done and whose document is therefore in force.
    pub fn in_force(&self) -> Option<&Entry> {
        self.newest_first().find(|entry| entry.slot.labels.state == ChangeState::Done)
    }

    /// The pin document in force: that of the newest done change; before any change: none.
    ///
    /// `Err` names a change whose record must be read first.
    pub fn pins(&self) -> Result<Option<&str>, &str> {
        match self.in_force() {
            None => Ok(None),
            Some(entry) => match &entry.record {
                Some(record) => Ok(record.plan.pins_after.as_deref()),
                None if self.is_gone(&entry.slot.change) => Ok(None),
                None => Err(&entry.slot.change),
            },
        }
    }
}
