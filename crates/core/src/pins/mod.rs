//! Pin documents: the TOML text in which an operator says which image a group, a member or a service should run.
//!
//! Reading never fails: what cannot be read is a [`Slip`] with its place, and everything else still counts.

mod effective;
mod import;
mod read;
#[cfg(test)]
mod tests;
mod text;

pub use effective::{Asked, Effective, Origin, asked, effective};
pub use import::{ImportError, Imported, import, is_json};
pub use read::read;
pub use text::{clear, set, template};

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::Code;
use super::swarm::Service;
use super::world::World;
use crate::swarm::{GroupKey, GroupKind, is_postgres, member_of};

/// What a pin is for; ordered by precedence, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinKey {
    /// The whole group: `image = …`.
    Group,
    /// A db node: `[node.n1]`.
    Member(String),
    /// One service: `[service.api]`.
    Service(String),
}

impl std::fmt::Display for PinKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group => f.write_str("the group's pin"),
            Self::Member(name) => write!(f, "pin {name}"),
            Self::Service(name) => write!(f, "pin of {name}"),
        }
    }
}

/// The text in place of an image that stands for the version manifest's.
pub const MANIFEST: &str = "manifest";

/// What may be said beside a pin, of it and of all weaker ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether the tag is kept floating instead of being fixed by a digest.
    pub floating: Option<bool>,
    /// The image it is built on, where the image itself does not say.
    pub base: Option<String>,
    /// The contract it has to keep, by name.
    pub contract: Option<String>,
}

/// A place in the document that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The bytes it concerns.
    pub at: Range<usize>,
    /// Which kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A pin document, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinDoc {
    /// The pins: image texts, blank ones left out.
    pub pins: BTreeMap<PinKey, String>,
    /// Where each pin's image stands in the text, quotes included.
    pub place: BTreeMap<PinKey, Range<usize>>,
    /// Where each section's name stands in the text.
    pub headers: BTreeMap<PinKey, Range<usize>>,
    /// What could not be used.
    pub slips: Vec<Slip>,
    /// What is said beside the pins.
    pub rules: BTreeMap<PinKey, Rules>,
    /// The PostgreSQL version asked for.
    pub postgres_version: Option<String>,
    /// The Spock version asked for.
    pub spock_version: Option<String>,
}

impl PinDoc {
    /// The pins that concern a service, the strongest first: the first is in force, the others are shadowed.
    pub fn covering(&self, group: &GroupKey, service: &Service) -> Vec<(&PinKey, &str)> {
        let keys = keys_of(group, service).into_iter();
        keys.filter_map(|key| self.pins.get_key_value(&key)).map(|(key, image)| (key, image.as_str())).collect()
    }

    /// What is said beside the pins of a service: the strongest word each.
    pub fn rules_for(&self, group: &GroupKey, service: &Service) -> Rules {
        let mut said = Rules::default();
        if self.rules.is_empty() {
            return said;
        }
        let keys = keys_of(group, service).into_iter().filter(|key| *key != PinKey::Group).chain([PinKey::Group]);
        for rules in keys.filter_map(|key| self.rules.get(&key)) {
            said.floating = said.floating.or(rules.floating);
            said.base = said.base.or_else(|| rules.base.clone());
            said.contract = said.contract.or_else(|| rules.contract.clone());
        }
        said
    }

    /// Whether both say the same, however they are written.
    pub fn means_as(&self, other: &Self) -> bool {
        self.pins == other.pins && self.same_beside(other)
    }

    /// Whether both say the same beside the pins: versions, and rules.
    pub(crate) fn same_beside(&self, other: &Self) -> bool {
        let rules = |doc: &Self| -> Vec<(PinKey, Rules)> {
            let said = doc.rules.iter().filter(|(_, rules)| **rules != Rules::default());
            said.map(|(key, rules)| (key.clone(), rules.clone())).collect()
        };
        let versions = |doc: &Self| (doc.postgres_version.clone(), doc.spock_version.clone());
        versions(self) == versions(other) && rules(self) == rules(other)
    }

    /// The pin in force for a service.
    pub fn effective(&self, group: &GroupKey, service: &Service) -> Option<(&PinKey, &str)> {
        self.covering(group, service).into_iter().next()
    }
}

/// The keys a service can be pinned by, the strongest first.
pub fn keys_of(group: &GroupKey, service: &Service) -> Vec<PinKey> {
    let member = member_of(service);
    let mut keys = vec![PinKey::Service(service.name.clone())];
    if group.kind == GroupKind::Stack && member != service.name {
        keys.push(PinKey::Service(member.clone()));
    }
    keys.extend([PinKey::Member(member), PinKey::Group]);
    keys.retain(|key| covers(key, group, service));
    keys
}

/// Whether a pin's text makes a service run this text: the same, or the same once its digest is fixed.
pub(crate) fn means(pin: &str, image: &str) -> bool {
    pin == image || image.split('@').next() == Some(pin)
}

/// Whether a pin concerns a service.
pub fn covers(key: &PinKey, group: &GroupKey, service: &Service) -> bool {
    match key {
        PinKey::Group => match group.kind {
            GroupKind::Database => is_postgres(service),
            GroupKind::Service => true,
            GroupKind::Stack => false,
        },
        PinKey::Member(name) => {
            group.kind == GroupKind::Database && is_postgres(service) && member_of(service) == *name
        }
        PinKey::Service(name) => {
            service.name == *name || (group.kind == GroupKind::Stack && member_of(service) == *name)
        }
    }
}

/// The key under which `--pin MEMBER=REF` and the console pin a member: a db node, else the service.
pub fn key_for(world: &World, group: &GroupKey, member: &str) -> Option<PinKey> {
    let mut services = world.members(group);
    let found = services.find(|service| member_of(service) == member || service.name == member)?;
    Some(key_by(group, found, member))
}

/// The key a service is pinned by under this name of it.
fn key_by(group: &GroupKey, service: &Service, name: &str) -> PinKey {
    match group.kind {
        GroupKind::Database if is_postgres(service) && service.name != name => PinKey::Member(name.to_owned()),
        GroupKind::Service => PinKey::Group,
        _ => PinKey::Service(name.to_owned()),
    }
}
