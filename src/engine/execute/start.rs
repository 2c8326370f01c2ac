//! The claim: look whether the plan still holds, write it down, take the group's next number.

use std::time::Duration;

use super::keeper::Keeper;
use super::life::is_given_up;
use super::run::{Held, Run};
use super::{Options, Refusal, Talk, Tools, home, owner};
use crate::adapters::docker::{Fault, Stand};
use crate::adapters::journal::{Claim, RECORD_LIMIT};
use crate::core::change::{Kind, Progress};
use crate::core::disk::{DiskEvent, Kind as DiskKind};
use crate::core::journal::{ChangeState, Slot, SlotLabels, UnitState};
use crate::core::text::clean;
use crate::core::wire::v1::{Plan, Record};

/// Between two tries of a claim whose fate is not known.
const RETRY: Duration = Duration::from_millis(500);
/// How often a claim of unknown fate is tried.
const TRIES: u32 = 20;

/// Claims the group's next number for a plan.
pub(super) async fn begin(
    tools: Tools,
    plan: Plan,
    change: String,
    options: Options,
    talk: Talk,
) -> Result<Run, Refusal> {
    if plan.has_nothing_to_do() {
        return Err(Refusal::Nothing);
    }
    still_holds(&tools, &plan).await?;
    let record = Record { v: 1, change: change.clone(), plan, extra: serde_json::Map::new() };
    let size = serde_json::to_vec(&record).map_or(usize::MAX, |data| data.len());
    if size > RECORD_LIMIT {
        return Err(Refusal::NotWritten {
            why: format!("its record would be {size} bytes, and the swarm stores {RECORD_LIMIT}"),
        });
    }
    note(&tools, &record, DiskKind::Prepare { record: Box::new(record.clone()) }).await?;
    let claimed = claim(&tools, &record, &options).await;
    let (slot, sent) = match claimed {
        Ok(claimed) => claimed,
        Err(refusal) => {
            let _ = note(&tools, &record, DiskKind::Refused { why: refusal.to_string() }).await;
            return Err(refusal);
        }
    };
    note(&tools, &record, DiskKind::Claimed { seq: slot.seq, config: slot.config.clone() }).await.ok();
    let units = record.plan.units.len();
    let begun =
        Kind::Begun { seq: slot.seq, by: options.by.clone(), units: vec![UnitState::Untouched; units], post: None };
    let owner = slot.labels.owner.clone();
    let keeper = Keeper::start(tools.raft.clone(), slot, sent);
    let mut run = Run::new(tools, record, options, Held { keeper, owner }, talk, Progress::new(units));
    run.emit(begun);
    run.record_is_there().await;
    Ok(run)
}

/// Refuses a plan whose services, or whose group, moved since it was made.
async fn still_holds(tools: &Tools, plan: &Plan) -> Result<(), Refusal> {
    for (_, unit) in plan.active() {
        let held = match tools.docker.hold(&unit.service_id).await {
            Ok(held) => held,
            Err(fault) if fault.is_not_found() => {
                return Err(Refusal::Stale { moved: format!("service {} is gone", unit.service) });
            }
            Err(fault) => return Err(Refusal::Fault(fault)),
        };
        if held.stands(&unit.edits) == Stand::Other {
            let moved = format!("service {} runs {} now, not {}", unit.service, held.service.image(), unit.from.image);
            return Err(Refusal::Stale { moved });
        }
        if held.rest_before(&unit.edits) != unit.rest {
            return Err(Refusal::Stale { moved: format!("somebody edited service {}", unit.service) });
        }
    }
    Ok(())
}

async fn note(tools: &Tools, record: &Record, kind: DiskKind) -> Result<(), Refusal> {
    let Some(disk) = &tools.disk else { return Ok(()) };
    let written =
        disk.append(&DiskEvent::new(tools.docker.clock().now(), &record.change, &record.plan.group, kind)).await;
    written.map_err(|error| Refusal::NotWritten { why: error.to_string() })
}

