//! The start of a change: check that the plan is not stale, journal it, claim the group's next number.

use std::time::Duration;

use super::lease::{LeaseKeeper, LeaseLost};
use super::plan_summary::summary;
use super::run::{ChangeRun, OwnedLease};
use super::{ChangeChannels, ExecuteOptions, StartRefusal, owner};
use crate::cluster::Cluster;
use crate::docker::{DockerError, SpecEditState};
use crate::identity;
use crate::journal::{ClaimResult, Liveness};
use pinnace_core::change::{ChangeEventKind, Progress};
use pinnace_core::journal::local_log::{LocalEvent, LoggedEventKind as DiskKind};
use pinnace_core::journal::{ChangeSlot, ChangeState, RECORD_LIMIT, SlotLabels, UnitState, record_size};
use pinnace_core::plan::{ChangeRecord, Plan};
use pinnace_core::sanitize::clean;

/// The interval between two attempts of a claim whose result is unknown.
const RETRY: Duration = Duration::from_millis(500);
/// The time after which a claim with an unknown result is given up; a leader election takes up to half of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks a plan, journals it and claims the group's next number for it.
pub(super) async fn begin(
    cluster: Cluster,
    plan: Plan,
    change: String,
    options: ExecuteOptions,
    control: ChangeChannels,
) -> Result<ChangeRun, StartRefusal> {
    if plan.has_nothing_to_do() {
        return Err(StartRefusal::Nothing);
    }
    // Without a majority of managers this fails, before anything is written anywhere.
    cluster.docker.nodes().await.map_err(StartRefusal::Fault)?;
    still_holds(&cluster, &plan).await?;
    let record = ChangeRecord { v: 1, change: change.clone(), plan, extra: serde_json::Map::new() };
    let size = record_size(&record);
    if size > RECORD_LIMIT {
        return Err(StartRefusal::NotJournaled {
            why: format!("its record would be {size} bytes, and the swarm's limit is {RECORD_LIMIT}"),
        });
    }
    note(&cluster, &record, DiskKind::Prepare { record: Box::new(record.clone()) }).await?;
    let claimed = claim(&cluster, &record, &options).await;
    let (slot, sent) = match claimed {
        Ok(claimed) => claimed,
        Err(refusal) => {
            let why = refusal.to_string();
            let kind = match &refusal {
                StartRefusal::Lost { .. } => DiskKind::Note { text: why },
                _ => DiskKind::Refused { why },
            };
            let _ = note(&cluster, &record, kind).await;
            return Err(refusal);
        }
    };
    let noted = note(&cluster, &record, DiskKind::Claimed { seq: slot.seq, config: slot.config.clone() }).await;
    let units = record.plan.units.len();
    let begun = ChangeEventKind::Begun {
        seq: slot.seq,
        by: options.by.clone(),
        units: vec![UnitState::Untouched; units],
        post: None,
    };
    let owner = slot.labels.owner.clone();
    let keeper = LeaseKeeper::start(cluster.journal.clone(), slot, sent);
    let mut run = ChangeRun::new(cluster, record, options, OwnedLease { keeper, owner }, control, Progress::new(units));
    run.emit(begun);
    if let Err(refusal) = noted {
        run.warn_of_disk(&refusal.to_string());
    }
    Ok(run)
}

/// Refuses a plan if one of its services has changed since it was made.
async fn still_holds(cluster: &Cluster, plan: &Plan) -> Result<(), StartRefusal> {
    for (_, unit) in plan.active() {
        let revision = match cluster.docker.get_for_update(&unit.service_id).await {
            Ok(revision) => revision,
            Err(fault) if fault.is_not_found() => {
                return Err(StartRefusal::Stale { moved: format!("service {} no longer exists", unit.service) });
            }
            Err(fault) => return Err(StartRefusal::Fault(fault)),
        };
        if revision.edit_state(&unit.edits) == SpecEditState::Diverged {
            let moved =
                format!("service {} runs {} now, not {}", unit.service, revision.service.image(), unit.from.image);
            return Err(StartRefusal::Stale { moved });
        }
        if revision.rest_before(&unit.edits) != unit.rest {
            return Err(StartRefusal::Stale { moved: format!("another client edited service {}", unit.service) });
        }
    }
    Ok(())
}

async fn note(cluster: &Cluster, record: &ChangeRecord, kind: DiskKind) -> Result<(), StartRefusal> {
    let Some(disk) = cluster.local_log(&record.plan.swarm) else { return Ok(()) };
    let written =
        disk.append(&LocalEvent::new(cluster.docker.clock().now(), &record.change, &record.plan.group, kind)).await;
    written.map_err(|error| StartRefusal::NotJournaled { why: error.to_string() })
}

