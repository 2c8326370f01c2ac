//! The types of a plan, and of the change record that contains it: stored in the journal, saved in files
//! and printed as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::finding::Finding;
use crate::image::Digest;
use crate::swarm::{GroupKey, UntouchedHash};
use crate::time::Time;

/// Keys that a newer version wrote and this version does not know; they are kept.
pub type UnknownKeys = Map<String, Value>;

/// The action on a unit's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitAction {
    /// No change; the service stays as it is.
    None,
    /// A rollback to an image that ran in the service before.
    #[serde(rename = "back")]
    Rollback,
    /// An update to an image that did not run in the service before.
    #[serde(rename = "new")]
    Update,
    /// A change that an error prevents.
    Blocked,
}

impl UnitAction {
    /// Returns whether the action posts an update of the service.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Self::Rollback | Self::Update)
    }

    /// Returns the action's word in JSON.
    pub fn as_str(self) -> &'static str {
        if self == Self::None { "none" } else { self.label() }
    }

    /// Returns the action's label for display.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "no change",
            Self::Rollback => "rollback",
            Self::Update => "update",
            Self::Blocked => "blocked",
        }
    }
}

/// An image reference with its digest, if that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpecImage {
    /// The reference that is, or will be, in the spec.
    pub image: String,
    /// The image's digest; `None` if only a tag is known.
    pub digest: Option<Digest>,
}

impl SpecImage {
    /// Creates the pair from a reference, with the digest that the reference contains, if any.
    pub fn new(image: &str) -> Self {
        Self { image: image.to_owned(), digest: crate::image::digest_of(image) }
    }
}

/// One edited field of a service's spec.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpecEdit {
    /// A JSON pointer to the field, or to its highest parent that was absent before.
    pub path: String,
    /// The value before; `None` if the field was absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// The value after; `None` if the field is removed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// Deserializes a present `null` as a value, so that it differs from an absent key.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The effect of a unit on the tasks of its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskImpact {
    /// The number of tasks that are replaced.
    pub restarts: u64,
    /// The number of tasks that already match the target and keep running.
    pub stays: u64,
}

/// The source of the registry credentials for an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialOrigin {
    /// The credentials stored in the service; they are kept.
    #[default]
    Stored,
    /// The credentials of the engine's previous spec; they are restored (`registryAuthFrom=previous-spec`).
    Previous,
    /// The operator's credentials; they replace the stored ones (`X-Registry-Auth`).
    Operator,
}

/// A node that may run a unit's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CandidateNode {
    /// The node's host name.
    pub node: String,
    /// The number of the service's tasks on the node now.
    pub tasks: u64,
    /// Set when the new image is known to have run on the node: it is then cached, unless pruned.
    pub ran: bool,
    /// The end of its last run on the node; absent if it still runs there, or if the time is unknown.
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
    /// The member that the service belongs to.
    pub member: String,
    /// The hosts that its tasks run on, or would run on, joined by commas.
    pub node: String,
    /// The action on the service.
    pub action: UnitAction,
    /// The image that the service runs now.
    pub from: SpecImage,
    /// The image that the service will run.
    pub to: SpecImage,
    /// The reasons for the action, one sentence each.
    pub reasons: Vec<String>,
    /// The numbers of tasks that restart and that keep running.
    #[serde(default)]
    pub effect: TaskImpact,
    /// The edited fields, with their values before and after.
    #[serde(default)]
    pub edits: Vec<SpecEdit>,
    /// The hash of all fields of the spec that are not edited.
    pub rest: UntouchedHash,
    /// Set when the service's update policy makes the engine roll back automatically on a failure.
    #[serde(default)]
    pub engine_rolls_back: bool,
    /// The source of the registry credentials for the update.
    #[serde(default)]
    pub credentials: CredentialOrigin,
    /// The side effects of the unit, one sentence each, the most important first.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The nodes that its tasks may run on, each with whether the new image is known to have run there.
    /// Empty if the digest or the service's task history is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lands: Vec<CandidateNode>,
    /// The reason why no registry confirms the image of a rollback; applying the unit needs a separate
    /// acknowledgement. Absent if the image was confirmed, or the unit is no rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
    /// Set if the replaced image was proven to run in the service when the plan was made.
    #[serde(default, skip_serializing_if = "is_false")]
    pub from_ran: bool,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: UnknownKeys,
}

/// Used by serde, which passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Unit {
    /// Returns whether the unit switches the service's update policy to start-first.
    pub fn starts_first(&self) -> bool {
        self.edits.iter().any(|edit| edit.path == "/UpdateConfig" && edit.after.as_ref().is_some_and(is_start_first))
    }
}

fn is_start_first(policy: &Value) -> bool {
    policy.get("Order").is_some_and(|order| order == "start-first")
}

/// The purpose of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanKind {
    /// An edit of the pins.
    Pin,
    /// A rollback; it is never rolled back automatically.
    #[serde(rename = "back")]
    Rollback,
    /// A restart of tasks, with the same image or with what its tag names now.
    Redeploy,
    /// No change: a record of external deploys.
    #[serde(rename = "seen")]
    ExternalDeploy,
}

impl PlanKind {
    /// Returns the kind's word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Rollback => "rollback",
            Self::Redeploy => "redeploy",
            Self::ExternalDeploy => "external",
        }
    }
}

/// A complete description of a change: applying it makes no further decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The format version: 1.
    pub v: u32,
    /// A hash over everything that decides what is done: equal inputs give an equal id.
    pub id: String,
    /// The time of planning; not part of the id.
    pub created: Time,
    /// The engine's id of the swarm.
    #[serde(default)]
    pub swarm: String,
    /// The group that the plan is for.
    pub group: GroupKey,
    /// The number of the group's newest change at the time of planning: the new change will be number
    /// `parent + 1`.
    pub parent: u64,
    /// The purpose of the plan.
    pub kind: PlanKind,
    /// The engine's API version with which the specs were read.
    #[serde(default)]
    pub api: String,
    /// The pin document in force; `None` if there never was one.
    #[serde(default)]
    pub pins_before: Option<String>,
    /// The pin document after the change.
    #[serde(default)]
    pub pins_after: Option<String>,
    /// The services, in the order in which they are updated.
    pub units: Vec<Unit>,
    /// The findings of the checks and of the planner.
    pub findings: Vec<Finding>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: UnknownKeys,
}

/// The immutable part of a change in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The format version: 1.
    pub v: u32,
    /// The change's id, a `UUIDv7`.
    pub change: String,
    /// The complete plan.
    pub plan: Plan,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: UnknownKeys,
}
