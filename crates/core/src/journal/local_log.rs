//! The events of changes in the local log, and their fold.
//!
//! The local log is the second place that records a change; the first is the swarm's own store. If both
//! know a change, the swarm's slot is authoritative for state and order, and the local log adds the
//! details. The protocol is described in `docs/journal.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::journal::{ChangeSlot, ChangeState, ExternalDeploy, UnitState, sightings as sightings_of};
use crate::plan::ChangeRecord;
use crate::swarm::GroupKey;
use crate::time::Time;

/// The format version of the events that this program writes.
pub const VERSION: u32 = 1;

/// One event of a change; a line of the local log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalEvent {
    /// The format version: 1.
    pub v: u32,
    /// The time by this machine's clock.
    pub at: Time,
    /// The change's id.
    pub change: String,
    /// The group that the change belongs to.
    pub group: GroupKey,
    /// The event's kind, with its data.
    #[serde(flatten)]
    pub what: LoggedEventPayload,
}

/// A known kind of event, or one that a newer version wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoggedEventPayload {
    /// A kind that this version knows.
    Known(LoggedEventKind),
    /// Any other kind; its keys are kept unchanged.
    Unknown(Map<String, Value>),
}

/// The kinds of events in the local log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LoggedEventKind {
    /// The change is about to be claimed; written before anything is written to the swarm.
    Prepare {
        /// The change's record, with the complete plan.
        record: Box<ChangeRecord>,
    },
    /// The change's slot was created: the change has begun.
    Claimed {
        /// The change's number within its group.
        seq: u64,
        /// The config id of the slot.
        config: String,
    },
    /// The claim failed; nothing was posted.
    Refused {
        /// The cause, for display.
        why: String,
    },
    /// A unit changed its state.
    Unit {
        /// The unit's index in the plan.
        unit: usize,
        /// The unit's new state.
        state: UnitState,
    },
    /// A note for display.
    Note {
        /// The note, one line of text.
        text: String,
    },
    /// The change ended.
    End {
        /// The outcome.
        state: ChangeState,
    },
    /// An external deploy that a console observed; it belongs to no change.
    Seen {
        /// The record of kind `seen`.
        record: Box<ChangeRecord>,
    },
}

impl LocalEvent {
    /// Creates an event of the current format version.
    pub fn new(at: Time, change: &str, group: &GroupKey, kind: LoggedEventKind) -> Self {
        let what = LoggedEventPayload::Known(kind);
        Self { v: VERSION, at, change: change.to_owned(), group: group.clone(), what }
    }

    /// Returns the event's kind; `None` if this version does not know it.
    pub fn kind(&self) -> Option<&LoggedEventKind> {
        match &self.what {
            LoggedEventPayload::Known(kind) => Some(kind),
            LoggedEventPayload::Unknown(_) => None,
        }
    }
}

/// Returns the external deploys among the events, by group.
pub fn sightings<'a>(events: impl IntoIterator<Item = &'a LocalEvent>) -> BTreeMap<GroupKey, Vec<ExternalDeploy>> {
    let mut by_group: BTreeMap<GroupKey, Vec<ExternalDeploy>> = BTreeMap::new();
    for event in events {
        if let Some(LoggedEventKind::Seen { record }) = event.kind() {
            by_group.entry(event.group.clone()).or_default().extend(sightings_of(record));
        }
    }
    by_group
}

/// A change as the local log knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedChange {
    /// The group that the change belongs to.
    pub group: GroupKey,
    /// The change's record; `None` if its line is lost, or if only later events were written on this
    /// machine.
    pub prepared: Option<Box<ChangeRecord>>,
    /// The change's number and its slot's config id; `None` if it was not claimed from this machine.
    pub claimed: Option<(u64, String)>,
    /// The cause of a refused claim, for display.
    pub refused: Option<String>,
    /// The last known state of each unit, by its index in the plan.
    pub units: BTreeMap<usize, UnitState>,
    /// The outcome; `None` if the end was not logged on this machine.
    pub ended: Option<ChangeState>,
    /// All events of the change, in the order written.
    pub events: Vec<LocalEvent>,
}

/// The state of a change in the local log, compared with the swarm's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalClaimStatus {
    /// A change with a slot in the swarm; the slot is authoritative.
    InSwarm,
    /// A change whose claim failed.
    Refused,
    /// A change that was prepared but never claimed, and has no slot: nothing was done.
    NeverStarted,
    /// A change that was claimed from this machine but is unknown to the swarm: it is displayed, never
    /// resumed.
    HereOnly,
}

impl LoggedChange {
    /// Compares the change with its slot, if the swarm has one.
    ///
    /// A slot outweighs a refusal: a claim of unknown result that was given up may still have been applied.
    pub fn standing(&self, slot: Option<&ChangeSlot>) -> LocalClaimStatus {
        match (slot, &self.claimed, &self.refused) {
            (Some(_), ..) => LocalClaimStatus::InSwarm,
            (None, Some(_), _) => LocalClaimStatus::HereOnly,
            (None, None, Some(_)) => LocalClaimStatus::Refused,
            (None, None, None) => LocalClaimStatus::NeverStarted,
        }
    }

