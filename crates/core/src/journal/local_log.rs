//! The events a disk keeps of changes, and their fold.
//!
//! The disk is the second place a change is written down: the first is the swarm's own store. Where both know of a
//! change the swarm's slot wins for state and order, and the disk adds what happened on the way. The protocol is
//! written down in `docs/journal.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::journal::{ChangeState, Sighting, Slot, UnitState, sightings as sightings_of};
use crate::plan::Record;
use crate::swarm::GroupKey;
use crate::time::Time;

/// The version of the events this program writes.
pub const VERSION: u32 = 1;

/// One thing that happened to a change, as a line on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskEvent {
    /// The format's version: 1.
    pub v: u32,
    /// When, by this machine's clock.
    pub at: Time,
    /// The change's id.
    pub change: String,
    /// The group.
    pub group: GroupKey,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// A known kind of event, or one that a newer version wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum What {
    /// A kind this version knows.
    Known(Kind),
    /// Any other, kept as it is.
    Unknown(Map<String, Value>),
}

/// What may happen to a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// It is about to be claimed: written before anything is asked of the swarm.
    Prepare {
        /// All that will be done.
        record: Box<Record>,
    },
    /// Its slot was made: it is begun.
    Claimed {
        /// Its number within the group.
        seq: u64,
        /// The slot's config id.
        config: String,
    },
    /// Its claim failed; nothing was posted.
    Refused {
        /// Why.
        why: String,
    },
    /// A unit moved on.
    Unit {
        /// Its place in the plan.
        unit: usize,
        /// Where it stands now.
        state: UnitState,
    },
    /// A remark for people.
    Note {
        /// The remark.
        text: String,
    },
    /// It ended, or was given up.
    End {
        /// How.
        state: ChangeState,
    },
    /// No change: what others deployed, as a console saw it run.
    Seen {
        /// The record of it.
        record: Box<Record>,
    },
}

impl DiskEvent {
    /// An event of this version.
    pub fn new(at: Time, change: &str, group: &GroupKey, kind: Kind) -> Self {
        let what = What::Known(kind);
        Self { v: VERSION, at, change: change.to_owned(), group: group.clone(), what }
    }

    /// What happened, where this version knows the kind.
    pub fn kind(&self) -> Option<&Kind> {
        match &self.what {
            What::Known(kind) => Some(kind),
            What::Unknown(_) => None,
        }
    }
}

/// What the events tell of what others deployed, by group.
pub fn sightings<'a>(events: impl IntoIterator<Item = &'a DiskEvent>) -> BTreeMap<GroupKey, Vec<Sighting>> {
    let mut by_group: BTreeMap<GroupKey, Vec<Sighting>> = BTreeMap::new();
    for event in events {
        if let Some(Kind::Seen { record }) = event.kind() {
            by_group.entry(event.group.clone()).or_default().extend(sightings_of(record));
        }
    }
    by_group
}

/// A change as the disk knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskChange {
    /// The group.
    pub group: GroupKey,
    /// What was to be done; `None` where the line is lost, or only a later event was written here.
    pub prepared: Option<Box<Record>>,
    /// Its number and its slot's config id, where it was claimed from here.
    pub claimed: Option<(u64, String)>,
    /// Why it was refused.
    pub refused: Option<String>,
    /// How its units stood last.
    pub units: BTreeMap<usize, UnitState>,
    /// How it ended, as far as this disk was told.
    pub ended: Option<ChangeState>,
    /// All its events, in the order written.
    pub events: Vec<DiskEvent>,
}

/// How a change of the disk stands beside the swarm's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The swarm has its slot: that says how it stands.
    InSwarm,
    /// The claim failed.
    Refused,
    /// Prepared, never claimed, no slot: nothing was done.
    NeverStarted,
    /// Claimed from here, and the swarm does not know it: known here only, never to be resumed.
    HereOnly,
}

impl DiskChange {
    /// How it stands, given its slot if the swarm has one.
    ///
    /// A slot wins over a refusal: a claim of unknown fate that was given up may still have come to be.
    pub fn standing(&self, slot: Option<&Slot>) -> Standing {
        match (slot, &self.claimed, &self.refused) {
            (Some(_), ..) => Standing::InSwarm,
            (None, Some(_), _) => Standing::HereOnly,
            (None, None, Some(_)) => Standing::Refused,
            (None, None, None) => Standing::NeverStarted,
        }
    }

