//! A plan to be looked at, and applied: it never changes by itself.

use crate::clusters::ClusterId;
use std::collections::BTreeSet;

use pinnace_core::check;
use pinnace_core::export;
use pinnace_core::finding::Code;
use pinnace_core::image::digest_of;
use pinnace_core::plan::{Action, Plan, Unit};
use pinnace_core::plan::{Draft, Goal, PlanOptions, identity, moved, plan, plural};
use pinnace_core::registry::Want;
use pinnace_core::registry::{Fact, Facts};
use pinnace_core::time::Time;

use crate::availability::Reason;
use crate::selection::Selection;
use crate::state::Cluster;

/// A plan on the screen.
#[derive(Clone, Debug)]
pub struct PlanState {
    /// The cluster.
    pub cluster: ClusterId,
    /// What is asked for.
    pub goal: Goal,
    /// The plan: once nothing is left to learn, it stays as it is shown.
    pub shown: Draft,
    /// Whether it is still equal to what is live.
    pub fresh: Fresh,
    /// Whether its warnings were acknowledged.
    pub warnings: Warnings,
    /// Whether it was accepted that no registry answers for what it goes back to.
    pub unchecked: Warnings,
    /// Whether it stops after each unit.
    pub stepping: Stepping,
    /// The operator's choices.
    pub manner: PlanOptions,
    /// Why, as the operator says.
    pub why: String,
    /// The chosen unit or finding.
    pub at: usize,
    /// The units that are folded open or closed against what fits.
    pub folded: BTreeSet<usize>,
    /// What is wanted for the second look of a plan that was complete.
    pub second: BTreeSet<Want>,
}

/// Whether a plan is still equal to what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// It is not complete yet.
    Making,
    /// It is.
    Equal,
    /// Something moved, and it has to be looked at first.
    Checking,
    /// It is not: this moved.
    Stale(String),
}

/// Whether the warnings of a plan were acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// Not yet.
    Open,
    /// They were.
    Acknowledged,
}

impl Warnings {
    /// The other of the two.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Open => Self::Acknowledged,
            Self::Acknowledged => Self::Open,
        }
    }
}

/// Whether a change stops after each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepping {
    /// It does, and asks.
    On,
    /// It goes through.
    Off,
}

impl PlanState {
    /// Plans, as far as that is possible now.
    pub fn new(cluster: ClusterId, goal: Goal, one: &Cluster, now: Time) -> Self {
        let manner = PlanOptions::default();
        let shown = plan(&goal, &manner, &one.world, &one.facts, now);
        let mut state = Self {
            cluster,
            goal,
            shown,
            fresh: Fresh::Making,
            warnings: Warnings::Open,
            unchecked: Warnings::Open,
            stepping: Stepping::Off,
            manner,
            why: String::new(),
            at: 0,
            folded: BTreeSet::new(),
            second: BTreeSet::new(),
        };
        state.completed();
        state
    }

    /// Looks again: a plan in the making goes on, one that is complete is only compared with what is live.
    pub fn look(&mut self, one: &Cluster, now: Time) {
        let draft = plan(&self.goal, &self.manner, &one.world, &one.facts, now);
        if self.fresh == Fresh::Making {
            self.shown = draft;
            return self.completed();
        }
        self.second.clone_from(&draft.wants);
        self.fresh = match moved(&self.shown.plan, &draft.plan, &one.world) {
            None => Fresh::Equal,
            Some(moved) if draft.wants.is_empty() => Fresh::Stale(moved),
            Some(_) => Fresh::Checking,
        };
    }

    /// Plans with another choice, or another goal; what else the operator did to the plan stays.
    pub fn choose(&mut self, one: &Cluster, now: Time) {
        self.shown = plan(&self.goal, &self.manner, &one.world, &one.facts, now);
        self.warnings = Warnings::Open;
        self.at = self.at.min(self.len().saturating_sub(1));
        self.fresh = if self.shown.wants.is_empty() { Fresh::Equal } else { Fresh::Making };
    }

    /// Plans anew, as asked for.
    pub fn again(&mut self, one: &Cluster, now: Time) {
        let (manner, why) = (self.manner.clone(), std::mem::take(&mut self.why));
        *self = Self { at: self.at, why, ..Self::new(self.cluster, self.goal.clone(), one, now) };
        if manner != self.manner {
            self.manner = manner;
            self.choose(one, now);
        }
    }

