//! What others deployed: images that ran well and that no change of ours brought, noted as they were seen.
//!
//! A record of kind `seen` holds what one look found in one group: each of its units is a service as it ran. It has no
//! slot, as nothing was changed and nothing claimed. Consoles keep the same on disk as they watch.

use serde_json::Value;

use super::VERSION;
use crate::image::Digest;
use crate::plan::{Action, Credentials, Effect, Extra, ImageAt, Kind, Record, Unit};
use crate::swarm::{Place, Places, UntouchedHash};
use crate::time::Time;

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
    pub rest: UntouchedHash,
    /// When it was seen, by that machine's clock.
    pub at: Option<Time>,
    /// Who noted it.
    pub by: String,
}

impl Sighting {
    /// The unit of a record that holds it.
    pub(crate) fn unit(&self) -> Unit {
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

/// What a record of kind `seen` tells; nothing, where it is of another kind or made by a newer pinnace.
pub fn sightings(record: &Record) -> Vec<Sighting> {
    if record.plan.kind != Kind::Seen || record.v != VERSION {
        return Vec::new();
    }
    record.plan.units.iter().filter_map(|unit| Sighting::read(record, unit)).collect()
}
