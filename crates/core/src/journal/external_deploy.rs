//! External deploys: images that ran well in a service but were not deployed by a change, recorded when
//! observed.
//!
//! A record of kind `seen` holds the observations of one group at one time, one unit per service. It has no
//! slot, because nothing was changed and nothing was claimed. A watching console writes the same record to
//! its local log.

use serde_json::Value;

use super::VERSION;
use crate::image::Digest;
use crate::plan::{ChangeRecord, CredentialOrigin, PlanKind, SpecImage, TaskImpact, Unit, UnitAction, UnknownKeys};
use crate::swarm::{EditableFields, SpecField, UntouchedHash};
use crate::time::Time;

/// One external deploy: a service that was observed running well with its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalDeploy {
    /// The id of the record that holds the observation.
    pub record: String,
    /// The engine's id of the service.
    pub service_id: String,
    /// The service's name.
    pub service: String,
    /// The member that the service belonged to.
    pub member: String,
    /// The host names of its tasks' nodes, joined by commas.
    pub node: String,
    /// The editable fields of its spec: image, platforms and force counter.
    pub places: EditableFields,
    /// The image's digest; `None` if only a tag was known.
    pub digest: Option<Digest>,
    /// The hash of all other fields of its spec.
    pub rest: UntouchedHash,
    /// The time of the observation, by the observing machine's clock.
    pub at: Option<Time>,
    /// The operator on whose behalf it was recorded; empty if the record does not say.
    pub by: String,
}

impl ExternalDeploy {
    /// Returns the unit that holds the observation in a record.
    pub(crate) fn unit(&self) -> Unit {
        let image = SpecImage { image: self.places.image.clone(), digest: self.digest.clone() };
        let mut extra = UnknownKeys::new();
        for (key, place) in [("platforms", &self.places.platforms), ("force", &self.places.force)] {
            extra.insert(key.to_owned(), serde_json::to_value(place).unwrap_or(Value::Null));
        }
        Unit {
            service: self.service.clone(),
            service_id: self.service_id.clone(),
            member: self.member.clone(),
            node: self.node.clone(),
            action: UnitAction::None,
            from: image.clone(),
            to: image,
            reasons: Vec::new(),
            effect: TaskImpact::default(),
            edits: Vec::new(),
            rest: self.rest.clone(),
            engine_rolls_back: false,
            credentials: CredentialOrigin::default(),
            notes: Vec::new(),
            lands: Vec::new(),
            unchecked: None,
            from_ran: false,
            extra,
        }
    }

    fn read(record: &ChangeRecord, unit: &Unit) -> Option<Self> {
        let place = |key: &str| -> Option<SpecField> { serde_json::from_value(unit.extra.get(key)?.clone()).ok() };
        let places = EditableFields {
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

/// Returns the external deploys in a record; empty if the record is of another kind, or of another protocol
/// version.
pub fn sightings(record: &ChangeRecord) -> Vec<ExternalDeploy> {
    if record.plan.kind != PlanKind::ExternalDeploy || record.v != VERSION {
        return Vec::new();
    }
    record.plan.units.iter().filter_map(|unit| ExternalDeploy::read(record, unit)).collect()
}
