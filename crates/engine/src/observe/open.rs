//! Changes of others that are under way: read every few seconds, as silence sends no event.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Journal, is_given_up};
use pinnace_core::journal::{Slot, Stillness};

/// Between two reads of the open slots.
const LOOK: Duration = Duration::from_secs(3);

/// The slots that somebody holds, by their config's id.
pub(super) struct Open {
    slots: BTreeMap<String, Stillness>,
    next: Instant,
}

/// One read of a slot, with when it was asked and answered by a clock that never stands still.
pub(super) struct Read {
    config: String,
    slot: Option<Slot>,
    asked: Duration,
    answered: Duration,
}

impl Open {
    pub(super) fn new() -> Self {
        Self { slots: BTreeMap::new(), next: Instant::now() + LOOK }
    }

    /// Takes in a slot as it was read.
    pub(super) fn learn(&mut self, slot: &Slot) {
        if slot.labels.state.is_terminal() || slot.labels.owner.is_empty() {
            self.slots.remove(&slot.config);
        } else {
            self.slots.entry(slot.config.clone()).or_default();
        }
    }

    /// Takes in all of them.
    pub(super) fn learn_all(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.learn(slot);
        }
    }

    /// When the slots are to be read next, if there is one.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.slots.is_empty()).then_some(self.next)
    }

    /// Which ones to read now.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.next = Instant::now() + LOOK;
        self.slots.keys().cloned().collect()
    }

    /// Takes in what was read; returns the slots as they are, with whether their owner shows no sign of life.
    pub(super) fn heard(&mut self, reads: Vec<Read>) -> Vec<(Slot, bool)> {
        let mut seen = Vec::new();
        for Read { config, slot, asked, answered } in reads {
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
pub(super) async fn read_all(journal: Journal, configs: Vec<String>) -> Vec<Read> {
    let clock = journal.clock();
    let mut reads = Vec::new();
    for config in configs {
        let asked = clock.boottime();
        let slot = journal.slot(&config).await.ok().flatten().map(super::cleaned);
        reads.push(Read { config, slot, asked, answered: clock.boottime() });
    }
    reads
}
