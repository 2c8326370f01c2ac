//! The planning of one service: its target, the reasons, and the effect on its tasks.

use super::edits::edits;
use super::options::{CredentialPolicy, UpdateOrderOption, forbids_start_first, start_first};
use super::planner::Planner;
use crate::check;
use crate::finding::{Code, Finding};
use crate::history::landings;
use crate::history::{evidence, ran_here};
use crate::image::ImageRef;
use crate::pins::{EffectiveImage, ImageOrigin};
use crate::plan::{CandidateNode, CredentialOrigin, PlanKind, SpecImage, TaskImpact, Unit, UnitAction};
use crate::registry::FactQuery;
use crate::registry::{Fact, FactSource, ResolvedImage};
use crate::swarm::member_of;
use crate::swarm::with_image;
use crate::swarm::{EditableFields, FailureAction, Service, ServiceMode, Task, TaskState};

impl Planner<'_> {
    /// Plans a service whose effective image differs from that of the document in force, or that is no
    /// longer pinned.
    pub(super) fn wish(&mut self, service: &Service, effective: &EffectiveImage, floating: bool) {
        let version = effective.version.as_deref().unwrap_or_default();
        let reason = match &effective.origin {
            ImageOrigin::Pin(key) => format!("by {key}"),
            ImageOrigin::Manifest(key) => format!("by {key}: the manifest's image for {version}"),
            ImageOrigin::FallBack => format!("no longer pinned: falls back to the manifest's image for {version}"),
            ImageOrigin::Runs => "no longer pinned: keeps its image".to_owned(),
        };
        let stays = |work: &mut Self, action, reasons| work.push(service, &service.places.clone(), action, reasons);
        if effective.asking {
            self.wants.insert(FactQuery::Versions);
        }
        let image = match &effective.origin {
            ImageOrigin::Runs => return stays(self, UnitAction::None, vec![reason]),
            _ => effective.image.as_deref().and_then(|text| ImageRef::parse(text).ok()),
        };
        let Some(image) = image else { return stays(self, UnitAction::Blocked, vec![reason]) };
        if service.image() == image.text {
            if let Some(said) = check::running::by_tag(&image) {
                let finding = Finding::new(said.severity, Code::RunsByTag, member_of(service), said.message);
                self.findings.push(finding.hint(said.hint));
            }
            return stays(self, UnitAction::None, vec![reason, "already has this image".into()]);
        }
        let fact = self.facts.image(&image.text);
        if !fact.answered() {
            self.wants.insert(FactQuery::Image(image.text.clone()));
        }
        let known: Option<&ResolvedImage> = fact.known();
        let target_text = match (&image.digest, known) {
            (None, Some(fact)) if !floating => image.pinned(&fact.digest),
            _ => image.text.clone(),
        };
        if target_text == service.image() {
            return stays(self, UnitAction::None, vec![reason, "already has this image".into()]);
        }
        if let Fact::Known { via: FactSource::Registry, .. } = fact
            && !self.facts.engine(&image.text).answered()
        {
            // Nodes pull as the engine does, so the engine's answer counts as well.
            self.wants.insert(FactQuery::Engine(image.text.clone()));
        }
        let platforms = known.and_then(|fact| fact.platforms.as_deref());
        let target = with_image(&service.places, &target_text, platforms);
        let ran = ran_here(self.world, self.group, service, &target_text);
        let action = match (check::blocks(&image, fact, ran), ran) {
            (true, _) => UnitAction::Blocked,
            (false, true) => UnitAction::Rollback,
            (false, false) => UnitAction::Update,
        };
        self.push(service, &target, action, vec![reason]);
    }

    /// Adds a unit. Its findings about nodes and policy are added once all units are known.
    pub(super) fn push(
        &mut self,
        service: &Service,
        target: &EditableFields,
        action: UnitAction,
        reasons: Vec<String>,
    ) {
        let moves = !edits(&service.places, target).is_empty();
        let action = if !moves && action != UnitAction::Blocked { UnitAction::None } else { action };
        let replaced = if action.is_active() { self.replaced(service, target) } else { target.clone() };
        let credentials =
            if action.is_active() { self.credentials(service, &target.image) } else { CredentialOrigin::Stored };
        let effect = if action == UnitAction::None {
            TaskImpact::default()
        } else {
            effect(service, target, self.world.tasks(&service.id))
        };
        self.units.push(Unit {
            service: service.name.clone(),
            service_id: service.id.clone(),
            member: member_of(service),
            node: self.world.hosts(service).join(","),
            action,
            from: SpecImage::new(service.image()),
            to: SpecImage::new(&target.image),
            reasons,
            effect,
            edits: edits(&service.places, &replaced),
            rest: service.rest.clone(),
            engine_rolls_back: service.policy.on_failure == FailureAction::Rollback,
            credentials,
            notes: if action.is_active() { self.notes(service, target, credentials) } else { Vec::new() },
            lands: self.lands(service, target, action),
            unchecked: None,
            from_ran: self.runs_well(service),
            extra: serde_json::Map::new(),
        });
    }

    /// Returns whether the service's present image is proven to have run in it and did not fail since.
    fn runs_well(&self, service: &Service) -> bool {
        let past = evidence(self.world, self.group, service, service.image());
        past.is_good() && !past.in_sibling
    }

    /// Returns the nodes that the unit's tasks may run on; empty before the service's task history is
    /// known.
    fn lands(&self, service: &Service, target: &EditableFields, action: UnitAction) -> Vec<CandidateNode> {
        if action == UnitAction::None || !self.world.knows_history(&service.id) {
            return Vec::new();
        }
        landings(self.world, self.group, service, &target.image)
    }

    /// Adds the findings about the circumstances of a unit: its nodes, a running rollout, the update
    /// policy, the owner.
    pub(super) fn place_findings(&mut self, at: usize) {
        let unit = &self.units[at];
        if matches!(unit.action, UnitAction::None) {
            return;
        }
        let Some(service) = self.world.services.get(&unit.service_id) else { return };
        let found = check::preconditions::check(self.group, service, self.world, self.kind == PlanKind::Rollback);
        self.findings.extend(found);
    }
}

