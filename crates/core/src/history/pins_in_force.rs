//! The pins in force: the pin document of the group's last successful change.

use crate::pins::{self, PinDoc};
use crate::swarm::GroupKey;
use crate::world::World;

/// Returns the pin document in force; empty if there is none, or its record was not read yet.
pub fn in_force(group: &GroupKey, world: &World) -> PinDoc {
    world.history(group).pins().ok().flatten().map(pins::read).unwrap_or_default()
}
