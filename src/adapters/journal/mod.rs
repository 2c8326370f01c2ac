//! The two places a change is written down: the Raft store of its swarm, and this machine's disk.

mod disk;
mod raft;

pub use disk::{DiskError, DiskJournal, Loaded};
pub use raft::{Claim, RECORD_LIMIT, Raft};
