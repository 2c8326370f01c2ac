//! One image and the services that would run it: what every check is given.

use std::collections::BTreeSet;

use crate::finding::{Code, Finding, Severity};
use crate::history::{ran_here, ran_well};
use crate::image::ImageRef;
use crate::pins::PinDoc;
use crate::registry::{About, Facts, ImageFact};
use crate::swarm::Service;
use crate::swarm::{GroupKey, member_of};
use crate::world::World;

/// Why the services would run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// A pin of this document says so.
    Pin(&'a PinDoc),
    /// The version manifest does, by this document.
    Manifest(&'a PinDoc),
    /// They go back to it.
    Back,
}

/// One image and the services of a group that would run it.
pub struct Case<'a> {
    /// The group.
    pub group: &'a GroupKey,
    /// Its services.
    pub services: Vec<&'a Service>,
    /// The swarm.
    pub world: &'a World,
    /// What is known of images.
    pub facts: &'a Facts,
    /// The image.
    pub image: &'a ImageRef,
    /// Why.
    pub by: By<'a>,
}

impl<'a> Case<'a> {
    /// Who would run it: `n1 on host-1, host-2`; members and hosts sorted.
    pub fn subject(&self) -> String {
        subject(&self.services, self.world)
    }

    /// The services' names.
    pub fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| service.name.clone()).collect()
    }

    /// A finding about all of them.
    pub fn all(&self, severity: Severity, code: Code, message: impl Into<String>) -> Finding {
        Finding::new(severity, code, self.subject(), message).on(self.names())
    }

    /// What the registry says of the image, where it is known.
    pub fn fact(&self) -> Option<&'a ImageFact> {
        self.facts.image(&self.image.text).known()
    }

    /// What the image is, where it is known.
    pub fn about(&self) -> Option<&'a About> {
        let digest = self.image.digest.as_ref().or(self.fact().map(|fact| &fact.digest))?;
        self.facts.about(&self.image.by_digest(digest)).known().map(AsRef::as_ref)
    }

    /// Whether the image ran in this service before.
    pub(crate) fn ran_in(&self, service: &Service) -> bool {
        let ran = |text: &str| ran_here(self.world, self.group, service, text);
        self.by == By::Back
            || ran(&self.image.text)
            || self.fact().is_some_and(|fact| ran(&self.image.pinned(&fact.digest)))
    }

    /// Whether there is proof that the image ran well in this service before.
    pub(crate) fn ran_well_in(&self, service: &Service) -> bool {
        let ran = |text: &str| ran_well(self.world, self.group, service, text);
        self.by == By::Back
            || ran(&self.image.text)
            || self.fact().is_some_and(|fact| ran(&self.image.pinned(&fact.digest)))
    }

    /// Whether it ran in all of them.
    pub(crate) fn ran_here(&self) -> bool {
        self.services.iter().all(|service| self.ran_in(service))
    }

    /// The findings that a look at each service gives; services of which the same is said share one.
    pub fn each(&self, look: impl Fn(&Service) -> Option<Said>) -> Vec<Finding> {
        let mut found: Vec<(Said, Vec<&Service>)> = Vec::new();
        for service in &self.services {
            let Some(said) = look(service) else { continue };
            match found.iter_mut().find(|(known, _)| *known == said) {
                Some((_, services)) => services.push(service),
                None => found.push((said, vec![service])),
            }
        }
        let finding = |(said, services): (Said, Vec<&Service>)| {
            let names = services.iter().map(|service| service.name.clone());
            let Said { severity, code, message, hint } = said;
            Finding::new(severity, code, subject(&services, self.world), message).hint(hint).on(names)
        };
        found.into_iter().map(finding).collect()
    }
}

/// What is said of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How much it weighs.
    pub severity: Severity,
    /// Its code.
    pub code: Code,
    /// What is the case.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Said {
    /// Says it.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), hint: hint.into() }
    }
}

/// Services by their members and hosts: `n1 on host-1, host-2`; both sorted.
pub fn subject(services: &[&Service], world: &World) -> String {
    let members: BTreeSet<String> = services.iter().map(|service| member_of(service)).collect();
    let hosts: BTreeSet<String> = services.iter().flat_map(|service| world.hosts(service)).collect();
    let members = members.into_iter().collect::<Vec<_>>().join(", ");
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    if hosts.is_empty() { members } else { format!("{members} on {hosts}") }
}
