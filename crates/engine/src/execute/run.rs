//! The main loop of a change: decide the next step, make it, apply its events.

use std::time::Duration;

use tokio::sync::mpsc;

use super::lease::{LeaseKeeper, LeaseLost};
use super::plan_summary::summary;
use super::{ChangeChannels, ExecuteOptions};
use crate::cluster::Cluster;
use pinnace_core::change::{ChangeEvent, ChangeEventKind, ExecutionStep, OperatorCommand, Progress, Question, next};
use pinnace_core::journal::local_log::{LocalEvent, LoggedEventKind as DiskKind};
use pinnace_core::journal::{ChangeState, UnitState, UpdateIntent};
use pinnace_core::plan::ChangeRecord;
use pinnace_core::sanitize::clean;

/// The time limit for pruning the journal after a change; the next change prunes the rest.
const PRUNING: Duration = Duration::from_secs(10);

/// The trouble text for an engine that answers reads and hangs on writes.
pub(super) const NO_WRITES: &str = "the swarm answers reads but accepts no writes; waiting for it";

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// The change has ended in this terminal state.
    Ended(ChangeState),
    /// The change was detached before its end; any operator can take it over.
    Detached,
    /// Another owner has the change, or its slot was removed; the text says which.
    Lost(String),
    /// The swarm accepts no writes, so the change stays unfinished; the text is the last error.
    Unfinished(String),
}

/// The lease that this process holds.
pub(super) struct OwnedLease {
    /// The keeper of the change's slot.
    pub keeper: LeaseKeeper,
    /// Our random owner name in the slot.
    pub owner: String,
}

/// A running change.
pub struct ChangeRun {
    pub(super) cluster: Cluster,
    pub(super) record: ChangeRecord,
    pub(super) options: ExecuteOptions,
    pub(super) keeper: LeaseKeeper,
    pub(super) owner: String,
    pub(super) orders: mpsc::UnboundedReceiver<OperatorCommand>,
    pub(super) progress: Progress,
    pub(super) doubt: Option<UpdateIntent>,
    /// The summary line for the slot.
    sum: String,
    /// The trouble reported about hanging slot writes, while it lasts.
    slow: Option<String>,
    log_failed: bool,
    events: mpsc::UnboundedSender<ChangeEvent>,
    log: Vec<ChangeEvent>,
}

impl ChangeRun {
    pub(super) fn new(
        cluster: Cluster,
        record: ChangeRecord,
        options: ExecuteOptions,
        lease: OwnedLease,
        control: ChangeChannels,
        progress: Progress,
    ) -> Self {
        let (OwnedLease { keeper, owner }, ChangeChannels { orders, events }) = (lease, control);
        let sum = clean(&summary(&record.plan));
        let (doubt, slow, log_failed, log) = (None, None, false, Vec::new());
        Self { cluster, record, options, keeper, owner, orders, progress, doubt, sum, slow, log_failed, events, log }
    }

    /// Applies an event to the progress and sends it; the log keeps all events but the updates of task states.
    pub(super) fn emit(&mut self, kind: ChangeEventKind) {
        let event = ChangeEvent { index: self.log.len() as u64, at: self.cluster.docker.clock().now(), kind };
        self.progress.apply(&event);
        if !matches!(event.kind, ChangeEventKind::Tasks { .. }) {
            self.log.push(event.clone());
        }
        let _ = self.events.send(event);
    }

    /// Waits until the record can be read, and writes it again if it is missing.
    ///
    /// Without its record nobody could take the change over, so the first unit has to wait for it.
    pub(super) async fn record_is_there(&mut self) -> Result<(), LeaseLost> {
        loop {
            match self.cluster.journal.record(&self.record.change).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => drop(self.cluster.journal.put_record(&self.record).await),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.report_slow_slot().await?;
        }
    }

    /// Runs until the end, a detachment or the loss of the lease.
    pub(super) async fn carry_on(mut self) -> RunOutcome {
        loop {
            self.take_orders();
            let step = next(&self.record.plan, &self.progress, self.options.mode);
            let done = match step {
                // The result of a POST in doubt decides the outcome.
                ExecutionStep::End(_) if self.doubt.is_some() => self.settle_doubt().await.map(drop),
                ExecutionStep::Forward(unit) => self.unit(unit, pinnace_core::journal::Direction::Forward).await,
                ExecutionStep::RollBack(unit) => self.unit(unit, pinnace_core::journal::Direction::Back).await,
                ExecutionStep::Ask(question) => self.ask(question).await,
                ExecutionStep::End(state) => match self.end(state).await {
                    Ok(()) => return RunOutcome::Ended(state),
                    Err(lost) => Err(lost),
                },
                ExecutionStep::Detach => return self.detach().await,
            };
            if let Err(lost) = done {
                return self.lease_lost(lost);
            }
        }
    }

    /// Asks a question; the slot shows it too, for consoles elsewhere.
    async fn ask(&mut self, question: Question) -> Result<(), LeaseLost> {
        self.emit(ChangeEventKind::Asked { question });
        self.write_question().await?;
        self.wait_for_an_order().await
    }

    /// Updates the slot's summary: the open question, or else the plan. Writes only if it has changed.
    pub(super) async fn write_question(&mut self) -> Result<(), LeaseLost> {
        let plan = &self.record.plan;
        let asked = self.progress.asking.as_ref().map(|question| question.describe(plan));
        let sum = clean(&asked.unwrap_or_else(|| summary(plan)));
        if std::mem::replace(&mut self.sum, sum.clone()) == sum { Ok(()) } else { self.write(|_| ()).await }
    }

