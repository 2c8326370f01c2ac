//! What others deployed: images that ran well and that no change of ours brought, noted as they were seen.
//!
//! A record of kind `seen` holds what one look found in one group: each of its units is a service as it ran. It has no
//! slot, as nothing was changed and nothing claimed. Consoles keep the same on disk as they watch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::{History, UnitState, VERSION};
use crate::group::{GroupKey, member_of};
use crate::health::State;
use crate::image::{Digest, digest_of};
use crate::plan::Want;
use crate::swarm::{Place, Places, RestHash, Service};
use crate::time::Time;
use crate::wire::v1::{Action, Credentials, Effect, Extra, ImageAt, Kind, Plan, Record, Unit};
use crate::world::World;

/// A service as it was seen running well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The id of the record it stands in.
    pub record: String,
    /// The service's id.
    pub service_id: String,
    /// Its name.
    pub service: String,
    /// The member it belonged to.
    pub member: String,
    /// The hosts it ran on, joined by commas.
    pub node: String,
    /// Image text, platforms and force counter of its spec.
    pub places: Places,
    /// The digest of the image; `None` where only a tag was known.
    pub digest: Option<Digest>,
    /// The hash of everything else in its spec.
    pub rest: RestHash,
    /// When it was seen, by that machine's clock.
    pub at: Option<Time>,
    /// Who noted it.
    pub by: String,
}

impl Sighting {
    /// A service as it runs now.
    pub fn of(world: &World, service: &Service, now: Time, by: &str) -> Self {
        Self {
            record: String::new(),
            service_id: service.id.clone(),
            service: service.name.clone(),
            member: member_of(service),
            node: world.hosts(service).join(","),
            // How it is updated is no part of what runs.
            places: Places { update: None, ..service.places.clone() },
            digest: digest_of(service.image()),
            rest: service.rest.clone(),
            at: Some(now),
            by: by.to_owned(),
        }
    }

    fn unit(&self) -> Unit {
        let image = ImageAt { image: self.places.image.clone(), digest: self.digest.clone() };
        let mut extra = Extra::new();
        for (key, place) in [("platforms", &self.places.platforms), ("force", &self.places.force)] {
            extra.insert(key.to_owned(), serde_json::to_value(place).unwrap_or(Value::Null));
        }
        Unit {
            service: self.service.clone(),
            service_id: self.service_id.clone(),
            member: self.member.clone(),
            node: self.node.clone(),
            action: Action::None,
            from: image.clone(),
            to: image,
            reasons: Vec::new(),
            effect: Effect::default(),
            edits: Vec::new(),
            rest: self.rest.clone(),
            engine_rolls_back: false,
            credentials: Credentials::default(),
            notes: Vec::new(),
            lands: Vec::new(),
            unchecked: None,
            extra,
        }
    }

    fn read(record: &Record, unit: &Unit) -> Option<Self> {
        let place = |key: &str| -> Option<Place> { serde_json::from_value(unit.extra.get(key)?.clone()).ok() };
        let places = Places {
            image: unit.to.image.clone(),
            platforms: place("platforms")?,
            force: place("force")?,
            update: None,
        };
        Some(Self {
            record: record.change.clone(),
            service_id: unit.service_id.clone(),
            service: unit.service.clone(),
            member: unit.member.clone(),
            node: unit.node.clone(),
            places,
            digest: unit.to.digest.clone(),
            rest: unit.rest.clone(),
            at: Some(record.plan.created),
            by: record.extra.get("by").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}

/// The record of what one look found in a group.
pub fn record(id: &str, group: &GroupKey, world: &World, sightings: &[Sighting]) -> Record {
    let first = sightings.first();
    let plan = Plan {
        v: VERSION,
        id: String::new(),
        created: first.and_then(|one| one.at).unwrap_or_default(),
        swarm: world.engine.swarm.clone(),
        group: group.clone(),
        parent: world.history(group).parent(),
        kind: Kind::Seen,
        api: world.engine.api.clone(),
        pins_before: None,
        pins_after: None,
        units: sightings.iter().map(Sighting::unit).collect(),
        findings: Vec::new(),
        extra: Extra::new(),
    };
    let by = first.map(|one| Value::from(one.by.as_str())).unwrap_or_default();
    Record { v: VERSION, change: id.to_owned(), plan, extra: [("by".to_owned(), by)].into_iter().collect() }
}

/// What a record of kind `seen` tells; nothing, where it is of another kind or made by a newer pinnace.
pub fn sightings(record: &Record) -> Vec<Sighting> {
    if record.plan.kind != Kind::Seen || record.v != VERSION {
        return Vec::new();
    }
    record.plan.units.iter().filter_map(|unit| Sighting::read(record, unit)).collect()
}

/// Whether a service runs well, and has for so long: what has only just come up may still fall over.
pub fn is_stable(world: &World, service: &Service, now: Time, settled: Duration) -> bool {
    let Some(health) = world.health(&service.id) else { return false };
    let since = health.since.or(service.updated);
    health.state == State::Ok && since.is_some_and(|since| now.since(since) >= settled)
}

/// The stable services of a group whose image differs from what is known to have run last, and the names of those that
/// are not stable.
pub fn fresh(world: &World, group: &GroupKey, now: Time, settled: Duration, by: &str) -> (Vec<Sighting>, Vec<String>) {
    let known = known(world.history(group));
    let differs = |service: &&Service| known.get(service.id.as_str()).is_none_or(|image| *image != service.image());
    let (stable, others): (Vec<&Service>, Vec<&Service>) =
        world.members(group).filter(differs).partition(|service| is_stable(world, service, now, settled));
    let sightings = stable.into_iter().map(|service| Sighting::of(world, service, now, by)).collect();
    (sightings, others.into_iter().map(|service| service.name.clone()).collect())
}

/// What has to be read before [`fresh`] knows all that is known of a group.
pub fn wants(world: &World, group: &GroupKey) -> BTreeSet<Want> {
    let history = world.history(group);
    if !history.knows_sightings() {
        return [Want::Sightings(group.clone())].into();
    }
    let mut open: BTreeSet<&str> = world.members(group).map(|service| service.id.as_str()).collect();
    for entry in history.newest_first() {
        if open.is_empty() {
            break;
        }
        match &entry.record {
            Some(record) => open.retain(|id| !record.plan.units.iter().any(|unit| unit.service_id == **id)),
            None if history.is_gone(&entry.slot.change) => {}
            None => return [Want::Record(entry.slot.change.clone())].into(),
        }
    }
    BTreeSet::new()
}

/// The image that each service is known to have run last: by the newest change that brought or returned it, or by what
/// was seen since.
fn known(history: &History) -> BTreeMap<&str, &str> {
    let mut known: BTreeMap<&str, (Option<Time>, &str)> = BTreeMap::new();
    for entry in history.newest_first() {
        let units = entry.record.iter().flat_map(|record| record.plan.units.iter().enumerate());
        for (at, unit) in units {
            let image = match entry.unit_state(at) {
                UnitState::Done => &unit.to.image,
                UnitState::PutBack => &unit.from.image,
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
#[path = "seen_tests.rs"]
mod tests;
