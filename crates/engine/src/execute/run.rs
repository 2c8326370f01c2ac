//! The loop of a change: decide the next step, do it, fold what happened.

use std::time::Duration;

use tokio::sync::mpsc;

use super::lease::{LeaseKeeper, LeaseLost};
use super::summary::summary;
use super::{ChangeControl, Options};
use crate::cluster::Cluster;
use pinnace_core::change::{Event, Kind, Order, Progress, Question, Step, next};
use pinnace_core::journal::local_log::{DiskEvent, Kind as DiskKind};
use pinnace_core::journal::{ChangeState, Post, UnitState};
use pinnace_core::plan::Record;
use pinnace_core::text::clean;

/// How long the journal is pruned after a change; what is left then is left to the next one.
const PRUNING: Duration = Duration::from_secs(10);

/// The trouble of an engine that answers reads and hangs on writes.
pub(super) const NO_WRITES: &str = "the swarm answers reads and takes no writes; waiting for it";

/// How a change was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is over.
    Ended(ChangeState),
    /// It was given up half-way, for anybody to take over.
    Detached,
    /// Somebody else has it now.
    Lost(String),
    /// The swarm takes no writes: it stands unfinished.
    Unfinished(String),
}

/// A claim that is ours.
pub(super) struct Lease {
    /// The keeper of its slot.
    pub keeper: LeaseKeeper,
    /// Our name in it.
    pub owner: String,
}

/// A change being carried out.
pub struct Run {
    pub(super) cluster: Cluster,
    pub(super) record: Record,
    pub(super) options: Options,
    pub(super) keeper: LeaseKeeper,
    pub(super) owner: String,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) progress: Progress,
    pub(super) doubt: Option<Post>,
    /// The slot's line for people.
    sum: String,
    /// What was told of slot writes that hang.
    slow: Option<String>,
    log_failed: bool,
    events: mpsc::UnboundedSender<Event>,
    log: Vec<Event>,
}

impl Run {
    pub(super) fn new(
        cluster: Cluster,
        record: Record,
        options: Options,
        lease: Lease,
        control: ChangeControl,
        progress: Progress,
    ) -> Self {
        let (Lease { keeper, owner }, ChangeControl { orders, events }) = (lease, control);
        let sum = clean(&summary(&record.plan));
        let (doubt, slow, log_failed, log) = (None, None, false, Vec::new());
        Self { cluster, record, options, keeper, owner, orders, progress, doubt, sum, slow, log_failed, events, log }
    }

    /// Folds an event and tells it; the log keeps all but the tasks' comings and goings.
    pub(super) fn emit(&mut self, kind: Kind) {
        let event = Event { index: self.log.len() as u64, at: self.cluster.docker.clock().now(), kind };
        self.progress.apply(&event);
        if !matches!(event.kind, Kind::Tasks { .. }) {
            self.log.push(event.clone());
        }
        let _ = self.events.send(event);
    }

    /// Reads the record again and writes it once more if it is gone: without it nobody could take the change over, so
    /// there is no first unit before it is known to be there.
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

    /// Works until the end, a detachment or the loss of the claim.
    pub(super) async fn carry_on(mut self) -> Outcome {
        loop {
            self.take_orders();
            let step = next(&self.record.plan, &self.progress, self.options.mode);
            let done = match step {
                // What came of a POST in doubt decides the outcome.
                Step::End(_) if self.doubt.is_some() => self.settle_doubt().await.map(drop),
                Step::Forward(unit) => self.unit(unit, pinnace_core::journal::Direction::To).await,
                Step::Back(unit) => self.unit(unit, pinnace_core::journal::Direction::Back).await,
                Step::Ask(question) => self.ask(question).await,
                Step::End(state) => match self.end(state).await {
                    Ok(()) => return Outcome::Ended(state),
                    Err(lost) => Err(lost),
                },
                Step::Detach => return self.detach().await,
            };
            if let Err(lost) = done {
                return self.lease_lost(lost);
            }
        }
    }

    /// Puts a question; the slot says so too, for whoever watches from elsewhere.
    async fn ask(&mut self, question: Question) -> Result<(), LeaseLost> {
        self.emit(Kind::Asked { question });
        self.write_question().await?;
        self.wait_for_an_order().await
    }

    /// Writes into the slot what a person is asked, or that nobody is asked any more.
    pub(super) async fn write_question(&mut self) -> Result<(), LeaseLost> {
        let plan = &self.record.plan;
        let asked = self.progress.asking.as_ref().map(|question| question.told(plan));
        let sum = clean(&asked.unwrap_or_else(|| summary(plan)));
        if std::mem::replace(&mut self.sum, sum.clone()) == sum { Ok(()) } else { self.write(|_| ()).await }
    }

