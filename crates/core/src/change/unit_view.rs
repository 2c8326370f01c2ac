//! What is seen of a unit's service while the unit is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::journal::Direction;
use crate::swarm::{Node, Service, Task};
use crate::time::Time;

/// Where the edited places of a spec stand, seen from where the unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Where they should be.
    Goal,
    /// Where they were.
    Origin,
    /// At neither end.
    Elsewhere,
}

/// What is seen of a unit's service.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The service as it is.
    pub service: &'a Service,
    /// Its whole task history.
    pub tasks: &'a [Task],
    /// The nodes.
    pub nodes: &'a BTreeMap<String, Node>,
    /// Where its edited places stand.
    pub spot: Spot,
    /// Which way the unit goes.
    pub direction: Direction,
    /// The image text the unit goes to.
    pub target: &'a str,
    /// Tasks that were there before the update: they cannot fail it.
    pub known: &'a BTreeSet<String>,
    /// For an update somebody else posted: when it was taken, by the engine's clock; older tasks cannot fail it.
    pub since: Option<Time>,
    /// How long it is watched.
    pub waited: Duration,
    /// For how long the tasks that are up have been the same.
    pub steady: Duration,
}