    fn new(group: GroupKey) -> Self {
        let (prepared, claimed, refused, ended) = (None, None, None, None);
        Self { group, prepared, claimed, refused, units: BTreeMap::new(), ended, events: Vec::new() }
    }

    fn learn(&mut self, event: DiskEvent) {
        match event.kind() {
            Some(Kind::Prepare { record }) => self.prepared = Some(record.clone()),
            Some(Kind::Claimed { seq, config }) => self.claimed = Some((*seq, config.clone())),
            Some(Kind::Refused { why }) => self.refused = Some(why.clone()),
            Some(Kind::Unit { unit, state }) => {
                self.units.insert(*unit, *state);
            }
            Some(Kind::End { state }) => self.ended = Some(*state),
            Some(Kind::Note { .. } | Kind::Seen { .. }) | None => {}
        }
        self.events.push(event);
    }
}

/// Folds events, in the order written, into changes by id.
pub fn fold(events: impl IntoIterator<Item = DiskEvent>) -> BTreeMap<String, DiskChange> {
    let mut changes: BTreeMap<String, DiskChange> = BTreeMap::new();
    for event in events {
        if matches!(event.kind(), Some(Kind::Seen { .. })) {
            continue;
        }
        let change = changes.entry(event.change.clone()).or_insert_with(|| DiskChange::new(event.group.clone()));
        change.learn(event);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::GroupKind;
    use crate::wire::v1;

    fn group() -> GroupKey {
        GroupKey { kind: GroupKind::Database, name: "storefront".into() }
    }

    fn record(change: &str) -> Record {
        let plan = v1::Plan {
            v: 1,
            id: "plan".into(),
            created: Time(1_800_000_000_000),
            swarm: "swarm".into(),
            group: group(),
            parent: 3,
            kind: v1::Kind::Pin,
            api: "1.45".into(),
            pins_before: None,
            pins_after: Some("image = \"pg:2\"\n".into()),
            units: Vec::new(),
            findings: Vec::new(),
            extra: v1::Extra::new(),
        };
        Record { v: 1, change: change.into(), plan, extra: v1::Extra::new() }
    }

    fn event(change: &str, kind: Kind) -> DiskEvent {
        DiskEvent::new(Time(1_800_000_000_000), change, &group(), kind)
    }

    #[test]
    fn events_survive_their_text() {
        for kind in [
            Kind::Prepare { record: Box::new(record("c1")) },
            Kind::Claimed { seq: 4, config: "cfg".into() },
            Kind::Refused { why: "busy".into() },
            Kind::Unit { unit: 1, state: UnitState::PutBack },
            Kind::Note { text: "beat lost".into() },
            Kind::End { state: ChangeState::Undone },
            Kind::Seen { record: Box::new(record("c1")) },
        ] {
            let event = event("c1", kind);
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<DiskEvent>(&text).unwrap(), event, "{text}");
        }
    }

    #[test]
    fn kinds_of_a_newer_version_are_kept() {
        let text =
            r#"{"v":1,"at":"2027-01-15T08:00:00Z","change":"c1","group":"stack/shop","kind":"paused","by":"eve"}"#;
        let event: DiskEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.kind(), None);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), serde_json::to_value(&event).unwrap());
        assert_eq!(fold([event])["c1"].events.len(), 1);
    }

    #[test]
    fn folding_and_standing() {
        let prepare = |id: &str| event(id, Kind::Prepare { record: Box::new(record(id)) });
        let changes = fold([
            prepare("never"),
            prepare("refused"),
            prepare("here"),
            event("refused", Kind::Refused { why: "group busy".into() }),
            event("here", Kind::Claimed { seq: 4, config: "cfg".into() }),
            event("here", Kind::Unit { unit: 0, state: UnitState::Posting }),
            event("here", Kind::Unit { unit: 0, state: UnitState::Done }),
            event("here", Kind::End { state: ChangeState::Done }),
        ]);
        assert_eq!(changes["never"].standing(None), Standing::NeverStarted);
        assert_eq!(changes["refused"].standing(None), Standing::Refused);
        let here = &changes["here"];
        assert_eq!(here.standing(None), Standing::HereOnly);
        assert_eq!((here.units[&0], here.ended, here.events.len()), (UnitState::Done, Some(ChangeState::Done), 5));
        assert_eq!(here.claimed, Some((4, "cfg".into())));
        let slot = Slot::read("cfg", 9, None, "pinnace.s.0123.4", &BTreeMap::new()).unwrap();
        assert_eq!(changes["refused"].standing(Some(&slot)), Standing::InSwarm);
    }
}
