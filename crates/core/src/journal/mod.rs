//! The journal: slots, records and local log events, folded into the history of a group.
//!
//! The protocol is described in `docs/journal.md`. This module only defines values; the engine crate reads
//! and writes them.

mod change_log;
mod external_deploy;
mod liveness;
pub mod local_log;
mod prune;
mod slot;

pub use change_log::{ChangeEntry, ChangeLog, OwnerState, UnreadableRecord};
pub use external_deploy::{ExternalDeploy, sightings};
pub use liveness::{STILL, SlotIdleTimer};
pub use prune::{JournalContent, StoredConfig, doomed};
pub use slot::{ChangeSlot, SlotLabels, slot_name};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::ChangeRecord;
use crate::swarm::hex;

/// The version of the journal's protocol. Objects of a higher version are displayed, but never resumed,
/// closed or pruned.
pub const VERSION: u32 = 1;
/// The common prefix of the names of all journal configs.
pub const PREFIX: &str = "pinnace.";
/// The prefix of a record's config name.
pub const RECORD: &str = "pinnace.r.";
/// The prefix of a slot's config name.
pub const SLOT: &str = "pinnace.s.";
/// The prefix of a log's config name.
pub const LOG: &str = "pinnace.l.";
/// The label of every slot with the protocol version.
pub const LABEL_V: &str = "pinnace.v";
/// The label of a slot with the hash of its group's text.
pub const LABEL_GROUP: &str = "pinnace.group";
/// The label of a record of external deploys with the hash of its group's text.
pub const LABEL_SEEN: &str = "pinnace.seen";

/// The largest size of a record's JSON, in bytes: the engine's limit for a config's data, before base64.
pub const RECORD_LIMIT: usize = 1_023_999;

/// Returns the size of a record's JSON as the journal stores it, in bytes.
pub fn record_size(record: &ChangeRecord) -> usize {
    serde_json::to_vec(record).map_or(usize::MAX, |data| data.len())
}

/// The state of a unit; a slot stores one letter per unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnitState {
    /// The initial state: the service was not touched.
    #[serde(rename = "-")]
    Untouched,
    /// The update is being posted, or its rollout is being watched.
    #[serde(rename = "p")]
    Updating,
    /// Converged on the target.
    #[serde(rename = "d")]
    Done,
    /// The rollback is being posted, or its rollout is being watched.
    #[serde(rename = "u")]
    RollingBack,
    /// Rolled back to the original values.
    #[serde(rename = "U")]
    RolledBack,
    /// Failed; the service may have the new spec.
    #[serde(rename = "f")]
    Failed,
    /// Superseded: another client changed the service.
    #[serde(rename = "o")]
    Superseded,
}

impl UnitState {
    const ALL: [(Self, char, &'static str); 7] = [
        (Self::Untouched, '-', "untouched"),
        (Self::Updating, 'p', "updating"),
        (Self::Done, 'd', "done"),
        (Self::RollingBack, 'u', "rolling-back"),
        (Self::RolledBack, 'U', "rolled-back"),
        (Self::Failed, 'f', "failed"),
        (Self::Superseded, 'o', "superseded"),
    ];

    /// Returns the letter that a slot stores.
    pub fn letter(self) -> char {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or('-', |(_, letter, _)| *letter)
    }

    /// Returns the state's name, in lower case with hyphens.
    pub fn label(self) -> &'static str {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or("untouched", |(.., word)| word)
    }

    /// Returns the state of a letter; `None` if the letter is unknown.
    pub(crate) fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, l, _)| *l == letter).map(|(state, ..)| *state)
    }
}

/// The direction of a POST: forward to the plan's target, or back to the original values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Forward to the target.
    #[serde(rename = "to")]
    Forward,
    /// Back to the original values.
    #[serde(rename = "back")]
    Back,
}

/// A POST that a slot announces before it is made, as `unit:index:direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpdateIntent {
    /// The unit's index in the plan.
    pub unit: usize,
    /// The service's version index that the POST is made at.
    pub index: u64,
    /// Forward to the target, or back.
    pub direction: Direction,
}

impl UpdateIntent {
    /// Parses the slot's text; `None` if it is empty or malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let unit = parts.next()?.parse().ok()?;
        let index = parts.next()?.parse().ok()?;
        let direction = match parts.next()? {
            "to" => Direction::Forward,
            "back" => Direction::Back,
            _ => return None,
        };
        Some(Self { unit, index, direction })
    }
}

impl std::fmt::Display for UpdateIntent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let direction = match self.direction {
            Direction::Forward => "to",
            Direction::Back => "back",
        };
        write!(f, "{}:{}:{direction}", self.unit, self.index)
    }
}

/// The state of a change, as its slot stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeState {
    /// An owner holds the change.
    Running,
    /// Released unfinished; any manager may resume the change.
    Detached,
    /// Every unit is at its target.
    Done,
    /// A unit failed, and no unit has the new spec.
    Failed,
    /// Rolled back on an operator's order.
    #[serde(rename = "undone")]
    RolledBackByUser,
    /// Partial: the change ended, and units have the new spec that should not have it, or not all units
    /// have it.
    #[serde(rename = "left")]
    Partial,
    /// Abandoned: the change was closed before it began.
    #[serde(rename = "void")]
    Abandoned,
}

impl ChangeState {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Running, "running"),
        (Self::Detached, "detached"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::RolledBackByUser, "undone"),
        (Self::Partial, "left"),
        (Self::Abandoned, "void"),
    ];

    /// Returns the state's word for screens and JSON. Stored slots have other words for three states.
    pub fn label(self) -> &'static str {
        match self {
            Self::RolledBackByUser => "rolled-back",
            Self::Partial => "partial",
            Self::Abandoned => "abandoned",
            _ => self.as_str(),
        }
    }

    /// Returns the state's name as a slot stores it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("running", |(_, word)| word)
    }

    /// Returns the state of a name; `None` if the name is unknown.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(state, _)| *state)
    }

    /// Returns whether the state is terminal. A terminal slot is never written again.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Running | Self::Detached)
    }
}

/// Returns the SHA-256 of a JSON value with sorted keys, in hexadecimal.
pub fn sorted_hash(value: &serde_json::Value) -> String {
    use sha2::{Digest as _, Sha256};
    let mut text = String::new();
    sorted(value, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

fn sorted(value: &serde_json::Value, text: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let ordered: BTreeMap<_, _> = map.iter().collect();
            text.push('{');
            for (at, (key, value)) in ordered.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                text.push(':');
                sorted(value, text);
            }
            text.push('}');
        }
        serde_json::Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                sorted(item, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}
