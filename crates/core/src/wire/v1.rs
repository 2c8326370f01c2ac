//! Version 1 of plan, record, status, history and of what an image is.

mod inspect;
mod seen;

use serde::{Deserialize, Serialize};

pub use inspect::{Inspect, InspectBase, InspectContract, InspectPlatform};
pub use seen::{Recorded, SeenService};

pub use crate::plan::{Action, Credentials, Edit, Effect, Extra, ImageAt, Kind, Landing, Plan, Record, Unit};

use crate::image::Digest;
use crate::time::Time;

/// `pinnace status --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// Its nodes, by host name.
    pub nodes: Vec<StatusNode>,
    /// Its services, trouble first.
    pub services: Vec<StatusService>,
}

/// A node in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNode {
    /// The host's name.
    pub hostname: String,
    /// `manager` or `worker`.
    pub role: String,
    /// `ready`, `down`, `unknown`, `disconnected`.
    pub state: String,
    /// `active`, `pause`, `drain`.
    pub availability: String,
}

/// A service in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusService {
    /// Its name.
    pub name: String,
    /// Its group's text.
    pub group: String,
    /// Its member.
    pub member: String,
    /// The image text.
    pub image: String,
    /// The digest the text pins.
    pub digest: Option<Digest>,
    /// Tasks known to run.
    pub running: u64,
    /// Tasks wanted.
    pub desired: u64,
    /// The state's word.
    pub state: String,
    /// The newest task error, where in trouble.
    pub error: Option<String>,
}

/// `pinnace history --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// The changes, newest first.
    pub changes: Vec<HistoryChange>,
    /// Changes that only this machine knows of: pruned from the swarm's journal, or made in a store that is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub here: Vec<HistoryChange>,
    /// What others deployed, as it was seen running; newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<SeenService>,
    /// Of one service: what it may go back to, the newest first, then tags of the registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<HistoryImage>,
}

/// An image in [`HistoryView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryImage {
    /// The image: what `--to` takes.
    #[serde(flatten)]
    pub image: ImageAt,
    /// Whether it is what the spec says now.
    #[serde(rename = "now")]
    pub is_now: bool,
    /// When the service is last known to have had it; of one it never had, when it was built.
    pub last: Option<Time>,
    /// How it fared: runs, ran, failed, never-started, unknown, never-here.
    pub fared: String,
    /// For how long it ran, where that is known.
    pub ran_seconds: Option<u64>,
    /// Whether its registry has it: yes, gone, unknown.
    pub pullable: String,
    /// The nodes that are known to have run it, by host name.
    pub nodes: Vec<String>,
    /// Where it is known from: change, seen, previous-spec, task, spec, registry.
    pub source: String,
    /// The change that tells of it.
    pub change: Option<String>,
}

/// A change in [`HistoryView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// Its id.
    pub id: String,
    /// Its group's text.
    pub group: String,
    /// Its number within the group.
    pub seq: u64,
    /// When it was claimed, by the leader's clock.
    pub at: Option<Time>,
    /// Who did it.
    pub operator: String,
    /// Why, where told.
    pub reason: Option<String>,
    /// `pin` or `back`.
    pub kind: Option<Kind>,
    /// The outcome's word: done, failed, undone, left, void; running, detached; newer, where a newer pinnace made it.
    pub outcome: String,
    /// Its units; empty where the record is gone.
    pub units: Vec<HistoryUnit>,
}

/// A unit in [`HistoryChange`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryUnit {
    /// The service's name.
    pub service: String,
    /// The member.
    pub member: String,
    /// What it was to do.
    pub action: Action,
    /// Before.
    pub from: ImageAt,
    /// After.
    pub to: ImageAt,
    /// How it went: untouched, posting, done, putting-back, put-back, failed, overtaken.
    pub outcome: String,
}
