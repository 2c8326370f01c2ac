//! The liveness of the owner of an unfinished change.
//!
//! The wait is only a courtesy: with writes stuck, a live owner looks the same as a dead one, and a takeover is
//! safe in both cases.

use std::time::Duration;

use super::Journal;
use crate::docker::DockerError;
use crate::identity;
use pinnace_core::journal::{ChangeSlot, SlotIdleTimer};

/// The interval between two reads of a slot.
const LOOK: Duration = Duration::from_secs(1);
/// The number of failed reads in a row after which the wait fails.
const TRIES: u32 = 30;

/// The liveness of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// An owner that writes its slot.
    Alive,
    /// An owner that gave the change up, whose process has ended, or whose slot did not change for the whole
    /// wait.
    Unresponsive,
}

/// Returns whether it is certain, without a wait, that nobody holds the change.
pub fn is_given_up(slot: &ChangeSlot) -> bool {
    slot.labels.owner.is_empty() || identity::is_gone(&slot.labels.home)
}

impl Journal {
    /// Watches a slot until its owner writes it, or has not written it for long enough.
    ///
    /// # Errors
    /// Fails if the slot cannot be read for a long time.
    pub async fn liveness(&self, slot: &ChangeSlot) -> Result<Liveness, DockerError> {
        if is_given_up(slot) {
            return Ok(Liveness::Unresponsive);
        }
        let clock = self.clock();
        let (mut still, mut failed) = (SlotIdleTimer::default(), 0);
        loop {
            let asked = clock.boottime();
            match self.slot(&slot.config).await {
                Ok(Some(now)) if now.index != slot.index => return Ok(Liveness::Alive),
                Ok(Some(now)) => {
                    failed = 0;
                    if still.read(now.index, asked, clock.boottime()) {
                        return Ok(Liveness::Unresponsive);
                    }
                }
                // The next process that writes the slot finds out that it was removed.
                Ok(None) => return Ok(Liveness::Unresponsive),
                Err(fault) if failed >= TRIES => return Err(fault),
                Err(_) => {
                    failed += 1;
                    still.failed();
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
