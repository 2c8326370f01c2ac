//! The journal's objects, by the protocol in `docs/journal.md`: small configs in the swarm's Raft store.
//!
//! A config's name is claimed atomically (409 for a second claim), its data never changes, and its labels are
//! changed by compare-and-swap on its version index. Where no configs may be created, files do the same for one
//! machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::backend::Backend;
use super::local_store::LocalStore;
use crate::clock::Clock;
use crate::docker::{ConfigObject, Docker, DockerError};
use pinnace_core::change::ChangeEvent;
use pinnace_core::journal::UnreadableRecord;
use pinnace_core::journal::{
    ChangeSlot, ExternalDeploy, LABEL_GROUP, LABEL_SEEN, LABEL_V, LOG, PREFIX, RECORD, SLOT, SlotLabels, StoredConfig,
    VERSION, doomed, sightings, slot_name,
};
use pinnace_core::plan::{ChangeRecord, PlanKind};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::Observation;

/// The largest size of a change's log, in bytes.
const LOG_LIMIT: usize = 64 * 1024;

/// The winner of a claim: this process, or the change that was faster.
#[derive(Clone, Debug)]
pub enum ClaimResult {
    /// A slot that this process claimed.
    Ours(Box<ChangeSlot>),
    /// A slot whose number another change has taken.
    Taken(Box<ChangeSlot>),
}

/// The part that every version of a record has.
#[derive(serde::Deserialize)]
struct RecordVersion {
    v: u32,
}

/// The journal of a swarm.
#[derive(Clone, Debug)]
pub struct Journal {
    docker: Docker,
    store: Backend,
}

impl Journal {
    /// Makes the handle of the journal in the swarm's Raft store.
    pub fn new(docker: Docker) -> Self {
        Self { store: Backend::Swarm(docker.clone()), docker }
    }

    /// Makes the handle of the journal in `state` (`$XDG_STATE_HOME/pinnace`) of this machine, which no other
    /// machine sees.
    pub fn on_disk(docker: Docker, state: PathBuf) -> Self {
        Self { store: Backend::Local(LocalStore::new(docker.clone(), state)), docker }
    }

    /// Returns whether the journal is on this machine only.
    pub fn is_local(&self) -> bool {
        matches!(self.store, Backend::Local(_))
    }

