//! Whether the owner of an unfinished change still shows a sign of life.
//!
//! The wait is politeness: with writes stuck a live owner looks the same as a dead one, and a takeover is safe either way.

use std::time::Duration;

use crate::clock;
use crate::docker::Fault;
use crate::journal::Journal;
use pinnace_core::journal::{Slot, Stillness};

/// Between two reads of a slot.
const LOOK: Duration = Duration::from_secs(1);
/// Failed reads in a row after which it is given up.
const TRIES: u32 = 30;

/// What is seen of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It writes: it is at work.
    Sign,
    /// It gave the change up, its process is gone, or it showed no sign for the whole time.
    None,
}

/// Whether it is known at once that nobody holds the change.
pub fn is_given_up(slot: &Slot) -> bool {
    slot.labels.owner.is_empty() || clock::is_gone(&slot.labels.home)
}

/// Watches a slot for a sign of life of its owner.
///
/// # Errors
/// When the slot cannot be read for long.
pub async fn sign_of_life(journal: &Journal, slot: &Slot) -> Result<Life, Fault> {
    if is_given_up(slot) {
        return Ok(Life::None);
    }
    let clock = journal.clock();
    let (mut still, mut failed) = (Stillness::default(), 0);
    loop {
        let asked = clock.boottime();
        match journal.slot(&slot.config).await {
            Ok(Some(now)) if now.index != slot.index => return Ok(Life::Sign),
            Ok(Some(now)) => {
                failed = 0;
                if still.read(now.index, asked, clock.boottime()) {
                    return Ok(Life::None);
                }
            }
            // Whoever writes it next learns that it is gone.
            Ok(None) => return Ok(Life::None),
            Err(fault) if failed >= TRIES => return Err(fault),
            Err(_) => {
                failed += 1;
                still.failed();
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
