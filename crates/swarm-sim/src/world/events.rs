//! The event log: the last 256, as the engine keeps them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use super::model::{Id, Nanos, SECOND};

/// How many are kept.
const KEPT: usize = 256;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number; they are told in this order.
    pub number: u64,
    /// When.
    pub at: Nanos,
    /// `service`, `node`, `config`, `secret`, `network`.
    pub kind: &'static str,
    /// `create`, `update`, `remove`.
    pub action: &'static str,
    /// The object.
    pub id: Id,
    /// What the engine says of it.
    pub attributes: BTreeMap<&'static str, String>,
}

impl Event {
    /// The line a client reads.
    pub fn line(&self) -> String {
        let value = json!({ "Type": self.kind, "Action": self.action,
            "Actor": { "ID": self.id.as_ref(), "Attributes": self.attributes }, "scope": "swarm",
            "time": self.at / SECOND, "timeNano": self.at });
        format!("{value}\n")
    }
}

/// The events there still are.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: VecDeque<Event>,
    told: u64,
}

impl Log {
    pub(super) fn tell(
        &mut self,
        at: Nanos,
        kind: &'static str,
        action: &'static str,
        id: &Id,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        self.told += 1;
        let attributes = attributes.into_iter().collect();
        self.events.push_back(Event { number: self.told, at, kind, action, id: Id::clone(id), attributes });
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// The number of the newest.
    pub fn newest(&self) -> u64 {
        self.told
    }

    /// Those after this number that are still there.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.number > number)
    }
}
