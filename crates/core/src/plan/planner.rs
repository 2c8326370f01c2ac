//! The planner's entry point: from a goal to a draft of a plan.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{ChangeRecord, Consent, DriftResolution, Goal, Plan, PlanKind, PlanOptions, Unit, UnitAction};
use crate::check;
use crate::finding::{Code, Finding, Severity, gathered};
use crate::journal::{RECORD_LIMIT, record_size};
use crate::pins::{self, PinDoc, effective};
use crate::registry::{FactQuery, Facts};
use crate::sanitize::clean;
use crate::swarm::{GroupKey, Service, hex};
use crate::time::Time;
use crate::world::World;

/// The length of a change's id in its record, a `UUIDv7` in text form.
const CHANGE_ID: usize = 36;

/// A plan in the making, with the look-ups that are still missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDraft {
    /// The plan as far as it is known.
    pub plan: Plan,
    /// The look-ups that must be answered before the plan can be applied.
    pub wants: BTreeSet<FactQuery>,
}

impl PlanDraft {
    /// Returns the reason why the plan as a whole cannot be applied with this consent; `None` if it can.
    pub fn obstacle(&self, consent: Consent) -> Option<String> {
        if !self.wants.is_empty() {
            return Some(format!("waiting for {} {}", self.wants.len(), plural(self.wants.len(), "lookup")));
        }
        let plan = &self.plan;
        if plan.has_nothing_to_do() {
            return Some("nothing to do".into());
        }
        if plan.active().next().is_none() && plan.units.iter().any(|unit| unit.action == UnitAction::Blocked) {
            return Some("errors block every unit".into());
        }
        if plan.findings.iter().any(|finding| finding.severity == Severity::Error && finding.services.is_empty()) {
            return Some("an error blocks the plan".into());
        }
        let unchecked = plan.unchecked().count();
        if unchecked > 0 && !consent.unchecked {
            let units = plural(unchecked, "unit");
            let images = plural(unchecked, "image");
            return Some(format!("accept the unverified {images} of {unchecked} {units} first"));
        }
        let warnings = plan.warnings();
        (warnings > 0 && !consent.warnings)
            .then(|| format!("acknowledge {warnings} {} first", plural(warnings, "warning")))
    }
}

/// Returns the noun in the form for the count: `warning` for 1, otherwise `warnings`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

impl Plan {
    /// Returns the units that post an update, with their index in the plan.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Unit)> {
        self.units.iter().enumerate().filter(|(_, unit)| unit.action.is_active())
    }

    /// Returns whether the plan changes neither a service nor the pins.
    pub fn has_nothing_to_do(&self) -> bool {
        self.units.iter().all(|unit| unit.action == UnitAction::None) && !self.changes_pins()
    }

    /// Returns whether the plan changes the pins in force.
    pub fn changes_pins(&self) -> bool {
        let read = |text: &Option<String>| text.as_deref().map(pins::read).unwrap_or_default();
        !read(&self.pins_before).means_as(&read(&self.pins_after))
    }

    /// Counts the findings of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Makes a plan from its arguments alone. `now` is the plan's creation time, and the reference for
/// displayed ages.
pub fn plan(goal: &Goal, manner: &PlanOptions, world: &World, facts: &Facts, now: Time) -> PlanDraft {
    let mut work = Planner::new((goal, manner), world, facts, now);
    match goal {
        Goal::Pins { text, .. } => work.pins(text),
        Goal::Back { scope, to, .. } => work.back(scope, to.as_ref()),
        Goal::Redeploy { scope, by, .. } => work.again(scope, *by),
        Goal::Drift { scope, how, .. } => work.settle(scope, *how),
    }
    work.finish(now)
}

/// The planner's state while it makes a plan.
pub(super) struct Planner<'a> {
    pub(super) group: &'a GroupKey,
    pub(super) manner: &'a PlanOptions,
    pub(super) world: &'a World,
    pub(super) facts: &'a Facts,
    /// The current time, for displayed ages only.
    pub(super) now: Time,
    pub(super) kind: PlanKind,
    pub(super) units: Vec<Unit>,
    pub(super) findings: Vec<Finding>,
    pub(super) wants: BTreeSet<FactQuery>,
    pub(super) pins_before: Option<String>,
    pub(super) pins_after: Option<String>,
}

