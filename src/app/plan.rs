//! A plan to be looked at, and applied: it never changes by itself.

use std::collections::BTreeSet;

use crate::core::check;
use crate::core::fix;
use crate::core::group::GroupKind;
use crate::core::image::digest_of;
use crate::core::plan::{Draft, Goal, Want, identity, plan, plural};
use crate::core::registry::{Fact, Facts};
use crate::core::text::clean;
use crate::core::time::Time;
use crate::core::wire::v1::{Action, Plan, Unit};
use crate::core::world::World;

use super::state::{Cluster, Guard, State};
use crate::core::image::short;

/// A plan on the screen.
#[derive(Clone, Debug)]
pub struct PlanState {
    /// The cluster.
    pub cluster: usize,
    /// What is asked for.
    pub goal: Goal,
    /// The plan: once nothing is left to learn, it stays as it is shown.
    pub shown: Draft,
    /// Whether it is still equal to what is live.
    pub fresh: Fresh,
    /// Whether its warnings were acknowledged.
    pub warnings: Warnings,
    /// Whether it stops after each unit.
    pub stepping: Stepping,
    /// The services in the order the operator wants them, by id; empty: the planner's.
    pub order: Vec<String>,
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
    pub fn new(cluster: usize, goal: Goal, one: &Cluster, now: Time) -> Self {
        let shown = plan(&goal, &one.world, &one.facts, now);
        let mut state = Self {
            cluster,
            goal,
            shown,
            fresh: Fresh::Making,
            warnings: Warnings::Open,
            stepping: Stepping::Off,
            order: Vec::new(),
            at: 0,
            folded: BTreeSet::new(),
            second: BTreeSet::new(),
        };
        state.completed();
        state
    }

    /// Looks again: a plan in the making goes on, one that is complete is only compared with what is live.
    pub fn look(&mut self, one: &Cluster, now: Time) {
        let mut draft = plan(&self.goal, &one.world, &one.facts, now);
        if self.fresh == Fresh::Making {
            self.shown = draft;
            return self.completed();
        }
        reorder(&mut draft.plan, &self.order);
        self.second.clone_from(&draft.wants);
        self.fresh = if draft.plan.id == self.shown.plan.id {
            Fresh::Equal
        } else if draft.wants.is_empty() {
            Fresh::Stale(moved(&self.shown.plan, &draft.plan, &one.world))
        } else {
            Fresh::Checking
        };
    }

    /// Plans anew, as asked for.
    pub fn again(&mut self, one: &Cluster, now: Time) {
        *self = Self { at: self.at, ..Self::new(self.cluster, self.goal.clone(), one, now) };
    }

    /// A plan with nothing left to learn is held, and gets its defaults.
    fn completed(&mut self) {
        if !self.shown.wants.is_empty() {
            return;
        }
        self.fresh = Fresh::Equal;
        self.at = self.shown.plan.units.iter().position(|unit| unit.action != Action::None).unwrap_or(0);
        let several = self.shown.plan.active().count() > 1;
        if several && self.shown.plan.group.kind == GroupKind::Database {
            self.stepping = Stepping::On;
        }
    }

    /// What has to be learned.
    pub fn wants(&self) -> &BTreeSet<Want> {
        if self.fresh == Fresh::Making { &self.shown.wants } else { &self.second }
    }

