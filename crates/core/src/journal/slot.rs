//! Slots: the one changeable part of a change in the journal.

use std::collections::BTreeMap;

use super::{ChangeState, LABEL_GROUP, LABEL_V, Post, SLOT, UnitState, VERSION};
use crate::swarm::GroupKey;
use crate::time::Time;

/// One slot: claim, order, progress and outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The config's id.
    pub config: String,
    /// The config's version index: the compare-and-swap of every write.
    pub index: u64,
    /// When it was claimed, by the leader's clock.
    pub created: Option<Time>,
    /// Its number within the group.
    pub seq: u64,
    /// The protocol version it was made by; above 1 it is only shown.
    pub v: u32,
    /// The change's id.
    pub change: String,
    /// The group's hash.
    pub group_hash: String,
    /// The changeable part.
    pub labels: SlotLabels,
}

/// The part of a slot that its owner writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLabels {
    /// The group's text.
    pub group: String,
    /// The owner's random name; empty: nobody's.
    pub owner: String,
    /// Counts the owner's writes.
    pub beat: u64,
    /// How the change stands.
    pub state: ChangeState,
    /// How its units stand.
    pub units: Vec<UnitState>,
    /// The POST about to be made or in doubt.
    pub post: Option<Post>,
    /// Who (user, sudo, ssh origin, host).
    pub by: String,
    /// Why.
    pub why: String,
    /// When it was begun, by the owner's clock.
    pub at: Option<Time>,
    /// One line for people, at most 200 bytes.
    pub sum: String,
    /// Where the owner lives: `host boot-id pid`, to know at once that it is gone.
    pub home: String,
    /// Labels of a newer version, kept.
    pub extra: BTreeMap<String, String>,
}

/// The config name of a group's slot.
pub fn slot_name(group: &GroupKey, seq: u64) -> String {
    format!("{SLOT}{}.{seq}", group.hash())
}

impl SlotLabels {
    /// The labels as they are stored.
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
            ("pinnace.state", self.state.word().to_owned()),
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

    /// Whether both look the same in the store, where a text that is too long is cut.
    pub fn is_stored_as(&self, other: &Self) -> bool {
        self.write(VERSION, "", "") == other.write(VERSION, "", "")
    }
}

impl Slot {
    /// Reads a slot from its config; `None` when it is not a slot at all.
    pub fn read(
        config: &str,
        index: u64,
        created: Option<Time>,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let (group_hash, seq) = name.strip_prefix(SLOT)?.rsplit_once('.')?;
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
            post: Post::parse(&take("pinnace.post")),
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
            seq: seq.parse().ok()?,
            v,
            change,
            group_hash: group_hash.to_owned(),
            labels: SlotLabels { extra: left, ..read },
        })
    }

    /// Whether a newer pinnace made it, or something that is none.
    pub fn is_foreign(&self) -> bool {
        self.v != VERSION
    }

    /// Whether nothing was ever posted for it: no unit is touched, and no POST announced.
    pub fn is_unbegun(&self) -> bool {
        self.labels.post.is_none() && self.labels.units.iter().all(|unit| *unit == UnitState::Untouched)
    }

    /// The group, where its text can be read.
    pub fn group(&self) -> Option<GroupKey> {
        GroupKey::parse(&self.labels.group)
    }
}

/// Cuts a text to at most so many bytes, at a character's edge.
pub(crate) fn truncated(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
