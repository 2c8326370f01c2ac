//! The lease of a change: one task, the keeper of its slot, makes all writes of a slot, one at a time, and beats in between.
//!
//! A write is the whole label set at the index last read. Its reply says nothing: the slot is read again, and only
//! what stands there counts. Same index: the identical write again. Moved and ours: done. Anything else: the claim is
//! somebody else's, and nothing is written or posted any more.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::docker::Fault;
use crate::journal::Journal;
use pinnace_core::journal::{Slot, SlotLabels};

/// Between beats.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// The age of the last good write's sending from which an owner posts nothing before it has beaten again.
pub(crate) const FENCE: Duration = Duration::from_secs(10);
/// A write that hangs so long is trouble worth telling.
const SLOW: Duration = Duration::from_secs(5);
/// Between two tries of a write.
const RETRY: Duration = Duration::from_millis(300);
/// How long a write is tried before it is given up.
const GIVE_UP: Duration = Duration::from_secs(120);

/// Why the lease is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseLost {
    /// The claim is another owner's now.
    TakenOver(String),
    /// The swarm took no write for too long; whether it will is not known.
    Stuck(String),
}

/// What the keeper shows.
#[derive(Clone, Debug)]
pub struct LeaseState {
    /// When the last good write was sent, by the boot clock.
    pub sent: Duration,
    /// Set once it is over: the claim is lost, or a write is stuck for good.
    pub lost: Option<LeaseLost>,
    /// Since when a write hangs, by the boot clock.
    pub hangs_since: Option<Duration>,
}

type Edit = Box<dyn FnOnce(&mut SlotLabels) + Send>;

struct SlotWrite {
    edit: Edit,
    done: oneshot::Sender<Result<(), LeaseLost>>,
}

/// A handle to the keeper's task.
#[derive(Clone)]
pub struct LeaseKeeper {
    jobs: mpsc::Sender<SlotWrite>,
    clock: Clock,
    shown: watch::Receiver<LeaseState>,
    journal: Journal,
    config: String,
}

impl LeaseKeeper {
    /// Starts keeping a slot that is ours, last written at `sent`.
    pub fn start(journal: Journal, slot: Slot, sent: Duration) -> Self {
        let (jobs, inbox) = mpsc::channel(8);
        let (show, shown) = watch::channel(LeaseState { sent, lost: None, hangs_since: None });
        let keeper =
            Self { jobs, clock: journal.clock(), shown, journal: journal.clone(), config: slot.config.clone() };
        tokio::spawn(KeeperTask { journal, slot, show }.run(inbox));
        keeper
    }

    /// Writes the slot; returns when what was written stands there.
    pub async fn write(&self, edit: impl FnOnce(&mut SlotLabels) + Send + 'static) -> Result<(), LeaseLost> {
        let (done, reply) = oneshot::channel();
        let closed = || self.lost().unwrap_or_else(|| LeaseLost::TakenOver("the slot's keeper has ended".into()));
        self.jobs.send(SlotWrite { edit: Box::new(edit), done }).await.map_err(|_| closed())?;
        reply.await.map_err(|_| closed())?
    }

    /// Beats first if the last good write was sent too long ago to be sure that the claim is still ours.
    pub async fn fresh(&self) -> Result<(), LeaseLost> {
        while self.clock.boottime().saturating_sub(self.shown.borrow().sent) > FENCE {
            self.write(|_| ()).await?;
        }
        self.lost().map_or(Ok(()), Err)
    }

    /// Why the slot cannot be written any more, once that is so.
    pub fn lost(&self) -> Option<LeaseLost> {
        self.shown.borrow().lost.clone()
    }

    /// Whether a write has hung for so long that it should be told.
    pub(crate) fn is_slow(&self) -> bool {
        self.shown.borrow().hangs_since.is_some_and(|since| self.clock.boottime().saturating_sub(since) > SLOW)
    }

    /// Whether the slot can be read.
    pub(crate) async fn reads(&self) -> Result<(), Fault> {
        self.journal.slot(&self.config).await.map(drop)
    }
}

struct KeeperTask {
    journal: Journal,
    slot: Slot,
    show: watch::Sender<LeaseState>,
}

impl KeeperTask {
    async fn run(mut self, mut inbox: mpsc::Receiver<SlotWrite>) {
        loop {
            let job = match tokio::time::timeout(HEARTBEAT, inbox.recv()).await {
                Ok(None) => return,
                Ok(Some(job)) => Some(job),
                Err(_) => None,
            };
            let (edit, done) = match job {
                Some(job) => (job.edit, Some(job.done)),
                None => (Box::new(|_: &mut SlotLabels| ()) as Edit, None),
            };
            let mut labels = self.slot.labels.clone();
            edit(&mut labels);
            labels.beat = self.slot.labels.beat + 1;
            let terminal = labels.state.is_terminal() || labels.owner.is_empty();
            let result = self.swap(labels).await;
            if let Err(lost) = &result {
                self.show.send_modify(|shown| shown.lost = Some(lost.clone()));
            }
            // After a write of unknown fate there is no other: what it left behind could not be told from a rival's.
            let over = terminal || result.is_err();
            if let Some(done) = done {
                let _ = done.send(result);
            }
            if over {
                return;
            }
        }
    }

    /// One write, repeated until what stands in the store tells how it went.
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
            // Only what stands there tells; until it does not, the identical write is not repeated either.
            loop {
                match self.journal.slot(&self.slot.config).await {
                    Ok(Some(now)) if now.index == self.slot.index => break,
                    Ok(Some(now)) if now.labels.is_stored_as(labels) => {
                        self.slot = now;
                        // Which of its sendings landed is not known: the first counts.
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

    /// Who wrote the slot in our place.
    fn rival(&self, now: &Slot) -> String {
        let by = &now.labels.by;
        if now.labels.state.is_terminal() {
            format!("{by} ended it: {}", now.labels.state.word())
        } else if now.labels.owner == self.slot.labels.owner {
            format!("{by} is at work on it")
        } else {
            format!("{by} took the change over")
        }
    }
}