impl<'a> Planner<'a> {
    fn new((goal, manner): (&'a Goal, &'a PlanOptions), world: &'a World, facts: &'a Facts, now: Time) -> Self {
        let kind = match goal {
            Goal::Pins { .. } | Goal::Drift { how: DriftResolution::Accept, .. } => PlanKind::Pin,
            Goal::Back { .. } | Goal::Drift { how: DriftResolution::Back, .. } => PlanKind::Rollback,
            Goal::Redeploy { .. } => PlanKind::Redeploy,
        };
        let group = goal.group();
        let mut work = Self {
            group,
            manner,
            world,
            facts,
            now,
            kind,
            units: Vec::new(),
            findings: Vec::new(),
            wants: BTreeSet::new(),
            pins_before: None,
            pins_after: None,
        };
        if !world.knows_journal() {
            work.wants.insert(FactQuery::Journal);
        }
        match world.history(group).pins() {
            Ok(text) => work.pins_before = text.map(str::to_owned),
            Err(change) => {
                work.wants.insert(FactQuery::Record(change.to_owned()));
            }
        }
        work.pins_after.clone_from(&work.pins_before);
        work.note_unreadable_pins();
        work
    }

    /// Warns if the pins in force cannot be read: the plan then starts from none.
    fn note_unreadable_pins(&mut self) {
        let history = self.world.history(self.group);
        let entry = history.in_force().filter(|entry| entry.record.is_none());
        let Some((entry, record)) = entry.and_then(|entry| Some((entry, history.unreadable(&entry.slot.change)?)))
        else {
            return;
        };
        let message = format!(
            "the pins in force are not known: the record of change {} cannot be read (config {}: {})",
            clean(&entry.slot.change),
            clean(&record.config),
            clean(&record.why)
        );
        let hint = format!(
            "the plan starts without pins; `docker config inspect {0}` shows the record, `docker config rm {0}` removes it",
            clean(&record.config)
        );
        // Edited pins would replace pins that nobody could read; a way back must not wait for that.
        let severity = if self.kind == PlanKind::Pin { Severity::Error } else { Severity::Warning };
        let services = self.world.members(self.group).map(|service| service.name.clone());
        let finding = Finding::new(severity, Code::RecordUnreadable, self.group.to_string(), message);
        self.findings.push(finding.hint(hint).on(services));
    }

    pub(super) fn doc(text: Option<&String>) -> PinDoc {
        text.map(|text| pins::read(text)).unwrap_or_default()
    }

    /// Plans the services whose effective pin differs between the edited document and the one in force.
    fn pins(&mut self, text: &str) {
        let before = Self::doc(self.pins_before.as_ref());
        let after = pins::read(text);
        if !before.means_as(&after) {
            self.pins_after = Some(text.to_owned());
        }
        let mut touched = BTreeSet::new();
        for service in self.world.members(self.group) {
            if says(&before, self.group, service) == says(&after, self.group, service) {
                continue;
            }
            touched.insert(service.name.clone());
            let effective = effective(self.group, &after, &before, service, self.world, self.facts);
            let floating = after.rules_for(self.group, service).floating.unwrap_or(false);
            self.wish(service, &effective, floating);
        }
        if !touched.is_empty() {
            self.wants.extend(check::queries(self.group, &after, self.world, self.facts));
        }
        let beside = !before.same_beside(&after);
        let changed = |key: &pins::PinScope| beside || before.pins.get(key) != after.pins.get(key);
        let placed = check::document(self.group, &after, self.world, self.facts);
        let relevant = placed.into_iter().filter(|placed| {
            let of_touched = placed.finding.services.iter().any(|service| touched.contains(service));
            of_touched || placed.key.as_ref().is_none_or(changed)
        });
        self.findings.extend(relevant.map(|placed| placed.finding));
    }

