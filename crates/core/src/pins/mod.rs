//! Pin documents: TOML texts in which an operator names the image that a group, a member or a service should run.
//!
//! Reading never fails: what cannot be read becomes a [`PinError`] with its position, and everything else still
//! applies.

mod effective;
mod import;
mod read;
#[cfg(test)]
mod tests;
mod text_edits;

pub use effective::{EffectiveImage, ImageOrigin, RequestedVersions, asked, effective};
pub use import::{ImportError, PinImport, import, is_json};
pub use read::read;
pub use text_edits::{clear, set, template};

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::Code;
use super::swarm::Service;
use super::world::World;
use crate::swarm::{GroupKey, GroupKind, is_postgres, member_of};

/// The scope of a pin, ordered by precedence, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinScope {
    /// The whole group: `image = …`.
    Group,
    /// One db node of a database: `[node.n1]`.
    Member(String),
    /// One service: `[service.api]`.
    Service(String),
}

impl std::fmt::Display for PinScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group => f.write_str("the group's pin"),
            Self::Member(name) => write!(f, "pin {name}"),
            Self::Service(name) => write!(f, "pin of {name}"),
        }
    }
}

/// The value of `image` that takes the image from the version manifest.
pub const MANIFEST: &str = "manifest";

/// The settings beside a pin, of the whole document or of one section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinSettings {
    /// True to keep the tag floating instead of fixing it by a digest; `None` if not set.
    pub floating: Option<bool>,
    /// The base image, for an image that does not name its own.
    pub base: Option<String>,
    /// The name of the contract that the image must satisfy.
    pub contract: Option<String>,
}

/// A part of the document that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinError {
    /// The byte range of that part.
    pub at: Range<usize>,
    /// The kind of mistake, as a finding code.
    pub code: Code,
    /// The problem in words.
    pub message: String,
    /// The way to correct it; may be empty.
    pub hint: String,
}

/// A parsed pin document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinDoc {
    /// The pins as image texts; blank ones are left out.
    pub pins: BTreeMap<PinScope, String>,
    /// The byte range of each pin's value in the text, quotes included.
    pub place: BTreeMap<PinScope, Range<usize>>,
    /// The byte range of each section's name in the text.
    pub headers: BTreeMap<PinScope, Range<usize>>,
    /// The parts that could not be used, ordered by position.
    pub slips: Vec<PinError>,
    /// The settings beside the pins, by the key they are set for.
    pub rules: BTreeMap<PinScope, PinSettings>,
    /// The requested PostgreSQL version, such as `17.9`.
    pub postgres_version: Option<String>,
    /// The requested Spock version, such as `5`.
    pub spock_version: Option<String>,
}

impl PinDoc {
    /// Returns the pins that apply to a service, strongest first: the first one decides, the others are shadowed.
    pub fn covering(&self, group: &GroupKey, service: &Service) -> Vec<(&PinScope, &str)> {
        let keys = keys_of(group, service).into_iter();
        keys.filter_map(|key| self.pins.get_key_value(&key)).map(|(key, image)| (key, image.as_str())).collect()
    }

    /// Returns the settings for a service; for each setting the strongest key wins. Settings of the group
    /// apply to all its services, also to those that a group pin does not cover.
    pub fn rules_for(&self, group: &GroupKey, service: &Service) -> PinSettings {
        let mut said = PinSettings::default();
        if self.rules.is_empty() {
            return said;
        }
        let keys = keys_of(group, service).into_iter().filter(|key| *key != PinScope::Group).chain([PinScope::Group]);
        for rules in keys.filter_map(|key| self.rules.get(&key)) {
            said.floating = said.floating.or(rules.floating);
            said.base = said.base.or_else(|| rules.base.clone());
            said.contract = said.contract.or_else(|| rules.contract.clone());
        }
        said
    }

    /// Returns whether both documents have the same pins, versions and settings, regardless of formatting.
    pub fn means_as(&self, other: &Self) -> bool {
        self.pins == other.pins && self.same_beside(other)
    }

    /// Returns whether both documents have the same versions and settings; pins are ignored.
    pub(crate) fn same_beside(&self, other: &Self) -> bool {
        let rules = |doc: &Self| -> Vec<(PinScope, PinSettings)> {
            let said = doc.rules.iter().filter(|(_, rules)| **rules != PinSettings::default());
            said.map(|(key, rules)| (key.clone(), rules.clone())).collect()
        };
        let versions = |doc: &Self| (doc.postgres_version.clone(), doc.spock_version.clone());
        versions(self) == versions(other) && rules(self) == rules(other)
    }

    /// Returns the strongest pin of a service, the one that decides its image.
    pub fn effective(&self, group: &GroupKey, service: &Service) -> Option<(&PinScope, &str)> {
        self.covering(group, service).into_iter().next()
    }
}

/// Returns the keys by which a service can be pinned, strongest first.
pub fn keys_of(group: &GroupKey, service: &Service) -> Vec<PinScope> {
    let member = member_of(service);
    let mut keys = vec![PinScope::Service(service.name.clone())];
    if group.kind == GroupKind::Stack && member != service.name {
        keys.push(PinScope::Service(member.clone()));
    }
    keys.extend([PinScope::Member(member), PinScope::Group]);
    keys.retain(|key| covers(key, group, service));
    keys
}

/// Returns whether a pin gives a service this image: the texts are equal, or differ only by a digest that
/// was added.
pub(crate) fn means(pin: &str, image: &str) -> bool {
    pin == image || image.split('@').next() == Some(pin)
}

/// Returns whether a pin with this key applies to a service.
pub fn covers(key: &PinScope, group: &GroupKey, service: &Service) -> bool {
    match key {
        PinScope::Group => match group.kind {
            GroupKind::Database => is_postgres(service),
            GroupKind::Service => true,
            GroupKind::Stack => false,
        },
        PinScope::Member(name) => {
            group.kind == GroupKind::Database && is_postgres(service) && member_of(service) == *name
        }
        PinScope::Service(name) => {
            service.name == *name || (group.kind == GroupKind::Stack && member_of(service) == *name)
        }
    }
}

/// Returns the key under which `--pin MEMBER=REF` and the console pin a member: a db node, or else the
/// service. `None` if the group has no such member.
pub fn key_for(world: &World, group: &GroupKey, member: &str) -> Option<PinScope> {
    let mut services = world.members(group);
    let found = services.find(|service| member_of(service) == member || service.name == member)?;
    Some(key_by(group, found, member))
}

/// Returns the key that pins a service by this one of its names.
fn key_by(group: &GroupKey, service: &Service, name: &str) -> PinScope {
    match group.kind {
        GroupKind::Database if is_postgres(service) && service.name != name => PinScope::Member(name.to_owned()),
        GroupKind::Service => PinScope::Group,
        _ => PinScope::Service(name.to_owned()),
    }
}
