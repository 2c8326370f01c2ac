//! Running changes of others. They are read every few seconds, because an owner that stops sends no event.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Journal, is_given_up};
use pinnace_core::journal::{ChangeSlot, SlotIdleTimer};

/// The interval between two reads of the open slots.
const LOOK: Duration = Duration::from_secs(3);

/// The slots that have an owner, by their config's id.
pub(super) struct OwnedSlots {
    slots: BTreeMap<String, SlotIdleTimer>,
    next: Instant,
}

/// One read of a slot, with the times of request and answer, by a clock that includes suspension.
pub(super) struct SlotRead {
    config: String,
    slot: Option<ChangeSlot>,
    asked: Duration,
    answered: Duration,
}

impl OwnedSlots {
    pub(super) fn new() -> Self {
        Self { slots: BTreeMap::new(), next: Instant::now() + LOOK }
    }

    /// Records a slot as read; one without an owner, or of an ended change, is not watched any more.
    pub(super) fn learn(&mut self, slot: &ChangeSlot) {
        if slot.labels.state.is_terminal() || slot.labels.owner.is_empty() {
            self.slots.remove(&slot.config);
        } else {
            self.slots.entry(slot.config.clone()).or_default();
        }
    }

    /// Records all slots of a list.
    pub(super) fn learn_all(&mut self, slots: &[ChangeSlot]) {
        for slot in slots {
            self.learn(slot);
        }
    }

    /// Returns the time of the next read, if there are slots to read.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.slots.is_empty()).then_some(self.next)
    }

    /// Returns the slots to read now, by their config's id, and schedules the next read.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.next = Instant::now() + LOOK;
        self.slots.keys().cloned().collect()
    }

    /// Records what was read; returns the slots, each with whether its owner shows no sign of life.
    pub(super) fn heard(&mut self, reads: Vec<SlotRead>) -> Vec<(ChangeSlot, bool)> {
        let mut seen = Vec::new();
        for SlotRead { config, slot, asked, answered } in reads {
            let Some(still) = self.slots.get_mut(&config) else { continue };
            let Some(slot) = slot else {
                still.failed();
                continue;
            };
            let silent = still.read(slot.index, asked, answered) || is_given_up(&slot);
            self.learn(&slot);
            seen.push((slot, silent));
        }
        seen
    }
}

/// Reads slots one after another.
pub(super) async fn read_all(journal: Journal, configs: Vec<String>) -> Vec<SlotRead> {
    let clock = journal.clock();
    let mut reads = Vec::new();
    for config in configs {
        let asked = clock.boottime();
        let slot = journal.slot(&config).await.ok().flatten().map(super::cleaned);
        reads.push(SlotRead { config, slot, asked, answered: clock.boottime() });
    }
    reads
}
