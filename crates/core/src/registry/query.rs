//! What has to be learned before a plan or a check is complete.
//!
//! Each query has one state, its [`Fact`](super::Fact) in [`Facts`](super::Facts): unknown, asked, known or failed.

use crate::swarm::GroupKey;

/// Something that has to be learned first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// What a reference names.
    Image(String),
    /// What the image of a `repository@digest` is.
    About(String),
    /// The tags of a repository.
    Tags(String),
    /// What a reference names for the nodes, by the engine's own look.
    Engine(String),
    /// The version manifest.
    Versions,
    /// A service's task history, by the service's id.
    Tasks(String),
    /// A change's record.
    Record(String),
    /// The journal's slots.
    Journal,
    /// What was seen of a group and brought by others.
    Sightings(GroupKey),
    /// Whether the operator has credentials for a registry, by its host.
    Login(String),
}
