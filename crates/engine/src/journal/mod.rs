//! The two places where a change is recorded: the journal, in the swarm's Raft store or instead in a folder of
//! this machine, and the local log on this machine's disk.

/// The note shown when the journal is on disk.
pub const LOCAL_JOURNAL: &str =
    "changes are journaled on this machine only: another manager sees neither them nor that one is running";

mod backend;
mod liveness;
mod local_log;
mod local_store;
mod store;

pub use liveness::{Liveness, is_given_up};
pub use local_log::{LoadedLog, LocalLog, LocalLogError};
pub use store::{ClaimResult, Journal};
