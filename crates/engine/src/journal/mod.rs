//! The two places a change is written down: the journal, in the Raft store of its swarm or in its stead in a folder of
//! this machine, and the notes on this machine's disk.

/// What is to be said of a journal on disk.
pub const LOCAL_JOURNAL: &str =
    "changes are written down on this machine only: another manager sees neither them nor that one is under way";

mod backend;
mod liveness;
mod local_log;
mod local_store;
mod store;

pub use liveness::{Liveness, is_given_up};
pub use local_log::{LoadedLog, LocalLog, LocalLogError};
pub use store::{Claim, Journal};