async fn claim(tools: &Tools, record: &Record, options: &Options) -> Result<(Slot, Duration), Refusal> {
    let plan = &record.plan;
    let written = |fault: Fault| Refusal::NotWritten { why: fault.to_string() };
    tools.raft.put_record(record).await.map_err(written)?;
    let slots = tools.raft.slots_of(&plan.group).await.map_err(Refusal::Fault)?;
    newest_is_parent(tools, slots, plan).await?;
    let labels = SlotLabels {
        group: plan.group.to_string(),
        owner: owner(),
        beat: 0,
        state: ChangeState::Running,
        units: vec![UnitState::Untouched; plan.units.len()],
        post: None,
        by: clean(&options.by),
        why: clean(&options.why),
        at: Some(tools.docker.clock().now()),
        sum: clean(&summary(plan)),
        home: home(),
        extra: std::collections::BTreeMap::new(),
    };
    let mut tries = 0;
    loop {
        let sent = tools.docker.clock().boottime();
        match tools.raft.claim(&plan.group, plan.parent + 1, &record.change, &labels).await {
            Ok(Claim::Ours(slot)) => return Ok((*slot, sent)),
            Ok(Claim::Taken(slot)) if slot.labels.state.is_terminal() => {
                return Err(Refusal::Stale { moved: format!("{} changed the group meanwhile", slot.labels.by) });
            }
            Ok(Claim::Taken(slot)) => return Err(Refusal::Busy { change: slot.change, by: slot.labels.by }),
            Err(Fault::ReadOnly { what }) => return Err(Refusal::Fault(Fault::ReadOnly { what })),
            Err(fault) => {
                tries += 1;
                if tries >= TRIES {
                    return Err(Refusal::Unknown { why: fault.to_string() });
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// The newest slot must be the plan's parent and terminal; one that was given up before it began is closed as void.
async fn newest_is_parent(tools: &Tools, slots: Vec<Slot>, plan: &Plan) -> Result<(), Refusal> {
    let Some(newest) = slots.into_iter().next_back() else {
        return if plan.parent == 0 {
            Ok(())
        } else {
            Err(Refusal::Stale { moved: "the group's history is gone".into() })
        };
    };
    if newest.seq != plan.parent {
        return Err(Refusal::Stale {
            moved: format!("{} changed the group meanwhile ({})", newest.labels.by, newest.change),
        });
    }
    if newest.labels.state.is_terminal() {
        return Ok(());
    }
    let untouched =
        newest.labels.units.iter().all(|unit| *unit == UnitState::Untouched) && newest.labels.post.is_none();
    if !(untouched && is_given_up(&newest)) {
        return Err(Refusal::Busy { change: newest.change, by: newest.labels.by });
    }
    let keeper = Keeper::start(tools.raft.clone(), newest.clone(), tools.docker.clock().boottime());
    let mine = owner();
    let voided = keeper
        .write(move |labels| {
            labels.owner = mine;
            labels.state = ChangeState::Void;
        })
        .await;
    voided.map_err(|_| Refusal::Busy { change: newest.change, by: newest.labels.by })
}

/// One line on what a plan does: `new pg:17.10 on 3 services of n1`.
pub(super) fn summary(plan: &Plan) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (_, unit) in plan.active() {
        let image = crate::core::image::ImageRef::parse(&unit.to.image)
            .map_or_else(|_| unit.to.image.clone(), |image| image.short(true));
        let what = format!("{} {image}", unit.action.word());
        match lines.iter_mut().find(|(known, _)| *known == what) {
            Some((_, members)) => members.push(&unit.member),
            None => lines.push((what, vec![&unit.member])),
        }
    }
    if lines.is_empty() {
        return "pins only".into();
    }
    let text = |(what, mut members): (String, Vec<&str>)| {
        let count = members.len();
        members.dedup();
        format!("{what} on {count} {} of {}", crate::core::plan::plural(count, "service"), members.join(", "))
    };
    lines.into_iter().map(text).collect::<Vec<_>>().join("; ")
}
