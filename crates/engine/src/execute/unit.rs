//! One unit: check, say what will be posted, post at the index that was checked, look, repeat until it is settled.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lease::LeaseLost;
use super::run::{NO_WRITES, Run};
use crate::docker::{Auth, EditState, Fault, ServiceRevision, Tasks};
use pinnace_core::change::{Kind, Phase, overtaken};
use pinnace_core::journal::{Direction, Post, UnitState};
use pinnace_core::plan::Unit;

/// Between two looks at a service whose update is of unknown fate.
const RETRY: Duration = Duration::from_millis(300);
/// How often an update is tried that the engine neither takes nor refuses for good.
const TRIES: u32 = 60;

/// An update that hangs so long is trouble worth telling: reads are answered in a second even then.
const SLOW: Duration = Duration::from_secs(5);

/// How an update went.
enum Posted {
    /// The spec stands at the goal; with the tasks that were there before it was posted, if we did that.
    Stands(Option<BTreeSet<String>>),
    /// Somebody else changed the service.
    Overtaken(String),
    /// It cannot be begun, or the engine refuses it, now and always: nothing was changed.
    Refused { why: String, hint: String },
}

/// What is known before a unit's first POST.
struct Ready {
    /// Whose credentials go with it: the same with each try.
    auth: Auth,
    /// The tasks that are there.
    known: BTreeSet<String>,
}

impl Run {
    /// Brings a unit to its target, or back.
    pub(super) async fn unit(&mut self, at: usize, direction: Direction) -> Result<(), LeaseLost> {
        let Some(unit) = self.record.plan.units.get(at).cloned() else { return Ok(()) };
        self.settle_before(at, direction).await?;
        let mut posted = if let Some((why, hint)) = self.verify(at, &unit, direction).await? {
            Posted::Refused { why, hint }
        } else {
            self.emit(Kind::Phase { unit: at, phase: Phase::Check, direction });
            self.bring(at, &unit, direction).await?
        };
        if matches!(posted, Posted::Refused { .. }) && self.settle_doubt().await? {
            // What was posted before, by us or an owner before us, was taken after all.
            posted = Posted::Stands(None);
        }
        self.doubt = None;
        match posted {
            Posted::Stands(known) => self.converge(at, &unit, direction, known).await,
            Posted::Overtaken(why) => {
                self.emit(Kind::Failed { unit: at, why, hint: "look at who deployed it, then plan again".into() });
                self.mark(at, UnitState::Overtaken, None).await
            }
            Posted::Refused { why, hint } => {
                self.emit(Kind::Failed { unit: at, why, hint });
                let state = if direction == Direction::To { UnitState::PutBack } else { UnitState::Failed };
                self.mark(at, state, None).await
            }
        }
    }

    /// Makes the spec stand at the goal: one version index admits one update, so that repeating is harmless.
    async fn bring(&mut self, at: usize, unit: &Unit, direction: Direction) -> Result<Posted, LeaseLost> {
        let (goal, origin) = match direction {
            Direction::To => (EditState::After, EditState::Before),
            Direction::Back => (EditState::Before, EditState::After),
        };
        let state = if direction == Direction::To { UnitState::Posting } else { UnitState::PuttingBack };
        let mut tries = 0;
        let mut ready: Option<Ready> = None;
        loop {
            let Some(revision) = self.read_for_update(unit, &mut tries).await? else {
                return Ok(Posted::Overtaken("somebody removed the service".into()));
            };
            let stand = revision.edit_state(&unit.edits);
            // Once our text stands, what others edit elsewhere is theirs, and stays on the way back too.
            let edited = direction == Direction::To && revision.rest_before(&unit.edits) != unit.rest;
            if stand == goal {
                if self.letter(at) != state {
                    self.mark(at, state, None).await?;
                }
                return Ok(Posted::Stands(ready.map(|ready| ready.known)));
            }
            if stand != origin {
                return Ok(Posted::Overtaken(overtaken(&revision.service, image_of(unit, direction))));
            }
            if edited {
                return Ok(Posted::Overtaken("somebody edited other parts of it since the plan was made".into()));
            }
            if tries >= TRIES {
                // What was posted may still land: the slot keeps naming it, and whoever takes over fences it first.
                return Err(LeaseLost::Stuck("the engine neither takes nor refuses the update".into()));
            }
            let first = ready.is_none();
            let now = match ready.take() {
                Some(known) => {
                    tokio::time::sleep(RETRY).await;
                    known
                }
                None => match self.ready(&revision, unit, direction).await {
                    Ok(ready) => ready,
                    Err((why, hint)) => return Ok(Posted::Refused { why, hint }),
                },
            };
            let post = Post { unit: at, index: revision.index(), direction };
            self.mark(at, state, Some(post)).await?;
            if first {
                self.emit(Kind::Phase { unit: at, phase: Phase::Update, direction });
            }
            tries += 1;
            if let Err(fault) = self.post(&revision, unit, direction, &now.auth).await? {
                if fault.is_final() {
                    let hint = "the engine refuses the update; nothing was changed".into();
                    return Ok(Posted::Refused { why: fault.to_string(), hint });
                }
                // It may still land: nothing is said to be over before it is known to be dead.
                self.doubt = Some(post);
            }
            ready = Some(now);
        }
    }