    pub(super) fn lease_lost(&mut self, lost: LeaseLost) -> Outcome {
        match lost {
            LeaseLost::TakenOver(why) => {
                self.emit(Kind::Lost { why: why.clone() });
                Outcome::Lost(why)
            }
            LeaseLost::Stuck(why) => {
                self.emit(Kind::Trouble {
                    text: format!("the swarm takes no writes ({why}); the change stands unfinished"),
                });
                Outcome::Unfinished(why)
            }
        }
    }

    /// Folds the orders that came in.
    pub(super) fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.emit(Kind::Ordered { order });
        }
    }

    /// Waits for an order while the keeper beats; a console that is gone cannot answer, so that ends in a detachment.
    async fn wait_for_an_order(&mut self) -> Result<(), LeaseLost> {
        loop {
            let wait = tokio::time::timeout(Duration::from_secs(1), self.orders.recv()).await;
            match wait {
                Ok(Some(order)) => {
                    self.emit(Kind::Ordered { order });
                    return Ok(());
                }
                Ok(None) => {
                    self.emit(Kind::Ordered { order: Order::Detach });
                    return Ok(());
                }
                Err(_) => self.report_slow_slot().await?,
            }
        }
    }

    /// Tells when the slot's writes hang, and when they do no more; an error once there is no use in waiting.
    pub(super) async fn report_slow_slot(&mut self) -> Result<(), LeaseLost> {
        if let Some(lost) = self.keeper.lost() {
            return Err(lost);
        }
        let told = self.slow.is_some();
        if self.keeper.is_slow() && !told {
            let why = match self.keeper.reads().await {
                Ok(()) => NO_WRITES.to_owned(),
                Err(fault) => format!("the swarm takes no writes; waiting for it: {}", fault.why()),
            };
            self.emit(Kind::Trouble { text: why.clone() });
            self.slow = Some(why);
        } else if told && !self.keeper.is_slow() {
            let told = self.slow.take();
            if told.is_some_and(|told| told == self.progress.trouble) {
                self.emit(Kind::Trouble { text: String::new() });
            }
        }
        Ok(())
    }

    /// Moves a unit's letter, in the slot first.
    pub(super) async fn mark(&mut self, unit: usize, state: UnitState, post: Option<Post>) -> Result<(), LeaseLost> {
        self.write(move |labels| {
            if let Some(letter) = labels.units.get_mut(unit) {
                *letter = state;
            }
            labels.post = post;
        })
        .await?;
        self.emit(Kind::Unit { unit, state });
        self.note(DiskKind::Unit { unit, state }).await;
        Ok(())
    }

    /// Writes the slot, and tells when that hangs.
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
                // Its own end is what counts.
                Err(_) => drop(self.report_slow_slot().await),
            }
        };
        if result.is_ok() {
            self.report_slow_slot().await?;
        }
        result
    }

    /// A note on disk; after the claim its failure is told and no more.
    async fn note(&mut self, kind: DiskKind) {
        let Some(disk) = self.cluster.local_log(&self.record.plan.swarm) else { return };
        let written = disk
            .append(&DiskEvent::new(
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

    /// Tells, once, that the journal on disk cannot be written: the change goes on without it.
    pub(super) fn warn_of_disk(&mut self, why: &str) {
        tracing::warn!(why, "the journal on disk could not be written");
        if !std::mem::replace(&mut self.log_failed, true) {
            let text = format!("the change goes on, but is not noted on this machine's disk: {}", clean(why));
            self.emit(Kind::Trouble { text });
        }
    }

    /// The terminal slot write is outcome and release in one; notes, log and pruning are best effort.
    async fn end(&mut self, state: ChangeState) -> Result<(), LeaseLost> {
        let sum = format!("{}: {}", state.word(), summary(&self.record.plan));
        let text = sum.clone();
        self.write(move |labels| {
            labels.state = state;
            labels.post = None;
            labels.sum = sum;
        })
        .await?;
        self.emit(Kind::Ended { state, text });
        self.note(DiskKind::End { state }).await;
        let _ = self.cluster.journal.put_log(&self.record.change, &self.owner, &self.log).await;
        let _ = tokio::time::timeout(PRUNING, self.cluster.journal.prune()).await;
        Ok(())
    }

    async fn detach(mut self) -> Outcome {
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
                Outcome::Detached
            }
            Err(lost) => self.lease_lost(lost),
        }
    }
}