async fn claim(
    cluster: &Cluster,
    record: &ChangeRecord,
    options: &ExecuteOptions,
) -> Result<(ChangeSlot, Duration), StartRefusal> {
    let plan = &record.plan;
    cluster.journal.put_record(record).await.map_err(StartRefusal::JournalRefused)?;
    let slots = cluster.journal.slots_of(&plan.group).await.map_err(StartRefusal::Fault)?;
    newest_is_parent(cluster, slots, plan).await?;
    not_in_the_swarm(cluster, plan).await?;
    let labels = SlotLabels {
        group: plan.group.to_string(),
        owner: owner(),
        beat: 0,
        state: ChangeState::Running,
        units: vec![UnitState::Untouched; plan.units.len()],
        post: None,
        by: clean(&options.by),
        why: clean(&options.why),
        at: Some(cluster.docker.clock().now()),
        sum: clean(&summary(plan)),
        home: identity::process(),
        extra: std::collections::BTreeMap::new(),
    };
    let began = cluster.docker.clock().boottime();
    loop {
        match cluster.journal.claim(&plan.group, plan.parent + 1, &record.change, &labels).await {
            // It is unknown which attempt succeeded: count from the first one.
            Ok(ClaimResult::Ours(slot)) => return Ok((*slot, began)),
            Ok(ClaimResult::Taken(slot)) => return Err(taken(*slot, &record.change)),
            Err(fault @ DockerError::ReadOnly { .. }) => return Err(StartRefusal::Fault(fault)),
            Err(fault) if cluster.docker.clock().boottime().saturating_sub(began) > PATIENCE => {
                return Err(StartRefusal::Unknown { why: fault.why() });
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// Refuses if the swarm's journal has an open change of the group while this process keeps its journal on disk.
async fn not_in_the_swarm(cluster: &Cluster, plan: &Plan) -> Result<(), StartRefusal> {
    if !cluster.journal.is_local() {
        return Ok(());
    }
    match cluster.journal.open_in_swarm(&plan.group).await {
        Ok(Some(slot)) => Err(StartRefusal::GroupBusy { change: slot.change, by: slot.labels.by }),
        // Without permission to create configs, listing them may be forbidden too.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Returns the refusal for a slot that another owner created under our number.
fn taken(slot: ChangeSlot, change: &str) -> StartRefusal {
    let by = slot.labels.by;
    if slot.change == change {
        StartRefusal::Lost { by }
    } else if slot.labels.state.is_terminal() {
        StartRefusal::Stale { moved: format!("{by} changed the group meanwhile") }
    } else {
        StartRefusal::GroupBusy { change: slot.change, by }
    }
}

/// Checks that the newest slot is the plan's parent and terminal; a slot that was abandoned before its first unit is
/// closed.
async fn newest_is_parent(cluster: &Cluster, slots: Vec<ChangeSlot>, plan: &Plan) -> Result<(), StartRefusal> {
    let Some(newest) = slots.into_iter().next_back() else {
        return if plan.parent == 0 {
            Ok(())
        } else {
            Err(StartRefusal::Stale { moved: "the group's history no longer exists".into() })
        };
    };
    if newest.seq != plan.parent {
        return Err(StartRefusal::Stale {
            moved: format!("{} changed the group meanwhile ({})", newest.labels.by, newest.change),
        });
    }
    if newest.labels.state.is_terminal() {
        return Ok(());
    }
    if newest.is_foreign() {
        return Err(StartRefusal::Newer { change: newest.change });
    }
    if !newest.is_unbegun() || cluster.journal.liveness(&newest).await.map_err(StartRefusal::Fault)? == Liveness::Alive
    {
        return Err(StartRefusal::GroupBusy { change: newest.change, by: newest.labels.by });
    }
    close(cluster, newest).await
}

/// Closes a change without a live owner that has posted nothing. If its owner is alive after all, its next slot
/// write fails, so nothing will be posted.
async fn close(cluster: &Cluster, slot: ChangeSlot) -> Result<(), StartRefusal> {
    let (change, by) = (slot.change.clone(), slot.labels.by.clone());
    let keeper = LeaseKeeper::start(cluster.journal.clone(), slot, cluster.docker.clock().boottime());
    let mine = owner();
    let voided = keeper
        .write(move |labels| {
            labels.owner = mine;
            labels.state = ChangeState::Abandoned;
        })
        .await;
    voided.map_err(|lost| match lost {
        LeaseLost::TakenOver(_) => StartRefusal::GroupBusy { change, by },
        LeaseLost::Stuck(why) => StartRefusal::Unknown { why },
    })
}
