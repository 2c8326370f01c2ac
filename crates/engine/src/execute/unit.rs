//! The update of one unit: check the service, announce the POST, post at the checked index, read again, and repeat
//! until the result is known.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lease::LeaseLost;
use super::run::{ChangeRun, NO_WRITES};
use crate::docker::{DockerError, RegistryAuthFrom, ServiceRevision, SpecEditState, TaskFilter};
use pinnace_core::change::{ChangeEventKind, UnitPhase, overtaken};
use pinnace_core::journal::{Direction, UnitState, UpdateIntent};
use pinnace_core::plan::Unit;

/// The interval between two reads of a service whose update has an unknown result.
const RETRY: Duration = Duration::from_millis(300);
/// The maximum number of attempts of an update that the engine neither accepts nor finally refuses.
const TRIES: u32 = 60;

/// The time after which a hanging update is reported: the engine answers reads within a second even then.
const SLOW: Duration = Duration::from_secs(5);

/// The state of a service after the attempts to post a unit's edits.
enum UpdateResult {
    /// The spec has the wanted values; with the tasks from before the update, if we posted it.
    Applied(Option<BTreeSet<String>>),
    /// Superseded: another client changed or removed the service; with the reason.
    Superseded(String),
    /// The update cannot start, or the engine refuses it finally; nothing was changed.
    Refused { why: String, hint: String },
}

/// The preparation of a unit's POST, done once.
struct UpdatePreparation {
    /// The credentials for the POST, the same for each attempt.
    auth: RegistryAuthFrom,
    /// The ids of the service's tasks before the update.
    known: BTreeSet<String>,
}

impl ChangeRun {
    /// Updates a unit to its target, or rolls it back.
    pub(super) async fn unit(&mut self, at: usize, direction: Direction) -> Result<(), LeaseLost> {
        let Some(unit) = self.record.plan.units.get(at).cloned() else { return Ok(()) };
        self.settle_before(at, direction).await?;
        let mut posted = if let Some((why, hint)) = self.verify(at, &unit, direction).await? {
            UpdateResult::Refused { why, hint }
        } else {
            self.emit(ChangeEventKind::Phase { unit: at, phase: UnitPhase::Check, direction });
            self.bring(at, &unit, direction).await?
        };
        if matches!(posted, UpdateResult::Refused { .. }) && self.settle_doubt().await? {
            // An earlier POST, by us or a previous owner, was accepted after all.
            posted = UpdateResult::Applied(None);
        }
        self.doubt = None;
        match posted {
            UpdateResult::Applied(known) => self.converge(at, &unit, direction, known).await,
            UpdateResult::Superseded(why) => {
                self.emit(ChangeEventKind::Failed {
                    unit: at,
                    why,
                    hint: "find out who deployed it, then plan again".into(),
                });
                self.mark(at, UnitState::Superseded, None).await
            }
            UpdateResult::Refused { why, hint } => {
                self.emit(ChangeEventKind::Failed { unit: at, why, hint });
                let state = if direction == Direction::Forward { UnitState::RolledBack } else { UnitState::Failed };
                self.mark(at, state, None).await
            }
        }
    }

    /// Posts until the spec has the wanted values. A version index admits one update, so repeating a POST is
    /// harmless.
    async fn bring(&mut self, at: usize, unit: &Unit, direction: Direction) -> Result<UpdateResult, LeaseLost> {
        let (goal, origin) = match direction {
            Direction::Forward => (SpecEditState::After, SpecEditState::Before),
            Direction::Back => (SpecEditState::Before, SpecEditState::After),
        };
        let state = if direction == Direction::Forward { UnitState::Updating } else { UnitState::RollingBack };
        let mut tries = 0;
        let mut ready: Option<UpdatePreparation> = None;
        loop {
            let Some(revision) = self.read_for_update(unit, &mut tries).await? else {
                return Ok(UpdateResult::Superseded("another client removed the service".into()));
            };
            let stand = revision.edit_state(&unit.edits);
            // Once our update is in the spec, edits by others to other parts are accepted, and kept on rollback too.
            let edited = direction == Direction::Forward && revision.rest_before(&unit.edits) != unit.rest;
            if stand == goal {
                if self.letter(at) != state {
                    self.mark(at, state, None).await?;
                }
                return Ok(UpdateResult::Applied(ready.map(|ready| ready.known)));
            }
            if stand != origin {
                return Ok(UpdateResult::Superseded(overtaken(&revision.service, image_of(unit, direction))));
            }
            if edited {
                return Ok(UpdateResult::Superseded(
                    "another client edited other parts of it since the plan was made".into(),
                ));
            }
            if tries >= TRIES {
                // The POST may still be carried out: the slot keeps naming it, and a later owner fences it first.
                return Err(LeaseLost::Stuck("the engine neither accepts nor refuses the update".into()));
            }
            let first = ready.is_none();
            let now = match ready.take() {
                Some(known) => {
                    tokio::time::sleep(RETRY).await;
                    known
                }
                None => match self.ready(&revision, unit, direction).await {
                    Ok(ready) => ready,
                    Err((why, hint)) => return Ok(UpdateResult::Refused { why, hint }),
                },
            };
            let post = UpdateIntent { unit: at, index: revision.index(), direction };
            self.mark(at, state, Some(post)).await?;
            if first {
                self.emit(ChangeEventKind::Phase { unit: at, phase: UnitPhase::Update, direction });
            }
            tries += 1;
            if let Err(fault) = self.post(&revision, unit, direction, &now.auth).await? {
                if fault.is_final() {
                    let hint = "read the message: the engine refused the update; nothing was changed".into();
                    return Ok(UpdateResult::Refused { why: fault.to_string(), hint });
                }
                // The POST may still be carried out: the unit does not end until the result is known.
                self.doubt = Some(post);
            }
            ready = Some(now);
        }
    }

    /// Prepares a unit's first POST; `Err` holds the reason why it is not made, and a hint.
    async fn ready(
        &self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
    ) -> Result<UpdatePreparation, (String, String)> {
        if let Some(refusal) = self.nowhere(revision, direction).await {
            return Err(refusal);
        }
        let auth = self.auth(revision, unit, direction).await.map_err(|why| {
            (why, "log in (`docker login`, or `L` in the console), or plan without sending credentials".into())
        })?;
        // Without the list of present tasks, new tasks could not be distinguished from older ones.
        let mut tries = 0;
        loop {
            match self.cluster.docker.tasks(TaskFilter::History(std::slice::from_ref(&unit.service_id))).await {
                Ok(tasks) => {
                    return Ok(UpdatePreparation { auth, known: tasks.into_iter().map(|task| task.id).collect() });
                }
                Err(fault) if tries >= TRIES => {
                    return Err((format!("not started, because its tasks cannot be read: {fault}"), fault.hint()));
                }
                Err(_) => tries += 1,
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    pub(super) fn letter(&self, at: usize) -> UnitState {
        self.progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state)
    }

    /// Posts an update, after checking that the lease is fresh: no other step may come between the two.
    async fn post(
        &mut self,
        revision: &ServiceRevision,
        unit: &Unit,
        direction: Direction,
        auth: &RegistryAuthFrom,
    ) -> Result<Result<(), DockerError>, LeaseLost> {
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

    /// Reads a service, with retries; `None` if it no longer exists.
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

/// Returns the image text that a unit changes to in this direction.
pub(super) fn image_of(unit: &Unit, direction: Direction) -> &str {
    if direction == Direction::Forward { &unit.to.image } else { &unit.from.image }
}
