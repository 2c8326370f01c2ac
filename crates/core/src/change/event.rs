//! The events of a change, the orders it accepts and the questions it asks.

use serde::{Deserialize, Serialize};

use crate::journal::{ChangeState, Direction, UnitState};
use crate::plan::Plan;
use crate::swarm::TaskState;
use crate::time::Time;

/// One event of a change. The first is [`ChangeEventKind::Begun`]; [`ChangeEventKind::Ended`] reports the outcome, [`ChangeEventKind::Lost`]
/// the loss of the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEvent {
    /// The number of events before this one in the log of this run; [`ChangeEventKind::Tasks`] events are not logged
    /// and not counted.
    pub index: u64,
    /// The time by the executor's clock; for display only.
    pub at: Time,
    /// The kind of the event, with its data.
    pub kind: ChangeEventKind,
}

/// A phase of applying one unit, in order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitPhase {
    /// A repeated look-up of the image. It is skipped for an image that ran in the service before, and for
    /// a unit that is being put back.
    Verify,
    /// A comparison of the service and its nodes with the plan.
    Check,
    /// The POST of the edited spec.
    Update,
    /// The replacement of the service's tasks.
    Converge,
    /// The settle time: the same tasks have to stay up.
    Settle,
}

impl UnitPhase {
    /// All phases, in order of execution.
    pub const ALL: [Self; 5] = [Self::Verify, Self::Check, Self::Update, Self::Converge, Self::Settle];

    /// Returns the phase's name in lower case, for display.
    pub fn label(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Check => "recheck",
            Self::Update => "update",
            Self::Converge => "converge",
            Self::Settle => "settle",
        }
    }
}

/// An operator's order to a running change. No order cancels a POST that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorCommand {
    /// Continues with the remaining units, also after a failure.
    Continue,
    /// Stops after the current unit and asks.
    Stop,
    /// Rolls back every unit that has, or may have, the new spec.
    #[serde(rename = "put-back")]
    RollBack,
    /// Ends the change and leaves every service as it is now.
    #[serde(rename = "leave")]
    KeepAsIs,
    /// Releases the change unfinished, so that any manager can resume it.
    Detach,
}

impl OperatorCommand {
    /// Returns the order's label for display.
    pub fn label(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
            Self::RollBack => "roll back",
            Self::KeepAsIs => "keep as is",
            Self::Detach => "detach",
        }
    }
}

/// An order that is offered as an answer to a question.
pub type Choice = OperatorCommand;

/// The prefix of a slot's summary line while its owner waits for an answer.
pub const WAITS: &str = "waits for an answer: ";

/// A question to the operator. A change waits for the answer, except for [`Self::Stuck`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A failed unit: how to proceed with the other units?
    Failed {
        /// The unit's index in the plan.
        unit: usize,
    },
    /// A unit whose service another client changed in the meantime.
    #[serde(rename = "overtaken")]
    Superseded {
        /// The unit's index in the plan.
        unit: usize,
    },
    /// Units whose rollback failed.
    #[serde(rename = "not-back")]
    RollbackFailed,
    /// A change that the operator stopped, or took over without an order.
    Stopped,
    /// The pause of step mode: one unit is done, others remain.
    #[serde(rename = "next")]
    StepPause,
    /// A unit that neither fails nor converges. The unit is still watched; the question is withdrawn when
    /// the unit progresses.
    Stuck {
        /// The unit's index in the plan.
        unit: usize,
    },
}

impl Question {
    /// Describes the question for other clients, as the slot's summary line with the prefix [`WAITS`].
    pub fn describe(&self, plan: &Plan) -> String {
        let name = |unit: &usize| plan.units.get(*unit).map_or("a unit", |unit| unit.service.as_str());
        let text = match self {
            Self::Failed { unit } => format!("{} failed", name(unit)),
            Self::Superseded { unit } => format!("another client changed {}", name(unit)),
            Self::RollbackFailed => "not every service could be rolled back".to_owned(),
            Self::Stopped => "the change is stopped".to_owned(),
            Self::StepPause => "continue with the next unit?".to_owned(),
            Self::Stuck { unit } => format!("{} neither fails nor progresses", name(unit)),
        };
        format!("{WAITS}{text}")
    }

