//! The two places a change is written down: the journal, in the Raft store of its swarm or in its stead in a folder of
//! this machine, and the notes on this machine's disk.

mod disk;
mod folder;
mod objects;
mod store;

pub use disk::{DiskError, DiskJournal, Loaded};
pub use objects::{Claim, Journal, RECORD_LIMIT};
