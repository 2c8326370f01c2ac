//! Version 1 of the JSON formats: plan, record, status, history and image information.

mod external_records;
mod inspect;

use serde::{Deserialize, Serialize};

pub use external_records::{ExternalDeployEntry, ExternalDeployReport};
pub use inspect::{InspectBase, InspectContractResult, InspectPlatformImage, InspectView};

pub use crate::plan::{
    CandidateNode, ChangeRecord, CredentialOrigin, Plan, PlanKind, SpecEdit, SpecImage, TaskImpact, Unit, UnitAction,
    UnknownKeys,
};

use crate::image::Digest;
use crate::time::Time;

/// The output of `pinnace status --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// The name of the cluster: its Docker context, or its address without one.
    pub cluster: String,
    /// The nodes, sorted by host name.
    pub nodes: Vec<StatusNode>,
    /// The services, the most urgent state first.
    pub services: Vec<StatusService>,
}

/// A node in [`StatusView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNode {
    /// The host name.
    pub hostname: String,
    /// The role: `manager` or `worker`.
    pub role: String,
    /// The state: `ready`, `down`, `unknown` or `disconnected`.
    pub state: String,
    /// The availability: `active`, `pause` or `drain`.
    pub availability: String,
}

/// A service in [`StatusView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusService {
    /// The service's name, with the stack's prefix where it has one.
    pub name: String,
    /// The group: `database/ID`, `stack/NAME` or `service/NAME`.
    pub group: String,
    /// The member of the group that the service belongs to.
    pub member: String,
    /// The image reference in the service's spec.
    pub image: String,
    /// The digest in the image reference; `null` if it has only a tag.
    pub digest: Option<Digest>,
    /// The number of tasks that run, not counting those on nodes that are down.
    pub running: u64,
    /// The number of wanted tasks.
    pub desired: u64,
    /// The state, a word of [`State::label`](crate::swarm::HealthState::label).
    pub state: String,
    /// The newest task error, or the reason why a task is pending; only if the state needs attention.
    pub error: Option<String>,
}

/// The output of `pinnace history --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// The changes in the swarm's journal, newest first.
    pub changes: Vec<HistoryChange>,
    /// Changes that exist only in this machine's local log: pruned from the swarm's journal, or made in a store
    /// that no longer exists. Newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_only: Vec<HistoryChange>,
    /// Images that other clients deployed, as they were recorded; newest first. Empty unless a group is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<ExternalDeployEntry>,
    /// The rollback candidates of a service, newest first, then immutable tags of its repository.
    /// Empty unless a service is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<HistoryCandidate>,
}

/// A rollback candidate in [`HistoryView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryCandidate {
    /// The image, in a form that `--to` accepts.
    #[serde(flatten)]
    pub image: SpecImage,
    /// Set on the image that the service's spec has now.
    #[serde(rename = "now")]
    pub is_now: bool,
    /// The time at which the service is last known to have had the image; for a tag that it never had, the build time.
    pub last: Option<Time>,
    /// The outcome of its last run: `running`, `ran`, `runs-in-sibling`, `ran-then-failed`, `failed`, `never-started`, `unknown` or `never-ran`.
    pub result: String,
    /// The longest known run time in seconds.
    pub ran_seconds: Option<u64>,
    /// The availability in its registry: `yes`, `gone` or `unknown`.
    pub available: String,
    /// The host names of the nodes that are known to have run it.
    pub nodes: Vec<String>,
    /// The source of this entry: `change`, `external`, `previous-spec`, `task`, `spec` or `registry`.
    pub source: String,
    /// The id of the change that is the source.
    pub change: Option<String>,
}

/// A change in [`HistoryView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// The change's id, a `UUIDv7`.
    pub id: String,
    /// The group: `database/ID`, `stack/NAME` or `service/NAME`.
    pub group: String,
    /// The change's number within its group.
    pub seq: u64,
    /// The time of the claim, by the leader's clock; for a change in the local log only, by that machine's clock.
    pub at: Option<Time>,
    /// The operator who started it: user, sudo, SSH origin and host; empty for a change in the local log only.
    pub operator: String,
    /// The reason that the operator gave.
    pub reason: Option<String>,
    /// The kind of its plan: `pin`, `rollback` or `redeploy`; `null` if the record does not exist any more.
    pub kind: Option<String>,
    /// The state of the change: `running`, `detached`, `done`, `failed`, `rolled-back`, `partial`, `abandoned`; `newer` if a newer
    /// pinnace made it; `local-only` if the local log does not know its end.
    pub outcome: String,
    /// The units; empty if the record does not exist any more.
    pub units: Vec<HistoryUnit>,
}

/// A unit in [`HistoryChange`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryUnit {
    /// The service's name, with the stack's prefix where it has one.
    pub service: String,
    /// The member of the group that the service belongs to.
    pub member: String,
    /// The action that was planned: `none`, `rollback`, `update` or `blocked`.
    pub action: String,
    /// The image before the change.
    pub from: SpecImage,
    /// The image that the change was to bring.
    pub to: SpecImage,
    /// The state of the unit: `untouched`, `updating`, `done`, `rolling-back`, `rolled-back`, `failed` or `superseded`.
    pub outcome: String,
}
