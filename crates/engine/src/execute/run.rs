//! The loop of a change: decide the next step, do it, fold what happened.

use std::time::Duration;

use tokio::sync::mpsc;

use super::keeper::{Gone, Keeper};
use super::{Options, Talk, Tools};
use pinnace_core::change::{Event, Kind, Order, Progress, Question, Step, next};
use pinnace_core::journal::local_log::{DiskEvent, Kind as DiskKind};
use pinnace_core::journal::{ChangeState, Post, UnitState};
use pinnace_core::plan::Record;
use pinnace_core::text::clean;

/// How long the journal is pruned after a change; what is left then is left to the next one.
const PRUNING: Duration = Duration::from_secs(10);

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
pub(super) struct Held {
    /// The keeper of its slot.
    pub keeper: Keeper,
    /// Our name in it.
    pub owner: String,
}

/// A change being carried out.
pub struct Run {
    pub(super) tools: Tools,
    pub(super) record: Record,
    pub(super) options: Options,
    pub(super) keeper: Keeper,
    pub(super) owner: String,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) progress: Progress,
    pub(super) doubt: Option<Post>,
    /// The slot's line for people.
    sum: String,
    /// What was told of slot writes that hang.
    slow: Option<String>,
    disk_failed: bool,
    events: mpsc::UnboundedSender<Event>,
    log: Vec<Event>,
}

impl Run {
    pub(super) fn new(
        tools: Tools,
        record: Record,
        options: Options,
        held: Held,
        talk: Talk,
        progress: Progress,
    ) -> Self {
        let (Held { keeper, owner }, Talk { orders, events }) = (held, talk);
        let sum = clean(&super::start::summary(&record.plan));
        let (doubt, slow, disk_failed, log) = (None, None, false, Vec::new());
        Self { tools, record, options, keeper, owner, orders, progress, doubt, sum, slow, disk_failed, events, log }
    }

    /// Folds an event and tells it; the log keeps all but the tasks' comings and goings.
    pub(super) fn emit(&mut self, kind: Kind) {
        let event = Event { index: self.log.len() as u64, at: self.tools.docker.clock().now(), kind };
        self.progress.apply(&event);
        if !matches!(event.kind, Kind::Tasks { .. }) {
            self.log.push(event.clone());
        }
        let _ = self.events.send(event);
    }

    /// Reads the record again and writes it once more if it is gone: without it nobody could take the change over, so
    /// there is no first unit before it is known to be there.
    pub(super) async fn record_is_there(&mut self) -> Result<(), Gone> {
        loop {
            match self.tools.journal.record(&self.record.change).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => drop(self.tools.journal.put_record(&self.record).await),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.told_of_the_slot().await?;
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
                    Err(gone) => Err(gone),
                },
                Step::Detach => return self.detach().await,
            };
            if let Err(gone) = done {
                return self.gone(gone);
            }
        }
    }

    /// Puts a question; the slot says so too, for whoever watches from elsewhere.
    async fn ask(&mut self, question: Question) -> Result<(), Gone> {
        self.emit(Kind::Asked { question });
        self.slot_tells_what_is_asked().await?;
        self.wait_for_an_order().await
    }

    /// Writes into the slot what a person is asked, or that nobody is asked any more.
    pub(super) async fn slot_tells_what_is_asked(&mut self) -> Result<(), Gone> {
        let plan = &self.record.plan;
        let asked = self.progress.asking.as_ref().map(|question| question.told(plan));
        let sum = clean(&asked.unwrap_or_else(|| super::start::summary(plan)));
        if std::mem::replace(&mut self.sum, sum.clone()) == sum { Ok(()) } else { self.write(|_| ()).await }
    }

    pub(super) fn gone(&mut self, gone: Gone) -> Outcome {
        match gone {
            Gone::Lost(why) => {
                self.emit(Kind::Lost { why: why.clone() });
                Outcome::Lost(why)
            }
            Gone::Stuck(why) => {
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
    async fn wait_for_an_order(&mut self) -> Result<(), Gone> {
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
                Err(_) => self.told_of_the_slot().await?,
            }
        }
    }

    /// Tells when the slot's writes hang, and when they do no more; an error once there is no use in waiting.
    pub(super) async fn told_of_the_slot(&mut self) -> Result<(), Gone> {
        if let Some(gone) = self.keeper.gone() {
            return Err(gone);
        }
        let told = self.slow.is_some();
        if self.keeper.is_slow() && !told {
            let why = match self.keeper.reads().await {
                Ok(()) => super::unit::NO_WRITES.to_owned(),
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
    pub(super) async fn mark(&mut self, unit: usize, state: UnitState, post: Option<Post>) -> Result<(), Gone> {
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
    ) -> Result<(), Gone> {
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
                Err(_) => drop(self.told_of_the_slot().await),
            }
        };
        if result.is_ok() {
            self.told_of_the_slot().await?;
        }
        result
    }

    /// A note on disk; after the claim its failure is told and no more.
    async fn note(&mut self, kind: DiskKind) {
        let Some(disk) = self.tools.disk.clone() else { return };
        let written = disk
            .append(&DiskEvent::new(
                self.tools.docker.clock().now(),
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
        if !std::mem::replace(&mut self.disk_failed, true) {
            let text = format!("the change goes on, but is not noted on this machine's disk: {}", clean(why));
            self.emit(Kind::Trouble { text });
        }
    }

    /// The terminal slot write is outcome and release in one; notes, log and pruning are best effort.
    async fn end(&mut self, state: ChangeState) -> Result<(), Gone> {
        let sum = format!("{}: {}", state.word(), super::start::summary(&self.record.plan));
        let text = sum.clone();
        self.write(move |labels| {
            labels.state = state;
            labels.post = None;
            labels.sum = sum;
        })
        .await?;
        self.emit(Kind::Ended { state, text });
        self.note(DiskKind::End { state }).await;
        let _ = self.tools.journal.put_log(&self.record.change, &self.owner, &self.log).await;
        let _ = tokio::time::timeout(PRUNING, self.tools.journal.prune()).await;
        Ok(())
    }

    async fn detach(mut self) -> Outcome {
        if let Err(gone) = self.settle_doubt().await {
            return self.gone(gone);
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
                let _ = self.tools.journal.put_log(&self.record.change, &self.owner, &self.log).await;
                Outcome::Detached
            }
            Err(gone) => self.gone(gone),
        }
    }
}
