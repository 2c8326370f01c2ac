//! Remarks about one image and the services that would run it.

use std::collections::BTreeSet;

use crate::core::finding::{Code, Finding, Severity};
use crate::core::group::member_of;
use crate::core::image::{ImageRef, Platform};
use crate::core::placement;
use crate::core::registry::{Fact, Facts, Why};
use crate::core::swarm::{Mode, Node, Service};
use crate::core::world::World;

/// Everything remarkable about an image for these services: is it there, may it be had, can their nodes run it.
pub fn about_image(image: &ImageRef, services: &[&Service], world: &World, facts: &Facts) -> Vec<Finding> {
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let mut found = match facts.image(&image.text) {
        Fact::Unknown | Fact::Asked => Vec::new(),
        Fact::Failed { why, .. } => vec![failure(image, why, &subject(services, world)).on(names)],
        Fact::Known { value, .. } => match &value.platforms {
            Some(platforms) => platform_findings(image, platforms, services, world),
            None => vec![Finding::new(
                Severity::Info,
                Code::PlatformsUnknown,
                image.text.clone(),
                "what it is made for could not be learned",
            )],
        },
    };
    found.extend(services.iter().filter_map(|service| unplaceable(service, world)));
    found
}

/// Who would run it: `n1 on host-1, host-2`; members and hosts sorted.
fn subject(services: &[&Service], world: &World) -> String {
    let members: BTreeSet<String> = services.iter().map(|service| member_of(service)).collect();
    let hosts: BTreeSet<String> = services.iter().flat_map(|service| world.hosts(service)).collect();
    let members = members.into_iter().collect::<Vec<_>>().join(", ");
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    if hosts.is_empty() { members } else { format!("{members} on {hosts}") }
}

/// A look-up that failed, as a finding: what, about what, and what to do.
pub fn failure(image: &ImageRef, why: &Why, subject: &str) -> Finding {
    let (text, host) = (&image.text, &image.host);
    let (code, message, hint) = match why {
        Why::NotFound => (
            Code::NotFound,
            format!("image \"{text}\" could not be verified: {host} has no `{}` of `{}`", image.wanted(), image.path),
            format!("no node could start it; check the spelling, or whether the build has been pushed to {host}"),
        ),
        Why::Denied => (
            Code::Denied,
            format!("image \"{text}\" could not be verified: {host} refuses the credentials used here"),
            format!("missing rights or an expired token: log in again with `docker login {host}`"),
        ),
        Why::NoCredentials => (
            Code::NoCredentials,
            format!("image \"{text}\" could not be verified: {host} wants a login, and there is none here"),
            format!("`docker login {host}` on this machine, as the user that runs pinnace"),
        ),
        Why::Unreachable(cause) => (
            Code::Unreachable,
            format!("image \"{text}\" could not be verified: {host} cannot be reached: {cause}"),
            "check the registry's name, the network and its certificate; restarts work only where the image is cached"
                .to_owned(),
        ),
        Why::RateLimited => (
            Code::RateLimited,
            format!("image \"{text}\" could not be verified: {host} takes no more requests for now"),
            "wait, or log in: most registries allow more to known users".to_owned(),
        ),
        Why::Other(cause) => (
            Code::RegistryFailed,
            format!("image \"{text}\" could not be verified: {host}: {cause}"),
            "the registry itself has a fault; try again, or look at its status page".to_owned(),
        ),
    };
    Finding::new(Severity::Error, code, subject, message).hint(hint)
}

