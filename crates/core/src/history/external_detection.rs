//! External deploys: finds the stable services of a group that run an image which is not recorded yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::image::digest_of;
use crate::journal::{ChangeLog, ExternalDeploy, UnitState, VERSION};
use crate::plan::{ChangeRecord, Plan, PlanKind, UnknownKeys};
use crate::registry::FactQuery;
use crate::swarm::{EditableFields, GroupKey, HealthState, Service, member_of};
use crate::time::Time;
use crate::world::World;

/// Creates an observation of a service as it runs now.
pub fn sighting(world: &World, service: &Service, now: Time, by: &str) -> ExternalDeploy {
    ExternalDeploy {
        record: String::new(),
        service_id: service.id.clone(),
        service: service.name.clone(),
        member: member_of(service),
        node: world.hosts(service).join(","),
        // The update policy is not part of what runs.
        places: EditableFields { update: None, ..service.places.clone() },
        digest: digest_of(service.image()),
        rest: service.rest.clone(),
        at: Some(now),
        by: by.to_owned(),
    }
}

/// Creates the record with the observations that one run made in a group.
pub fn record(id: &str, group: &GroupKey, world: &World, sightings: &[ExternalDeploy]) -> ChangeRecord {
    let first = sightings.first();
    let plan = Plan {
        v: VERSION,
        id: String::new(),
        created: first.and_then(|one| one.at).unwrap_or_default(),
        swarm: world.engine.swarm.clone(),
        group: group.clone(),
        parent: world.history(group).parent(),
        kind: PlanKind::ExternalDeploy,
        api: world.engine.api.clone(),
        pins_before: None,
        pins_after: None,
        units: sightings.iter().map(ExternalDeploy::unit).collect(),
        findings: Vec::new(),
        extra: UnknownKeys::new(),
    };
    let by = first.map(|one| Value::from(one.by.as_str())).unwrap_or_default();
    ChangeRecord { v: VERSION, change: id.to_owned(), plan, extra: [("by".to_owned(), by)].into_iter().collect() }
}

/// Returns whether a service has run without trouble for the settle time; a task that has just started may still fail.
fn is_stable(world: &World, service: &Service, now: Time, settled: Duration) -> bool {
    let Some(health) = world.health(&service.id) else { return false };
    let since = health.since.or(service.updated);
    health.state == HealthState::Ok && since.is_some_and(|since| now.since(since) >= settled)
}

/// Returns observations of the group's stable services whose image is not the last one on record, and the names
/// of the services with an unrecorded image that are not stable.
pub fn fresh(
    world: &World,
    group: &GroupKey,
    now: Time,
    settled: Duration,
    by: &str,
) -> (Vec<ExternalDeploy>, Vec<String>) {
    let known = known(world.history(group));
    let differs = |service: &&Service| known.get(service.id.as_str()).is_none_or(|image| *image != service.image());
    let (stable, others): (Vec<&Service>, Vec<&Service>) =
        world.members(group).filter(differs).partition(|service| is_stable(world, service, now, settled));
    let sightings = stable.into_iter().map(|service| sighting(world, service, now, by)).collect();
    (sightings, others.into_iter().map(|service| service.name.clone()).collect())
}

/// Returns the next queries that are needed before [`fresh`] knows everything on record about a group; empty
/// when none is open. Records are queried one at a time, newest first.
pub fn queries(world: &World, group: &GroupKey) -> BTreeSet<FactQuery> {
    let history = world.history(group);
    if !history.knows_sightings() {
        return [FactQuery::ExternalDeploys(group.clone())].into();
    }
    let mut open: BTreeSet<&str> = world.members(group).map(|service| service.id.as_str()).collect();
    for entry in history.newest_first() {
        if open.is_empty() {
            break;
        }
        match &entry.record {
            Some(record) => open.retain(|id| !record.plan.units.iter().any(|unit| unit.service_id == **id)),
            None if history.is_gone(&entry.slot.change) => {}
            None => return [FactQuery::Record(entry.slot.change.clone())].into(),
        }
    }
    BTreeSet::new()
}

/// Maps each service id to the last image on record: that of the newest change that applied or
/// restored it, or of a newer observation.
fn known(history: &ChangeLog) -> BTreeMap<&str, &str> {
    let mut known: BTreeMap<&str, (Option<Time>, &str)> = BTreeMap::new();
    for entry in history.newest_first() {
        let units = entry.record.iter().flat_map(|record| record.plan.units.iter().enumerate());
        for (at, unit) in units {
            let image = match entry.unit_state(at) {
                UnitState::Done => &unit.to.image,
                UnitState::RolledBack => &unit.from.image,
                _ => continue,
            };
            known.entry(&unit.service_id).or_insert((entry.slot.created, image));
        }
    }
    for seen in history.sightings() {
        let older = known.get(seen.service_id.as_str()).is_none_or(|(at, _)| *at < seen.at);
        if older {
            known.insert(&seen.service_id, (seen.at, &seen.places.image));
        }
    }
    known.into_iter().map(|(service, (_, image))| (service, image)).collect()
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod tests;
