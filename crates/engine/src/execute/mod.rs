//! The execution of a plan by the protocol in `docs/journal.md`: every step is journaled before it is made, units
//! follow one another, and each decision comes from the plan or from an order.

mod auth;
mod converge;
mod lease;
mod plan_summary;
mod resume;
mod run;
mod start;
mod unit;
mod verify;

pub use run::{ChangeRun, RunOutcome};

use std::time::Duration;

use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::docker::DockerError;
use pinnace_core::change::{ChangeEvent, ExecutionSettings, OperatorCommand};
use pinnace_core::journal::ChangeSlot;
use pinnace_core::plan::{ChangeRecord, Plan};

/// The options for the execution of a change.
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// The reaction to a failed unit, the pauses between units, and whether questions can be asked.
    pub mode: ExecutionSettings,
    /// The time that tasks have to stay up before a unit is done.
    pub settle: Duration,
    /// The time that a unit may wait for something that will not happen automatically, before it counts as stuck.
    pub stuck: Duration,
    /// The operator's name.
    pub by: String,
    /// The reason for the change, as the operator gave it.
    pub why: String,
}

/// The starting point of a run.
#[derive(Clone, Debug)]
pub enum ExecutionStart {
    /// A new change, from a plan.
    New {
        /// The plan to apply.
        plan: Box<Plan>,
        /// The id of the change, from [`new_change`].
        change: String,
    },
    /// An unfinished change, taken over from its owner.
    Resume {
        /// The slot, as last read.
        slot: Box<ChangeSlot>,
        /// The change's record, with its plan.
        record: Box<ChangeRecord>,
        /// The operator's order; `None` makes the run ask for one.
        order: Option<OperatorCommand>,
    },
}

/// The channels of a running change: orders in, events out.
pub struct ChangeChannels {
    /// The operator's orders, read between steps and while waiting. When the sender is dropped, a question ends in a
    /// detachment.
    pub orders: mpsc::UnboundedReceiver<OperatorCommand>,
    /// All events in order; sending never waits.
    pub events: mpsc::UnboundedSender<ChangeEvent>,
}

/// The reason why a change did not start; nothing was posted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartRefusal {
    /// The state that the plan was made from has changed.
    #[error("the plan is stale: {moved}")]
    Stale {
        /// The difference that was found.
        moved: String,
    },
    /// The group has an unfinished change.
    #[error("change {change} by {by} is not finished")]
    GroupBusy {
        /// The id of the change, for `pinnace resume`.
        change: String,
        /// The operator of the change.
        by: String,
    },
    /// The plan changes nothing.
    #[error("nothing to do")]
    Nothing,
    /// The change could not be journaled.
    #[error("not started, because it could not be journaled: {why}")]
    NotJournaled {
        /// The cause.
        why: String,
    },
    /// The swarm refused the record, which is written first.
    #[error("not started, because the swarm accepts no writes: {}", .0.why())]
    JournalRefused(DockerError),
    /// The change was claimed, but another operator took it over before its first unit.
    #[error("{by} took the change over before its first unit")]
    Lost {
        /// The operator who took it over.
        by: String,
    },
    /// The group's newest change was made by a newer version of pinnace.
    #[error("a newer pinnace made change {change} of the group")]
    Newer {
        /// The id of the change, for `pinnace resume`.
        change: String,
    },
    /// The claim may or may not have succeeded.
    #[error("not started: {why}; the claim may still appear in the history; no service was changed")]
    Unknown {
        /// The cause.
        why: String,
    },
    /// The cluster does not answer, or answers with an error.
    #[error("not started: {}", .0.why())]
    Fault(DockerError),
}

impl StartRefusal {
    /// Returns the advice for the operator; empty where there is none.
    pub fn hint(&self) -> String {
        match self {
            Self::Stale { .. } => "plan again, and look at what changed".into(),
            Self::GroupBusy { change, .. } => format!("watch it, or finish it first: `pinnace resume {change}`"),
            Self::Nothing => String::new(),
            Self::NotJournaled { .. } => {
                "free space, or fix the state folder: a change is journaled before it starts".into()
            }
            Self::Lost { .. } => "watch it: the other operator has it now".into(),
            Self::Newer { .. } => "update this pinnace: it does not touch the changes of a newer one".into(),
            Self::Unknown { .. } => {
                "look at `pinnace history`; the next plan of the group closes it as abandoned".into()
            }
            Self::JournalRefused(fault) if matches!(fault.status(), Some(401 | 403 | 405 | 501)) => {
                "if you may not create configs, use `--journal disk`: only this machine then has the journal".into()
            }
            Self::JournalRefused(fault) | Self::Fault(fault) => fault.hint(),
        }
    }
}

/// Executes a change until its end, a detachment or the loss of the lease.
///
/// A started POST is never cancelled.
///
/// # Errors
/// A refusal: nothing was posted.
pub async fn execute(
    cluster: Cluster,
    start: ExecutionStart,
    options: ExecuteOptions,
    control: ChangeChannels,
) -> Result<RunOutcome, StartRefusal> {
    let run = match start {
        ExecutionStart::New { plan, change } => {
            let mut run = start::begin(cluster, *plan, change, options, control).await?;
            if let Err(lost) = run.record_is_there().await {
                return Ok(run.lease_lost(lost));
            }
            run
        }
        ExecutionStart::Resume { slot, record, order } => {
            resume::begin(cluster, *slot, *record, options, control, order).await?
        }
    };
    Ok(run.carry_on().await)
}

/// Creates the id of a new change: a `UUIDv7`, so that ids sort by age.
pub fn new_change() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Creates a random name for the owner of a slot.
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
            StartRefusal::JournalRefused(DockerError::Http { what: "writing to the journal".into(), status, message })
                .hint()
        };
        assert!(hint(403).contains("`--journal disk`"), "{}", hint(403));
        assert!(!hint(500).contains("--journal"), "{}", hint(500));
    }
}
