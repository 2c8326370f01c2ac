//! The liveness of the owner of an unfinished change.
//!
//! The wait is politeness: with writes stuck a live owner looks the same as a dead one, and a takeover is safe either way.

use std::time::Duration;

use super::Journal;
use crate::docker::Fault;
use crate::identity;
use pinnace_core::journal::{Slot, Stillness};

/// Between two reads of a slot.
const LOOK: Duration = Duration::from_secs(1);
/// Failed reads in a row after which it is given up.
const TRIES: u32 = 30;

/// The liveness of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It writes its slot.
    Alive,
    /// It gave the change up, its process is gone, or its slot did not change for the whole time.
    Silent,
}

/// Returns whether it is known at once that nobody holds the change.
pub fn is_given_up(slot: &Slot) -> bool {
    slot.labels.owner.is_empty() || identity::is_gone(&slot.labels.home)
}

impl Journal {
    /// Watches a slot until its owner writes it, or has been silent for long enough.
    ///
    /// # Errors
    /// When the slot cannot be read for long.
    pub async fn liveness(&self, slot: &Slot) -> Result<Liveness, Fault> {
        if is_given_up(slot) {
            return Ok(Liveness::Silent);
        }
        let clock = self.clock();
        let (mut still, mut failed) = (Stillness::default(), 0);
        loop {
            let asked = clock.boottime();
            match self.slot(&slot.config).await {
                Ok(Some(now)) if now.index != slot.index => return Ok(Liveness::Alive),
                Ok(Some(now)) => {
                    failed = 0;
                    if still.read(now.index, asked, clock.boottime()) {
                        return Ok(Liveness::Silent);
                    }
                }
                // Whoever writes it next learns that it is gone.
                Ok(None) => return Ok(Liveness::Silent),
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
