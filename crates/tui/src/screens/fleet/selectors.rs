//! Values that the fleet screen derives from the console's state.

use std::collections::BTreeSet;

use crate::screens::fleet::rows::{FleetRow, ServiceRow};
use crate::state::State;
use pinnace_core::registry::FactQuery;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

/// Returns the service rows on the screen.
pub(crate) fn visible(state: &State) -> impl Iterator<Item = &ServiceRow> {
    let fleet = &state.fleet;
    let end = fleet.top + crate::screens::fleet::update::page(state);
    let mut line = 0;
    let on_screen = fleet.rows.iter().filter(move |row| {
        let from = line;
        line += row.lines();
        line > fleet.top && from < end
    });
    on_screen.filter_map(FleetRow::service)
}

/// Returns the queries for the newest change records of the groups on the screen.
pub(crate) fn queries(state: &State) -> BTreeSet<FactQuery> {
    let groups: BTreeSet<&GroupKey> = visible(state).map(|row| &row.group).collect();
    groups.into_iter().filter_map(|group| newest_unread(state.world(), group)).map(FactQuery::Record).collect()
}

/// Returns the id of a group's change whose record is needed and not read yet: the
/// newest change, else the change that set the pins in force.
fn newest_unread(world: &World, group: &GroupKey) -> Option<String> {
    let history = world.history(group);
    let newest = history.newest()?;
    let newest_unread = newest.record.is_none() && !history.is_gone(&newest.slot.change);
    if newest_unread {
        return Some(newest.slot.change.clone());
    }
    history.pins().err().map(str::to_owned)
}
