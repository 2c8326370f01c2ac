//! Storage of the journal's objects. An object has a name, labels and data: a name can be taken once, data
//! never changes, and labels are swapped at the version last read.

use std::collections::BTreeMap;

use super::local_store::LocalStore;
use crate::docker::{ConfigObject, Docker, DockerError};

/// The swarm's configs, or a folder of this machine with the same semantics.
#[derive(Clone, Debug)]
pub(super) enum Backend {
    Swarm(Docker),
    Local(LocalStore),
}

impl Backend {
    /// Lists the objects that carry all these labels, each `key` or `key=value`.
    pub(super) async fn labelled(&self, labels: &[&str]) -> Result<Vec<ConfigObject>, DockerError> {
        match self {
            Self::Swarm(docker) => docker.configs(labels).await,
            Self::Local(store) => store.labelled(labels).await,
        }
    }

    /// Lists the objects whose names begin with `prefix`.
    pub(super) async fn named(&self, prefix: &str) -> Result<Vec<ConfigObject>, DockerError> {
        match self {
            Self::Swarm(docker) => docker.configs_named(prefix).await,
            Self::Local(store) => store.named(prefix).await,
        }
    }

    /// Returns the object with this id or exact name; a missing one is a fault.
    pub(super) async fn get(&self, id_or_name: &str) -> Result<ConfigObject, DockerError> {
        match self {
            Self::Swarm(docker) => docker.config(id_or_name).await,
            Self::Local(store) => store.get(id_or_name).await,
        }
    }

    /// Creates an object; a name that is taken is a fault.
    pub(super) async fn create(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &[u8],
    ) -> Result<(), DockerError> {
        match self {
            Self::Swarm(docker) => docker.create_config(name, labels, data).await.map(drop),
            Self::Local(store) => store.create(name, labels, data).await,
        }
    }

    /// Replaces the labels of an object, if its version is still `index`.
    pub(super) async fn relabel(
        &self,
        id: &str,
        index: u64,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), DockerError> {
        match self {
            Self::Swarm(docker) => docker.update_config_labels(id, index, name, labels).await,
            Self::Local(store) => store.relabel(name, index, labels).await,
        }
    }

    /// Removes an object; a missing one is a success.
    pub(super) async fn remove(&self, id: &str) -> Result<(), DockerError> {
        match self {
            Self::Swarm(docker) => docker.remove_config(id).await,
            Self::Local(store) => store.remove(id).await,
        }
    }
}
