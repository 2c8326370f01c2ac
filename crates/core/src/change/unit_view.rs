//! The observed state of a unit's service while the unit is being applied.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::journal::Direction;
use crate::swarm::{Node, Service, Task};
use crate::time::Time;

/// The state of a spec's edited fields, relative to the unit's direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditedFieldsState {
    /// The values that the unit goes to.
    Target,
    /// The values that the unit comes from.
    Origin,
    /// Other values, set by another client.
    Diverged,
}

/// One observation of a unit's service, with the context to judge it.
#[derive(Clone, Copy, Debug)]
pub struct UnitObservation<'a> {
    /// The service as last read.
    pub service: &'a Service,
    /// The service's whole task history.
    pub tasks: &'a [Task],
    /// The swarm's nodes by id.
    pub nodes: &'a BTreeMap<String, Node>,
    /// The state of the edited fields.
    pub spot: EditedFieldsState,
    /// Forward to the target, or back.
    pub direction: Direction,
    /// The image reference that the unit goes to.
    pub target: &'a str,
    /// The ids of the tasks from before the update: their failures do not count.
    pub known: &'a BTreeSet<String>,
    /// The start, by the engine's clock, of an update that another process posted: failures of older tasks
    /// do not count. `None` if this process posted the update.
    pub since: Option<Time>,
    /// The time since this observation of the unit began.
    pub waited: Duration,
    /// The time for which the set of running tasks has not changed.
    pub steady: Duration,
}
