//! Queries: facts that must be learned before a plan or a check is complete.
//!
//! Each query has one state, its [`Fact`](super::Fact) in [`Facts`](super::Facts): unknown, asked, known or failed.

use crate::swarm::GroupKey;

/// A query that must be answered before a plan or a check is complete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactQuery {
    /// The image that a reference names.
    Image(String),
    /// The description of an image, by `repository@digest`.
    ImageInfo(String),
    /// The tags of a repository.
    Tags(String),
    /// The image that a reference names according to the engine, which pulls as the nodes do.
    Engine(String),
    /// The vendor's version manifest.
    Versions,
    /// The task history of a service, by the service's id.
    Tasks(String),
    /// The record of a change, by the change's id.
    Record(String),
    /// The slots of the journal: the state of all changes.
    Journal,
    /// The external deploys that were recorded for a group.
    ExternalDeploys(GroupKey),
    /// The operator's credentials for a registry, by its host.
    Login(String),
}
