//! The change log of one group.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{ChangeSlot, ChangeState, ExternalDeploy, UnitState};
use crate::plan::ChangeRecord;

/// One change of a group: its slot, and its record once it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEntry {
    /// The change's slot, as last read.
    pub slot: ChangeSlot,
    /// The change's record; `None` if it was not read yet, or no longer exists.
    pub record: Option<ChangeRecord>,
}

impl ChangeEntry {
    /// Returns the number of services that the change updates; before the record is read, the number of
    /// units in the slot.
    pub fn units(&self) -> usize {
        self.record.as_ref().map_or(self.slot.labels.units.len(), |record| record.plan.active().count())
    }

    /// Returns a unit's state; `Untouched` if the slot does not list the unit.
    pub fn unit_state(&self, unit: usize) -> UnitState {
        self.slot.labels.units.get(unit).copied().unwrap_or(UnitState::Untouched)
    }
}

/// The ownership of an unfinished change, as far as it can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// An owner that writes, or of which nothing else is known yet.
    Owned,
    /// An owner without a sign of life: it may be gone, or the swarm takes no writes.
    Unresponsive,
    /// No owner: the change was released unfinished.
    Released,
}

/// A record that exists and cannot be read: another program wrote or damaged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRecord {
    /// The name of its config.
    pub config: String,
    /// The reason, such as the JSON error.
    pub why: String,
}

/// The changes of one group by number, and the external deploys observed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeLog {
    entries: BTreeMap<u64, ChangeEntry>,
    /// The ids of changes whose record does not exist: reading it again is useless.
    gone: BTreeSet<String>,
    /// The records that exist and cannot be read, by the ids of their changes.
    unreadable: BTreeMap<String, UnreadableRecord>,
    /// The config id and version index of the slot whose owner showed no sign of life.
    silent: Option<(String, u64)>,
    /// The external deploys, newest first; `None` until they were read.
    seen: Option<Vec<ExternalDeploy>>,
}

impl ChangeLog {
    /// Adds or replaces a slot; a record already known for the same change is kept.
    pub(crate) fn learn_slot(&mut self, slot: ChangeSlot) {
        let record =
            self.entries.get(&slot.seq).filter(|old| old.slot.change == slot.change).and_then(|old| old.record.clone());
        self.entries.insert(slot.seq, ChangeEntry { slot, record });
    }

    /// Adds or replaces a slot whose owner shows no sign of life.
    pub(crate) fn learn_silence(&mut self, slot: ChangeSlot) {
        self.silent = Some((slot.config.clone(), slot.index));
        self.learn_slot(slot);
    }

    /// Returns the ownership of an unfinished change.
    pub fn hold(&self, entry: &ChangeEntry) -> OwnerState {
        let ChangeSlot { config, index, labels, .. } = &entry.slot;
        if labels.owner.is_empty() {
            OwnerState::Released
        } else if self.silent.as_ref().is_some_and(|(silent, at)| silent == config && at == index) {
            OwnerState::Unresponsive
        } else {
            OwnerState::Owned
        }
    }

    /// Replaces all slots of the group; changes without a slot are dropped.
    pub fn learn_all(&mut self, slots: Vec<ChangeSlot>) {
        let mut old = std::mem::take(&mut self.entries);
        for slot in slots {
            let record =
                old.remove(&slot.seq).filter(|entry| entry.slot.change == slot.change).and_then(|entry| entry.record);
            self.entries.insert(slot.seq, ChangeEntry { slot, record });
        }
    }

    /// Adds a change's record; `None` means that it does not exist.
    pub(crate) fn learn_record(&mut self, change: &str, record: Option<ChangeRecord>) {
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

    /// Adds a change whose record cannot be read.
    pub(crate) fn learn_unreadable(&mut self, change: &str, record: UnreadableRecord) {
        self.unreadable.insert(change.to_owned(), record);
    }

    /// Returns the record of a change that exists and cannot be read.
    pub fn unreadable(&self, change: &str) -> Option<&UnreadableRecord> {
        self.unreadable.get(change)
    }

    /// Replaces the group's external deploys by those of all sources.
    pub(crate) fn learn_sightings(&mut self, mut seen: Vec<ExternalDeploy>) {
        seen.sort_by(|one, other| (other.at, &other.record).cmp(&(one.at, &one.record)));
        self.seen = Some(seen);
    }

    /// Returns the external deploys that were observed running well, newest first; empty until they were
    /// read.
    pub fn sightings(&self) -> impl Iterator<Item = &ExternalDeploy> {
        self.seen.iter().flatten()
    }

    /// Returns whether the external deploys were read.
    pub(crate) fn knows_sightings(&self) -> bool {
        self.seen.is_some()
    }

    /// Returns whether a change's record is known not to exist, or not to be readable.
    pub fn is_gone(&self, change: &str) -> bool {
        self.gone.contains(change) || self.unreadable.contains_key(change)
    }

    /// Returns the changes, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &ChangeEntry> {
        self.entries.values().rev()
    }

    /// Returns the newest change.
    pub fn newest(&self) -> Option<&ChangeEntry> {
        self.entries.values().next_back()
    }

    /// Returns the number of the newest change, which is the parent of the next one; 0 before the first
    /// change.
    pub fn parent(&self) -> u64 {
        self.entries.keys().next_back().copied().unwrap_or(0)
    }

    /// Returns the change with this id, or the only change whose id starts with it.
    pub fn find(&self, change: &str) -> Option<&ChangeEntry> {
        let mut found = self.entries.values().filter(|entry| entry.slot.change.starts_with(change));
        match (found.next(), found.next()) {
            (Some(entry), None) => Some(entry),
            _ => self.entries.values().find(|entry| entry.slot.change == change),
        }
    }

    /// Returns the unfinished change; a group has at most one.
    pub fn unfinished(&self) -> Option<&ChangeEntry> {
        self.newest_first().find(|entry| !entry.slot.labels.state.is_terminal())
    }

    /// Returns the newest change that is done: its pin document is in force.
    pub fn in_force(&self) -> Option<&ChangeEntry> {
        self.newest_first().find(|entry| entry.slot.labels.state == ChangeState::Done)
    }

    /// Returns the pin document in force, from the newest change that is done; `None` if no change is done,
    /// or if its record does not exist.
    ///
    /// `Err` holds the id of a change whose record must be read first.
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
