//! The input of every check: one image and the services that would run it.

use std::collections::BTreeSet;

use crate::finding::{Code, Finding, Severity};
use crate::history::ran_here;
use crate::image::ImageRef;
use crate::pins::PinDoc;
use crate::registry::{Facts, ImageInfo, ResolvedImage};
use crate::swarm::Service;
use crate::swarm::{GroupKey, member_of};
use crate::world::World;

/// The reason why the services would run the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectOrigin<'a> {
    /// A pin of this document that names the image.
    Pin(&'a PinDoc),
    /// The version manifest, used by a pin of this document or after a pin was cleared.
    Manifest(&'a PinDoc),
    /// A rollback to the image; also used for images that run already.
    Back,
}

/// One image and the services of a group that would run it.
pub struct CheckSubject<'a> {
    /// The group that the services belong to.
    pub group: &'a GroupKey,
    /// The services that would run the image.
    pub services: Vec<&'a Service>,
    /// The last known state of the swarm.
    pub world: &'a World,
    /// Cached registry answers about images.
    pub facts: &'a Facts,
    /// The image under check.
    pub image: &'a ImageRef,
    /// The reason why the services would run the image.
    pub by: SubjectOrigin<'a>,
}

impl<'a> CheckSubject<'a> {
    /// Names the services by members and hosts, both sorted: `n1 on host-1, host-2`.
    pub fn subject(&self) -> String {
        subject(&self.services, self.world)
    }

    /// Returns the names of all services of the case.
    pub fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| service.name.clone()).collect()
    }

    /// Builds a finding about all services of the case, without a hint.
    pub fn all(&self, severity: Severity, code: Code, message: impl Into<String>) -> Finding {
        Finding::new(severity, code, self.subject(), message).on(self.names())
    }

    /// Returns the registry's answer for the reference, if known: digest and platforms.
    pub fn fact(&self) -> Option<&'a ResolvedImage> {
        self.facts.image(&self.image.text).known()
    }

    /// Returns the description of the image, if known.
    pub fn image_info(&self) -> Option<&'a ImageInfo> {
        let digest = self.image.digest.as_ref().or(self.fact().map(|fact| &fact.digest))?;
        self.facts.image_info(&self.image.by_digest(digest)).known().map(AsRef::as_ref)
    }

    /// Returns whether the image is proven to have run in this service; always `true` for a rollback.
    pub(crate) fn ran_in(&self, service: &Service) -> bool {
        let ran = |text: &str| ran_here(self.world, self.group, service, text);
        self.by == SubjectOrigin::Back
            || ran(&self.image.text)
            || self.fact().is_some_and(|fact| ran(&self.image.pinned(&fact.digest)))
    }

    /// Returns whether the image ran in all services of the case before.
    pub(crate) fn ran_here(&self) -> bool {
        self.services.iter().all(|service| self.ran_in(service))
    }

    /// Applies a check to each service and returns the findings. Services with the same result share one finding.
    pub fn each(&self, look: impl Fn(&Service) -> Option<ServiceFinding>) -> Vec<Finding> {
        let mut found: Vec<(ServiceFinding, Vec<&Service>)> = Vec::new();
        for service in &self.services {
            let Some(said) = look(service) else { continue };
            match found.iter_mut().find(|(known, _)| *known == said) {
                Some((_, services)) => services.push(service),
                None => found.push((said, vec![service])),
            }
        }
        let finding = |(said, services): (ServiceFinding, Vec<&Service>)| {
            let names = services.iter().map(|service| service.name.clone());
            let ServiceFinding { severity, code, message, hint } = said;
            Finding::new(severity, code, subject(&services, self.world), message).hint(hint).on(names)
        };
        found.into_iter().map(finding).collect()
    }
}

/// The result of a check for one service: a finding without its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFinding {
    /// The severity of the resulting finding; an error blocks the service's unit.
    pub severity: Severity,
    /// The code of the resulting finding.
    pub code: Code,
    /// The problem, as a message without the subject.
    pub message: String,
    /// The next step for the operator; may be empty.
    pub hint: String,
}

impl ServiceFinding {
    /// Creates a result from its parts.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), hint: hint.into() }
    }
}

/// Names services by their members and hosts, both sorted: `n1 on host-1, host-2`. Without known hosts, by
/// members only.
pub fn subject(services: &[&Service], world: &World) -> String {
    let members: BTreeSet<String> = services.iter().map(|service| member_of(service)).collect();
    let hosts: BTreeSet<String> = services.iter().flat_map(|service| world.hosts(service)).collect();
    let members = members.into_iter().collect::<Vec<_>>().join(", ");
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    if hosts.is_empty() { members } else { format!("{members} on {hosts}") }
}
