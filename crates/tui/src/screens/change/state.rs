//! The state of the change screen, and the changes that this console carries out.

use crate::clusters::ClusterId;
use std::borrow::Cow;

use pinnace_core::change::{ExecutionSettings, OfferInput, OnFailure, OperatorCommand, Progress, Question, offer};
pub use pinnace_core::change::{image_at, unit_name};
use pinnace_core::journal::{ChangeEntry, ChangeLog, UnitState};
use pinnace_core::plan::{Plan, PlanKind};
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::time::Time;

use crate::state::ClusterState;

/// A change that this console carries out or carried out.
#[derive(Clone, Debug)]
pub struct LocalChange {
    /// The plan that the change carries out.
    pub plan: Box<Plan>,
    /// The time at which the change was requested here.
    pub since: Time,
    /// The stage that the change has reached in this console.
    pub stage: ChangeStage,
    /// The state of each unit, the open question and the outcome, folded from the change's events.
    pub progress: Progress,
}

/// The stage of a change in this console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeStage {
    /// A requested change that is not in the journal yet, so it has no id.
    Claiming,
    /// An unfinished change that this console is about to take over.
    TakingOver {
        /// The change's id in the journal.
        change: String,
    },
    /// A change that did not start: nothing was posted to the engine, and it has no id.
    Refused {
        /// The reason.
        why: String,
        /// The remedy, as a hint to the operator; may be empty.
        hint: String,
    },
    /// A change that is running in this console.
    Running {
        /// The change's id in the journal.
        change: String,
        /// The stop that the operator requested.
        stop: StopRequest,
    },
    /// A change that ended, or that this console gave up.
    Over {
        /// The change's id in the journal.
        change: String,
        /// The outcome in one line.
        text: String,
    },
}

/// The stop requested of a running change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRequest {
    /// No stop.
    No,
    /// A stop after the current unit.
    AfterUnit,
    /// A release of the change: this console gives it up, and another client can finish it.
    Detached,
}

/// The identity of the change on a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeId {
    /// The plan's id, until the change has an id.
    Plan(String),
    /// The change's id in the journal.
    Change(String),
}

/// The state of the change screen: which change it shows, and the chosen unit.
#[derive(Clone, Debug)]
pub struct ChangeScreenState {
    pub cluster: ClusterId,
    pub group: GroupKey,
    /// The change shown.
    pub id: ChangeId,
    /// The index of the unit that the operator chose; `None` follows the unit that needs attention.
    pub unit: Option<usize>,
}

/// A change with everything that its screen shows.
#[derive(Clone, Debug)]
pub struct ShownChange<'a> {
    /// The plan; `None` until the change's record is read.
    pub plan: Option<&'a Plan>,
    /// The progress: live if this console runs the change, else read from the journal.
    pub progress: Cow<'a, Progress>,
    /// The stage in this console; `None` for a change of another client, known from the journal only.
    pub stage: Option<&'a ChangeStage>,
    /// The change's entry in the journal, once it has one.
    pub entry: Option<&'a ChangeEntry>,
    /// All changes of the group.
    pub history: &'a ChangeLog,
    /// The offset of local time in seconds east of UTC.
    pub offset: i32,
}

/// Finds the newest change of this console with this identity.
pub fn find<'a>(changes: &'a [LocalChange], id: &ChangeId) -> Option<&'a LocalChange> {
    changes.iter().rev().find(|change| change.is(id))
}

impl LocalChange {
    /// Creates a change that was requested just now.
    pub(crate) fn new(plan: Box<Plan>, stage: ChangeStage, progress: Progress, now: Time) -> Self {
        Self { plan, since: now, stage, progress }
    }

    /// Returns the change's id in the journal, once it has one.
    pub fn change(&self) -> Option<&str> {
        match &self.stage {
            ChangeStage::Claiming | ChangeStage::Refused { .. } => None,
            ChangeStage::TakingOver { change }
            | ChangeStage::Running { change, .. }
            | ChangeStage::Over { change, .. } => Some(change),
        }
    }

    /// Returns whether `id` identifies this change.
    pub fn is(&self, id: &ChangeId) -> bool {
        match id {
            ChangeId::Plan(plan) => self.change().is_none() && self.plan.id == *plan,
            ChangeId::Change(change) => self.change() == Some(change),
        }
    }