/// Counts the tasks that restart and that stay: a task stays if it runs and matches the target.
pub(super) fn effect(service: &Service, target: &EditableFields, tasks: &[Task]) -> TaskImpact {
    let wanted: Vec<_> = tasks.iter().filter(|task| task.desired == TaskState::Running).collect();
    let count = match service.mode {
        ServiceMode::Replicated(replicas) => replicas,
        _ => service.desired.unwrap_or(wanted.len() as u64),
    };
    let stays =
        wanted.iter().filter(|task| task.state == TaskState::Running && matches_target(task, service, target)).count()
            as u64;
    TaskImpact { restarts: count.saturating_sub(stays), stays }
}

impl Planner<'_> {
    /// Returns whether the plan switches a service to start-first: the operator chose it, the service's
    /// policy does not have it yet, and nothing forbids it.
    pub(super) fn switches_to_start_first(&self, service: &Service) -> bool {
        self.manner.replacing == UpdateOrderOption::StartFirst
            && !service.policy.start_first
            && forbids_start_first(service).is_none()
    }

    /// Returns the target with the chosen update order.
    pub(super) fn replaced(&self, service: &Service, target: &EditableFields) -> EditableFields {
        if self.switches_to_start_first(service) { start_first(target) } else { target.clone() }
    }

    /// Returns the source of the registry credentials for an update.
    pub(super) fn credentials(&mut self, service: &Service, target: &str) -> CredentialOrigin {
        let (Ok(from), Ok(to)) = (ImageRef::parse(service.image()), ImageRef::parse(target)) else {
            return CredentialOrigin::Stored;
        };
        let moves = from.host != to.host;
        let previous = || service.previous.as_ref().and_then(|previous| ImageRef::parse(&previous.image).ok());
        match (self.manner.sending, self.kind) {
            (CredentialPolicy::Operator, _) if self.has_login(&to.host) => CredentialOrigin::Operator,
            // A rollback never needs the operator's credentials: the engine keeps those of the previous
            // spec.
            (_, PlanKind::Rollback) if moves && previous().is_some_and(|previous| previous.host == to.host) => {
                CredentialOrigin::Previous
            }
            (CredentialPolicy::Auto, PlanKind::Pin | PlanKind::Redeploy) if self.has_login(&to.host) && moves => {
                CredentialOrigin::Operator
            }
            _ => CredentialOrigin::Stored,
        }
    }

    /// Returns whether the operator has credentials for a registry; adds a look-up if that is not known
    /// yet.
    pub(super) fn has_login(&mut self, host: &str) -> bool {
        let fact = self.facts.login(host);
        if !fact.answered() {
            self.wants.insert(crate::registry::FactQuery::Login(host.to_owned()));
        }
        fact.known().copied().unwrap_or(false)
    }
}

pub(super) fn matches_target(task: &Task, service: &Service, target: &EditableFields) -> bool {
    let same_platforms = task.places.platforms.value == target.platforms.value;
    let same_force = number(task.places.force.value.as_ref()) == number(target.force.value.as_ref());
    let same_rest = match (&task.rest, &service.template) {
        (Some(task), template) => task == template,
        (None, _) => true,
    };
    task.image == target.image && same_platforms && same_force && same_rest
}

pub(super) fn number(value: Option<&serde_json::Value>) -> u64 {
    value.and_then(serde_json::Value::as_u64).unwrap_or(0)
}
