//! The claim: look whether the plan still holds, write it down, take the group's next number.

use std::time::Duration;

use super::keeper::{Gone, Keeper};
use super::run::{Held, Run};
use super::{Options, Refusal, Talk, Tools, owner};
use crate::docker::{Fault, Stand};
use crate::identity;
use crate::journal::{Claim, Liveness, RECORD_LIMIT};
use pinnace_core::change::{Kind, Progress};
use pinnace_core::disk::{DiskEvent, Kind as DiskKind};
use pinnace_core::journal::{ChangeState, Slot, SlotLabels, UnitState};
use pinnace_core::text::clean;
use pinnace_core::wire::v1::{Plan, Record};

/// Between two tries of a claim whose fate is not known.
const RETRY: Duration = Duration::from_millis(500);
/// How long a claim of unknown fate is tried: an election takes up to half of it.
const PATIENCE: Duration = Duration::from_secs(60);

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
    // Without a majority of managers this fails, and then nothing was written anywhere.
    tools.docker.nodes().await.map_err(Refusal::Fault)?;
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
            let why = refusal.to_string();
            let kind = match &refusal {
                Refusal::Lost { .. } => DiskKind::Note { text: why },
                _ => DiskKind::Refused { why },
            };
            let _ = note(&tools, &record, kind).await;
            return Err(refusal);
        }
    };
    let noted = note(&tools, &record, DiskKind::Claimed { seq: slot.seq, config: slot.config.clone() }).await;
    let units = record.plan.units.len();
    let begun =
        Kind::Begun { seq: slot.seq, by: options.by.clone(), units: vec![UnitState::Untouched; units], post: None };
    let owner = slot.labels.owner.clone();
    let keeper = Keeper::start(tools.journal.clone(), slot, sent);
    let mut run = Run::new(tools, record, options, Held { keeper, owner }, talk, Progress::new(units));
    run.emit(begun);
    if let Err(refusal) = noted {
        run.warn_of_disk(&refusal.to_string());
    }
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
    tools.journal.put_record(record).await.map_err(Refusal::Unwritable)?;
    let slots = tools.journal.slots_of(&plan.group).await.map_err(Refusal::Fault)?;
    newest_is_parent(tools, slots, plan).await?;
    not_in_the_swarm(tools, plan).await?;
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
        home: identity::process(),
        extra: std::collections::BTreeMap::new(),
    };
    let began = tools.docker.clock().boottime();
    loop {
        match tools.journal.claim(&plan.group, plan.parent + 1, &record.change, &labels).await {
            // Which of its sendings landed is not known: the first counts.
            Ok(Claim::Ours(slot)) => return Ok((*slot, began)),
            Ok(Claim::Taken(slot)) => return Err(taken(*slot, &record.change)),
            Err(fault @ Fault::ReadOnly { .. }) => return Err(Refusal::Fault(fault)),
            Err(fault) if tools.docker.clock().boottime().saturating_sub(began) > PATIENCE => {
                return Err(Refusal::Unknown { why: fault.why() });
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// Somebody who may make configs may be at work on the group, and a journal on disk would not tell.
async fn not_in_the_swarm(tools: &Tools, plan: &Plan) -> Result<(), Refusal> {
    if !tools.journal.is_local() {
        return Ok(());
    }
    match tools.journal.open_in_swarm(&plan.group).await {
        Ok(Some(slot)) => Err(Refusal::Busy { change: slot.change, by: slot.labels.by }),
        // Where configs may not be made they may not be listed either.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// What a slot in the place of ours means.
fn taken(slot: Slot, change: &str) -> Refusal {
    let by = slot.labels.by;
    if slot.change == change {
        Refusal::Lost { by }
    } else if slot.labels.state.is_terminal() {
        Refusal::Stale { moved: format!("{by} changed the group meanwhile") }
    } else {
        Refusal::Busy { change: slot.change, by }
    }
}

/// The newest slot must be the plan's parent and terminal; one that was left before it began is closed as void.
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
    if newest.is_foreign() {
        return Err(Refusal::Newer { change: newest.change });
    }
    if !newest.is_unbegun() || tools.journal.liveness(&newest).await.map_err(Refusal::Fault)? == Liveness::Alive {
        return Err(Refusal::Busy { change: newest.change, by: newest.labels.by });
    }
    close(tools, newest).await
}

/// Closes a change that nobody holds and that posted nothing: its owner's next slot write fails, and so it never will.
async fn close(tools: &Tools, slot: Slot) -> Result<(), Refusal> {
    let (change, by) = (slot.change.clone(), slot.labels.by.clone());
    let keeper = Keeper::start(tools.journal.clone(), slot, tools.docker.clock().boottime());
    let mine = owner();
    let voided = keeper
        .write(move |labels| {
            labels.owner = mine;
            labels.state = ChangeState::Void;
        })
        .await;
    voided.map_err(|gone| match gone {
        Gone::Lost(_) => Refusal::Busy { change, by },
        Gone::Stuck(why) => Refusal::Unknown { why },
    })
}

/// One line on what a plan does: `new pg:17.10 on 3 services of n1`.
pub(super) fn summary(plan: &Plan) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (_, unit) in plan.active() {
        let image = pinnace_core::image::ImageRef::parse(&unit.to.image)
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
        format!("{what} on {count} {} of {}", pinnace_core::plan::plural(count, "service"), members.join(", "))
    };
    lines.into_iter().map(text).collect::<Vec<_>>().join("; ")
}
