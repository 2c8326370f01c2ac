//! What happens during a change.

use serde::{Deserialize, Serialize};

use crate::journal::{ChangeState, Direction, UnitState};
use crate::plan::Plan;
use crate::time::Time;

/// One event of a change; the first is [`Kind::Begun`] and the last [`Kind::Ended`] or [`Kind::Lost`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up from 0.
    pub index: u64,
    /// When, by the executor's clock; for show.
    pub at: Time,
    /// What.
    pub kind: Kind,
}

/// A step of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The image is looked up once more; not for one that goes back to what ran.
    Verify,
    /// The service and its nodes are read and compared with the plan.
    Check,
    /// The spec is posted.
    Update,
    /// Its tasks are replaced.
    Converge,
    /// They have to stay up for a while.
    Settle,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Verify, Self::Check, Self::Update, Self::Converge, Self::Settle];

    /// The word for a person.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Check => "check",
            Self::Update => "update",
            Self::Converge => "converge",
            Self::Settle => "settle",
        }
    }
}

/// What an operator may order, between steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Go on, past a failure too.
    Continue,
    /// Stop after the unit in work.
    Stop,
    /// Put back every unit that carries the new text.
    PutBack,
    /// End it as it stands.
    Leave,
    /// Give it up for somebody else to take over, or for later.
    Detach,
}

/// A choice offered with a question.
pub type Choice = Order;

/// What a slot's line begins with while its owner is asked something.
pub const WAITS: &str = "waits for an answer: ";

/// Why a change waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A unit failed; what to do about the others?
    Failed {
        /// The unit.
        unit: usize,
    },
    /// Somebody else changed a unit's service.
    Overtaken {
        /// The unit.
        unit: usize,
    },
    /// Units could not be put back.
    NotBack,
    /// The operator stopped it.
    Stopped,
    /// Step mode: one unit is done, others are left.
    Next,
    /// A unit neither fails nor converges. It is watched on meanwhile, and the question goes when it moves.
    Stuck {
        /// The unit.
        unit: usize,
    },
}

impl Question {
    /// The question in a few words, for whoever watches from elsewhere.
    pub fn told(&self, plan: &Plan) -> String {
        let name = |unit: &usize| plan.units.get(*unit).map_or("a unit", |unit| unit.service.as_str());
        let text = match self {
            Self::Failed { unit } => format!("{} failed", name(unit)),
            Self::Overtaken { unit } => format!("{} was changed by somebody else", name(unit)),
            Self::NotBack => "not every service could be put back".to_owned(),
            Self::Stopped => "it was stopped".to_owned(),
            Self::Next => "go on with the next unit?".to_owned(),
            Self::Stuck { unit } => format!("{} neither fails nor gets on", name(unit)),
        };
        format!("{WAITS}{text}")
    }

    /// What may be answered.
    pub fn choices(&self) -> &'static [Choice] {
        match self {
            Self::NotBack => &[Order::PutBack, Order::Leave],
            _ => &[Order::Continue, Order::PutBack, Order::Leave],
        }
    }
}

/// A task as the change screen tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    /// The task's id.
    pub id: String,
    /// Its slot.
    pub slot: Option<u64>,
    /// Its node's host name.
    pub node: String,
    /// Its state's word.
    pub state: String,
    /// Its error.
    pub error: String,
    /// Since when it is in its state.
    pub since: Option<Time>,
    /// Whether it has the text the unit goes to.
    pub fresh: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Kind {
    /// The claim landed, or an unfinished change was taken over.
    Begun {
        /// The change's number in its group.
        seq: u64,
        /// Who does it.
        by: String,
        /// The units' letters as they are now.
        units: Vec<UnitState>,
        /// The POST in doubt, for one taken over.
        post: Option<String>,
    },
    /// A unit's state moved.
    Unit {
        /// The unit.
        unit: usize,
        /// Its new state.
        state: UnitState,
    },
    /// A unit entered a step.
    Phase {
        /// The unit.
        unit: usize,
        /// The step.
        phase: Phase,
        /// Where to.
        direction: Direction,
    },
    /// How the tasks of the unit in work are; only the newest counts.
    Tasks {
        /// The unit.
        unit: usize,
        /// The tasks.
        tasks: Vec<TaskLine>,
        /// The engine's update state and message.
        update: String,
        /// What it waits for.
        waits: String,
    },
    /// A unit failed.
    Failed {
        /// The unit.
        unit: usize,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Something worth knowing about a unit that does not stop it.
    Noted {
        /// The unit.
        unit: usize,
        /// What.
        text: String,
    },
    /// A step takes longer than it should, or the swarm takes no writes; empty when that is over.
    Trouble {
        /// What.
        text: String,
    },
    /// A question is put.
    Asked {
        /// Which.
        question: Question,
    },
    /// The question has lost its object: what was stuck moves again.
    Withdrawn,
    /// An order was given.
    Ordered {
        /// Which.
        order: Order,
    },
    /// The claim is somebody else's now: watch only.
    Lost {
        /// Why.
        why: String,
    },
    /// It is over; this is the last event.
    Ended {
        /// The outcome.
        state: ChangeState,
        /// One line.
        text: String,
    },
}
