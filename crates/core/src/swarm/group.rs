//! Groups and members: the units of display and of change.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::swarm::Service;

/// The label on each service of a pgEdge database; its value is the database's id.
pub const DATABASE: &str = "pgedge.database.id";
/// The label with the component of a pgEdge service: `postgres` or `service`.
pub const COMPONENT: &str = "pgedge.component";
/// The label on a pgEdge instance with the name of its db node.
pub const DB_NODE: &str = "pgedge.node.name";
/// The label on a pgEdge instance with the id of its host.
pub const HOST: &str = "pgedge.host.id";
/// The label on the supporting services of a database; its value is the service's id in the database's spec.
pub(crate) const SERVICE_ID: &str = "pgedge.service.id";
/// The label that `docker stack deploy` sets on a stack's services; its value is the stack's name.
pub const STACK: &str = "com.docker.stack.namespace";
/// The label in which `docker stack deploy` stores the image reference of the compose file.
pub(crate) const STACK_IMAGE: &str = "com.docker.stack.image";

/// The label with the role of a database instance, `primary` or `replica`. It is pinnace's own label, set by the
/// operator: the engine does not know these roles.
pub const ROLE: &str = "pinnace.role";

/// The kinds of groups; a service belongs to exactly one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// The services with the same pgEdge database id.
    Database,
    /// The services of a stack that belong to no database.
    Stack,
    /// A single service that belongs to no database and no stack.
    Service,
}

impl GroupKind {
    /// Returns the kind's word, the part before the slash in a group's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Stack => "stack",
            Self::Service => "service",
        }
    }
}

/// The identity of a group; its text form is `database/ID`, `stack/NAME` or `service/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The kind of the group.
    pub kind: GroupKind,
    /// The database's id, or the stack's or service's name.
    pub name: String,
}

impl GroupKey {
    /// Returns the group that a service belongs to, by its labels.
    pub fn of(service: &Service) -> Self {
        let (kind, name) = match (service.label(DATABASE), service.label(STACK)) {
            (Some(id), _) if !id.is_empty() => (GroupKind::Database, id),
            (_, Some(stack)) if !stack.is_empty() => (GroupKind::Stack, stack),
            _ => (GroupKind::Service, service.name.as_str()),
        };
        Self { kind, name: name.to_owned() }
    }

    /// Parses `kind/name`; `None` for an unknown kind or an empty name.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, name) = text.split_once('/')?;
        let kind = [GroupKind::Database, GroupKind::Stack, GroupKind::Service]
            .into_iter()
            .find(|kind| kind.as_str() == word)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }

    /// Returns the first 20 hexadecimal digits of the SHA-256 of the group's text, which name the group in the journal.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.to_string().as_bytes()))[..20].to_owned()
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl Serialize for GroupKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GroupKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a group: database/…, stack/… or service/…"))
        })
    }
}

/// Returns the member that a service belongs to: a db node, or the service itself.
///
/// Within a database, all services with component `postgres` belong to their db node. Every other service is a member
/// on its own; in a stack its name is given without the stack's prefix.
pub fn member_of(service: &Service) -> String {
    let own = || match service.label(STACK) {
        Some(stack) if service.label(DATABASE).is_none() => {
            service.name.strip_prefix(&format!("{stack}_")).unwrap_or(&service.name).to_owned()
        }
        _ => service.name.clone(),
    };
    if is_postgres(service) { service.label(DB_NODE).map_or_else(own, str::to_owned) } else { own() }
}

/// Returns whether a service is a PostgreSQL instance of a pgEdge database, which the database's pin covers.
pub fn is_postgres(service: &Service) -> bool {
    service.label(DATABASE).is_some() && service.label(COMPONENT) == Some("postgres")
}

/// Formats bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