    /// Returns the orders that answer the question.
    pub fn choices(&self) -> &'static [Choice] {
        match self {
            Self::RollbackFailed => &[OperatorCommand::RollBack, OperatorCommand::KeepAsIs],
            _ => &[OperatorCommand::Continue, OperatorCommand::RollBack, OperatorCommand::KeepAsIs],
        }
    }
}

/// A task as the change screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    /// The engine's id of the task.
    pub id: String,
    /// The number of the replica; `None` for a task of a global service.
    pub slot: Option<u64>,
    /// The node's host name; empty if the task has no node, or an unknown one.
    pub node: String,
    /// Docker's word for the task's state.
    pub state: String,
    /// The engine's error text; empty if there is none.
    pub error: String,
    /// The time at which the task entered its state.
    pub since: Option<Time>,
    /// Set when the task runs the image that the unit goes to.
    pub fresh: bool,
}

impl TaskLine {
    /// Returns whether the task has ended.
    pub fn is_over(&self) -> bool {
        TaskState::from(self.state.clone()).is_over()
    }
}

/// The kinds of events, with their data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum ChangeEventKind {
    /// The change was claimed, or an unfinished change was taken over.
    Begun {
        /// The change's number within its group, from 1.
        seq: u64,
        /// The operator who applies the change.
        by: String,
        /// The current state of each unit, in the plan's order.
        units: Vec<UnitState>,
        /// The POST in doubt as `unit:index:direction`, if an unfinished change was taken over with one.
        post: Option<String>,
    },
    /// A unit changed its state.
    Unit {
        /// The unit's index in the plan.
        unit: usize,
        /// The unit's new state.
        state: UnitState,
    },
    /// A unit entered a phase.
    Phase {
        /// The unit's index in the plan.
        unit: usize,
        /// The phase that begins.
        phase: UnitPhase,
        /// Forward to the target, or back.
        direction: Direction,
    },
    /// An observation of the current unit's tasks; it replaces the previous one.
    Tasks {
        /// The unit's index in the plan.
        unit: usize,
        /// The service's tasks: those that should run first, then newest first; limited to what the screen
        /// shows.
        tasks: Vec<TaskLine>,
        /// The engine's update state and message as `state: message`; empty if the engine reports none.
        update: String,
        /// The reason why the unit has not converged yet; empty if it does not wait.
        waits: String,
    },
    /// A unit failed.
    Failed {
        /// The unit's index in the plan.
        unit: usize,
        /// The cause, for display.
        why: String,
        /// The remediation, for display.
        hint: String,
    },
    /// A note about a unit that does not stop it.
    Noted {
        /// The unit's index in the plan.
        unit: usize,
        /// The note, one line for display.
        text: String,
    },
    /// A problem that delays the change: a step takes too long, or the swarm takes no writes.
    Trouble {
        /// The problem, for display; empty once it is over.
        text: String,
    },
    /// A question to the operator.
    Asked {
        /// The question, with the unit that it is about.
        question: Question,
    },
    /// The end of the open question, because the stuck unit progresses again or is no longer watched.
    Withdrawn,
    /// An order of the operator, or of the executor if no operator can be asked.
    Ordered {
        /// The order that the change has to carry out.
        order: OperatorCommand,
    },
    /// The claim is lost to another client; from here on the change is only watched.
    Lost {
        /// The evidence, for display.
        why: String,
    },
    /// The end of the change.
    Ended {
        /// The outcome, a terminal state.
        state: ChangeState,
        /// The summary line that the slot keeps.
        text: String,
    },
}