    /// Moves a unit before or after its neighbour; the plan gets another id by that.
    pub fn move_unit(&mut self, by: isize) {
        let units = &mut self.shown.plan.units;
        let Some(to) = self.at.checked_add_signed(by).filter(|to| *to < units.len() && self.at < units.len()) else {
            return;
        };
        units.swap(self.at, to);
        self.order = units.iter().map(|unit| unit.service_id.clone()).collect();
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

    /// How many things the cursor can be on.
    pub fn len(&self) -> usize {
        self.shown.plan.units.len() + self.shown.plan.findings.len()
    }

    /// Whether there is nothing the cursor can be on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why it cannot be applied, if so.
    pub fn obstacle(&self, state: &State) -> Option<String> {
        let cluster = state.clusters.get(self.cluster)?;
        if state.config.settings.read_only || cluster.guard == Guard::ReadOnly {
            return Some("this cluster is read-only here".to_owned());
        }
        match &self.fresh {
            Fresh::Making => return Some("what it needs to know is not answered yet".to_owned()),
            Fresh::Checking => return Some("something moved, and it is being looked at".to_owned()),
            Fresh::Stale(moved) => return Some(format!("stale: {moved}; plan again first")),
            Fresh::Equal => {}
        }
        if !matches!(cluster.world.link, crate::core::world::Link::Live) {
            return Some("the cluster does not answer, so nobody knows whether it still holds".to_owned());
        }
        self.shown.obstacle(self.warnings == Warnings::Acknowledged)
    }
}

/// Puts units into the order the operator wants; those not named stay behind.
fn reorder(plan: &mut Plan, order: &[String]) {
    if order.is_empty() {
        return;
    }
    let place = |unit: &Unit| order.iter().position(|id| *id == unit.service_id).unwrap_or(order.len());
    plan.units.sort_by_key(place);
    plan.id = identity(plan);
}

/// What moved since a plan was made, in one clause.
fn moved(old: &Plan, new: &Plan, world: &World) -> String {
    if old.parent != new.parent {
        let newest = world.history(&new.group).newest();
        return newest.map_or("the group's history moved".to_owned(), |entry| {
            format!("change {} by {} came between", entry.slot.seq, clean(&entry.slot.labels.by))
        });
    }
    for unit in &old.units {
        let Some(now) = new.units.iter().find(|other| other.service_id == unit.service_id) else {
            let there = world.services.contains_key(&unit.service_id);
            let what = if there { "needs nothing any more" } else { "is gone" };
            return format!("{} {what}", clean(&unit.service));
        };
        let name = clean(&unit.service);
        if now.from != unit.from {
            return format!("{name} runs {} now", clean(&short(&now.from.image)));
        }
        if now.to != unit.to {
            let to = digest_of(&now.to.image).map_or_else(|| now.to.image.clone(), |d| format!("@{}", d.short()));
            return format!("the target of {name} is {} now", clean(&to));
        }
        if now.rest != unit.rest {
            return format!("somebody edited {name}");
        }
        if now.action != unit.action {
            return format!("{name} is “{}” now", now.action.word());
        }
    }
    if new.units.len() > old.units.len() {
        return "more services are concerned now".to_owned();
    }
    let same = old.pins_before == new.pins_before;
    if same { "the plan moved".to_owned() } else { "the pins in force changed".to_owned() }
}

/// Forgets what is known of a plan's images where that may have changed since, so that it is asked for anew.
pub fn forget_old(goal: &Goal, one: &mut Cluster, now: Time) {
    let draft = plan(goal, &one.world, &one.facts, now);
    let mut images: BTreeSet<String> = draft.plan.units.iter().map(|unit| unit.to.image.clone()).collect();
    if let Goal::Pins { group, text } = goal {
        images.extend(check::images(group, &crate::core::pins::read(text), &one.world, &one.facts).into_keys());
    }
    for image in images {
        forget_image(one, &image, now);
    }
}

/// Forgets what is known of an image where that may have changed since.
pub(super) fn forget_image(one: &mut Cluster, image: &str, now: Time) {
    if is_old(&one.facts, image, now) {
        one.facts.forget(image);
        one.asked.remove(&Want::Engine(image.to_owned()));
        one.asked.remove(&Want::Image(image.to_owned()));
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
pub fn headline(plan: &Plan) -> String {
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
pub fn docker_lines(plan: &Plan) -> String {
    let lines: Vec<_> = plan.active().map(|(_, unit)| fix::update(&unit.to.image, &unit.service)).collect();
    lines.join("\n")
}
