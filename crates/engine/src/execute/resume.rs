//! Taking over a change that somebody left, and settling what they may have posted.

use std::time::Duration;

use super::lease::{LeaseKeeper, LeaseLost};
use super::run::{self, Run};
use super::{ChangeControl, Options, Refusal, owner};
use crate::cluster::Cluster;
use crate::docker::{EditState, ServiceRevision};
use crate::identity;
use pinnace_core::change::{Kind, Order, Progress, Question};
use pinnace_core::journal::{ChangeState, Direction, Post, Slot, UnitState, VERSION};
use pinnace_core::plan::{Record, Unit};
use pinnace_core::swarm::UpdateState;
use pinnace_core::text::clean;

/// Between two tries of a fence.
const RETRY: Duration = Duration::from_millis(300);
/// What stands between who has a change now and who began it.
const BEGUN_BY: &str = ", begun by ";
/// How often a fence is tried.
const TRIES: u32 = 100;

/// Takes a change over: from this write on the old owner's next slot write fails.
pub(super) async fn begin(
    cluster: Cluster,
    slot: Slot,
    record: Record,
    options: Options,
    control: ChangeControl,
    order: Option<Order>,
) -> Result<Run, Refusal> {
    if slot.labels.state.is_terminal() {
        return Err(Refusal::Stale { moved: format!("the change is over: {}", slot.labels.state.word()) });
    }
    if slot.is_foreign() || record.v > VERSION {
        return Err(Refusal::Newer { change: slot.change });
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
        LeaseLost::TakenOver(why) => Refusal::Stale { moved: why },
        LeaseLost::Stuck(why) => Refusal::Unknown { why },
    })?;
    let progress = Progress::of_slot(&slot, record.plan.units.len());
    let begun = Kind::Begun {
        seq: slot.seq,
        by: options.by.clone(),
        units: progress.letters(),
        post: slot.labels.post.map(|post| post.to_string()),
    };
    let mut run = Run::new(cluster, record, options, run::Lease { keeper, owner: mine }, control, progress);
    run.doubt = slot.labels.post;
    run.emit(begun);
    match order {
        Some(order) => run.emit(Kind::Ordered { order }),
        None => run.emit(Kind::Asked { question: Question::Stopped }),
    }
    Ok(run)
}

/// Who takes a change over, and who began it.
fn taker(by: &str, before: &str) -> String {
    let by = clean(by);
    let first = before.rsplit_once(BEGUN_BY).map_or(before, |(_, first)| first);
    if first == by || first.is_empty() { by } else { format!("{by}{BEGUN_BY}{first}") }
}

impl Run {
    /// Before a unit is worked on: repeating the very POST that is in doubt, at the index it was made for, needs no fence.
    /// Anything else does, and is not begun where the fence cannot be confirmed.
    pub(super) async fn settle_before(&mut self, unit: usize, direction: Direction) -> Result<(), LeaseLost> {
        match self.doubt {
            Some(post) if post.unit != unit || post.direction != direction => self.settle_doubt().await.map(drop),
            _ => Ok(()),
        }
    }

    /// Before a terminal or detached write, a POST in doubt must be known to have landed or to be dead; whether it landed.
    ///
    /// It is killed for ever by the fence: the spec exactly as read, at the index read, until the index has moved past it.
    /// No task restarts by that, but where a rollout is under way: one that is paused would go on, so that it is left as
    /// it stands, and one that runs is waited for. A job would run again, so that it is left as well.
    pub(super) async fn settle_doubt(&mut self) -> Result<bool, LeaseLost> {
        let Some(post) = self.doubt else { return Ok(false) };
        let Some(unit) = self.record.plan.units.get(post.unit).cloned() else { return Ok(false) };
        let (mut tries, mut landed) = (0, false);
        while let Some(revision) = self.read_for_update(&unit, &mut tries).await? {
            if revision.index() > post.index {
                let goal = match post.direction {
                    Direction::To => EditState::After,
                    Direction::Back => EditState::Before,
                };
                landed = revision.edit_state(&unit.edits) == goal;
                if !landed {
                    self.does_not_stand(post, &revision, &unit).await?;
                }
                break;
            }
            if let Some(why) = not_to_be_fenced(&revision) {
                return Err(LeaseLost::Stuck(format!("{} {why}; it stays unfinished", unit.service)));
            }
            if tries > TRIES {
                return Err(LeaseLost::Stuck(
                    "the engine takes no writes: what was posted before may still land".into(),
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

    /// What was posted in doubt does not stand: it never landed and cannot any more, and the unit is as it was before. Or
    /// it landed, failed, and the engine went back: its status tells, as any other post would have wiped that.
    async fn does_not_stand(&mut self, post: Post, revision: &ServiceRevision, unit: &Unit) -> Result<(), LeaseLost> {
        let status = revision.service.update.as_ref().map(|update| &update.state);
        let engine_went_back = matches!(
            status,
            Some(UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
        );
        let state = match post.direction {
            // Somebody else was there after it.
            _ if revision.edit_state(&unit.edits) == EditState::Diverged => UnitState::Overtaken,
            Direction::To if !engine_went_back => UnitState::Untouched,
            _ => UnitState::Failed,
        };
        self.mark(post.unit, state, None).await
    }
}

/// Why a service's spec must not be posted as it is, to kill another post of it.
fn not_to_be_fenced(revision: &ServiceRevision) -> Option<&'static str> {
    if revision.service.mode.is_job() {
        return Some("is a job: posting to it would run it again");
    }
    let paused = |state: &UpdateState| matches!(state, UpdateState::Paused | UpdateState::RollbackPaused);
    let rollout = revision.service.update.as_ref().is_some_and(|update| paused(&update.state));
    rollout
        .then_some("has a rollout that is paused, and posting to it would take it up again: finish the change instead")
}