    /// A plan with nothing left to learn is held, and gets its defaults.
    fn completed(&mut self) {
        if !self.shown.wants.is_empty() {
            return;
        }
        self.fresh = Fresh::Equal;
        self.at = self.shown.plan.units.iter().position(|unit| unit.action != Action::None).unwrap_or(0);
        let unknown = Code::RolesUnknown.name();
        if self.shown.plan.findings.iter().any(|finding| finding.code == unknown) {
            self.stepping = Stepping::On;
        }
    }

    /// What has to be learned.
    pub fn wants(&self) -> &BTreeSet<Want> {
        if self.fresh == Fresh::Making { &self.shown.wants } else { &self.second }
    }

    /// Moves a unit before or after its neighbour; the plan gets another id by that.
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

    /// Whether a unit's reasons and effects are shown.
    pub fn is_open(&self, at: usize) -> bool {
        let few = self.shown.plan.units.len() <= 6;
        let active = self.shown.plan.units.get(at).is_some_and(|unit| unit.action != Action::None);
        (active && few) != self.folded.contains(&at)
    }

    /// The unit under the cursor, or the first that the finding there names; its service, and the image it brings.
    pub(crate) fn selection<'a>(&'a self, one: Option<&Cluster>) -> Selection<'a> {
        let plan = &self.shown.plan;
        let selection = Selection::new(self.cluster, Reason::NothingPlanned).with_group(&plan.group);
        let named = || {
            let finding = plan.findings.get(self.at.checked_sub(plan.units.len())?)?;
            plan.units.iter().find(|unit| finding.services.contains(&unit.service))
        };
        match plan.units.get(self.at).or_else(named).or(plan.units.first()) {
            Some(unit) => selection.with_service(one, &unit.service_id, &unit.service).with_image_after(plan, unit),
            None => selection,
        }
    }

    /// How many things the cursor can be on.
    pub fn len(&self) -> usize {
        self.shown.plan.units.len() + self.shown.plan.findings.len()
    }

    /// Whether there is nothing the cursor can be on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Forgets what is known of a plan's images where that may have changed since, so that it is asked for anew.
pub(crate) fn forget_old(goal: &Goal, one: &mut Cluster, now: Time) {
    let draft = plan(goal, &PlanOptions::default(), &one.world, &one.facts, now);
    let mut images: BTreeSet<String> = draft.plan.units.iter().map(|unit| unit.to.image.clone()).collect();
    if let Goal::Pins { group, text } = goal {
        images.extend(check::images(group, &pinnace_core::pins::read(text), &one.world, &one.facts).into_keys());
    }
    for image in images {
        forget_image(one, &image, now);
    }
}

/// Forgets what is known of an image where that may have changed since.
pub(crate) fn forget_image(one: &mut Cluster, image: &str, now: Time) {
    if is_old(&one.facts, image, now) {
        one.facts.forget(image);
    }
}

/// A tag may move within a minute; what failed may be there in the next moment.
fn is_old(facts: &Facts, image: &str, now: Time) -> bool {
    match facts.image(image) {
        Fact::Known { at, .. } => digest_of(image).is_none() && now.since(*at).as_secs() >= 60,
        Fact::Failed { at, .. } => now.since(*at).as_secs() >= 5,
        Fact::Unknown | Fact::Asked => false,
    }
}

/// What a plan is for, in one line.
pub(crate) fn headline(plan: &Plan) -> String {
    let active: Vec<&Unit> = plan.active().map(|(_, unit)| unit).collect();
    let (restarts, stays) = active
        .iter()
        .fold((0, 0), |(restarts, stays), unit| (restarts + unit.effect.restarts, stays + unit.effect.stays));
    if plan.has_nothing_to_do() {
        return "nothing to do".to_owned();
    }
    if active.is_empty() {
        let blocked = plan.units.iter().filter(|unit| unit.action == Action::Blocked).count();
        return match blocked {
            0 => "changes the pins only: no service is touched".to_owned(),
            _ => format!("every one of {blocked} {} is blocked by an error", plural(blocked, "unit")),
        };
    }
    let count = active.len();
    let tasks = |count: u64, verb: &str| {
        let verb = if count == 1 { format!("{verb}s") } else { verb.to_owned() };
        format!("{count} {} {verb}", plural(usize::try_from(count).unwrap_or(2), "task"))
    };
    let stays = if stays == 0 { String::new() } else { format!(", {}", tasks(stays, "stay")) };
    format!("{count} {} · {}{stays}", plural(count, "service"), tasks(restarts, "restart"))
}

/// The same as `docker service update` lines.
pub(crate) fn docker_lines(plan: &Plan) -> String {
    let lines: Vec<_> = plan.active().map(|(_, unit)| export::update(&unit.to.image, &unit.service)).collect();
    lines.join("\n")
}