    /// Returns an open change of a group in the swarm's own store, also if this journal is on disk: another
    /// operator, who may create configs, can be carrying it out.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) async fn open_in_swarm(&self, group: &GroupKey) -> Result<Option<ChangeSlot>, DockerError> {
        let slots = Self::new(self.docker.clone()).slots_of(group).await?;
        Ok(slots.into_iter().find(|slot| !slot.labels.state.is_terminal()))
    }

    /// Returns the clock of the swarm.
    pub fn clock(&self) -> Clock {
        self.docker.clock()
    }

    /// Lists all slots of all groups.
    pub async fn slots(&self) -> Result<Vec<ChangeSlot>, DockerError> {
        Ok(self.store.labelled(&[LABEL_V]).await?.iter().filter_map(read).collect())
    }

    /// Lists a group's slots, by number.
    pub(crate) async fn slots_of(&self, group: &GroupKey) -> Result<Vec<ChangeSlot>, DockerError> {
        let hash = group.hash();
        let filter = format!("{LABEL_GROUP}={hash}");
        let configs = self.store.labelled(&[LABEL_V, &filter]).await?;
        let mut slots: Vec<ChangeSlot> =
            configs.iter().filter_map(read).filter(|slot| slot.group_hash == hash).collect();
        slots.sort_by_key(|slot| slot.seq);
        Ok(slots)
    }

    /// Reads a slot; `None` if its config no longer exists.
    pub async fn slot(&self, config: &str) -> Result<Option<ChangeSlot>, DockerError> {
        Ok(found(self.store.get(config).await)?.as_ref().and_then(read))
    }

    /// Reads a change's record; `None` if there is none that this version can read.
    ///
    /// # Errors
    /// Fails if the store cannot be read, or if the record is damaged.
    pub async fn record(&self, change: &str) -> Result<Option<ChangeRecord>, DockerError> {
        match self.stored_record(change).await? {
            Ok(record) => Ok(record),
            Err(damaged) => {
                let what = format!("the record of change {change} ({})", damaged.config);
                Err(DockerError::bad(&what, damaged.why))
            }
        }
    }

    /// Observes a change's record: its content, that it does not exist, or that it cannot be read.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub async fn observe_record(&self, change: &str) -> Result<Observation, DockerError> {
        let change = change.to_owned();
        Ok(match self.stored_record(&change).await? {
            Ok(record) => Observation::Record { change, record: record.map(Box::new) },
            Err(record) => Observation::UnreadableRecord { change, record },
        })
    }

    async fn stored_record(&self, change: &str) -> Result<Result<Option<ChangeRecord>, UnreadableRecord>, DockerError> {
        let name = format!("{RECORD}{change}");
        let Some(config) = found(self.store.get(&name).await)? else { return Ok(Ok(None)) };
        Ok(match (serde_json::from_slice(&config.data), serde_json::from_slice::<RecordVersion>(&config.data)) {
            (Ok(record), _) => Ok(Some(record)),
            (Err(_), Ok(RecordVersion { v })) if v > VERSION => Ok(None),
            (Err(error), _) => Err(UnreadableRecord { config: name, why: clean(&error.to_string()) }),
        })
    }

    /// Writes a record. An existing record of that name is the same one, because change ids are never used
    /// twice.
    pub async fn put_record(&self, record: &ChangeRecord) -> Result<(), DockerError> {
        let what = format!("the record of change {}", record.change);
        let data = serde_json::to_vec(record).map_err(|error| DockerError::bad(&what, error))?;
        let name = format!("{RECORD}{}", record.change);
        let mut labels: BTreeMap<String, String> = [("pinnace.record".to_owned(), "1".to_owned())].into();
        if record.plan.kind == PlanKind::ExternalDeploy {
            labels.insert(LABEL_SEEN.to_owned(), record.plan.group.hash());
        }
        match self.store.create(&name, &labels, &data).await {
            Ok(()) => Ok(()),
            Err(fault) if fault.is_name_conflict() => Ok(()),
            Err(fault) => self.record(&record.change).await.ok().flatten().map(|_| ()).ok_or(fault),
        }
    }

    /// Lists the external deploys recorded for a group; records that cannot be read are left out.
    pub async fn sightings(&self, group: &GroupKey) -> Result<Vec<ExternalDeploy>, DockerError> {
        let configs = self.store.labelled(&[&format!("{LABEL_SEEN}={}", group.hash())]).await?;
        let records = configs.iter().filter_map(|config| serde_json::from_slice::<ChangeRecord>(&config.data).ok());
        Ok(records.filter(|record| record.plan.group == *group).flat_map(|record| sightings(&record)).collect())
    }

    /// Creates a slot: the one Raft write that is claim, intent and order at once.
    ///
    /// After any reply the slot is read back: it is ours only if change, owner, state and beat are exactly what
    /// was written. `Err` means that the result is unknown, and that the claim may still appear.
    pub async fn claim(
        &self,
        group: &GroupKey,
        seq: u64,
        change: &str,
        labels: &SlotLabels,
    ) -> Result<ClaimResult, DockerError> {
        let name = slot_name(group, seq);
        let written = labels.write(VERSION, &group.hash(), change);
        let data = serde_json::json!({ "v": VERSION, "change": change }).to_string();
        let reply = self.store.create(&name, &written, data.as_bytes()).await;
        match (self.slot(&name).await?, reply) {
            (Some(slot), _) => {
                let ours = slot.change == change && !slot.is_foreign() && slot.labels.is_stored_as(labels);
                Ok(if ours { ClaimResult::Ours(Box::new(slot)) } else { ClaimResult::Taken(Box::new(slot)) })
            }
            (None, Err(fault)) => Err(fault),
            (None, Ok(())) => Err(DockerError::bad("the claim", "the slot was written but does not exist")),
        }
    }

    /// Swaps a slot's labels at the index last read. Whatever the reply, only reading the slot back shows
    /// whether the swap took effect.
    pub async fn swap(&self, slot: &ChangeSlot, labels: &SlotLabels) -> Result<(), DockerError> {
        let group = slot.group_hash.clone();
        let name = format!("{SLOT}{group}.{}", slot.seq);
        let written = labels.write(slot.v, &group, &slot.change);
        self.store.relabel(&slot.config, slot.index, &name, &written).await
    }

    /// Writes the events of a change, without the oldest ones if they are too many; best effort.
    pub(crate) async fn put_log(&self, change: &str, owner: &str, events: &[ChangeEvent]) -> Result<(), DockerError> {
        let mut lines: Vec<String> = Vec::new();
        let mut size = 0;
        for event in events.iter().rev() {
            let Ok(line) = serde_json::to_string(event) else { continue };
            size += line.len() + 1;
            if size > LOG_LIMIT {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        let name = format!("{LOG}{change}.{owner}");
        let labels = [("pinnace.log".to_owned(), change.to_owned())].into();
        self.store.create(&name, &labels, lines.join("\n").as_bytes()).await
    }

    /// Removes the objects that the journal need not keep; what cannot be removed now is left for the next
    /// time.
    pub async fn prune(&self) -> Result<(), DockerError> {
        let stored =
            self.store.named(PREFIX).await?.into_iter().filter_map(|one| {
                StoredConfig::read(&one.id, one.index, one.created, &one.name, &one.labels, &one.data)
            });
        for chain in doomed(&stored.collect::<Vec<_>>()) {
            for id in chain {
                if let Err(fault) = self.store.remove(&id).await {
                    tracing::info!(%fault, "left for the next time");
                    break;
                }
            }
        }
        Ok(())
    }
}

fn read(config: &ConfigObject) -> Option<ChangeSlot> {
    ChangeSlot::read(&config.id, config.index, config.created, &config.name, &config.labels)
}

fn found(reply: Result<ConfigObject, DockerError>) -> Result<Option<ConfigObject>, DockerError> {
    match reply {
        Ok(config) => Ok(Some(config)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}
