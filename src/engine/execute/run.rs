//! The loop of a change: decide the next step, do it, fold what happened.

use std::time::Duration;

use tokio::sync::mpsc;

use super::keeper::{Gone, Keeper};
use super::{Options, Talk, Tools};
use crate::core::change::{Event, Kind, Order, Progress, Step, next};
use crate::core::disk::{DiskEvent, Kind as DiskKind};
use crate::core::journal::{ChangeState, Post, UnitState};
use crate::core::wire::v1::Record;

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
        Self { tools, record, options, keeper, owner, orders, progress, doubt: None, events, log: Vec::new() }
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

    /// Reads the record again and writes it once more if it is gone: without it nobody could take the change over.
    pub(super) async fn record_is_there(&mut self) {
        if let Ok(None) = self.tools.raft.record(&self.record.change).await {
            let _ = self.tools.raft.put_record(&self.record).await;
        }
    }

    /// Works until the end, a detachment or the loss of the claim.
    pub(super) async fn carry_on(mut self) -> Outcome {
        loop {
            self.take_orders();
            let step = next(&self.record.plan, &self.progress, self.options.mode);
            let done = match step {
                Step::Forward(unit) => self.unit(unit, crate::core::journal::Direction::To).await,
                Step::Back(unit) => self.unit(unit, crate::core::journal::Direction::Back).await,
                Step::Ask(question) => {
                    self.emit(Kind::Asked { question });
                    self.wait_for_an_order().await
                }
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

    fn gone(&mut self, gone: Gone) -> Outcome {
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
                Err(_) => {
                    if let Some(why) = self.keeper.lost() {
                        return Err(Gone::Lost(why));
                    }
                }
            }
        }
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
        edit: impl FnOnce(&mut crate::core::journal::SlotLabels) + Send + 'static,
    ) -> Result<(), Gone> {
        let keeper = self.keeper.clone();
        let writing = keeper.write(edit);
        tokio::pin!(writing);
        let mut told = false;
        loop {
            match tokio::time::timeout(Duration::from_secs(1), &mut writing).await {
                Ok(result) => {
                    if told {
                        self.emit(Kind::Trouble { text: String::new() });
                    }
                    return result;
                }
                Err(_) if !told && self.keeper.is_slow() => {
                    told = true;
                    self.emit(Kind::Trouble {
                        text: "the swarm answers reads and takes no writes; waiting for it".into(),
                    });
                }
                Err(_) => {}
            }
        }
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
            tracing::warn!(%error, "the journal on disk could not be written");
        }
    }

    /// The terminal slot write is outcome and release in one; log and notes are best effort.
    async fn end(&mut self, state: ChangeState) -> Result<(), Gone> {
        self.settle_doubt().await?;
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
        let _ = self.tools.raft.put_log(&self.record.change, &self.owner, &self.log).await;
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
                let _ = self.tools.raft.put_log(&self.record.change, &self.owner, &self.log).await;
                Outcome::Detached
            }
            Err(gone) => self.gone(gone),
        }
    }
}
