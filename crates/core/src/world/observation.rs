//! The observations of a cluster.

#[cfg(doc)]
use super::World;
use super::{ConnectionState, EngineInfo};
use crate::journal::{ChangeSlot, ExternalDeploy, UnreadableRecord};
use crate::plan::ChangeRecord;
use crate::swarm::GroupKey;
use crate::swarm::{Node, Service, Task};

/// One observation of the cluster, the input of [`World::apply`].
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The state of the connection.
    Link(ConnectionState),
    /// Facts about the engine.
    Engine(EngineInfo),
    /// The complete list of nodes.
    Nodes(Vec<Node>),
    /// The complete list of services.
    Services(Vec<Service>),
    /// The current state of some services.
    SomeServices(Vec<Service>),
    /// Ids of services that were removed.
    GoneServices(Vec<String>),
    /// The tasks with desired state `running`, of some or of all services.
    Running {
        /// The ids of the services; `None` for all.
        of: Option<Vec<String>>,
        /// The tasks of these services; a service without tasks in the list has none running.
        tasks: Vec<Task>,
    },
    /// The whole task history that the swarm keeps of a service.
    Tasks {
        /// The service's id.
        service: String,
        /// All tasks, running and ended.
        tasks: Vec<Task>,
    },
    /// The complete list of the journal's slots.
    Slots(Vec<ChangeSlot>),
    /// The current state of one slot.
    ChangeSlot(Box<ChangeSlot>),
    /// The current state of one slot whose owner shows no sign of life.
    Silent(Box<ChangeSlot>),
    /// The result of a lookup of a change's record.
    Record {
        /// The change's id.
        change: String,
        /// The record; `None` if it does not exist.
        record: Option<Box<ChangeRecord>>,
    },
    /// A change's record that exists and cannot be read.
    UnreadableRecord {
        /// The change's id.
        change: String,
        /// The record's config, and why it cannot be read.
        record: UnreadableRecord,
    },
    /// All recorded observations of images in a group that other clients deployed.
    Sightings {
        /// The group that the observations belong to.
        group: GroupKey,
        /// The observations, in any order.
        sightings: Vec<ExternalDeploy>,
    },
}
