//! Plans that resolve drift: a service that another client changed returns to its pin, or its image becomes
//! the pin.

use super::DriftResolution;
use super::Scope;
use super::planner::Planner;
use crate::finding::{Code, Finding, Severity};
use crate::history::drift;
use crate::history::drift::Drift;
use crate::history::in_force;
use crate::history::{CandidateSource, RollbackTarget};
use crate::image::apart;
use crate::pins;
use crate::pins::effective;
use crate::swarm::Service;
use crate::swarm::member_of;

impl Planner<'_> {
    /// Plans how the drift of the services of a scope is resolved.
    pub(super) fn settle(&mut self, scope: &Scope, how: DriftResolution) {
        let in_force = in_force(self.group, self.world);
        let mut drifted: Vec<(Service, Drift)> = Vec::new();
        for service in self.in_scope(scope) {
            if in_force.effective(self.group, &service).is_none() {
                continue;
            }
            // The digest that a pin resolved to is in the record of the change that set the pin.
            self.wants.extend(self.unread_steps(&service));
            if let Some(drift) = drift::of(self.world, self.group, &in_force, &service) {
                drifted.push((service, drift));
            }
        }
        if drifted.is_empty() && self.wants.is_empty() {
            let message = "nothing to do: every pinned service has the image of its pin";
            let finding = Finding::new(Severity::Info, Code::NothingToDo, self.group.to_string(), message);
            self.findings.push(finding.hint("edit the pins to change an image"));
            return;
        }
        for (service, drift) in &drifted {
            self.tell(service, drift, how);
            if how == DriftResolution::Back {
                self.back_to_pin(service, drift);
            }
        }
        if how == DriftResolution::Accept {
            self.accept(&drifted);
        }
    }

    fn tell(&mut self, service: &Service, drift: &Drift, how: DriftResolution) {
        let ((due, has), key) = (apart(&drift.due, &drift.has), &drift.key);
        let message = match how {
            DriftResolution::Back => format!("rolls back from {has} to {due} ({key}); it was {}", drift.describe()),
            DriftResolution::Accept => {
                format!("{key} changes from {due} to {has}; the service was {}", drift.describe())
            }
        };
        let finding = Finding::new(Severity::Info, Code::Drifted, member_of(service), message);
        self.findings.push(finding.on([service.name.clone()]));
    }

    fn back_to_pin(&mut self, service: &Service, drift: &Drift) {
        if let Some(places) = drift.places.clone() {
            let way = RollbackTarget { places, source: CandidateSource::Pin(drift.key.clone()), at: drift.right };
            return self.back_unit(service, &way, true);
        }
        let in_force = in_force(self.group, self.world);
        let floating = in_force.rules_for(self.group, service).floating.unwrap_or(false);
        let effective = effective(self.group, &in_force, &in_force, service, self.world, self.facts);
        self.wish(service, &effective, floating);
    }

    /// Writes the running images into the pins. If all services that a pin covers drifted to the same
    /// image, that pin is changed; otherwise each service gets its own pin.
    fn accept(&mut self, drifted: &[(Service, Drift)]) {
        let mut text = self.pins_before.clone().unwrap_or_default();
        for (service, drift) in drifted {
            let doc = pins::read(&text);
            let same =
                |other: &Service| drifted.iter().any(|(one, _)| one.id == other.id && one.image() == service.image());
            let mut covered = self.world.members(self.group).filter(|it| pins::covers(&drift.key, self.group, it));
            let key = if covered.all(same) { drift.key.clone() } else { self.own_key(&doc, service) };
            text = pins::set(&text, &key, service.image());
        }
        self.pins_after = Some(text);
    }
}