fn platform_findings(image: &ImageRef, platforms: &[Platform], services: &[&Service], world: &World) -> Vec<Finding> {
    let made_for = || platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut errors: (BTreeSet<String>, Vec<String>) = Default::default();
    let mut infos: BTreeSet<String> = BTreeSet::new();
    for service in services {
        let nodes = world.candidates(service);
        let (fit, misfit): (Vec<&Node>, Vec<&Node>) =
            nodes.into_iter().partition(|node| platforms.contains(&node.platform));
        let needs_all = matches!(service.mode, Mode::Global | Mode::GlobalJob);
        let named = misfit.iter().map(|node| format!("{} ({})", node.hostname, node.platform));
        if misfit.is_empty() {
            continue;
        }
        if fit.is_empty() || needs_all {
            errors.0.extend(named);
            errors.1.push(service.name.clone());
        } else {
            infos.extend(named);
        }
    }
    let list = |hosts: &BTreeSet<String>| hosts.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut found = Vec::new();
    if !errors.0.is_empty() {
        let message = format!("image \"{}\" is made for {}, not for {}", image.text, made_for(), list(&errors.0));
        found.push(
            Finding::new(Severity::Error, Code::PlatformMissing, subject(services, world), message)
                .hint("push the missing platform, or choose a tag that has it")
                .on(errors.1),
        );
    }
    if !infos.is_empty() {
        let message =
            format!("image \"{}\" is made for {}: its tasks will not land on {}", image.text, made_for(), list(&infos));
        found.push(Finding::new(Severity::Info, Code::PlatformMissing, subject(services, world), message));
    }
    found
}

fn unplaceable(service: &Service, world: &World) -> Option<Finding> {
    if world.nodes.is_empty() || !placement::candidates(service, world.nodes.values()).is_empty() {
        return None;
    }
    let message = format!("no node satisfies {}", service.constraints.join(", "));
    Some(
        Finding::new(Severity::Error, Code::NoNodeFits, service.name.clone(), message)
            .hint("its tasks would wait for ever; mend the constraint or the nodes' labels first")
            .on([service.name.clone()]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::image::Digest;
    use crate::core::registry::{ImageFact, Via};
    use crate::core::sample;
    use crate::core::world::Seen;

    fn world(architectures: &[&str], mode: Mode) -> World {
        let mut world = World::default();
        let nodes = architectures.iter().enumerate().map(|(at, architecture)| {
            let mut node = sample::node(&format!("host-{at}"));
            node.platform = Platform::new("linux", architecture);
            node
        });
        world.apply(Seen::Nodes(nodes.collect()), sample::NOW);
        let mut service = sample::service("web", "r/web:1");
        service.mode = mode;
        world.apply(Seen::Services(vec![service]), sample::NOW);
        world
    }

    fn check(world: &World, fact: Fact<ImageFact>) -> Vec<(String, Severity)> {
        let image = ImageRef::parse("r.io/web:2").unwrap();
        let mut facts = Facts::default();
        facts.learn(&image.text, fact);
        let services: Vec<_> = world.services.values().collect();
        about_image(&image, &services, world, &facts)
            .into_iter()
            .map(|finding| (finding.code, finding.severity))
            .collect()
    }

    fn amd64() -> Fact<ImageFact> {
        let digest = Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap();
        let value = ImageFact::new(digest, Some(vec![Platform::new("linux", "amd64")]));
        Fact::Known { value, at: sample::NOW, via: Via::Registry }
    }

    #[test]
    fn platforms_of_the_nodes_it_lands_on() {
        let missing = |severity| vec![("platform-missing".to_owned(), severity)];
        assert_eq!(check(&world(&["x86_64", "amd64"], Mode::Replicated(1)), amd64()), []);
        assert_eq!(check(&world(&["aarch64"], Mode::Replicated(1)), amd64()), missing(Severity::Error));
        assert_eq!(check(&world(&["aarch64", "amd64"], Mode::Replicated(1)), amd64()), missing(Severity::Info));
        assert_eq!(check(&world(&["aarch64", "amd64"], Mode::Global), amd64()), missing(Severity::Error));
    }

    #[test]
    fn every_failure_has_its_code_and_a_hint() {
        let world = world(&["amd64"], Mode::Replicated(1));
        for (why, code) in [
            (Why::NotFound, "image-not-found"),
            (Why::Denied, "image-denied"),
            (Why::NoCredentials, "no-credentials"),
            (Why::Unreachable("connection refused".into()), "registry-unreachable"),
            (Why::RateLimited, "registry-rate-limit"),
            (Why::Other("HTTP 503".into()), "registry-failed"),
        ] {
            assert_eq!(
                check(&world, Fact::Failed { why: why.clone(), at: sample::NOW }),
                [(code.to_owned(), Severity::Error)]
            );
            assert!(!failure(&ImageRef::parse("r.io/web:2").unwrap(), &why, "web").hint.is_empty());
        }
        assert_eq!(check(&world, Fact::Asked), []);
    }
}
