//! Taking over a change that somebody left, and settling what they may have posted.

use std::time::Duration;

use super::keeper::{Gone, Keeper};
use super::run::{self, Run};
use super::{Options, Refusal, Talk, Tools, home, owner};
use crate::adapters::docker::{Held, Stand};
use crate::core::change::{Kind, Order, Progress, Question};
use crate::core::journal::{ChangeState, Direction, Post, Slot, UnitState, VERSION};
use crate::core::swarm::UpdateState;
use crate::core::text::clean;
use crate::core::wire::v1::Record;

/// Between two tries of a fence.
const RETRY: Duration = Duration::from_millis(300);
/// What stands between who has a change now and who began it.
const BEGUN_BY: &str = ", begun by ";
/// How often a fence is tried.
const TRIES: u32 = 100;

/// Takes a change over: from this write on the old owner's next slot write fails.
pub(super) async fn begin(
    tools: Tools,
    slot: Slot,
    record: Record,
    options: Options,
    talk: Talk,
    order: Option<Order>,
) -> Result<Run, Refusal> {
    if slot.labels.state.is_terminal() {
        return Err(Refusal::Stale { moved: format!("the change is over: {}", slot.labels.state.word()) });
    }
    if slot.is_foreign() || record.v > VERSION {
        return Err(Refusal::Newer { change: slot.change });
    }
    let mine = owner();
    let keeper = Keeper::start(tools.journal.clone(), slot.clone(), tools.docker.clock().boottime());
    let (name, by) = (mine.clone(), taker(&options.by, &slot.labels.by));
    let taken = keeper
        .write(move |labels| {
            labels.owner = name;
            labels.state = ChangeState::Running;
            labels.by = by;
            labels.home = home();
        })
        .await;
    taken.map_err(|gone| match gone {
        Gone::Lost(why) => Refusal::Stale { moved: why },
        Gone::Stuck(why) => Refusal::Unknown { why },
    })?;
    let progress = Progress::of_slot(&slot, record.plan.units.len());
    let begun = Kind::Begun {
        seq: slot.seq,
        by: options.by.clone(),
        units: progress.letters(),
        post: slot.labels.post.map(|post| post.to_string()),
    };
    let mut run = Run::new(tools, record, options, run::Held { keeper, owner: mine }, talk, progress);
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
    pub(super) async fn settle_before(&mut self, unit: usize, direction: Direction) -> Result<(), Gone> {
        match self.doubt {
            Some(post) if post.unit != unit || post.direction != direction => self.fence().await,
            _ => Ok(()),
        }
    }

    /// Before a terminal or detached write, a POST in doubt must be known to have landed or to be dead.
    pub(super) async fn settle_doubt(&mut self) -> Result<(), Gone> {
        self.fence().await
    }

    /// Kills a POST in doubt for ever: the spec exactly as read, at the index read, until the index has moved past it.
    ///
    /// No task restarts by it. A job would run again, so that a job's unit is left as it stands.
    async fn fence(&mut self) -> Result<(), Gone> {
        let Some(post) = self.doubt else { return Ok(()) };
        let Some(unit) = self.record.plan.units.get(post.unit).cloned() else { return Ok(()) };
        let mut tries = 0;
        loop {
            let Some(held) = self.hold(&unit, &mut tries).await? else { break };
            if held.index() > post.index {
                let landed = match post.direction {
                    Direction::To => Stand::Target,
                    Direction::Back => Stand::Before,
                };
                if held.stands(&unit.edits) != landed {
                    self.does_not_stand(post, &held).await?;
                }
                break;
            }
            if held.service.mode.is_job() {
                return Err(Gone::Stuck(format!(
                    "{} is a job: posting to it would run it again; it stays unfinished",
                    unit.service
                )));
            }
            if tries > TRIES {
                return Err(Gone::Stuck("the engine takes no writes: what was posted before may still land".into()));
            }
            tries += 1;
            self.keeper.fresh().await?;
            let _ = self.tools.docker.post_as_read(&held).await;
            tokio::time::sleep(if tries > 1 { RETRY } else { Duration::ZERO }).await;
        }
        self.doubt = None;
        Ok(())
    }

    /// What was posted in doubt does not stand: it never landed and cannot any more, and the unit is as it was before. Or
    /// it landed, failed, and the engine went back: its status tells, as any other post would have wiped that.
    async fn does_not_stand(&mut self, post: Post, held: &Held) -> Result<(), Gone> {
        let status = held.service.update.as_ref().map(|update| &update.state);
        let engine_went_back = matches!(
            status,
            Some(UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
        );
        let state = match post.direction {
            Direction::To if !engine_went_back => UnitState::Untouched,
            _ => UnitState::Failed,
        };
        self.mark(post.unit, state, None).await
    }
}
