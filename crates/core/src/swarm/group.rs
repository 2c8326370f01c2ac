//! Groups and members: what is looked at and changed together.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::swarm::Service;

/// The label of a pgEdge database's services that holds the database's id.
pub const DATABASE: &str = "pgedge.database.id";
/// The label that tells a pgEdge service's part: `postgres` or `service`.
pub const COMPONENT: &str = "pgedge.component";
/// The label of a pgEdge instance that names its db node.
pub const DB_NODE: &str = "pgedge.node.name";
/// The label of a pgEdge instance that names its host.
pub const HOST: &str = "pgedge.host.id";
/// The label of a database's other services that holds their id in its spec.
pub(crate) const SERVICE_ID: &str = "pgedge.service.id";
/// The label `docker stack deploy` puts on a stack's services.
pub const STACK: &str = "com.docker.stack.namespace";
/// The label `docker stack deploy` keeps the compose file's image text in.
pub(crate) const STACK_IMAGE: &str = "com.docker.stack.image";

/// The label that tells what an instance of a database is, `primary` or `replica`: pinnace's own, as no engine knows it.
pub const ROLE: &str = "pinnace.role";

/// What kind of group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// A pgEdge database.
    Database,
    /// A stack.
    Stack,
    /// A service by itself.
    Service,
}

impl GroupKind {
    /// The word before the slash in a group's text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Stack => "stack",
            Self::Service => "service",
        }
    }
}

/// A group's identity; its text is `database/ID`, `stack/NAME` or `service/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// What kind.
    pub kind: GroupKind,
    /// The database's id, the stack's or the service's name.
    pub name: String,
}

impl GroupKey {
    /// The group a service belongs to.
    pub fn of(service: &Service) -> Self {
        let (kind, name) = match (service.label(DATABASE), service.label(STACK)) {
            (Some(id), _) if !id.is_empty() => (GroupKind::Database, id),
            (_, Some(stack)) if !stack.is_empty() => (GroupKind::Stack, stack),
            _ => (GroupKind::Service, service.name.as_str()),
        };
        Self { kind, name: name.to_owned() }
    }

    /// Reads `kind/name`.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, name) = text.split_once('/')?;
        let kind =
            [GroupKind::Database, GroupKind::Stack, GroupKind::Service].into_iter().find(|kind| kind.word() == word)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }

    /// The first 20 hexadecimal digits of the SHA-256 of its text: its name in the journal.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.to_string().as_bytes()))[..20].to_owned()
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
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

/// The member a service is part of: a db node, or the service itself.
///
/// Within a database the services with component `postgres` belong to their db node; every other is its own member.
pub fn member_of(service: &Service) -> String {
    let own = || match service.label(STACK) {
        Some(stack) if service.label(DATABASE).is_none() => {
            service.name.strip_prefix(&format!("{stack}_")).unwrap_or(&service.name).to_owned()
        }
        _ => service.name.clone(),
    };
    if is_postgres(service) { service.label(DB_NODE).map_or_else(own, str::to_owned) } else { own() }
}

/// Whether a database pin covers this service.
pub fn is_postgres(service: &Service) -> bool {
    service.label(DATABASE).is_some() && service.label(COMPONENT) == Some("postgres")
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
