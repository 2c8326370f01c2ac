//! Slots: the mutable part of a change in the journal.

use std::collections::BTreeMap;

use super::{ChangeState, LABEL_GROUP, LABEL_V, SLOT, UnitState, UpdateIntent, VERSION};
use crate::swarm::GroupKey;
use crate::time::Time;

/// The slot of a change: claim, order, progress and outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSlot {
    /// The id of the Docker config that stores the slot.
    pub config: String,
    /// The config's version index; every write is a compare-and-swap on it.
    pub index: u64,
    /// The time of the claim, by the swarm leader's clock.
    pub created: Option<Time>,
    /// The change's number within its group, from 1.
    pub seq: u64,
    /// The protocol version of its writer; a slot above version 1 is only displayed.
    pub v: u32,
    /// The change's id, a `UUIDv7`.
    pub change: String,
    /// The first 20 hexadecimal digits of the SHA-256 of the group's text.
    pub group_hash: String,
    /// The mutable part.
    pub labels: SlotLabels,
}

/// The part of a slot that its owner writes, stored as labels of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLabels {
    /// The group's text, such as `stack/shop`.
    pub group: String,
    /// The owner's random name; empty if nobody owns the change.
    pub owner: String,
    /// The heartbeat: a counter of the owner's writes.
    pub beat: u64,
    /// The state of the change.
    pub state: ChangeState,
    /// The state of each unit, in the plan's order.
    pub units: Vec<UnitState>,
    /// The POST that is about to be made, or in doubt.
    pub post: Option<UpdateIntent>,
    /// The operator: user, sudo, ssh origin, host.
    pub by: String,
    /// The operator's reason for the change; may be empty.
    pub why: String,
    /// The start time, by the owner's clock.
    pub at: Option<Time>,
    /// A one-line summary for display; stored with at most 200 bytes.
    pub sum: String,
    /// The owner's process identity, `host boot-id pid`: on the same machine, a process that is gone is
    /// detected at once.
    pub home: String,
    /// Labels of a newer version; they are kept when the slot is written.
    pub extra: BTreeMap<String, String>,
}

/// Returns the config name of a group's slot.
pub fn slot_name(group: &GroupKey, seq: u64) -> String {
    format!("{SLOT}{}.{seq}", group.hash())
}

impl SlotLabels {
    /// Returns the labels of the config, as they are stored.
    pub fn write(&self, v: u32, group_hash: &str, change: &str) -> BTreeMap<String, String> {
        let mut labels = self.extra.clone();
        let units: String = self.units.iter().map(|unit| unit.letter()).collect();
        let pairs = [
            (LABEL_V, v.to_string()),
            (LABEL_GROUP, group_hash.to_owned()),
            ("pinnace.text", self.group.clone()),
            ("pinnace.change", change.to_owned()),
            ("pinnace.owner", self.owner.clone()),
            ("pinnace.beat", self.beat.to_string()),
            ("pinnace.state", self.state.as_str().to_owned()),
            ("pinnace.units", units),
            ("pinnace.post", self.post.map(|post| post.to_string()).unwrap_or_default()),
            ("pinnace.by", self.by.clone()),
            ("pinnace.why", self.why.clone()),
            ("pinnace.at", self.at.map(|at| at.to_string()).unwrap_or_default()),
            ("pinnace.sum", truncated(&self.sum, 200)),
            ("pinnace.home", self.home.clone()),
        ];
        labels.extend(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)));
        labels
    }

    /// Returns whether both are stored as the same labels; a long summary is truncated there.
    pub fn is_stored_as(&self, other: &Self) -> bool {
        self.write(VERSION, "", "") == other.write(VERSION, "", "")
    }
}

/// The largest number of a change: no group gets there.
const LAST: u64 = 1 << 53;

impl ChangeSlot {
    /// Parses a slot from its config; `None` if the name is not that of a slot.
    pub fn read(
        config: &str,
        index: u64,
        created: Option<Time>,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let (group_hash, number) = name.strip_prefix(SLOT)?.rsplit_once('.')?;
        // A number in another form would count twice, and one near the largest would leave none for the next change.
        let seq = number.parse::<u64>().ok().filter(|seq| *seq <= LAST && seq.to_string() == number)?;
        let mut left = labels.clone();
        let mut take = |key: &str| left.remove(key).unwrap_or_default();
        let v = take(LABEL_V).parse().unwrap_or(0);
        take(LABEL_GROUP);
        let change = take("pinnace.change");
        let read = SlotLabels {
            group: take("pinnace.text"),
            owner: take("pinnace.owner"),
            beat: take("pinnace.beat").parse().unwrap_or(0),
            state: ChangeState::from_word(&take("pinnace.state")).unwrap_or(ChangeState::Running),
            units: take("pinnace.units")
                .chars()
                .map(|c| UnitState::from_letter(c).unwrap_or(UnitState::Untouched))
                .collect(),
            post: UpdateIntent::parse(&take("pinnace.post")),
            by: take("pinnace.by"),
            why: take("pinnace.why"),
            at: Time::parse(&take("pinnace.at")),
            sum: take("pinnace.sum"),
            home: take("pinnace.home"),
            extra: BTreeMap::new(),
        };
        Some(Self {
            config: config.to_owned(),
            index,
            created,
            seq,
            v,
            change,
            group_hash: group_hash.to_owned(),
            labels: SlotLabels { extra: left, ..read },
        })
    }

    /// Returns whether another version of the protocol wrote the slot, or the config has no valid version
    /// label.
    pub fn is_foreign(&self) -> bool {
        self.v != VERSION
    }

    /// Returns whether nothing was ever posted for the change: no unit is touched and no POST is announced.
    pub fn is_unbegun(&self) -> bool {
        self.labels.post.is_none() && self.labels.units.iter().all(|unit| *unit == UnitState::Untouched)
    }

    /// Returns the group; `None` if its text cannot be parsed.
    pub fn group(&self) -> Option<GroupKey> {
        GroupKey::parse(&self.labels.group)
    }
}

/// Truncates a text to at most `most` bytes, at a character boundary.
pub(crate) fn truncated(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
