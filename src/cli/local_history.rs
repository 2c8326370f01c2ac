//! Changes that exist only in this machine's local log: pruned from the swarm's journal, or
//! made in a store that no longer exists.

use std::collections::BTreeSet;

use super::session::{Failure, Session};
use pinnace_core::journal::local_log::{LocalClaimStatus, LoggedChange, fold};
use pinnace_core::journal::{ChangeLog, UnitState};
use pinnace_core::plan::Scope;
use pinnace_core::swarm::GroupKey;
use pinnace_core::wire::v1::HistoryChange;
use pinnace_core::world::World;

/// Returns the changes that this machine started and the swarm does not know, newest first. They cannot be resumed.
pub async fn changes(
    session: &Session,
    world: &World,
    only: Option<&(GroupKey, Scope)>,
) -> Result<Vec<HistoryChange>, Failure> {
    let Some(disk) = session.cluster.local_log(&world.engine.swarm) else { return Ok(Vec::new()) };
    let loaded = match disk.load().await {
        Ok(loaded) => loaded,
        Err(error) => {
            session.out.note(&format!("warning: {error}"));
            return Ok(Vec::new());
        }
    };
    let known: BTreeSet<&str> =
        world.histories().flat_map(ChangeLog::newest_first).map(|entry| entry.slot.change.as_str()).collect();
    let all = fold(loaded.events);
    let mine = all.iter().filter(|(id, change)| {
        !known.contains(id.as_str())
            && change.standing(None) == LocalClaimStatus::HereOnly
            && only.is_none_or(|(group, scope)| change.group == *group && concerns(change, scope))
    });
    // Ids start with the time (`UUIDv7`), so their order is that of their age.
    let mut found: Vec<HistoryChange> = mine.map(|(id, change)| to_wire(id, change)).collect();
    found.reverse();
    Ok(found)
}

fn concerns(change: &LoggedChange, scope: &Scope) -> bool {
    change.prepared.iter().flat_map(|record| &record.plan.units).any(|unit| match scope {
        Scope::Group => true,
        Scope::Member(member) => unit.member == *member,
        Scope::Service(name) => unit.service == *name,
    }) || *scope == Scope::Group
}

fn to_wire(id: &str, change: &LoggedChange) -> HistoryChange {
    let plan = change.prepared.as_ref().map(|record| &record.plan);
    let state = |at: usize| change.units.get(&at).copied().unwrap_or(UnitState::Untouched);
    let units = plan.iter().flat_map(|plan| plan.units.iter().enumerate());
    let units = units.map(|(at, unit)| super::history::unit(unit, state(at)));
    HistoryChange {
        id: id.to_owned(),
        group: change.group.to_string(),
        seq: change.claimed.as_ref().map_or(0, |(seq, _)| *seq),
        at: change.events.first().map(|event| event.at),
        operator: String::new(),
        reason: None,
        kind: plan.map(|plan| plan.kind.as_str().to_owned()),
        outcome: change.ended.map_or("local-only", |state| state.label()).to_owned(),
        units: units.collect(),
    }
}
