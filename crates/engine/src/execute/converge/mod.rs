//! The watch over a unit until its tasks have converged and settled, it has failed, or an order interrupts it.

mod watch;

use std::collections::BTreeSet;
use std::time::Duration;

use self::watch::{UnitReading, UnitWatch};
use super::lease::LeaseLost;
use super::run::ChangeRun;
use crate::docker::{DockerError, SpecEditState, TaskFilter};
use pinnace_core::change::{
    ChangeEventKind, EditedFieldsState, MEDDLED, OperatorCommand, Question, TaskLine, UnitPhase, UnitProgress,
    UnitVerdict, after, assess, meddled, stuck,
};
use pinnace_core::journal::{Direction, UnitState};
use pinnace_core::plan::Unit;
use pinnace_core::swarm::{FailureAction, Task, TaskState};

/// The interval between two reads of a service and its tasks.
const LOOK: Duration = Duration::from_millis(250);
/// The maximum number of tasks in one event: those that should run first, then the newest.
const SHOWN: usize = 12;
/// The factor on the stuck limit for a wait that may end automatically.
const BY_ITSELF: u32 = 5;

/// The result of a watch.
enum ConvergeResult {
    Converged,
    Failed {
        why: String,
        hint: String,
    },
    /// The engine rolled back automatically; with the reason.
    RolledBackByEngine(String),
    Superseded(String),
    /// An order that applies to this unit arrived.
    Interrupted,
}

impl ChangeRun {
    /// Watches a unit whose spec has the wanted values.
    pub(super) async fn converge(
        &mut self,
        at: usize,
        unit: &Unit,
        direction: Direction,
        known: Option<BTreeSet<String>>,
    ) -> Result<(), LeaseLost> {
        self.emit(ChangeEventKind::Phase { unit: at, phase: UnitPhase::Converge, direction });
        let mut watch = UnitWatch::new(at, unit, direction, known, self.cluster.docker.clock().boottime());
        let end = loop {
            if let Some(end) = self.interrupted(&watch) {
                break end;
            }
            if let Some(end) = self.step(&mut watch).await {
                break end;
            }
            self.pause().await?;
        };
        if matches!(self.progress.asking, Some(Question::Stuck { .. })) {
            self.emit(ChangeEventKind::Withdrawn);
        }
        self.ended(watch, end).await
    }

    /// Records the result of a watch.
    ///
    /// An automatic rollback by the engine counts as a failure; the tasks of the old image are then watched like
    /// those of any other rollback.
    async fn ended(&mut self, watch: UnitWatch, end: ConvergeResult) -> Result<(), LeaseLost> {
        let UnitWatch { at, direction, .. } = watch;
        let state = match (&end, direction) {
            (ConvergeResult::Interrupted, _) => return Ok(()),
            (ConvergeResult::Converged, Direction::Forward) => UnitState::Done,
            (ConvergeResult::Converged, Direction::Back) => UnitState::RolledBack,
            (ConvergeResult::RolledBackByEngine(_), Direction::Forward) => UnitState::RollingBack,
            (ConvergeResult::Failed { .. } | ConvergeResult::RolledBackByEngine(_), _) => UnitState::Failed,
            (ConvergeResult::Superseded(_), _) => UnitState::Superseded,
        };
        let failure = match end {
            ConvergeResult::Failed { why, hint } => Some((why, hint)),
            ConvergeResult::RolledBackByEngine(why) => Some((why.clone(), after(&why).to_owned())),
            ConvergeResult::Superseded(why) => Some((why, "find out who deployed it, then plan again".to_owned())),
            ConvergeResult::Converged | ConvergeResult::Interrupted => None,
        };
        if let Some((why, hint)) = failure {
            let (why, hint) = self.looked_into(&watch, why, hint).await;
            self.emit(ChangeEventKind::Failed { unit: at, why, hint });
        }
        self.mark(at, state, None).await?;
        if state == UnitState::RollingBack {
            return Box::pin(self.converge(at, &watch.unit, Direction::Back, None)).await;
        }
        Ok(())
    }

    /// Adds the cause to a failed pull: the engine reports every failed pull as `No such image`.
    async fn looked_into(&self, watch: &UnitWatch, why: String, hint: String) -> (String, String) {
        let Some((_, host)) = watch.first.as_ref().filter(|_| why.contains("No such image")) else {
            return (why, hint);
        };
        match self.cause(&watch.unit, watch.direction, host).await {
            Some((cause, hint)) => (format!("{why}: {cause}"), hint),
            None => (why, hint),
        }
    }

