//! Changes at work, and as they were left: what the change screen shows, whoever does it.

use std::borrow::Cow;

use pinnace_core::change::{Mode, Offered, OnFailure, Order, Progress, Question, offer};
pub use pinnace_core::change::{image_at, unit_name};
use pinnace_core::journal::{Entry, History, UnitState};
use pinnace_core::plan::{Kind, Plan};
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::time::Time;

use crate::state::{Cluster, State};

/// A change that this console carries out, or did.
#[derive(Clone, Debug)]
pub struct Work {
    /// Its id; none until the journal has it.
    pub change: Option<String>,
    /// What was decided.
    pub plan: Box<Plan>,
    /// When it was asked for.
    pub since: Time,
    /// How it stands with us.
    pub stand: Stand,
    /// Where it stands.
    pub progress: Progress,
    /// How often a stop was ordered.
    pub stops: usize,
}

/// How a change stands with this console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It was asked for, and did not begin yet.
    Starting,
    /// We carry it out.
    Ours,
    /// It did not begin; nothing was posted.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// We are done with it: it ended, or we gave it up.
    Over {
        /// One line.
        text: String,
    },
    /// It is somebody's, as the journal has it.
    Journal,
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
    pub cluster: usize,
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
    /// How it stands with us.
    pub stand: &'a Stand,
    /// Its entry in the journal.
    pub entry: Option<&'a Entry>,
    /// How often a stop was ordered.
    pub stops: usize,
    /// The group's changes.
    pub history: &'a History,
    /// Seconds east of UTC, for clocks.
    pub offset: i32,
}

/// Looks a change up: at work here, else as the journal has it.
pub fn shown<'a>(state: &'a State, screen: &ChangeScreen) -> Option<Shown<'a>> {
    let cluster = state.clusters.get(screen.cluster)?;
    let (history, offset) = (cluster.world.history(&screen.group), state.offset);
    let entry = match &screen.id {
        ChangeId::Change(change) => history.newest_first().find(|entry| entry.slot.change == *change),
        ChangeId::Plan(_) => None,
    };
    if let Some(work) = find(&cluster.works, &screen.id) {
        let given_up = matches!(work.stand, Stand::Over { .. }) && work.progress.ended.is_none();
        // What others do with it from then on is in the journal only.
        let progress = match entry.filter(|_| given_up) {
            Some(entry) => Cow::Owned(Progress::of_slot(&entry.slot, work.plan.units.len())),
            None => Cow::Borrowed(&work.progress),
        };
        let (plan, stand, stops) = (Some(&*work.plan), &work.stand, work.stops);
        return Some(Shown { plan, progress, stand, entry, stops, history, offset });
    }
    let entry = entry?;
    let plan = entry.record.as_ref().map(|record| &record.plan);
    let units = plan.map_or(entry.slot.labels.units.len(), |plan| plan.units.len());
    let progress = Cow::Owned(Progress::of_slot(&entry.slot, units));
    Some(Shown { plan, progress, stand: &Stand::Journal, entry: Some(entry), stops: 0, history, offset })
}

/// The work a change screen is about.
pub fn find<'a>(works: &'a [Work], id: &ChangeId) -> Option<&'a Work> {
    works.iter().rev().find(|work| work.is(id))
}

impl Work {
    /// Whether this is meant.
    pub fn is(&self, id: &ChangeId) -> bool {
        match id {
            ChangeId::Plan(plan) => self.change.is_none() && self.plan.id == *plan,
            ChangeId::Change(change) => self.change.as_deref() == Some(change),
        }
    }

    /// Whether we carry it out now.
    pub(crate) fn is_at_work(&self) -> bool {
        matches!(self.stand, Stand::Starting | Stand::Ours)
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

    /// Whether it is left for somebody to finish, and not at work here.
    pub(crate) fn is_left_open(&self) -> bool {
        let ours = matches!(self.stand, Stand::Starting | Stand::Ours | Stand::Refused { .. });
        let over = self.entry.map_or(self.progress.ended.is_some(), |entry| entry.slot.labels.state.is_terminal());
        !ours && !over
    }
}

/// The changes at work here.
pub fn at_work(state: &State) -> impl Iterator<Item = &Work> {
    state.clusters.iter().flat_map(|cluster| &cluster.works).filter(|work| work.is_at_work())
}

/// What is open in a group: at work here, else unfinished by the journal.
pub(crate) fn open_in(cluster: &Cluster, group: &GroupKey) -> Option<ChangeId> {
    if let Some(work) = cluster.works.iter().rev().find(|work| work.plan.group == *group && work.is_at_work()) {
        let id = work.change.clone().map(ChangeId::Change);
        return Some(id.unwrap_or_else(|| ChangeId::Plan(work.plan.id.clone())));
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
