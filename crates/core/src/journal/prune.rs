//! The selection of journal objects to remove: a pure decision over all that is stored.
//!
//! Changes accumulate in the swarm's store, which every manager holds in memory. The oldest are removed,
//! but never one that may still be needed: see [`doomed`].

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeSlot, ChangeState, LOG, RECORD, SLOT, UnitState};
use crate::plan::{ChangeRecord, PlanKind};
use crate::time::Time;

/// The number of newest changes of a group that are always kept. A claim that is made after a stale read
/// then still finds its number taken.
const NEWEST: usize = 20;
/// The number of changes of a group above which the oldest are removed.
const MOST: usize = 50;
/// The size of all journal objects above which the oldest are removed, in bytes.
const BYTES: usize = 4_000_000;

/// One config of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredConfig {
    /// The config's id.
    pub id: String,
    /// The size of data, name and labels, in bytes.
    pub bytes: usize,
    /// The parsed content.
    pub part: JournalContent,
}

/// The content of a journal config.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalContent {
    /// The state of one change.
    ChangeSlot(Box<ChangeSlot>),
    /// The record of a change, or of external deploys.
    Record {
        /// The change's id, from the config's name.
        change: String,
        /// The parsed record; `None` if it cannot be read.
        record: Option<Box<ChangeRecord>>,
    },
    /// The log of one owner's work on a change.
    Log {
        /// The change's id, from the config's name.
        change: String,
    },
}

impl StoredConfig {
    /// Parses a config; `None` if it does not belong to the journal.
    pub fn read(
        id: &str,
        index: u64,
        created: Option<Time>,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &[u8],
    ) -> Option<Self> {
        let part = if name.starts_with(SLOT) {
            JournalContent::ChangeSlot(Box::new(ChangeSlot::read(id, index, created, name, labels)?))
        } else if let Some(change) = name.strip_prefix(RECORD) {
            JournalContent::Record {
                change: change.to_owned(),
                record: serde_json::from_slice(data).ok().map(Box::new),
            }
        } else {
            let (change, _owner) = name.strip_prefix(LOG)?.rsplit_once('.')?;
            JournalContent::Log { change: change.to_owned() }
        };
        let text: usize = labels.iter().map(|(key, value)| key.len() + value.len()).sum();
        Some(Self { id: id.to_owned(), bytes: data.len() + name.len() + text, part })
    }
}

/// Objects that are removed together, in this order: a slot, its record, its logs.
struct DeletionChain {
    ids: Vec<String>,
    bytes: usize,
}

/// All stored objects: slots by group hash and number, records and logs by change.
struct StoreIndex<'a> {
    slots: BTreeMap<&'a str, BTreeMap<u64, (&'a StoredConfig, &'a ChangeSlot)>>,
    records: BTreeMap<&'a str, (&'a StoredConfig, Option<&'a ChangeRecord>)>,
    logs: BTreeMap<&'a str, Vec<&'a StoredConfig>>,
}

/// Returns the ids of the objects to remove. Each inner list belongs together and is removed in its order;
/// if one object of a list cannot be removed, the rest of the list stays.
///
/// Always kept are: the newest 20 changes of a group, unfinished changes, what a newer pinnace wrote, the
/// change whose pins are in force, and the last good run of every service. Of the others the oldest are
/// removed, beyond 50 per group and beyond 4 MB in total. A record without a slot is removed once it can
/// never be claimed, that is once its group has a slot newer than the record's parent. Of the external
/// deploys, the newest of every service is kept, and 50 records per group. No wall clock decides anything.
pub fn doomed(stored: &[StoredConfig]) -> Vec<Vec<String>> {
    let store = StoreIndex::of(stored);
    let mut gone = store.strays();
    let mut left: usize = stored.iter().map(|one| one.bytes).sum();
    left -= gone.iter().map(|chain| chain.bytes).sum::<usize>();
    let mut queues: Vec<(usize, std::vec::IntoIter<DeletionChain>)> = Vec::new();
    for (all, candidates) in store.seen().into_iter().chain(store.changes()) {
        let bytes = all.bytes;
        let over = all.count.saturating_sub(MOST).min(candidates.len());
        let mut queue = candidates.into_iter();
        let first: Vec<DeletionChain> = queue.by_ref().take(over).collect();
        let freed: usize = first.iter().map(|chain| chain.bytes).sum();
        left -= freed;
        gone.extend(first);
        queues.push((bytes - freed, queue));
    }
    while left > BYTES {
        // The group with the most bytes loses its oldest change first.
        let most = queues.iter_mut().filter(|(_, queue)| queue.len() > 0).max_by_key(|(bytes, _)| *bytes);
        let Some((bytes, queue)) = most else { break };
        let Some(chain) = queue.next() else { break };
        *bytes -= chain.bytes;
        left -= chain.bytes;
        gone.push(chain);
    }
    gone.into_iter().map(|chain| chain.ids).collect()
}

/// The number and total size of a group's objects of one kind.
struct GroupUsage {
    count: usize,
    bytes: usize,
}

