//! The pins in force: those that the group's last finished change left.

use crate::pins::{self, PinDoc};
use crate::swarm::GroupKey;
use crate::world::World;

/// The document in force, as far as it was read.
pub fn in_force(group: &GroupKey, world: &World) -> PinDoc {
    world.history(group).pins().ok().flatten().map(pins::read).unwrap_or_default()
}