    pub(super) fn lease_lost(&mut self, lost: LeaseLost) -> RunOutcome {
        match lost {
            LeaseLost::TakenOver(why) => {
                self.emit(ChangeEventKind::Lost { why: why.clone() });
                RunOutcome::Lost(why)
            }
            LeaseLost::Stuck(why) => {
                self.emit(ChangeEventKind::Trouble {
                    text: format!("the swarm accepts no writes ({why}); the change stays unfinished"),
                });
                RunOutcome::Unfinished(why)
            }
        }
    }

    /// Applies the orders received so far.
    pub(super) fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.emit(ChangeEventKind::Ordered { order });
        }
    }

    /// Waits for an order while the keeper sends heartbeats. If the console is gone and cannot answer, the change is
    /// detached.
    async fn wait_for_an_order(&mut self) -> Result<(), LeaseLost> {
        loop {
            let wait = tokio::time::timeout(Duration::from_secs(1), self.orders.recv()).await;
            match wait {
                Ok(Some(order)) => {
                    self.emit(ChangeEventKind::Ordered { order });
                    return Ok(());
                }
                Ok(None) => {
                    self.emit(ChangeEventKind::Ordered { order: OperatorCommand::Detach });
                    return Ok(());
                }
                Err(_) => self.report_slow_slot().await?,
            }
        }
    }

    /// Reports when slot writes begin to hang, and when they no longer do; an error once the lease is lost.
    pub(super) async fn report_slow_slot(&mut self) -> Result<(), LeaseLost> {
        if let Some(lost) = self.keeper.lost() {
            return Err(lost);
        }
        let told = self.slow.is_some();
        if self.keeper.is_slow() && !told {
            let why = match self.keeper.reads().await {
                Ok(()) => NO_WRITES.to_owned(),
                Err(fault) => format!("the swarm accepts no writes; waiting for it: {}", fault.why()),
            };
            self.emit(ChangeEventKind::Trouble { text: why.clone() });
            self.slow = Some(why);
        } else if told && !self.keeper.is_slow() {
            let told = self.slow.take();
            if told.is_some_and(|told| told == self.progress.trouble) {
                self.emit(ChangeEventKind::Trouble { text: String::new() });
            }
        }
        Ok(())
    }

    /// Sets a unit's state, in the slot first.
    pub(super) async fn mark(
        &mut self,
        unit: usize,
        state: UnitState,
        post: Option<UpdateIntent>,
    ) -> Result<(), LeaseLost> {
        self.write(move |labels| {
            if let Some(letter) = labels.units.get_mut(unit) {
                *letter = state;
            }
            labels.post = post;
        })
        .await?;
        self.emit(ChangeEventKind::Unit { unit, state });
        self.note(DiskKind::Unit { unit, state }).await;
        Ok(())
    }

    /// Writes the slot, and reports when the write hangs.
    pub(super) async fn write(
        &mut self,
        edit: impl FnOnce(&mut pinnace_core::journal::SlotLabels) + Send + 'static,
    ) -> Result<(), LeaseLost> {
        let (keeper, sum) = (self.keeper.clone(), self.sum.clone());
        let writing = keeper.write(move |labels| {
            labels.sum = sum;
            edit(labels);
        });
        tokio::pin!(writing);
        let result = loop {
            match tokio::time::timeout(Duration::from_secs(1), &mut writing).await {
                Ok(result) => break result,
                // Only the result of the write itself counts.
                Err(_) => drop(self.report_slow_slot().await),
            }
        };
        if result.is_ok() {
            self.report_slow_slot().await?;
        }
        result
    }

    /// Adds an entry to the local log; after the claim a failure is only reported.
    async fn note(&mut self, kind: DiskKind) {
        let Some(disk) = self.cluster.local_log(&self.record.plan.swarm) else { return };
        let written = disk
            .append(&LocalEvent::new(
                self.cluster.docker.clock().now(),
                &self.record.change,
                &self.record.plan.group,
                kind,
            ))
            .await;
        if let Err(error) = written {
            self.warn_of_disk(&error.to_string());
        }
    }

    /// Reports once that the local log cannot be written; the change continues without it.
    pub(super) fn warn_of_disk(&mut self, why: &str) {
        tracing::warn!(why, "the journal on disk could not be written");
        if !std::mem::replace(&mut self.log_failed, true) {
            let text = format!("the change continues, but this machine cannot write its local log: {}", clean(why));
            self.emit(ChangeEventKind::Trouble { text });
        }
    }

    /// Ends the change. One slot write stores the outcome and releases the lease; local log, event log and pruning
    /// are best effort.
    async fn end(&mut self, state: ChangeState) -> Result<(), LeaseLost> {
        let sum = format!("{}: {}", state.as_str(), summary(&self.record.plan));
        let text = sum.clone();
        self.write(move |labels| {
            labels.state = state;
            labels.post = None;
            labels.sum = sum;
        })
        .await?;
        self.emit(ChangeEventKind::Ended { state, text });
        self.note(DiskKind::End { state }).await;
        let _ = self.cluster.journal.put_log(&self.record.change, &self.owner, &self.log).await;
        let _ = tokio::time::timeout(PRUNING, self.cluster.journal.prune()).await;
        Ok(())
    }

    async fn detach(mut self) -> RunOutcome {
        if let Err(lost) = self.settle_doubt().await {
            return self.lease_lost(lost);
        }
        let written = self
            .write(|labels| {
                labels.state = ChangeState::Detached;
                labels.owner = String::new();
                labels.home = String::new();
            })
            .await;
        match written {
            Ok(()) => {
                let _ = self.cluster.journal.put_log(&self.record.change, &self.owner, &self.log).await;
                RunOutcome::Detached
            }
            Err(lost) => self.lease_lost(lost),
        }
    }
}
