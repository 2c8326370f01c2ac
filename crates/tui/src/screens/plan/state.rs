//! The state of the plan screen. A complete plan never changes automatically; it only becomes stale.

use crate::clusters::ClusterId;
use std::collections::BTreeSet;

use pinnace_core::check;
use pinnace_core::export;
use pinnace_core::finding::Code;
use pinnace_core::image::digest_of;
use pinnace_core::plan::{Goal, PlanDraft, PlanOptions, identity, moved, plan, plural};
use pinnace_core::plan::{Plan, PlanKind, Unit, UnitAction};
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::{Fact, Facts};
use pinnace_core::time::Time;

use crate::availability::Unavailable;
use crate::selection::Selection;
use crate::state::ClusterState;

/// A plan under review, with the operator's choices.
#[derive(Clone, Debug)]
pub struct PlanState {
    pub cluster: ClusterId,
    /// The goal that the plan is made for.
    pub goal: Goal,
    /// The plan shown; fixed once nothing is left to learn.
    pub shown: PlanDraft,
    /// The result of the last staleness check.
    pub fresh: Freshness,
    /// The acknowledgement of the plan's warnings.
    pub warnings: Acknowledgement,
    /// The acknowledgement that no registry confirms the images of a rollback.
    pub unchecked: Acknowledgement,
    /// The choice to pause after each unit.
    pub stepping: PauseMode,
    /// The operator's options for the plan.
    pub manner: PlanOptions,
    /// The operator's reason for the change; may be empty.
    pub why: String,
    /// The index of the chosen unit or finding; the findings follow the units.
    pub at: usize,
    /// The indices of the units that the operator folded or unfolded, contrary to the default.
    pub folded: BTreeSet<usize>,
    /// The queries that the staleness check of a complete plan still needs.
    pub second: BTreeSet<FactQuery>,
}

/// The result of comparing a plan with the live swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A plan that is not complete yet.
    Incomplete,
    /// A complete plan that is up to date.
    UpToDate,
    /// A plan that may be stale; the facts for the comparison are being loaded.
    Checking,
    /// A stale plan, and what changed, in one clause.
    Stale(String),
}

/// The state of an acknowledgement by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// A pending acknowledgement.
    Missing,
    /// A given acknowledgement.
    Given,
}

impl Acknowledgement {
    /// Returns the opposite state, for a key that toggles it.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Missing => Self::Given,
            Self::Given => Self::Missing,
        }
    }
}

/// The choice to pause a change after each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// A pause after each unit, with a question to the operator.
    On,
    /// No pauses.
    Off,
}

impl PlanState {
    /// Makes a plan from what is known now; it may be incomplete.
    pub fn new(cluster: ClusterId, goal: Goal, one: &ClusterState, now: Time) -> Self {
        let manner = PlanOptions::default();
        let shown = plan(&goal, &manner, &one.world, &one.facts, now);
        let mut state = Self {
            cluster,
            goal,
            shown,
            fresh: Freshness::Incomplete,
            warnings: Acknowledgement::Missing,
            unchecked: Acknowledgement::Missing,
            stepping: PauseMode::Off,
            manner,
            why: String::new(),
            at: 0,
            folded: BTreeSet::new(),
            second: BTreeSet::new(),
        };
        state.completed();
        state
    }

    /// Plans again after new observations or facts: an incomplete plan is replaced, a complete one is only compared.
    pub fn look(&mut self, one: &ClusterState, now: Time) {
        let draft = plan(&self.goal, &self.manner, &one.world, &one.facts, now);
        if self.fresh == Freshness::Incomplete {
            self.shown = draft;
            return self.completed();
        }
        self.second.clone_from(&draft.wants);
        self.fresh = match moved(&self.shown.plan, &draft.plan, &one.world) {
            None => Freshness::UpToDate,
            Some(moved) if draft.wants.is_empty() => Freshness::Stale(moved),
            Some(_) => Freshness::Checking,
        };
    }

    /// Plans again with another option or goal. Warnings have to be
    /// acknowledged again; the operator's other choices stay.
    pub fn choose(&mut self, one: &ClusterState, now: Time) {
        self.shown = plan(&self.goal, &self.manner, &one.world, &one.facts, now);
        self.warnings = Acknowledgement::Missing;
        self.at = self.at.min(self.len().saturating_sub(1));
        self.fresh = if self.shown.wants.is_empty() { Freshness::UpToDate } else { Freshness::Incomplete };
    }

    /// Plans again on the operator's request; keeps the options, the reason and the cursor.
    pub fn again(&mut self, one: &ClusterState, now: Time) {
        let (manner, why) = (self.manner.clone(), std::mem::take(&mut self.why));
        *self = Self { at: self.at, why, ..Self::new(self.cluster, self.goal.clone(), one, now) };
        if manner != self.manner {
            self.manner = manner;
            self.choose(one, now);
        }
    }

    /// Fixes a plan that has nothing left to learn, and sets its defaults: the cursor,
    /// and pauses if the roles of database nodes are unknown.
    fn completed(&mut self) {
        if !self.shown.wants.is_empty() {
            return;
        }
        self.fresh = Freshness::UpToDate;
        self.at = self.shown.plan.units.iter().position(|unit| unit.action != UnitAction::None).unwrap_or(0);
        let unknown = Code::RolesUnknown.name();
        if self.shown.plan.findings.iter().any(|finding| finding.code == unknown) {
            self.stepping = PauseMode::On;
        }
    }

