//! Rollback plans: their units and their pins.

use crate::history::in_force;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::planner::Planner;
use super::{RollbackChoice, Scope};
use crate::check::subject::{CheckSubject, SubjectOrigin};
use crate::check::{self};
use crate::finding::{Code, Finding, Severity};
use crate::history::{CandidateSource, RollbackTarget, TargetSearch, journal_way, steps, way_back};
use crate::history::{RunVerdict, earlier, evidence, queries};
use crate::image::{Digest, ImageRef};
use crate::image_tag::constancy;
use crate::pins::{self, PinDoc, PinScope, means};
use crate::plan::{ChangeRecord, UnitAction};
use crate::registry::FactQuery;
use crate::swarm::Service;
use crate::swarm::{GroupKind, member_of};

/// The time within which updates of several services count as one, such as those of a stack deploy.
const TOGETHER: Duration = Duration::from_secs(600);

/// Warns about a rollback to an image that is not known to have run in the service.
fn not_known_to_run(case: &CheckSubject<'_>) -> Finding {
    let message = format!("{} is not known to have run here", case.image.short(false));
    case.all(Severity::Warning, Code::NotKnownToRun, message)
        .hint("choose an image that ran (`B`), or make sure of this one: `h` shows the history, `l` the logs")
}

impl Planner<'_> {
    /// Plans a rollback of the services in a scope.
    pub(super) fn back(&mut self, scope: &Scope, to: Option<&RollbackChoice>) {
        if !self.world.history(self.group).knows_sightings() {
            // What others deployed and a console saw running is a proof like any other.
            self.wants.insert(FactQuery::ExternalDeploys(self.group.clone()));
        }
        let ways = match to {
            Some(RollbackChoice::Change(change)) => self.before_change(scope, change),
            Some(RollbackChoice::Image(text)) => self.chosen(scope, text),
            None => self.immediately_before(scope),
        };
        let named = matches!(to, Some(RollbackChoice::Image(_)));
        for (service, way) in &ways {
            self.back_unit(service, way, named);
        }
        self.pins_back(&ways, named);
    }

    /// Plans the rollback of one service. `named` is set if its image was chosen directly, not through a
    /// change.
    pub(super) fn back_unit(&mut self, service: &Service, way: &RollbackTarget, named: bool) {
        let text = &way.places.image;
        let past = evidence(self.world, self.group, service, text);
        let reason = match &way.source {
            CandidateSource::Change(change) if !named => {
                format!("{}; the image before change {change}", past.describe())
            }
            CandidateSource::Registry => "never ran here: chosen from the registry's tags".to_owned(),
            CandidateSource::Pin(key) => format!("rolls back to {key}"),
            other => format!("{}; {}", past.describe(), other.describe()),
        };
        let Ok(image) = ImageRef::parse(text) else {
            return self.push(service, &service.places.clone(), UnitAction::Blocked, vec![reason]);
        };
        let fact = self.facts.image(&image.text);
        if !fact.answered() {
            self.wants.insert(FactQuery::Image(image.text.clone()));
        }
        if image.digest.is_none()
            && let Some(fact) = fact.known()
        {
            let message = format!(
                "rolls back to a tag without a digest: a node that pulls it gets what the tag names now, @{}",
                fact.digest.short()
            );
            self.findings.push(Finding::new(Severity::Info, Code::RunsByTag, service.name.clone(), message));
        }
        let in_force = in_force(self.group, self.world);
        let unknown = past.verdict == RunVerdict::NotKnown;
        let never_ran = way.source == CandidateSource::Registry || unknown;
        // In another instance it runs on other data: the checks apply as for a new image.
        let by = if never_ran || past.in_sibling { SubjectOrigin::Pin(&in_force) } else { SubjectOrigin::Back };
        let (world, facts) = (self.world, self.facts);
        let case = CheckSubject { group: self.group, services: vec![service], world, facts, image: &image, by };
        let mut found = check::about_image(&case);
        if way.source != CandidateSource::Registry {
            if unknown {
                found.push(not_known_to_run(&case));
            }
            found.extend(check::failed_before(&case));
        }
        let unchecked = found.iter().any(|finding| finding.is(Code::NotVerified));
        let unchecked = fact.failed().filter(|_| unchecked).map(|why| check::unverified_rollback::reason(&image, why));
        self.findings.extend(found);
        if fact.failed().is_some() {
            // Without the registry's answer, the service's history decides whether a rollback to this image
            // is allowed.
            self.wants.extend(self.unread(service));
        }
        let mut reasons = vec![reason];
        if !service.previous_differs.is_empty() && way.source == CandidateSource::EnginePrevious {
            reasons.push(format!(
                "other differences from the previous spec stay: {}",
                service.previous_differs.join(", ")
            ));
        }
        self.push(service, &way.places, if never_ran { UnitAction::Update } else { UnitAction::Rollback }, reasons);
        if let Some(unit) = self.units.last_mut().filter(|unit| unit.action != UnitAction::None) {
            unit.unchecked = unchecked;
        }
    }

    pub(super) fn in_scope<'b>(&self, scope: &'b Scope) -> Vec<Service>
    where
        Self: 'b,
    {
        self.world.members(self.group).filter(|service| scope.holds(service)).cloned().collect()
    }

    /// Returns the targets that ran immediately before what runs now.
    ///
    /// Of several services, only those that were changed together are rolled back: those of the newest
    /// change that is still in effect, else those in trouble, else those of the newest update.
    fn immediately_before(&mut self, scope: &Scope) -> Vec<(Service, RollbackTarget)> {
        let services = self.in_scope(scope);
        let mut ways: Vec<(u64, Service, RollbackTarget)> = Vec::new();
        let mut stands: BTreeMap<u64, String> = BTreeMap::new();
        let mut others: Vec<Service> = Vec::new();
        for service in services {
            match journal_way(self.world, self.group, &service) {
                Ok(Some(TargetSearch::Found(way))) => ways.push((self.seq(&way.source), service, *way)),
                Ok(Some(TargetSearch::AlreadyRolledBack(change))) => {
                    stands.insert(self.seq(&CandidateSource::Change(change.clone())), change);
                }
                Ok(_) => others.push(service),
                Err(change) => {
                    self.wants.insert(FactQuery::Record(change));
                }
            }
        }
        let newest = ways.iter().map(|(seq, ..)| *seq).max().unwrap_or(0);
        let newest_back = stands.keys().next_back().copied().unwrap_or(0);
        if newest > newest_back {
            return ways
                .into_iter()
                .filter(|(seq, ..)| *seq == newest)
                .map(|(_, service, way)| (service, way))
                .collect();
        }
        if newest_back > 0 && !others.iter().any(|service| self.in_trouble(service)) {
            others.clear();
        }
        let (found, no_way) = self.outside_the_journal(others);
        if found.is_empty() && self.wants.is_empty() {
            self.nowhere(scope, stands.values().next_back(), &no_way);
        }
        found
    }

    fn seq(&self, source: &CandidateSource) -> u64 {
        let CandidateSource::Change(change) = source else { return 0 };
        self.world.history(self.group).find(change).map_or(0, |entry| entry.slot.seq)
    }

    /// Returns targets from the engine's previous spec or from old tasks, and the names of the services
    /// without a target.
    fn outside_the_journal(&mut self, services: Vec<Service>) -> (Vec<(Service, RollbackTarget)>, Vec<String>) {
        let (mut ways, mut no_way) = (Vec::new(), Vec::new());
        for service in services {
            match way_back(self.world, self.group, &service) {
                TargetSearch::Found(way) => ways.push((service, *way)),
                TargetSearch::Needs(wants) => self.wants.extend(wants),
                TargetSearch::AlreadyRolledBack(_) | TargetSearch::NoneKnown => no_way.push(service.name),
            }
        }
        let troubled: Vec<_> = ways.iter().filter(|(service, _)| self.in_trouble(service)).cloned().collect();
        if !troubled.is_empty() {
            return (troubled, no_way);
        }
        let last = ways.iter().filter_map(|(_, way)| way.at).max();
        ways.retain(|(_, way)| match (way.at, last) {
            (Some(at), Some(last)) => last.since(at) < TOGETHER,
            _ => true,
        });
        (ways, no_way)
    }

    fn in_trouble(&self, service: &Service) -> bool {
        self.world.health(&service.id).is_some_and(|health| health.state.is_trouble())
    }

    fn nowhere(&mut self, scope: &Scope, stands: Option<&String>, no_way: &[String]) {
        let subject = match scope {
            Scope::Group => self.group.to_string(),
            Scope::Member(name) | Scope::Service(name) => name.clone(),
        };
        let finding = if let Some(change) = stands {
            Finding::new(
                Severity::Info,
                Code::NothingToDo,
                subject,
                format!("nothing to do: the newest change, {change}, already rolled back and is in force"),
            )
            .hint("choose another target with `--to CHANGE` or `--to IMAGE`; `pinnace history SERVICE` lists them")
        } else {
            let what = if no_way.is_empty() {
                "no such service".to_owned()
            } else {
                format!("no earlier image is known to have run well in {}", no_way.join(", "))
            };
            Finding::new(Severity::Info, Code::NoWayBack, subject, format!("nothing to do: {what}"))
                .hint("`pinnace history SERVICE` (`B`) lists what it had: choose with `--to IMAGE`, or pin the image it should run")
        };
        self.findings.push(finding);
    }

    /// Returns the targets that restore the state before a chosen change.
    fn before_change(&mut self, scope: &Scope, change: &str) -> Vec<(Service, RollbackTarget)> {
        let history = self.world.history(self.group);
        let Some(entry) = history.find(change) else {
            let finding = Finding::new(
                Severity::Error,
                Code::NoWayBack,
                change.to_owned(),
                format!("{} has no change with this id", self.group),
            );
            self.findings.push(finding.hint("run `pinnace history` to list the changes"));
            return Vec::new();
        };
        let mut ways = Vec::new();
        for service in self.in_scope(scope) {
            let (steps, wants) = steps(self.world, self.group, &service);
            self.wants.extend(wants);
            let step = steps.into_iter().find(|step| step.entry.slot.change == entry.slot.change);
            if let Some(step) = step.filter(|step| step.before.image != service.image()) {
                let (source, at) = (CandidateSource::Change(entry.slot.change.clone()), step.at());
                ways.push((service, RollbackTarget { places: step.before, source, at }));
            }
        }
        ways
    }

    /// Returns the targets for a named image: one of a service's history, or a tag of its repository.
    fn chosen(&mut self, scope: &Scope, text: &str) -> Vec<(Service, RollbackTarget)> {
        let mut ways = Vec::new();
        for service in self.in_scope(scope) {
            let all = earlier(self.world, self.group, &service, self.facts, self.now);
            let found = all.into_iter().find(|one| one.is_meant(text));
            self.wants.extend(self.unread(&service));
            match found {
                Some(one) if one.is_now => {}
                Some(one) => {
                    ways.push((service, RollbackTarget { places: one.places, source: one.source, at: one.last }));
                }
                None => self.wants.extend(self.tags_to_read(&service, text)),
            }
        }
        if ways.is_empty() && self.wants.is_empty() {
            let finding = Finding::new(
                Severity::Error,
                Code::NoWayBack,
                text.to_owned(),
                "no service that has another image now is known to have run it, and no change has this id",
            );
            self.findings.push(finding.hint("run `pinnace history SERVICE` to list its images"));
        }
        ways
    }

    /// Returns the look-ups that are still needed to know how an image fared in a service; tag lists are
    /// not among them.
    pub(super) fn unread(&self, service: &Service) -> BTreeSet<FactQuery> {
        let mut wants = queries(self.world, self.group, service, self.facts);
        wants.retain(|want| !matches!(want, FactQuery::Tags(_)));
        wants
    }

    /// Returns the look-ups of records that are still needed to know the changes of a service.
    pub(super) fn unread_steps(&self, service: &Service) -> BTreeSet<FactQuery> {
        steps(self.world, self.group, service).1
    }

    /// Returns the look-ups of tag lists that may contain an image that is not known yet; empty if the text
    /// is a digest or a floating tag.
    fn tags_to_read(&self, service: &Service, text: &str) -> BTreeSet<FactQuery> {
        let tag = text.rsplit_once(':').filter(|(left, _)| *left != "sha256").map_or(text, |(_, tag)| tag);
        if Digest::parse(text).is_some() || text.starts_with('@') || constancy(tag).floats() {
            return BTreeSet::new();
        }
        let mut wants = queries(self.world, self.group, service, self.facts);
        wants.retain(|want| matches!(want, FactQuery::Tags(_)));
        wants
    }

    /// Sets the pin document that goes with the targets: the one before the change that is rolled back,
    /// else pins that make the targets effective. If an image was named, only its own pin changes.
    fn pins_back(&mut self, ways: &[(Service, RollbackTarget)], named: bool) {
        if let Some(record) = self.whole_change(ways).filter(|_| !named) {
            let before = record.plan.pins_before.clone();
            self.pins_after = before;
            return;
        }
        let mut text = self.pins_before.clone().unwrap_or_default();
        let mut older: BTreeMap<String, PinDoc> = BTreeMap::new();
        for (service, way) in ways {
            if let (CandidateSource::Change(change), false) = (&way.source, named) {
                let doc = older.entry(change.clone()).or_insert_with(|| self.doc_before(change));
                for key in [PinScope::Service(service.name.clone()), PinScope::Member(member_of(service))] {
                    let alone = self.alone(&key, ways);
                    text = match doc.pins.get(&key) {
                        Some(image) if alone => pins::set(&text, &key, image),
                        None if alone => pins::clear(&text, &key),
                        _ => text,
                    };
                }
            }
            let doc = pins::read(&text);
            let covered = doc.effective(self.group, service).map(|(_, image)| image.to_owned());
            let differs = covered.as_ref().is_some_and(|image| !means(image, &way.places.image));
            if differs || (named && covered.is_none()) {
                text = pins::set(&text, &self.own_key(&doc, service), &way.places.image);
            }
        }
        if pins::read(&text).pins != Self::doc(self.pins_before.as_ref()).pins {
            self.pins_after = Some(text);
        }
    }

    /// Returns the record of the change that is rolled back, if all its units are.
    fn whole_change(&self, ways: &[(Service, RollbackTarget)]) -> Option<&ChangeRecord> {
        let CandidateSource::Change(change) = &ways.first()?.1.source else { return None };
        let record = self.world.history(self.group).find(change)?.record.as_ref()?;
        let going: BTreeSet<_> = ways.iter().map(|(service, _)| service.id.as_str()).collect();
        let all_same = ways.iter().all(|(_, way)| way.source == CandidateSource::Change(change.clone()));
        let whole = record.plan.active().all(|(_, unit)| going.contains(unit.service_id.as_str()));
        (all_same && whole).then_some(record)
    }

    fn doc_before(&self, change: &str) -> PinDoc {
        let record = self.world.history(self.group).find(change).and_then(|entry| entry.record.as_ref());
        Self::doc(record.and_then(|record| record.plan.pins_before.as_ref()))
    }

    /// Returns whether every service that a key covers is rolled back, so that the key may change.
    fn alone(&self, key: &PinScope, ways: &[(Service, RollbackTarget)]) -> bool {
        let covered = |service: &&Service| pins::covers(key, self.group, service);
        self.world
            .members(self.group)
            .filter(covered)
            .all(|service| ways.iter().any(|(going, _)| going.id == service.id))
    }

    /// Returns the key that pins this service and no other: the one in force if it does, otherwise a new
    /// one.
    pub(super) fn own_key(&self, doc: &PinDoc, service: &Service) -> PinScope {
        let others = || self.world.members(self.group).filter(|other| other.id != service.id);
        let in_force = doc.effective(self.group, service).map(|(key, _)| key);
        let own = in_force.filter(|key| !others().any(|other| pins::covers(key, self.group, other)));
        own.cloned().unwrap_or_else(|| match self.group.kind {
            GroupKind::Service => PinScope::Group,
            GroupKind::Stack => PinScope::Service(member_of(service)),
            GroupKind::Database => PinScope::Service(service.name.clone()),
        })
    }
}
