//! Compatibility of the journal's version 1: the files in `tests/journal/v1/` never
//! change and must always be readable.

use std::collections::BTreeMap;

use pinnace_core::change::{ChangeEvent, Progress};
use pinnace_core::journal::local_log::{self, LocalClaimStatus, fold};
use pinnace_core::journal::{
    ChangeSlot, ChangeState, Direction, JournalContent, StoredConfig, UnitState, UpdateIntent, doomed, sightings,
    slot_name,
};
use pinnace_core::plan::{ChangeRecord, PlanKind};
use pinnace_core::swarm::GroupKey;
use pinnace_engine::journal::LocalLog;
use serde_json::Value;

const RECORD: &str = include_str!("../journal/v1/record.json");
const SLOT: &str = include_str!("../journal/v1/slot.json");
const NEWER: &str = include_str!("../journal/v1/newer.json");
const SEEN: &str = include_str!("../journal/v1/seen.json");
const LOG: &str = include_str!("../journal/v1/log.jsonl");

struct Config {
    name: String,
    labels: BTreeMap<String, String>,
    data: Value,
}

fn config(text: &str) -> Config {
    let value: Value = serde_json::from_str(text).unwrap();
    Config {
        name: value["name"].as_str().unwrap().to_owned(),
        labels: serde_json::from_value(value["labels"].clone()).unwrap(),
        data: value["data"].clone(),
    }
}

fn slot(text: &str) -> ChangeSlot {
    let Config { name, labels, .. } = config(text);
    ChangeSlot::read("id", 8900, None, &name, &labels).unwrap()
}

fn storefront() -> GroupKey {
    GroupKey::parse("database/storefront").unwrap()
}

/// Returns true if `read` contains everything in `written`.
fn keeps(written: &Value, read: &Value) -> bool {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            written.iter().all(|(key, value)| read.get(key).is_some_and(|read| keeps(value, read)))
        }
        (Value::Array(written), Value::Array(read)) => {
            written.len() == read.len() && written.iter().zip(read).all(|(written, read)| keeps(written, read))
        }
        _ => written == read,
    }
}

#[test]
fn a_record() {
    let written = config(RECORD);
    let record: ChangeRecord = serde_json::from_value(written.data.clone()).unwrap();
    assert_eq!((record.plan.group.clone(), record.plan.parent, record.plan.kind), (storefront(), 6, PlanKind::Pin));
    assert_eq!(record.plan.units[0].edits[1].before, None);
    let read = serde_json::to_value(&record).unwrap();
    assert!(keeps(&written.data, &read), "what a later version added is kept too: {read:#}");
}

#[test]
fn a_slot() {
    let written = config(SLOT);
    let slot = slot(SLOT);
    assert_eq!((slot.seq, slot.v, slot.is_foreign(), slot.is_unbegun()), (7, 1, false, false));
    assert_eq!(slot_name(&storefront(), 7), written.name);
    assert_eq!((slot.labels.state, slot.labels.units.clone()), (ChangeState::Running, vec![UnitState::Updating]));
    assert_eq!(slot.labels.post, Some(UpdateIntent { unit: 0, index: 8812, direction: Direction::Forward }));
    assert_eq!(
        slot.labels.write(slot.v, &slot.group_hash, &slot.change),
        written.labels,
        "every label is written back"
    );
}

#[test]
fn a_log() {
    let events: Vec<ChangeEvent> = LOG.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut progress = Progress::new(1);
    for event in &events {
        progress.apply(event);
    }
    assert_eq!(progress.letters(), [UnitState::RolledBack]);
    assert_eq!(progress.ended.map(|(state, _)| state), Some(ChangeState::RolledBackByUser));
}

#[test]
fn what_was_seen() {
    let written = config(SEEN);
    let record: ChangeRecord = serde_json::from_value(written.data).unwrap();
    let [one] = &sightings(&record)[..] else { panic!("one service") };
    assert_eq!((one.member.as_str(), one.by.as_str(), one.digest.as_ref()), ("n1", "cron on host-1", None));
    assert_eq!(one.places.image, "ghcr.io/pgedge/pgedge-postgres:18.3-spock5.0.6-standard-1");
}

#[tokio::test]
async fn a_machines_notes() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("swarm.jsonl"), include_str!("../journal/v1/disk.jsonl")).unwrap();
    let loaded = LocalLog::new(home.path(), "swarm", true).load().await.unwrap();
    assert_eq!((loaded.events.len(), loaded.warnings), (8, vec![]));
    assert_eq!(local_log::sightings(&loaded.events)[&storefront()].len(), 1);
    let changes = fold(loaded.events);
    let [change] = changes.values().collect::<Vec<_>>()[..] else { panic!("one change") };
    assert_eq!(
        (change.claimed.as_ref().map(|(seq, _)| *seq), change.ended),
        (Some(7), Some(ChangeState::RolledBackByUser))
    );
    assert_eq!(
        (change.standing(None), change.events.len()),
        (LocalClaimStatus::HereOnly, 7),
        "with one of a later version"
    );
}

#[test]
fn what_a_newer_pinnace_made_is_shown_and_left_alone() {
    let slot = slot(NEWER);
    assert!(slot.is_foreign() && slot.group() == Some(storefront()));
    let stored = |seq: u64, text: &str| {
        let Config { name, labels, data } = config(text);
        let name = format!("{}.{seq}", name.rsplit_once('.').unwrap().0);
        StoredConfig::read(&format!("{seq}"), 1, None, &name, &labels, data.to_string().as_bytes()).unwrap()
    };
    let mut done: Value = serde_json::from_str(SLOT).unwrap();
    done["labels"]["pinnace.state"] = "done".into();
    let done = done.to_string();
    let all: Vec<StoredConfig> = (1..=80).map(|seq| stored(seq, if seq == 3 { NEWER } else { &done })).collect();
    assert!(matches!(&all[2].part, JournalContent::ChangeSlot(slot) if slot.is_foreign()));
    let gone = doomed(&all).concat();
    assert!(gone.len() == 30 && !gone.contains(&"3".to_owned()), "{gone:?}");
}
