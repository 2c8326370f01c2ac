//! Whether the owner of an unfinished change still shows a sign of life.
//!
//! Judged without comparing clocks: by the slot's index standing still for 30 s of our own time, counted only between
//! reads that were answered at once. With writes stuck a live owner looks the same, which is why a takeover is safe
//! either way and this wait is no more than politeness.

use std::time::Duration;

use crate::adapters::clock;
use crate::adapters::journal::Raft;
use crate::core::journal::Slot;

/// How long a slot must stand still.
pub const STILL: Duration = Duration::from_secs(30);
/// Between two reads of it.
const LOOK: Duration = Duration::from_secs(1);
/// A read that takes longer, or fails, starts the wait again.
const PROMPT: Duration = Duration::from_secs(2);

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
pub async fn sign_of_life(raft: &Raft, slot: &Slot) -> Life {
    if is_given_up(slot) {
        return Life::None;
    }
    let clock = raft.clock();
    let mut still_since = clock.boottime();
    while clock.boottime().saturating_sub(still_since) < STILL {
        tokio::time::sleep(LOOK).await;
        let asked = clock.boottime();
        match raft.slot(&slot.config).await {
            Ok(Some(now)) if now.index != slot.index => return Life::Sign,
            Ok(Some(_)) if clock.boottime().saturating_sub(asked) < PROMPT => {}
            _ => still_since = clock.boottime(),
        }
    }
    Life::None
}