    /// What is found out once before a unit's first POST; `Err` says why it is not made, and what to do.
    async fn ready(
        &self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
    ) -> Result<Ready, (String, String)> {
        if let Some(refusal) = self.nowhere(revision, direction).await {
            return Err(refusal);
        }
        let auth = self.auth(revision, unit, direction).await.map_err(|why| {
            (why, "log in (`docker login`, or `L` in the console), or plan without sending credentials".into())
        })?;
        // Without the tasks there are, those of the new text could not be told from older ones.
        let mut tries = 0;
        loop {
            match self.cluster.docker.tasks(Tasks::History(std::slice::from_ref(&unit.service_id))).await {
                Ok(tasks) => return Ok(Ready { auth, known: tasks.into_iter().map(|task| task.id).collect() }),
                Err(fault) if tries >= TRIES => {
                    return Err((format!("not begun, as its tasks cannot be read: {fault}"), fault.hint()));
                }
                Err(_) => tries += 1,
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    pub(super) fn letter(&self, at: usize) -> UnitState {
        self.progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state)
    }

    /// The claim must be fresh as the last thing before the POST.
    async fn post(
        &mut self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
        auth: &Auth,
    ) -> Result<Result<(), Fault>, LeaseLost> {
        self.keeper.fresh().await?;
        let docker = self.cluster.docker.clone();
        let posting = docker.post(revision, &unit.edits, direction, auth);
        tokio::pin!(posting);
        let posted = if let Ok(posted) = tokio::time::timeout(SLOW, &mut posting).await {
            posted
        } else {
            self.trouble(NO_WRITES);
            let posted = posting.await;
            self.trouble("");
            posted
        };
        Ok(posted.map(|_| ()))
    }

    /// Reads a service until it answers; `None`: it is gone.
    pub(super) async fn read_for_update(
        &mut self,
        unit: &Unit,
        tries: &mut u32,
    ) -> Result<Option<ServiceRevision>, LeaseLost> {
        loop {
            match self.cluster.docker.get_for_update(&unit.service_id).await {
                Ok(revision) => {
                    self.trouble("");
                    return Ok(Some(revision));
                }
                Err(fault) if fault.is_not_found() => return Ok(None),
                Err(fault) => {
                    *tries += 1;
                    if let Some(lost) = self.keeper.lost() {
                        return Err(lost);
                    }
                    if *tries > 4 * TRIES {
                        return Err(LeaseLost::Stuck(fault.to_string()));
                    }
                    self.trouble(&fault.to_string());
                    tokio::time::sleep(RETRY * 3).await;
                }
            }
        }
    }
}

/// The image text a unit goes to.
pub(super) fn image_of(unit: &Unit, direction: Direction) -> &str {
    if direction == Direction::To { &unit.to.image } else { &unit.from.image }
}
