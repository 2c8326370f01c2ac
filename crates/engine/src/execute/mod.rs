//! Carries a plan out, by the protocol in `docs/journal.md`: written down before it is done, one unit after another,
//! and nothing decided that the plan or an order did not decide.

mod auth;
mod converge;
mod lease;
mod resume;
mod run;
mod start;
mod summary;
mod unit;
mod verify;

pub use run::{Outcome, Run};

use std::time::Duration;

use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::docker::Fault;
use pinnace_core::change::{Event, Mode, Order};
use pinnace_core::journal::Slot;
use pinnace_core::plan::{Plan, Record};

/// How a change is to be carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Failures, steps, questions.
    pub mode: Mode,
    /// How long tasks have to stay up before a unit is done.
    pub settle: Duration,
    /// How long a unit may wait for something that will not come by itself before it is called stuck.
    pub stuck: Duration,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Where a change begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// With a plan.
    New {
        /// The plan.
        plan: Box<Plan>,
        /// The change's id, from [`new_change`].
        change: String,
    },
    /// Where somebody left it.
    Resume {
        /// The slot as last read.
        slot: Box<Slot>,
        /// Its record.
        record: Box<Record>,
        /// The choice made; none: it asks.
        order: Option<Order>,
    },
}

/// The channels of a running change: orders in, events out.
pub struct ChangeControl {
    /// Orders, read between steps and while waiting. When nobody can give any more, a question ends in a detachment.
    pub orders: mpsc::UnboundedReceiver<Order>,
    /// Every event, in order; never waited for.
    pub events: mpsc::UnboundedSender<Event>,
}

/// Why a change did not begin; nothing was posted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the plan was made from has moved.
    #[error("the plan is stale: {moved}")]
    Stale {
        /// What moved.
        moved: String,
    },
    /// The group has a change that is not finished.
    #[error("change {change} by {by} is not finished")]
    Busy {
        /// The change.
        change: String,
        /// Whose.
        by: String,
    },
    /// There is nothing to do.
    #[error("there is nothing to do")]
    Nothing,
    /// It could not be written down.
    #[error("not started, as it could not be written down: {why}")]
    NotWritten {
        /// Why.
        why: String,
    },
    /// The swarm did not take what has to be written first.
    #[error("not started, as the swarm takes no writes: {}", .0.why())]
    Unwritable(Fault),
    /// The change was claimed, and somebody took it over before its first unit.
    #[error("{by} took the change over before its first unit")]
    Lost {
        /// Who.
        by: String,
    },
    /// The group's newest change was made by a newer pinnace.
    #[error("change {change} of the group was made by a newer pinnace")]
    Newer {
        /// The change.
        change: String,
    },
    /// It is not known whether the claim landed.
    #[error("not started: {why}; the claim may still appear in the history; nothing was posted")]
    Unknown {
        /// Why.
        why: String,
    },
    /// The cluster does not answer, or not as it should.
    #[error("not started: {}", .0.why())]
    Fault(Fault),
}

impl Refusal {
    /// What to do now.
    pub fn hint(&self) -> String {
        match self {
            Self::Stale { .. } => "plan again, and look at what moved".into(),
            Self::Busy { change, .. } => format!("watch it, or finish it first: `pinnace resume {change}`"),
            Self::Nothing => String::new(),
            Self::NotWritten { .. } => {
                "nothing is changed that is not written down first; free space or mend the state folder".into()
            }
            Self::Lost { .. } => "watch it: it is theirs now".into(),
            Self::Newer { .. } => "update this pinnace; what it does not know it leaves alone".into(),
            Self::Unknown { .. } => "look at `pinnace history`; the next plan of the group closes it as void".into(),
            Self::Unwritable(fault) if matches!(fault.status(), Some(401 | 403 | 405 | 501)) => {
                "who may make no configs keeps the journal on this machine with `--journal disk`; no other manager sees it"
                    .into()
            }
            Self::Unwritable(fault) | Self::Fault(fault) => fault.hint(),
        }
    }
}

/// Carries a change out to its end, a detachment or the loss of the claim.
///
/// A started POST is never cancelled.
///
/// # Errors
/// A refusal: nothing was posted.
pub async fn execute(
    cluster: Cluster,
    start: Start,
    options: Options,
    control: ChangeControl,
) -> Result<Outcome, Refusal> {
    let run = match start {
        Start::New { plan, change } => {
            let mut run = start::begin(cluster, *plan, change, options, control).await?;
            if let Err(lost) = run.record_is_there().await {
                return Ok(run.lease_lost(lost));
            }
            run
        }
        Start::Resume { slot, record, order } => {
            resume::begin(cluster, *slot, *record, options, control, order).await?
        }
    };
    Ok(run.carry_on().await)
}

/// A new change's id: a `UUIDv7`, so that ids sort by age.
pub fn new_change() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A random name for this owner.
fn owner() -> String {
    uuid::Uuid::now_v7().simple().to_string()[16..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_make_no_configs_is_told_of_the_journal_on_disk() {
        let hint = |status| {
            let message = "authorization denied by plugin".to_owned();
            Refusal::Unwritable(Fault::Http { what: "writing to the journal".into(), status, message }).hint()
        };
        assert!(hint(403).contains("`--journal disk`"), "{}", hint(403));
        assert!(!hint(500).contains("--journal"), "{}", hint(500));
    }
}
