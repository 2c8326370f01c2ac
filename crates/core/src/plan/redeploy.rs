//! Plans that restart tasks, with the digest they run or with what the tag names now.

use super::RedeployImage;
use super::Scope;
use super::planner::Planner;
use crate::check::subject::{CheckSubject, SubjectOrigin};
use crate::check::{self};
use crate::finding::{Code, Finding, Severity};
use crate::history::ran_here;
use crate::image::ImageRef;
use crate::pins;
use crate::plan::UnitAction;
use crate::registry::FactQuery;
use crate::swarm::with_image;
use crate::swarm::{EditableFields, Service, ServiceMode, SpecField};

impl Planner<'_> {
    /// Plans a restart of the tasks of the services in a scope.
    pub(super) fn again(&mut self, scope: &Scope, by: RedeployImage) {
        let services: Vec<Service> =
            self.world.members(self.group).filter(|service| scope.holds(service)).cloned().collect();
        for service in &services {
            self.again_one(service, by);
        }
        if services.is_empty() {
            let finding = Finding::new(Severity::Info, Code::NothingToDo, self.group.to_string(), "no such service");
            self.findings.push(finding.hint("run `pinnace status` to list the services"));
        }
    }

    fn again_one(&mut self, service: &Service, by: RedeployImage) {
        let stays =
            |work: &mut Self, action, why: &str| work.push(service, &service.places.clone(), action, vec![why.into()]);
        if matches!(service.mode, ServiceMode::Replicated(0)) {
            return stays(self, UnitAction::None, "stopped: no task restarts");
        }
        let Ok(image) = ImageRef::parse(service.image()) else {
            return stays(self, UnitAction::Blocked, "its image is not a valid reference");
        };
        // Each node resolves a bare tag on its own: a redeploy pins the digest.
        let asks = by == RedeployImage::Tag || image.digest.is_none();
        let named = if asks { ImageRef::parse(image.without_digest()).unwrap_or(image.clone()) } else { image.clone() };
        let fact = self.facts.image(&named.text);
        if !fact.answered() {
            self.wants.insert(FactQuery::Image(named.text.clone()));
        }
        let known = fact.known();
        let (target, reason) = match known.filter(|_| asks).map(|fact| named.pinned(&fact.digest)) {
            Some(text) if text != image.text => {
                let platforms = known.and_then(|fact| fact.platforms.clone());
                let same = image.digest.as_ref().is_none_or(|digest| known.is_some_and(|fact| fact.digest == *digest));
                let why = if same {
                    "redeploys, with the digest that its tag names now"
                } else {
                    "redeploys, with the image that its tag names now"
                };
                (with_image(&service.places, &text, platforms.as_deref()), why)
            }
            Some(_) => (once_more(&service.places), "redeploys: its tag still names the same image"),
            None if by == RedeployImage::Tag => {
                (service.places.clone(), "the image that its tag names now is not known")
            }
            None if image.digest.is_none() => (once_more(&service.places), "redeploys, by tag only"),
            None => (once_more(&service.places), "redeploys, with the same digest"),
        };
        let doc = Self::doc(self.pins_before.as_ref());
        let same = target.image == service.image();
        let by = if same { SubjectOrigin::Back } else { SubjectOrigin::Pin(&doc) };
        let (world, facts) = (self.world, self.facts);
        let case = CheckSubject { group: self.group, services: vec![service], world, facts, image: &named, by };
        self.findings.extend(check::about_image(&case));
        let ran = same || ran_here(self.world, self.group, service, &target.image);
        let action = match (check::blocks(&named, self.facts.image(&named.text), ran), ran) {
            (true, _) => UnitAction::Blocked,
            (false, true) => UnitAction::Rollback,
            (false, false) => UnitAction::Update,
        };
        self.push(service, &target, action, vec![reason.to_owned()]);
        self.pin_along(service, &target.image);
    }

    /// Updates a pin that names another image, so that it does not contradict the redeploy.
    fn pin_along(&mut self, service: &Service, image: &str) {
        let text = self.pins_after.clone().unwrap_or_default();
        let doc = pins::read(&text);
        let covered = doc.effective(self.group, service).map(|(_, image)| image.to_owned());
        if covered.is_some_and(|pin| pin != pins::MANIFEST && !pins::means(&pin, image)) {
            self.pins_after = Some(pins::set(&text, &self.own_key(&doc, service), image));
        }
    }
}

/// Returns the same fields with the force counter incremented, so that the tasks restart.
fn once_more(now: &EditableFields) -> EditableFields {
    let count = super::unit_planning::number(now.force.value.as_ref());
    EditableFields { force: SpecField { value: Some((count + 1).into()), ..now.force.clone() }, ..now.clone() }
}
