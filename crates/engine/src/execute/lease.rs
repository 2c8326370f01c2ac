//! The lease of a change. One task, the keeper, makes all writes of a slot, one at a time, with heartbeats in
//! between.
//!
//! A write replaces the whole label set at the index last read. Its reply proves nothing: the slot is read again,
//! and only its stored state counts. Same index: the identical write is repeated. Moved, with our labels: done.
//! Anything else: the lease is lost to another owner, and nothing is written or posted any more.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::docker::DockerError;
use crate::journal::Journal;
use pinnace_core::journal::{ChangeSlot, SlotLabels};

/// The interval between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// The age of the last successful write, counted from its sending, above which an owner sends a heartbeat before it
/// posts.
pub(crate) const FENCE: Duration = Duration::from_secs(10);
/// The time after which a hanging write is reported.
const SLOW: Duration = Duration::from_secs(5);
/// The interval between two attempts of a write.
const RETRY: Duration = Duration::from_millis(300);
/// The time after which a write is given up.
const GIVE_UP: Duration = Duration::from_secs(120);

/// The reason why the lease is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseLost {
    /// Another owner has the lease, or the slot is gone; the text says which.
    TakenOver(String),
    /// The swarm accepted no write for too long; the last write may still be carried out. The text is the last
    /// error.
    Stuck(String),
}

/// The state that the keeper publishes.
#[derive(Clone, Debug)]
pub struct LeaseKeeperState {
    /// The time at which the last successful write was sent, by the boot clock.
    pub sent: Duration,
    /// Set when the keeper has stopped: the lease is lost, or a write was given up.
    pub lost: Option<LeaseLost>,
    /// The start of the write in progress, by the boot clock; `None` if there is none.
    pub hangs_since: Option<Duration>,
}

type SlotEdit = Box<dyn FnOnce(&mut SlotLabels) + Send>;

struct SlotWrite {
    edit: SlotEdit,
    done: oneshot::Sender<Result<(), LeaseLost>>,
}

/// A handle to the task that keeps the lease. Clones share the task.
#[derive(Clone)]
pub struct LeaseKeeper {
    jobs: mpsc::Sender<SlotWrite>,
    clock: Clock,
    shown: watch::Receiver<LeaseKeeperState>,
    journal: Journal,
    config: String,
}

impl LeaseKeeper {
    /// Starts the keeper of a slot that we own. `sent` is the time of its last write, by the boot clock.
    pub fn start(journal: Journal, slot: ChangeSlot, sent: Duration) -> Self {
        let (jobs, inbox) = mpsc::channel(8);
        let (show, shown) = watch::channel(LeaseKeeperState { sent, lost: None, hangs_since: None });
        let keeper =
            Self { jobs, clock: journal.clock(), shown, journal: journal.clone(), config: slot.config.clone() };
        tokio::spawn(SlotWriterTask { journal, slot, show }.run(inbox));
        keeper
    }

    /// Edits the slot's labels; returns when the swarm has stored them.
    pub async fn write(&self, edit: impl FnOnce(&mut SlotLabels) + Send + 'static) -> Result<(), LeaseLost> {
        let (done, reply) = oneshot::channel();
        let closed =
            || self.lost().unwrap_or_else(|| LeaseLost::TakenOver("this process no longer holds the lease".into()));
        self.jobs.send(SlotWrite { edit: Box::new(edit), done }).await.map_err(|_| closed())?;
        reply.await.map_err(|_| closed())?
    }

    /// Sends a heartbeat first if the last successful write is too old to be sure that we still hold the lease.
    pub async fn fresh(&self) -> Result<(), LeaseLost> {
        while self.clock.boottime().saturating_sub(self.shown.borrow().sent) > FENCE {
            self.write(|_| ()).await?;
        }
        self.lost().map_or(Ok(()), Err)
    }

    /// Returns the reason why the lease is lost; `None` while it is held.
    pub fn lost(&self) -> Option<LeaseLost> {
        self.shown.borrow().lost.clone()
    }

