//! The event log; it keeps 256 events, as the engine does.

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use super::model::{Id, Nanos, SECOND};

/// Number of events kept.
const KEPT: usize = 256;

/// An event of the swarm.
#[derive(Clone, Debug)]
pub struct Event {
    /// Sequence number; events are sent in this order.
    pub number: u64,
    pub at: Nanos,
    /// Object type: `service`, `node`, `config`, `secret` or `network`.
    pub kind: &'static str,
    /// Action: `create`, `update` or `remove`.
    pub action: &'static str,
    /// Id of the object.
    pub id: Id,
    /// Attributes of the actor, as in the Engine API.
    pub attributes: BTreeMap<&'static str, String>,
}

impl Event {
    /// Returns the event as a line of JSON, as a client reads it.
    pub fn line(&self) -> String {
        let value = json!({ "Type": self.kind, "Action": self.action,
            "Actor": { "ID": self.id.as_ref(), "Attributes": self.attributes }, "scope": "swarm",
            "time": self.at / SECOND, "timeNano": self.at });
        format!("{value}\n")
    }
}

/// The newest events.
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

    /// Returns the number of the newest event.
    pub fn newest(&self) -> u64 {
        self.told
    }

    /// Returns the stored events after the given number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.number > number)
    }
}