impl<'a> StoreIndex<'a> {
    fn of(stored: &'a [StoredConfig]) -> Self {
        let mut store = Self { slots: BTreeMap::new(), records: BTreeMap::new(), logs: BTreeMap::new() };
        for one in stored {
            match &one.part {
                JournalContent::ChangeSlot(slot) => {
                    store.slots.entry(&slot.group_hash).or_default().insert(slot.seq, (one, slot));
                }
                JournalContent::Record { change, record } => {
                    store.records.insert(change, (one, record.as_deref()));
                }
                JournalContent::Log { change } => store.logs.entry(change).or_default().push(one),
            }
        }
        store
    }

    fn chain(&self, slot: Option<&StoredConfig>, change: &str) -> DeletionChain {
        let record = self.records.get(change).map(|(stored, _)| *stored);
        let logs = self.logs.get(change).into_iter().flatten().copied();
        let all: Vec<&StoredConfig> = slot.into_iter().chain(record).chain(logs).collect();
        DeletionChain {
            ids: all.iter().map(|one| one.id.clone()).collect(),
            bytes: all.iter().map(|one| one.bytes).sum(),
        }
    }

    /// Returns the totals of each group's changes, and the removable ones, oldest first.
    fn changes(&self) -> Vec<(GroupUsage, Vec<DeletionChain>)> {
        let of = |slots: &BTreeMap<u64, (&'a StoredConfig, &'a ChangeSlot)>| {
            let stays = self.stays(slots);
            let chains: Vec<(bool, DeletionChain)> = slots
                .iter()
                .map(|(seq, (one, slot))| (stays.contains(seq), self.chain(Some(one), &slot.change)))
                .collect();
            let all = GroupUsage { count: chains.len(), bytes: chains.iter().map(|(_, chain)| chain.bytes).sum() };
            (all, chains.into_iter().filter(|(stays, _)| !stays).map(|(_, chain)| chain).collect())
        };
        self.slots.values().map(of).collect()
    }

    fn stays(&self, slots: &BTreeMap<u64, (&StoredConfig, &ChangeSlot)>) -> BTreeSet<u64> {
        let mut stays: BTreeSet<u64> = slots.keys().rev().take(NEWEST).copied().collect();
        let in_force = slots.values().rev().find(|(_, slot)| slot.labels.state == ChangeState::Done);
        stays.extend(in_force.map(|(_, slot)| slot.seq));
        let mut good: BTreeSet<&str> = BTreeSet::new();
        for (seq, (_, slot)) in slots.iter().rev() {
            let record = self.records.get(slot.change.as_str());
            let unread = matches!(record, Some((_, record)) if record.is_none_or(|record| record.v > super::VERSION));
            if unread || slot.is_foreign() || !slot.labels.state.is_terminal() {
                stays.insert(*seq);
            }
            let units = record.and_then(|(_, record)| *record).into_iter().flat_map(|record| &record.plan.units);
            for (unit, letter) in units.zip(&slot.labels.units) {
                if *letter == UnitState::Done && good.insert(&unit.service_id) {
                    stays.insert(*seq);
                }
            }
        }
        stays
    }

    /// Returns the records that can never be claimed any more, and the logs of changes that no longer
    /// exist.
    fn strays(&self) -> Vec<DeletionChain> {
        let claimed: BTreeSet<&str> =
            self.slots.values().flat_map(BTreeMap::values).map(|(_, slot)| slot.change.as_str()).collect();
        let newest = |hash: &str| self.slots.get(hash).and_then(|slots| slots.keys().next_back()).copied();
        let dead = |record: &ChangeRecord| {
            let is_over = newest(&record.plan.group.hash()).is_some_and(|newest| newest > record.plan.parent);
            record.v == super::VERSION && record.plan.kind != PlanKind::ExternalDeploy && is_over
        };
        let records = self.records.iter().filter(|(change, _)| !claimed.contains(*change));
        let records = records.filter(|(_, (_, record))| record.is_some_and(dead)).map(|(change, _)| *change);
        let logs = self.logs.keys().filter(|change| !claimed.contains(*change) && !self.records.contains_key(*change));
        records.chain(logs.copied()).map(|change| self.chain(None, change)).collect()
    }

    /// Returns the totals of each group's records of external deploys, and the removable ones, oldest
    /// first.
    fn seen(&self) -> Vec<(GroupUsage, Vec<DeletionChain>)> {
        let mut groups: BTreeMap<String, Vec<(&str, &ChangeRecord)>> = BTreeMap::new();
        for (change, (_, record)) in &self.records {
            let Some(record) =
                record.filter(|one| one.plan.kind == PlanKind::ExternalDeploy && one.v == super::VERSION)
            else {
                continue;
            };
            groups.entry(record.plan.group.hash()).or_default().push((change, record));
        }
        let of = |records: Vec<(&str, &ChangeRecord)>| {
            let mut known: BTreeSet<&str> = BTreeSet::new();
            let mut chains = Vec::new();
            let mut bytes = 0;
            // Ids start with the time, so they sort by age.
            for (change, record) in records.iter().rev() {
                let services = record.plan.units.iter().map(|unit| unit.service_id.as_str());
                let fresh = services.filter(|service| known.insert(service)).count();
                let chain = self.chain(None, change);
                bytes += chain.bytes;
                if fresh == 0 {
                    chains.push(chain);
                }
            }
            chains.reverse();
            (GroupUsage { count: records.len(), bytes }, chains)
        };
        groups.into_values().map(of).collect()
    }
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;