    fn finish(mut self, now: Time) -> PlanDraft {
        self.order();
        self.busy();
        for at in 0..self.units.len() {
            self.place_findings(at);
        }
        self.block();
        self.roles_are_told();
        if self.wants.is_empty()
            && self.units.iter().all(|unit| unit.action == UnitAction::None)
            && self.pins_after == self.pins_before
            && self.findings.is_empty()
        {
            self.findings.push(Finding::new(
                Severity::Info,
                Code::NothingToDo,
                self.group.to_string(),
                "nothing to do: no pin differs from the pins in force",
            ));
        }
        self.findings = gathered(std::mem::take(&mut self.findings));
        let mut plan = Plan {
            v: 1,
            id: String::new(),
            created: now,
            swarm: self.world.engine.swarm.clone(),
            group: self.group.clone(),
            parent: self.world.history(self.group).parent(),
            kind: self.kind,
            api: self.world.engine.api.clone(),
            pins_before: self.pins_before,
            pins_after: self.pins_after,
            units: self.units,
            findings: self.findings,
            extra: serde_json::Map::new(),
        };
        plan.id = identity(&plan);
        let mut record = ChangeRecord { v: 1, change: "0".repeat(CHANGE_ID), plan, extra: serde_json::Map::new() };
        let is_too_large = record_size(&record) > RECORD_LIMIT;
        let plan = &mut record.plan;
        if is_too_large {
            let message = "its record would exceed the swarm's limit of 1,023,999 bytes";
            let finding = Finding::new(Severity::Error, Code::PlanTooLarge, plan.group.to_string(), message);
            plan.findings.insert(0, finding.hint("change fewer services at once"));
        }
        PlanDraft { plan: record.plan, wants: self.wants }
    }

    /// Adds an error if the group has an unfinished change.
    fn busy(&mut self) {
        let Some(entry) = self.world.history(self.group).unfinished() else { return };
        let slot = &entry.slot.labels;
        // An unfinished change that has not begun is closed by the next claim if its owner shows no sign of
        // life; the claim checks that.
        if entry.slot.is_unbegun() && !entry.slot.is_foreign() {
            return;
        }
        let message = format!("change {} by {} is not finished ({})", entry.slot.change, slot.by, slot.state.label());
        let hint = format!("watch it, or finish it first: `pinnace resume {}`", entry.slot.change);
        self.findings.push(
            Finding::new(Severity::Error, Code::ChangeUnfinished, self.group.to_string(), message)
                .hint(hint)
                .on(self.units.iter().map(|unit| unit.service.clone())),
        );
    }

    /// Blocks the units of the services that an error names; an error that names no service blocks all
    /// units.
    fn block(&mut self) {
        for unit in &mut self.units {
            let blocked = self.findings.iter().any(|finding| {
                finding.severity == Severity::Error
                    && (finding.services.is_empty() || finding.services.contains(&unit.service))
            });
            if blocked && unit.action.is_active() {
                unit.action = UnitAction::Blocked;
            }
        }
    }
}

/// Returns the parts of a document that decide which image a service runs: pin, versions for the manifest,
/// and whether the pin floats.
fn says<'a>(
    doc: &'a PinDoc,
    group: &GroupKey,
    service: &Service,
) -> (Option<&'a str>, Option<(&'a str, &'a str)>, bool) {
    let image = doc.effective(group, service).map(|(_, image)| image);
    let of_version = image == Some(pins::MANIFEST);
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    let versions = of_version.then(|| (text(&doc.postgres_version), text(&doc.spock_version)));
    let floating = image.is_some() && doc.rules_for(group, service).floating.unwrap_or(false);
    (image, versions, floating)
}

/// Returns the plan's id: the first 12 hexadecimal digits of a SHA-256 over everything that decides what is
/// done, and over nothing that only ages.
pub fn identity(plan: &Plan) -> String {
    let units: Vec<_> = plan
        .units
        .iter()
        .map(|unit| {
            let credentials = unit.credentials;
            serde_json::json!([unit.service_id, unit.action, unit.from, unit.to, unit.edits, unit.rest, credentials])
        })
        .collect();
    let all = serde_json::json!([plan.group, plan.parent, plan.kind, plan.pins_before, plan.pins_after, units]);
    hex(&Sha256::digest(crate::journal::sorted_hash(&all).as_bytes()))[..12].to_owned()
}
