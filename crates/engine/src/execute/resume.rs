//! The takeover of an unfinished change, and the settling of a POST that the previous owner may have made.

use std::time::Duration;

use super::lease::{LeaseKeeper, LeaseLost};
use super::run::{self, ChangeRun};
use super::{ChangeChannels, ExecuteOptions, StartRefusal, owner};
use crate::cluster::Cluster;
use crate::docker::{ServiceRevision, SpecEditState};
use crate::identity;
use pinnace_core::change::{ChangeEventKind, OperatorCommand, Progress, Question};
use pinnace_core::journal::{ChangeSlot, ChangeState, Direction, UnitState, UpdateIntent, VERSION};
use pinnace_core::plan::{ChangeRecord, Unit};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::UpdateState;

/// The interval between two attempts of a fencing write.
const RETRY: Duration = Duration::from_millis(300);
/// The text between the present operator's name and that of the operator who began the change.
const BEGUN_BY: &str = ", begun by ";
/// The maximum number of fencing writes.
const TRIES: u32 = 100;

/// Takes a change over: from this write on, the next slot write of the previous owner fails.
pub(super) async fn begin(
    cluster: Cluster,
    slot: ChangeSlot,
    record: ChangeRecord,
    options: ExecuteOptions,
    control: ChangeChannels,
    order: Option<OperatorCommand>,
) -> Result<ChangeRun, StartRefusal> {
    if slot.labels.state.is_terminal() {
        return Err(StartRefusal::Stale { moved: format!("the change has ended: {}", slot.labels.state.label()) });
    }
    if slot.is_foreign() || record.v > VERSION {
        return Err(StartRefusal::Newer { change: slot.change });
    }
    let mine = owner();
    let keeper = LeaseKeeper::start(cluster.journal.clone(), slot.clone(), cluster.docker.clock().boottime());
    let (name, by) = (mine.clone(), taker(&options.by, &slot.labels.by));
    let taken = keeper
        .write(move |labels| {
            labels.owner = name;
            labels.state = ChangeState::Running;
            labels.by = by;
            labels.home = identity::process();
        })
        .await;
    taken.map_err(|lost| match lost {
        LeaseLost::TakenOver(why) => StartRefusal::Stale { moved: why },
        LeaseLost::Stuck(why) => StartRefusal::Unknown { why },
    })?;
    let progress = Progress::of_slot(&slot, record.plan.units.len());
    let begun = ChangeEventKind::Begun {
        seq: slot.seq,
        by: options.by.clone(),
        units: progress.letters(),
        post: slot.labels.post.map(|post| post.to_string()),
    };
    let mut run = ChangeRun::new(cluster, record, options, run::OwnedLease { keeper, owner: mine }, control, progress);
    run.doubt = slot.labels.post;
    run.emit(begun);
    match order {
        Some(order) => run.emit(ChangeEventKind::Ordered { order }),
        None => run.emit(ChangeEventKind::Asked { question: Question::Stopped }),
    }
    Ok(run)
}

/// Returns the operator's name for the slot: the one who takes over, and the one who began the change.
fn taker(by: &str, before: &str) -> String {
    let by = clean(by);
    let first = before.rsplit_once(BEGUN_BY).map_or(before, |(_, first)| first);
    if first == by || first.is_empty() { by } else { format!("{by}{BEGUN_BY}{first}") }
}

impl ChangeRun {
    /// Settles the POST in doubt before a unit is started, unless that unit is about to repeat it.
    ///
    /// The identical POST at the same index needs no fence. Everything else does, and does not start until the fence
    /// is confirmed.
    pub(super) async fn settle_before(&mut self, unit: usize, direction: Direction) -> Result<(), LeaseLost> {
        match self.doubt {
            Some(post) if post.unit != unit || post.direction != direction => self.settle_doubt().await.map(drop),
            _ => Ok(()),
        }
    }

    /// Fences the POST in doubt, and returns whether it was carried out. Required before a terminal or detached slot
    /// write.
    ///
    /// The fence posts the spec exactly as it was read, at the index that was read, until the index has moved past
    /// that of the POST, which can then never be carried out. This restarts no task, except during a rollout: a
    /// paused one would resume, so it is left as it is, and a running one is waited for. A job would run again, so
    /// it is left as it is too.
    pub(super) async fn settle_doubt(&mut self) -> Result<bool, LeaseLost> {
        let Some(post) = self.doubt else { return Ok(false) };
        let Some(unit) = self.record.plan.units.get(post.unit).cloned() else { return Ok(false) };
        let (mut tries, mut landed) = (0, false);
        while let Some(revision) = self.read_for_update(&unit, &mut tries).await? {
            if revision.index() > post.index {
                let goal = match post.direction {
                    Direction::Forward => SpecEditState::After,
                    Direction::Back => SpecEditState::Before,
                };
                landed = revision.edit_state(&unit.edits) == goal;
                if !landed {
                    self.does_not_stand(post, &revision, &unit).await?;
                }
                break;
            }
            if let Some(why) = not_to_be_fenced(&revision) {
                return Err(LeaseLost::Stuck(format!("{} {why}; the change stays unfinished", unit.service)));
            }
            if tries > TRIES {
                return Err(LeaseLost::Stuck(
                    "the engine accepts no writes: an earlier update may still take effect".into(),
                ));
            }
            tries += 1;
            let moves = revision.service.update.as_ref().is_some_and(|update| update.state == UpdateState::Updating);
            if !moves || tries > TRIES / 2 {
                self.keeper.fresh().await?;
                let _ = self.cluster.docker.post_as_read(&revision).await;
            }
            tokio::time::sleep(if tries > 1 || moves { RETRY } else { Duration::ZERO }).await;
        }
        self.doubt = None;
        Ok(landed)
    }

    /// Marks the unit of a POST in doubt whose result is not in the spec.
    ///
    /// Either the POST was never carried out and cannot be any more, so the unit is as before. Or it was carried
    /// out, the update failed, and the engine rolled back: the update status shows this, as any other post would
    /// have cleared it.
    async fn does_not_stand(
        &mut self,
        post: UpdateIntent,
        revision: &ServiceRevision,
        unit: &Unit,
    ) -> Result<(), LeaseLost> {
        let status = revision.service.update.as_ref().map(|update| &update.state);
        let engine_went_back = matches!(
            status,
            Some(UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
        );
        let state = match post.direction {
            // Another client changed the service after that POST.
            _ if revision.edit_state(&unit.edits) == SpecEditState::Diverged => UnitState::Superseded,
            Direction::Forward if !engine_went_back => UnitState::Untouched,
            _ => UnitState::Failed,
        };
        self.mark(post.unit, state, None).await
    }
}

/// Returns the reason why a service must not be fenced; `None` if it may be.
fn not_to_be_fenced(revision: &ServiceRevision) -> Option<&'static str> {
    if revision.service.mode.is_job() {
        return Some("is a job: an update would run it again");
    }
    let paused = |state: &UpdateState| matches!(state, UpdateState::Paused | UpdateState::RollbackPaused);
    let rollout = revision.service.update.as_ref().is_some_and(|update| paused(&update.state));
    rollout.then_some("has a paused rollout, and an update would resume it: finish the change instead")
}