    /// Returns whether a write has been hanging for so long that it must be reported.
    pub(crate) fn is_slow(&self) -> bool {
        self.shown.borrow().hangs_since.is_some_and(|since| self.clock.boottime().saturating_sub(since) > SLOW)
    }

    /// Checks that the slot can be read.
    pub(crate) async fn reads(&self) -> Result<(), DockerError> {
        self.journal.slot(&self.config).await.map(drop)
    }
}

struct SlotWriterTask {
    journal: Journal,
    slot: ChangeSlot,
    show: watch::Sender<LeaseKeeperState>,
}

impl SlotWriterTask {
    async fn run(mut self, mut inbox: mpsc::Receiver<SlotWrite>) {
        loop {
            let job = match tokio::time::timeout(HEARTBEAT, inbox.recv()).await {
                Ok(None) => return,
                Ok(Some(job)) => Some(job),
                Err(_) => None,
            };
            let (edit, done) = match job {
                Some(job) => (job.edit, Some(job.done)),
                None => (Box::new(|_: &mut SlotLabels| ()) as SlotEdit, None),
            };
            let mut labels = self.slot.labels.clone();
            edit(&mut labels);
            labels.beat = self.slot.labels.beat + 1;
            let terminal = labels.state.is_terminal() || labels.owner.is_empty();
            let result = self.swap(labels).await;
            if let Err(lost) = &result {
                self.show.send_modify(|shown| shown.lost = Some(lost.clone()));
            }
            // After a write with an unknown result, no further write is made: its effects would look like those of
            // another owner.
            let over = terminal || result.is_err();
            if let Some(done) = done {
                let _ = done.send(result);
            }
            if over {
                return;
            }
        }
    }

    /// Makes one write, repeated until the stored slot shows its result.
    async fn swap(&mut self, labels: SlotLabels) -> Result<(), LeaseLost> {
        let began = self.journal.clock().boottime();
        self.show.send_modify(|shown| shown.hangs_since = Some(began));
        let result = self.swap_until(&labels, began).await;
        self.show.send_modify(|shown| shown.hangs_since = None);
        result
    }

    async fn swap_until(&mut self, labels: &SlotLabels, began: Duration) -> Result<(), LeaseLost> {
        let mut why = "no answer".to_owned();
        loop {
            if let Err(fault) = self.journal.swap(&self.slot, labels).await {
                why = fault.to_string();
            }
            // Only the stored slot shows the result; until it is read, the identical write is not repeated either.
            loop {
                match self.journal.slot(&self.slot.config).await {
                    Ok(Some(now)) if now.index == self.slot.index => break,
                    Ok(Some(now)) if now.labels.is_stored_as(labels) => {
                        self.slot = now;
                        // It is unknown which attempt succeeded: count from the first one.
                        self.show.send_modify(|shown| shown.sent = began);
                        return Ok(());
                    }
                    Ok(Some(now)) => return Err(LeaseLost::TakenOver(self.rival(&now))),
                    Ok(None) => return Err(LeaseLost::TakenOver("the change's slot was removed".into())),
                    Err(fault) => why = fault.to_string(),
                }
                self.wait(began, &why).await?;
            }
            self.wait(began, &why).await?;
        }
    }

    async fn wait(&self, began: Duration, why: &str) -> Result<(), LeaseLost> {
        if self.journal.clock().boottime().saturating_sub(began) > GIVE_UP {
            return Err(LeaseLost::Stuck(why.to_owned()));
        }
        tokio::time::sleep(RETRY).await;
        Ok(())
    }

    /// Describes the write that replaced ours, with its operator.
    fn rival(&self, now: &ChangeSlot) -> String {
        let by = &now.labels.by;
        if now.labels.state.is_terminal() {
            format!("{by} ended it: {}", now.labels.state.label())
        } else if now.labels.owner == self.slot.labels.owner {
            format!("{by} is running it")
        } else {
            format!("{by} took the change over")
        }
    }
}
