//! The journal: slots, records and the events of a disk, folded into a group's history.
//!
//! The protocol is written down in `docs/journal.md`. Everything here is a value; the adapters read and write.

mod change_log;
mod external;
mod liveness;
pub mod local_log;
mod prune;
mod slot;

pub use change_log::{Entry, History, Hold};
pub use external::{Sighting, sightings};
pub use liveness::{STILL, Stillness};
pub use prune::{Part, Stored, doomed};
pub use slot::{Slot, SlotLabels, slot_name};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Record;
use crate::swarm::hex;

/// The protocol's version. What a higher one wrote is only shown: never resumed, closed or pruned.
pub const VERSION: u32 = 1;
/// What the names of all configs of the journal begin with.
pub const PREFIX: &str = "pinnace.";
/// The prefix of a record's config name.
pub const RECORD: &str = "pinnace.r.";
/// The prefix of a slot's config name.
pub const SLOT: &str = "pinnace.s.";
/// The prefix of a log's config name.
pub const LOG: &str = "pinnace.l.";
/// The label every slot carries, with the protocol's version as its value.
pub const LABEL_V: &str = "pinnace.v";
/// The label of a slot that holds the hash of its group's text.
pub const LABEL_GROUP: &str = "pinnace.group";
/// The label of a record of what was seen that holds the hash of its group's text.
pub const LABEL_SEEN: &str = "pinnace.seen";

/// The most bytes of JSON a record may be: what the engine takes as the data of a config, before base64.
pub const RECORD_LIMIT: usize = 1_023_999;

/// The bytes of a record's JSON, as the journal stores it.
pub fn record_size(record: &Record) -> usize {
    serde_json::to_vec(record).map_or(usize::MAX, |data| data.len())
}

/// Where a unit stands; one letter each in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnitState {
    /// Not touched.
    #[serde(rename = "-")]
    Untouched,
    /// The new text is being posted, or watched.
    #[serde(rename = "p")]
    Posting,
    /// Converged on the new text.
    #[serde(rename = "d")]
    Done,
    /// The old text is being put back.
    #[serde(rename = "u")]
    PuttingBack,
    /// Back on the old text.
    #[serde(rename = "U")]
    PutBack,
    /// Failed; may carry the new text.
    #[serde(rename = "f")]
    Failed,
    /// Somebody else changed it.
    #[serde(rename = "o")]
    Overtaken,
}

impl UnitState {
    const ALL: [(Self, char, &'static str); 7] = [
        (Self::Untouched, '-', "untouched"),
        (Self::Posting, 'p', "posting"),
        (Self::Done, 'd', "done"),
        (Self::PuttingBack, 'u', "putting-back"),
        (Self::PutBack, 'U', "put-back"),
        (Self::Failed, 'f', "failed"),
        (Self::Overtaken, 'o', "overtaken"),
    ];

    /// Its letter.
    pub fn letter(self) -> char {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or('-', |(_, letter, _)| *letter)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or("untouched", |(.., word)| word)
    }

    /// The state a letter stands for.
    pub(crate) fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, l, _)| *l == letter).map(|(state, ..)| *state)
    }
}

/// The direction of a POST: towards the plan's target, or back to the text before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// To the target.
    #[serde(rename = "to")]
    To,
    /// Back to the text before.
    #[serde(rename = "back")]
    Back,
}

/// A POST about to be made, as a slot names it before it is made: `unit:index:direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Post {
    /// The unit's place in the plan.
    pub unit: usize,
    /// The service's version index it is made at.
    pub index: u64,
    /// Where to.
    pub direction: Direction,
}

impl Post {
    /// Reads the slot's text; empty is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let unit = parts.next()?.parse().ok()?;
        let index = parts.next()?.parse().ok()?;
        let direction = match parts.next()? {
            "to" => Direction::To,
            "back" => Direction::Back,
            _ => return None,
        };
        Some(Self { unit, index, direction })
    }
}

impl std::fmt::Display for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let direction = match self.direction {
            Direction::To => "to",
            Direction::Back => "back",
        };
        write!(f, "{}:{}:{direction}", self.unit, self.index)
    }
}

/// How a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeState {
    /// Somebody holds it.
    Running,
    /// Given up half-way, for anybody to take over.
    Detached,
    /// Every unit is where the plan wanted it.
    Done,
    /// A unit failed, and no unit carries the new text.
    Failed,
    /// Put back on somebody's order.
    Undone,
    /// Ended with units on the new text that should not be, or not all of them.
    Left,
    /// Closed without ever having been begun.
    Void,
}

impl ChangeState {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Running, "running"),
        (Self::Detached, "detached"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Undone, "undone"),
        (Self::Left, "left"),
        (Self::Void, "void"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("running", |(_, word)| word)
    }

    /// The state of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(state, _)| *state)
    }

    /// Whether it is final: a terminal slot is never written again.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Running | Self::Detached)
    }
}

/// A SHA-256 over JSON with its keys sorted.
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