    /// Reads and assesses the unit once; returns the result if the watch ends.
    async fn step(&mut self, watch: &mut UnitWatch) -> Option<ConvergeResult> {
        let seen = match self.look(&watch.unit).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Some(ConvergeResult::Superseded("another client removed the service".into())),
            Err(fault) => {
                self.trouble(&fault.to_string());
                return None;
            }
        };
        self.trouble("");
        let now = self.cluster.docker.clock().boottime();
        self.note_others(watch, &seen);
        watch.keep(&seen, now);
        let verdict = assess(&watch.look(&seen, now));
        self.tell(watch, &seen, &verdict);
        match verdict {
            UnitVerdict::Converged => {
                self.moves_on(watch, String::new(), now);
                self.has_settled(watch, now).await.then_some(ConvergeResult::Converged)
            }
            UnitVerdict::Failed { why } => {
                let why = with_first(watch, why);
                let settling = if watch.arrived.is_some() { "; it was running before" } else { "" };
                Some(ConvergeResult::Failed { hint: after(&why).to_owned(), why: format!("{why}{settling}") })
            }
            UnitVerdict::RolledBackByEngine { why } => Some(ConvergeResult::RolledBackByEngine(with_first(watch, why))),
            UnitVerdict::Superseded { what } => Some(ConvergeResult::Superseded(what)),
            UnitVerdict::Pending { waits, stuck } => {
                if watch.arrived.take().is_some() {
                    self.emit(ChangeEventKind::Phase {
                        unit: watch.at,
                        phase: UnitPhase::Converge,
                        direction: watch.direction,
                    });
                }
                self.is_it_stuck(watch, now, waits, stuck)
            }
        }
    }

    /// Returns the result if an order or a closed console ends the watch.
    fn interrupted(&mut self, watch: &UnitWatch) -> Option<ConvergeResult> {
        self.take_orders();
        let forward = watch.direction == Direction::Forward;
        match self.progress.order {
            Some(OperatorCommand::KeepAsIs) if watch.asked => Some(given_up(watch)),
            Some(OperatorCommand::Detach | OperatorCommand::KeepAsIs) => Some(ConvergeResult::Interrupted),
            _ if self.progress.going_back && forward => Some(ConvergeResult::Interrupted),
            // The console is gone and cannot answer: the next owner continues the watch.
            _ if watch.asked && self.options.mode.asks && self.orders.is_closed() => {
                self.emit(ChangeEventKind::Ordered { order: OperatorCommand::Detach });
                Some(ConvergeResult::Interrupted)
            }
            _ if watch.asked && self.progress.passed.contains(&watch.at) => Some(given_up(watch)),
            _ => None,
        }
    }

    async fn pause(&mut self) -> Result<(), LeaseLost> {
        tokio::time::sleep(LOOK).await;
        // A unit is watched to its end even if the slot cannot be written any more.
        let told = match self.report_slow_slot().await {
            Ok(()) => self.write_question().await,
            told => told,
        };
        match told {
            Err(LeaseLost::Stuck(_)) => Ok(()),
            told => told,
        }
    }

    /// Reports a trouble if it is new; an empty text reports its end.
    pub(super) fn trouble(&mut self, text: &str) {
        if self.progress.trouble != text {
            self.emit(ChangeEventKind::Trouble { text: text.to_owned() });
        }
    }

    async fn look(&self, unit: &Unit) -> Result<Option<UnitReading>, DockerError> {
        let docker = &self.cluster.docker;
        let (revision, tasks, nodes) = tokio::join!(
            docker.get_for_update(&unit.service_id),
            docker.tasks(TaskFilter::History(std::slice::from_ref(&unit.service_id))),
            docker.nodes()
        );
        let revision = match revision {
            Ok(revision) => revision,
            Err(fault) if fault.is_not_found() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let nodes = nodes?.into_iter().map(|node| (node.id.clone(), node)).collect();
        Ok(Some(UnitReading { revision, tasks: tasks?, nodes }))
    }

    /// Reports edits by other clients to other parts of the service, once per unit.
    fn note_others(&mut self, watch: &UnitWatch, seen: &UnitReading) {
        let edits = &watch.unit.edits;
        if watch.spot(&seen.revision) != EditedFieldsState::Target
            || seen.revision.rest_before(edits) == watch.unit.rest
        {
            return;
        }
        let service = &seen.revision.service;
        let auto = service.policy.on_failure == FailureAction::Rollback && watch.direction == Direction::Forward;
        let told = |unit: &UnitProgress| unit.notes.iter().any(|note| note.contains(MEDDLED));
        if !self.progress.units.get(watch.at).is_some_and(told) {
            self.emit(ChangeEventKind::Noted { unit: watch.at, text: meddled(service, auto) });
        }
    }

    /// Returns whether the unit has settled: the same tasks ran for the settle time, and the spec, read once more,
    /// still has the wanted values.
    async fn has_settled(&mut self, watch: &mut UnitWatch, now: Duration) -> bool {
        let since = match &watch.arrived {
            Some((since, up)) if *up == watch.up.0 => *since,
            _ => {
                if !self.options.settle.is_zero() {
                    self.emit(ChangeEventKind::Phase {
                        unit: watch.at,
                        phase: UnitPhase::Settle,
                        direction: watch.direction,
                    });
                }
                watch.arrived = Some((now, watch.up.0.clone()));
                now
            }
        };
        if now.saturating_sub(since) < self.options.settle {
            return false;
        }
        let goal = if watch.direction == Direction::Forward { SpecEditState::After } else { SpecEditState::Before };
        let revision = self.cluster.docker.get_for_update(&watch.unit.service_id).await;
        revision.is_ok_and(|revision| revision.edit_state(&watch.unit.edits) == goal)
    }

    /// Records a new reason to wait (empty: none), and withdraws the question about the old one.
    fn moves_on(&mut self, watch: &mut UnitWatch, waits: String, now: Duration) {
        if watch.waits.0 != waits {
            if std::mem::take(&mut watch.asked) {
                self.emit(ChangeEventKind::Withdrawn);
            }
            watch.waits = (waits, now);
        }
    }

    /// Asks about a unit that makes no progress. The question is withdrawn when the unit moves on; nothing is rolled
    /// back because of it.
    fn is_it_stuck(
        &mut self,
        watch: &mut UnitWatch,
        now: Duration,
        waits: String,
        stuck: bool,
    ) -> Option<ConvergeResult> {
        self.moves_on(watch, waits, now);
        let limit = if stuck { self.options.stuck } else { self.options.stuck * BY_ITSELF };
        if watch.asked || now.saturating_sub(watch.waits.1) < limit {
            return None;
        }
        watch.asked = true;
        self.emit(ChangeEventKind::Asked { question: Question::Stuck { unit: watch.at } });
        if self.options.mode.asks {
            return None;
        }
        // Nobody can be asked. An update is left in its present state; a rollback gives way to the other units.
        if watch.direction == Direction::Forward {
            self.emit(ChangeEventKind::Ordered { order: OperatorCommand::KeepAsIs });
        }
        Some(given_up(watch))
    }

    /// Reports the states of the tasks, if they have changed.
    fn tell(&mut self, watch: &UnitWatch, seen: &UnitReading, verdict: &UnitVerdict) {
        let look = watch.look(seen, Duration::ZERO);
        let mut tasks: Vec<&Task> = seen.tasks.iter().collect();
        tasks.sort_by_key(|task| (task.desired != TaskState::Running, std::cmp::Reverse(task.created)));
        let line = |task: &Task| TaskLine {
            id: task.id.clone(),
            slot: task.slot,
            node: look.node(task).map(|node| node.hostname.clone()).unwrap_or_default(),
            state: task.state.to_string(),
            error: task.error.clone(),
            since: task.since,
            fresh: task.image == watch.target(),
        };
        let tasks: Vec<TaskLine> = tasks.into_iter().take(SHOWN).map(line).collect();
        let said = seen.revision.service.update.as_ref();
        let update = said.map(|update| format!("{}: {}", update.state, update.message)).unwrap_or_default();
        let waits = match verdict {
            UnitVerdict::Pending { waits, .. } => waits.clone(),
            _ => String::new(),
        };
        let known = self.progress.units.get(watch.at);
        if known.is_some_and(|known| known.tasks == tasks && known.update == update && known.waits == waits) {
            return;
        }
        self.emit(ChangeEventKind::Tasks { unit: watch.at, tasks, update, waits });
    }
}

/// Returns the failure of a stuck unit that is no longer waited for.
fn given_up(watch: &UnitWatch) -> ConvergeResult {
    let (waits, _) = &watch.waits;
    ConvergeResult::Failed { why: format!("stuck: {waits}"), hint: stuck(waits).to_owned() }
}

/// Adds the first failure seen, as the engine may have forgotten it since.
fn with_first(watch: &UnitWatch, why: String) -> String {
    match &watch.first {
        Some((first, _)) if !why.contains(first.as_str()) => format!("{first}; {why}"),
        _ => why,
    }
}
