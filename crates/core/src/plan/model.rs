//! The types of a plan, and of the record of a change that holds one: what is stored, saved and printed as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::finding::Finding;
use crate::image::Digest;
use crate::swarm::{GroupKey, UntouchedHash};
use crate::time::Time;

/// Keys a newer version wrote and this one does not know.
pub type Extra = Map<String, Value>;

/// What a unit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing: the service stays as it is.
    None,
    /// Goes back to an image that ran here.
    Back,
    /// Goes to an image that did not run here.
    New,
    /// Would change, and an error is in the way.
    Blocked,
}

impl Action {
    /// Whether it posts something.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Self::Back | Self::New)
    }

    /// The word, as on screens and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Back => "back to",
            Self::New => "new",
            Self::Blocked => "blocked",
        }
    }
}

/// An image text with its digest, where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageAt {
    /// The text that stands, or will stand, in the spec.
    pub image: String,
    /// The digest; `None` where only a tag is known.
    pub digest: Option<Digest>,
}

impl ImageAt {
    /// The text, with the digest it pins, if any.
    pub fn new(image: &str) -> Self {
        Self { image: image.to_owned(), digest: crate::image::digest_of(image) }
    }
}

/// One edited place of a service's spec.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Edit {
    /// A JSON pointer: the place, or its highest parent that was absent before.
    pub path: String,
    /// What stood there; absent: nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// What will stand there; absent: nothing will.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// Keeps `null` apart from absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How many tasks a unit restarts and how many stay up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Effect {
    /// Tasks that are replaced.
    pub restarts: u64,
    /// Tasks that match the target and stay.
    pub stays: u64,
}

/// Whose credentials for the registry go with an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    /// Those stored in the service stay.
    #[default]
    Stored,
    /// Those the engine keeps with the previous spec come back (`registryAuthFrom=previous-spec`).
    Previous,
    /// The operator's replace those stored (`X-Registry-Auth`).
    Operator,
}

/// A node that a unit's tasks would land on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Landing {
    /// Its host name.
    pub node: String,
    /// How many of the service's tasks are there now.
    pub tasks: u64,
    /// Whether the new image is known to have run there: then it is cached, unless pruned.
    pub ran: bool,
    /// Until when; absent where it runs there now, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// One service in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The service's name.
    pub service: String,
    /// The engine's id of the service.
    pub service_id: String,
    /// The member it belongs to.
    pub member: String,
    /// The hosts its tasks are on, or would land on, joined by commas.
    pub node: String,
    /// What happens to it.
    pub action: Action,
    /// What it runs now.
    pub from: ImageAt,
    /// What it will run.
    pub to: ImageAt,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// What restarts.
    #[serde(default)]
    pub effect: Effect,
    /// The edited places, before and after.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// The hash of everything in the spec that is not edited.
    pub rest: UntouchedHash,
    /// Whether the service's own policy rolls back by itself on failure.
    #[serde(default)]
    pub engine_rolls_back: bool,
    /// Whose credentials for the registry go with the update.
    #[serde(default)]
    pub credentials: Credentials,
    /// What it does beside, a sentence each: the weightiest first.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The nodes its tasks would land on, and whether the new image is known to have run there; empty where neither a
    /// digest nor the service's task history is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lands: Vec<Landing>,
    /// Why its registry does not answer for the image, where the unit goes back to it nevertheless: applied on a key of
    /// its own only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
    /// Unknown keys.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Unit {
    /// Whether it changes the service's update policy to start new tasks first.
    pub fn starts_first(&self) -> bool {
        self.edits.iter().any(|edit| edit.path == "/UpdateConfig" && edit.after.as_ref().is_some_and(is_start_first))
    }
}

fn is_start_first(policy: &Value) -> bool {
    policy.get("Order").is_some_and(|order| order == "start-first")
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The pins were edited.
    Pin,
    /// A rollback: never itself put back.
    Back,
    /// Tasks are started anew, by the same image or what its tag names now.
    Redeploy,
    /// Nothing: what somebody else's deploy brought, noted as it runs.
    Seen,
}

/// Everything a change will do, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The format's version: 1.
    pub v: u32,
    /// A hash over all that decides what is done: equal inputs, equal plan.
    pub id: String,
    /// When it was made; not part of its identity.
    pub created: Time,
    /// The swarm's id.
    #[serde(default)]
    pub swarm: String,
    /// The group.
    pub group: GroupKey,
    /// The group's newest slot when it was made: the change will be number `parent + 1`.
    pub parent: u64,
    /// Pin or rollback.
    pub kind: Kind,
    /// The engine's API version at which the specs were read.
    #[serde(default)]
    pub api: String,
    /// The pin document in force; `None`: none ever was.
    #[serde(default)]
    pub pins_before: Option<String>,
    /// The pin document after the change.
    #[serde(default)]
    pub pins_after: Option<String>,
    /// The services, in the order of work.
    pub units: Vec<Unit>,
    /// Remarks.
    pub findings: Vec<Finding>,
    /// Unknown keys.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The immutable part of a change in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version: 1.
    pub v: u32,
    /// The change's id, a `UUIDv7`.
    pub change: String,
    /// What was decided.
    pub plan: Plan,
    /// Unknown keys.
    #[serde(flatten)]
    pub extra: Extra,
}
