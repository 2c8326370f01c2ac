//! Changes at work, and as they were left: what the change screen shows, whoever does it.

use crate::clusters::ClusterId;
use std::borrow::Cow;

use pinnace_core::change::{Mode, Offered, OnFailure, Order, Progress, Question, offer};
pub use pinnace_core::change::{image_at, unit_name};
use pinnace_core::journal::{Entry, History, UnitState};
use pinnace_core::plan::{Kind, Plan};
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::time::Time;

use crate::state::Cluster;

/// A change that this console carries out, or did.
#[derive(Clone, Debug)]
pub struct LocalChange {
    /// What was decided.
    pub plan: Box<Plan>,
    /// When it was asked for.
    pub since: Time,
    /// How far this console is with it.
    pub stage: Stage,
    /// Where it stands.
    pub progress: Progress,
}

/// How far this console is with a change of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was asked for; the journal does not have it yet, so it has no id.
    Claiming,
    /// A change that somebody left is to be taken over.
    TakingOver {
        /// Its id.
        change: String,
    },
    /// It did not begin: nothing was posted, and it never had an id.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// It is carried out here.
    Running {
        /// Its id.
        change: String,
        /// What the operator asked of it.
        stop: Stop,
    },
    /// This console is done with it: it ended, or was given up here.
    Over {
        /// Its id.
        change: String,
        /// One line.
        text: String,
    },
}

/// Whether a running change was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was not.
    No,
    /// It stops after the unit in work.
    AfterUnit,
    /// It is given up here, for somebody else to finish.
    GivenUp,
}

/// What a change screen is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeId {
    /// The change that carries out the plan of this id, while it has none of its own.
    Plan(String),
    /// This change.
    Change(String),
}

/// The screen of a change.
#[derive(Clone, Debug)]
pub struct ChangeScreen {
    /// The cluster.
    pub cluster: ClusterId,
    /// The group.
    pub group: GroupKey,
    /// The change.
    pub id: ChangeId,
    /// The unit the operator chose; none: the one in work.
    pub unit: Option<usize>,
}

/// A change as it is to be shown.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// What was decided, once that is read.
    pub plan: Option<&'a Plan>,
    /// Where it stands.
    pub progress: Cow<'a, Progress>,
    /// How far this console is with it; none: it is somebody else's, as the journal has it.
    pub stage: Option<&'a Stage>,
    /// Its entry in the journal.
    pub entry: Option<&'a Entry>,
    /// The group's changes.
    pub history: &'a History,
    /// Seconds east of UTC, for clocks.
    pub offset: i32,
}

/// The change of this console that a screen is about.
pub fn find<'a>(changes: &'a [LocalChange], id: &ChangeId) -> Option<&'a LocalChange> {
    changes.iter().rev().find(|change| change.is(id))
}

impl LocalChange {
    /// A change of this console that was asked for just now.
    pub(crate) fn new(plan: Box<Plan>, stage: Stage, progress: Progress, now: Time) -> Self {
        Self { plan, since: now, stage, progress }
    }

    /// Its id in the journal, as soon as it has one.
    pub fn change(&self) -> Option<&str> {
        match &self.stage {
            Stage::Claiming | Stage::Refused { .. } => None,
            Stage::TakingOver { change } | Stage::Running { change, .. } | Stage::Over { change, .. } => Some(change),
        }
    }

    /// Whether this is meant.
    pub fn is(&self, id: &ChangeId) -> bool {
        match id {
            ChangeId::Plan(plan) => self.change().is_none() && self.plan.id == *plan,
            ChangeId::Change(change) => self.change() == Some(change),
        }
    }

    /// Whether it was asked for and did not begin yet.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Claiming | Stage::TakingOver { .. })
    }

    /// Whether we carry it out now.
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_starting() || matches!(self.stage, Stage::Running { .. })
    }
}

impl Shown<'_> {
    /// The unit to look at: the one asked about, the one in work, else the newest that failed.
    pub(crate) fn focus(&self) -> Option<usize> {
        if let Some(Question::Failed { unit } | Question::Overtaken { unit } | Question::Stuck { unit }) =
            self.progress.asking
        {
            return Some(unit);
        }
        let at = |wanted: &dyn Fn(UnitState) -> bool| self.progress.units.iter().position(|unit| wanted(unit.state));
        at(&|state| matches!(state, UnitState::Posting | UnitState::PuttingBack))
            .or_else(|| at(&|state| matches!(state, UnitState::Failed | UnitState::Overtaken)))
            .or_else(|| self.progress.units.iter().position(|unit| !unit.phases.is_empty() && unit.ended.is_none()))
            .or_else(|| self.plan.and_then(|plan| plan.active().next().map(|(at, _)| at)))
    }

    /// Whether this console carries it out now.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.stage, Some(Stage::Running { .. }))
    }

    /// Whether it is left for somebody to finish, and not at work here.
    pub(crate) fn is_left_open(&self) -> bool {
        let ours = self.stage.is_some_and(|stage| !matches!(stage, Stage::Over { .. }));
        let over = self.entry.map_or(self.progress.ended.is_some(), |entry| entry.slot.labels.state.is_terminal());
        !ours && !over
    }
}

/// What is open in a group: at work here, else unfinished by the journal.
pub(crate) fn open_in(cluster: &Cluster, group: &GroupKey) -> Option<ChangeId> {
    let mut newest_first = cluster.local_changes.iter().rev();
    if let Some(local) = newest_first.find(|local| local.plan.group == *group && local.is_at_work()) {
        let id = local.change().map(|change| ChangeId::Change(change.to_owned()));
        return Some(id.unwrap_or_else(|| ChangeId::Plan(local.plan.id.clone())));
    }
    let entry = cluster.world.history(group).unfinished()?;
    Some(ChangeId::Change(entry.slot.change.clone()))
}

/// How a change of a group is carried out from here.
pub fn mode(group: &GroupKey, stepping: crate::screens::plan::state::Stepping) -> Mode {
    let on_failure = if group.kind == GroupKind::Database { OnFailure::Unit } else { OnFailure::All };
    Mode { on_failure, step: stepping == crate::screens::plan::state::Stepping::On, asks: true }
}

/// What a plan brings, in a few words.
pub fn target(plan: &Plan) -> String {
    let mut active = plan.active().map(|(_, unit)| unit);
    let Some(first) = active.next() else { return "pins only".to_owned() };
    let same = active.all(|unit| unit.to.image == first.to.image);
    let word = if plan.kind == Kind::Back { "back to " } else { "" };
    let more = if same { "" } else { " and others" };
    format!("{word}{}{more}", image_at(&first.to.image))
}

/// What an order would do, by images and never by directions.
pub fn told(order: Order, shown: &Shown<'_>) -> String {
    let Some(plan) = shown.plan else {
        return match order {
            Order::Continue => "finish it".to_owned(),
            Order::PutBack => "return what it changed".to_owned(),
            _ => "leave it as it stands".to_owned(),
        };
    };
    let past = match shown.progress.asking {
        Some(Question::Stuck { unit }) if !shown.is_left_open() => Some(unit),
        _ => None,
    };
    let (history, offset) = (shown.history, shown.offset);
    offer(order, Offered { plan, progress: &shown.progress, history, past, offset })
}