    /// Returns whether the change was requested and has not started yet.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.stage, ChangeStage::Claiming | ChangeStage::TakingOver { .. })
    }

    /// Returns whether this console is starting or running the change.
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_starting() || matches!(self.stage, ChangeStage::Running { .. })
    }
}

impl ShownChange<'_> {
    /// Returns the unit that needs attention: the one a question is about, else the one in progress, the first
    /// that failed or was superseded, the first with a phase that has not ended, or the first active one.
    pub(crate) fn focus(&self) -> Option<usize> {
        if let Some(Question::Failed { unit } | Question::Superseded { unit } | Question::Stuck { unit }) =
            self.progress.asking
        {
            return Some(unit);
        }
        let at = |wanted: &dyn Fn(UnitState) -> bool| self.progress.units.iter().position(|unit| wanted(unit.state));
        at(&|state| matches!(state, UnitState::Updating | UnitState::RollingBack))
            .or_else(|| at(&|state| matches!(state, UnitState::Failed | UnitState::Superseded)))
            .or_else(|| self.progress.units.iter().position(|unit| !unit.phases.is_empty() && unit.ended.is_none()))
            .or_else(|| self.plan.and_then(|plan| plan.active().next().map(|(at, _)| at)))
    }

    /// Returns whether the change is running in this console.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.stage, Some(ChangeStage::Running { .. }))
    }

    /// Returns whether the change is over, so that only a new plan can take it back.
    pub(crate) fn has_ended(&self) -> bool {
        self.entry.is_some_and(|entry| entry.slot.labels.state.is_terminal())
            && self.stage.is_none_or(|stage| matches!(stage, ChangeStage::Over { .. }))
    }

    /// Returns whether the change is unfinished and does not run in this console.
    pub(crate) fn is_left_open(&self) -> bool {
        let ours = self.stage.is_some_and(|stage| !matches!(stage, ChangeStage::Over { .. }));
        let over = self.entry.map_or(self.progress.ended.is_some(), |entry| entry.slot.labels.state.is_terminal());
        !ours && !over
    }
}

/// Returns the open change of a group: the one that this console runs, else an unfinished one in the journal.
pub(crate) fn open_in(cluster: &ClusterState, group: &GroupKey) -> Option<ChangeId> {
    let mut newest_first = cluster.local_changes.iter().rev();
    if let Some(local) = newest_first.find(|local| local.plan.group == *group && local.is_at_work()) {
        let id = local.change().map(|change| ChangeId::Change(change.to_owned()));
        return Some(id.unwrap_or_else(|| ChangeId::Plan(local.plan.id.clone())));
    }
    let entry = cluster.world.history(group).unfinished()?;
    Some(ChangeId::Change(entry.slot.change.clone()))
}

/// Returns the mode in which this console carries out a change of a group.
pub fn mode(group: &GroupKey, stepping: crate::screens::plan::state::PauseMode) -> ExecutionSettings {
    let on_failure = if group.kind == GroupKind::Database { OnFailure::RollBackUnit } else { OnFailure::RollBackAll };
    ExecutionSettings { on_failure, step: stepping == crate::screens::plan::state::PauseMode::On, asks: true }
}

/// Describes the target images of a plan in a few words.
pub fn target(plan: &Plan) -> String {
    let mut active = plan.active().map(|(_, unit)| unit);
    let Some(first) = active.next() else { return "pins only".to_owned() };
    let same = active.all(|unit| unit.to.image == first.to.image);
    let word = match plan.kind {
        PlanKind::Rollback => "rollback to ",
        PlanKind::Redeploy => "redeploy ",
        PlanKind::Pin | PlanKind::ExternalDeploy => "",
    };
    let more = if same { "" } else { " and others" };
    format!("{word}{}{more}", image_at(&first.to.image))
}

/// Describes what an order would do. The text names images, never directions (forward, back).
pub fn describe(order: OperatorCommand, shown: &ShownChange<'_>) -> String {
    let Some(plan) = shown.plan else {
        return match order {
            OperatorCommand::Continue => "finish the change".to_owned(),
            OperatorCommand::RollBack => "roll back what it changed".to_owned(),
            _ => "keep every service as is, and end the change".to_owned(),
        };
    };
    let past = match shown.progress.asking {
        Some(Question::Stuck { unit }) if !shown.is_left_open() => Some(unit),
        _ => None,
    };
    let (history, offset) = (shown.history, shown.offset);
    offer(order, OfferInput { plan, progress: &shown.progress, history, past, offset })
}