    /// Returns the queries for what has to be learned, for the plan itself or for its staleness check.
    pub fn queries(&self) -> &BTreeSet<FactQuery> {
        if self.fresh == Freshness::Incomplete { &self.shown.wants } else { &self.second }
    }

    /// Moves the chosen unit by `by` positions; the order is part of the plan's id, so the id changes.
    pub(crate) fn move_unit(&mut self, by: isize) {
        let units = &mut self.shown.plan.units;
        let Some(to) = self.at.checked_add_signed(by).filter(|to| *to < units.len() && self.at < units.len()) else {
            return;
        };
        units.swap(self.at, to);
        self.manner.order = units.iter().map(|unit| unit.service_id.clone()).collect();
        self.shown.plan.id = identity(&self.shown.plan);
        self.at = to;
        self.folded.clear();
    }

    /// Returns whether a unit's reasons and effects are shown.
    pub fn is_open(&self, at: usize) -> bool {
        let few = self.shown.plan.units.len() <= 6;
        let active = self.shown.plan.units.get(at).is_some_and(|unit| unit.action != UnitAction::None);
        (active && few) != self.folded.contains(&at)
    }

    /// Returns the service and new image of the unit under the cursor, or of
    /// the first unit that the finding there names.
    pub(crate) fn selection<'a>(&'a self, one: Option<&ClusterState>) -> Selection<'a> {
        let plan = &self.shown.plan;
        let selection = Selection::new(self.cluster, Unavailable::NothingPlanned).with_group(&plan.group);
        let named = || {
            let finding = plan.findings.get(self.at.checked_sub(plan.units.len())?)?;
            plan.units.iter().find(|unit| finding.services.contains(&unit.service))
        };
        match plan.units.get(self.at).or_else(named).or(plan.units.first()) {
            Some(unit) => selection.with_service(one, &unit.service_id, &unit.service).with_image_after(plan, unit),
            None => selection,
        }
    }

    /// Returns the number of cursor positions: units and findings.
    pub fn len(&self) -> usize {
        self.shown.plan.units.len() + self.shown.plan.findings.len()
    }

    /// Returns whether the plan has neither units nor findings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Drops the facts about a goal's images that may be out of date, so that they are looked up again.
pub(crate) fn forget_old(goal: &Goal, one: &mut ClusterState, now: Time) {
    let draft = plan(goal, &PlanOptions::default(), &one.world, &one.facts, now);
    let mut images: BTreeSet<String> = draft.plan.units.iter().map(|unit| unit.to.image.clone()).collect();
    if let Goal::Pins { group, text } = goal {
        images.extend(check::images(group, &pinnace_core::pins::read(text), &one.world, &one.facts).into_keys());
    }
    for image in images {
        forget_image(one, &image, now);
    }
}

/// Drops the facts about an image if they may be out of date.
pub(crate) fn forget_image(one: &mut ClusterState, image: &str, now: Time) {
    if is_old(&one.facts, image, now) {
        one.facts.forget(image);
    }
}

/// Returns whether the facts about an image may be out of date: after a minute for a tag, which may move; after five
/// seconds for a failed look-up, which may succeed the next time. A known digest never ages.
fn is_old(facts: &Facts, image: &str, now: Time) -> bool {
    match facts.image(image) {
        Fact::Known { at, .. } => digest_of(image).is_none() && now.since(*at).as_secs() >= 60,
        Fact::Failed { at, .. } => now.since(*at).as_secs() >= 5,
        Fact::Unknown | Fact::Pending => false,
    }
}

/// Summarizes the effect of a plan in one line.
pub(crate) fn headline(plan: &Plan) -> String {
    let active: Vec<&Unit> = plan.active().map(|(_, unit)| unit).collect();
    let (restarts, stays) = active
        .iter()
        .fold((0, 0), |(restarts, stays), unit| (restarts + unit.effect.restarts, stays + unit.effect.stays));
    if plan.has_nothing_to_do() {
        return "nothing to do".to_owned();
    }
    if active.is_empty() {
        let blocked = plan.units.iter().filter(|unit| unit.action == UnitAction::Blocked).count();
        return match blocked {
            0 => "pins only: no service changes".to_owned(),
            _ => format!("nothing to apply: errors block {blocked} {}", plural(blocked, "unit")),
        };
    }
    let count = active.len();
    let tasks = |count: u64, verb: &str| {
        let verb = if count == 1 { format!("{verb}s") } else { verb.to_owned() };
        format!("{count} {} {verb}", plural(usize::try_from(count).unwrap_or(2), "task"))
    };
    let stays = if stays == 0 { String::new() } else { format!(", {}", tasks(stays, "stay")) };
    let starts = format!("{restarts} {} to start", plural(usize::try_from(restarts).unwrap_or(2), "task"));
    format!("{count} {} · {starts}{stays}", plural(count, "service"))
}

/// Returns the label of a unit's action: a unit of a redeploy is not called a rollback or an update.
pub(crate) fn action_label(plan: &Plan, unit: &Unit) -> &'static str {
    match (plan.kind, unit.action) {
        (PlanKind::Redeploy, UnitAction::Rollback | UnitAction::Update) => "redeploy",
        (_, action) => action.label(),
    }
}

/// Formats the plan as `docker service update` commands, one line for each active unit.
pub(crate) fn docker_lines(plan: &Plan) -> String {
    let lines: Vec<_> = plan.active().map(|(_, unit)| export::update(&unit.to.image, &unit.service)).collect();
    lines.join("\n")
}
