//! The engine that a cluster is observed through, and the connection to it.

#[cfg(doc)]
use super::World;

/// Facts about the connected engine and its swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// The swarm's id, as `/info` reports it.
    pub swarm: String,
    /// The node id of this engine.
    pub node: String,
    /// The host name of this engine.
    pub host: String,
    /// The API version in use, which is the engine's own.
    pub api: String,
    /// The engine's version (`20.10.24`).
    pub version: String,
    /// Insecure registries, which the engine contacts over plain HTTP: a host,
    /// host:port, or a network in CIDR notation.
    pub insecure: Vec<String>,
}

/// The state of the connection to the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// The state before the first answer.
    #[default]
    Connecting,
    /// The cluster answers, and its events arrive.
    Live,
    /// The cluster does not answer, or not as a swarm manager. The data on the screen
    /// is as old as [`World::heard`] says.
    Lost {
        /// The reason, in plain words.
        why: String,
        /// The hint for the operator.
        hint: String,
    },
}