    fn new(group: GroupKey) -> Self {
        let (prepared, claimed, refused, ended) = (None, None, None, None);
        Self { group, prepared, claimed, refused, units: BTreeMap::new(), ended, events: Vec::new() }
    }

    fn learn(&mut self, event: LocalEvent) {
        match event.kind() {
            Some(LoggedEventKind::Prepare { record }) => self.prepared = Some(record.clone()),
            Some(LoggedEventKind::Claimed { seq, config }) => self.claimed = Some((*seq, config.clone())),
            Some(LoggedEventKind::Refused { why }) => self.refused = Some(why.clone()),
            Some(LoggedEventKind::Unit { unit, state }) => {
                self.units.insert(*unit, *state);
            }
            Some(LoggedEventKind::End { state }) => self.ended = Some(*state),
            Some(LoggedEventKind::Note { .. } | LoggedEventKind::Seen { .. }) | None => {}
        }
        self.events.push(event);
    }
}

/// Folds events, in the order written, into changes by id.
pub fn fold(events: impl IntoIterator<Item = LocalEvent>) -> BTreeMap<String, LoggedChange> {
    let mut changes: BTreeMap<String, LoggedChange> = BTreeMap::new();
    for event in events {
        if matches!(event.kind(), Some(LoggedEventKind::Seen { .. })) {
            continue;
        }
        let change = changes.entry(event.change.clone()).or_insert_with(|| LoggedChange::new(event.group.clone()));
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

    fn record(change: &str) -> ChangeRecord {
        let plan = v1::Plan {
            v: 1,
            id: "plan".into(),
            created: Time(1_800_000_000_000),
            swarm: "swarm".into(),
            group: group(),
            parent: 3,
            kind: v1::PlanKind::Pin,
            api: "1.45".into(),
            pins_before: None,
            pins_after: Some("image = \"pg:2\"\n".into()),
            units: Vec::new(),
            findings: Vec::new(),
            extra: v1::UnknownKeys::new(),
        };
        ChangeRecord { v: 1, change: change.into(), plan, extra: v1::UnknownKeys::new() }
    }

    fn event(change: &str, kind: LoggedEventKind) -> LocalEvent {
        LocalEvent::new(Time(1_800_000_000_000), change, &group(), kind)
    }

    #[test]
    fn events_survive_their_text() {
        for kind in [
            LoggedEventKind::Prepare { record: Box::new(record("c1")) },
            LoggedEventKind::Claimed { seq: 4, config: "cfg".into() },
            LoggedEventKind::Refused { why: "busy".into() },
            LoggedEventKind::Unit { unit: 1, state: UnitState::RolledBack },
            LoggedEventKind::Note { text: "beat lost".into() },
            LoggedEventKind::End { state: ChangeState::RolledBackByUser },
            LoggedEventKind::Seen { record: Box::new(record("c1")) },
        ] {
            let event = event("c1", kind);
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<LocalEvent>(&text).unwrap(), event, "{text}");
        }
    }

    #[test]
    fn kinds_of_a_newer_version_are_kept() {
        let text =
            r#"{"v":1,"at":"2027-01-15T08:00:00Z","change":"c1","group":"stack/shop","kind":"paused","by":"eve"}"#;
        let event: LocalEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.kind(), None);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), serde_json::to_value(&event).unwrap());
        assert_eq!(fold([event])["c1"].events.len(), 1);
    }

    #[test]
    fn folding_and_standing() {
        let prepare = |id: &str| event(id, LoggedEventKind::Prepare { record: Box::new(record(id)) });
        let changes = fold([
            prepare("never"),
            prepare("refused"),
            prepare("here"),
            event("refused", LoggedEventKind::Refused { why: "group busy".into() }),
            event("here", LoggedEventKind::Claimed { seq: 4, config: "cfg".into() }),
            event("here", LoggedEventKind::Unit { unit: 0, state: UnitState::Updating }),
            event("here", LoggedEventKind::Unit { unit: 0, state: UnitState::Done }),
            event("here", LoggedEventKind::End { state: ChangeState::Done }),
        ]);
        assert_eq!(changes["never"].standing(None), LocalClaimStatus::NeverStarted);
        assert_eq!(changes["refused"].standing(None), LocalClaimStatus::Refused);
        let here = &changes["here"];
        assert_eq!(here.standing(None), LocalClaimStatus::HereOnly);
        assert_eq!((here.units[&0], here.ended, here.events.len()), (UnitState::Done, Some(ChangeState::Done), 5));
        assert_eq!(here.claimed, Some((4, "cfg".into())));
        let slot = ChangeSlot::read("cfg", 9, None, "pinnace.s.0123.4", &BTreeMap::new()).unwrap();
        assert_eq!(changes["refused"].standing(Some(&slot)), LocalClaimStatus::InSwarm);
    }
}
