//! Table tests of the checks of existence and platforms.

use super::*;
use crate::check::subject::SubjectOrigin;
use crate::image::Digest;
use crate::image::ImageRef;
use crate::registry::{Facts, ResolvedImage};
use crate::sample;
use crate::swarm::GroupKey;
use crate::world::Observation;

fn world(architectures: &[&str], mode: ServiceMode) -> World {
    let mut world = World::default();
    let nodes = architectures.iter().enumerate().map(|(at, architecture)| {
        let mut node = sample::node(&format!("host-{at}"));
        node.platform = Platform::new("linux", architecture);
        node
    });
    world.apply(Observation::Nodes(nodes.collect()), sample::NOW);
    let mut service = sample::service("web", "r/web:1");
    service.mode = mode;
    world.apply(Observation::Services(vec![service]), sample::NOW);
    world
}

fn check(world: &World, fact: Fact<ResolvedImage>) -> Vec<(String, Severity)> {
    let image = ImageRef::parse("r.io/web:2").unwrap();
    let doc = crate::pins::PinDoc::default();
    let mut facts = Facts::default();
    facts.learn(&image.text, fact);
    let services: Vec<_> = world.services.values().collect();
    let group = GroupKey::parse("service/web").unwrap();
    let case =
        CheckSubject { group: &group, services, world, facts: &facts, image: &image, by: SubjectOrigin::Pin(&doc) };
    super::check(&case).into_iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn amd64() -> Fact<ResolvedImage> {
    let digest = Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap();
    let value = ResolvedImage::new(digest, Some(vec![Platform::new("linux", "amd64")]));
    Fact::Known { value, at: sample::NOW, via: FactSource::Registry }
}

#[test]
fn platforms_of_the_nodes_it_lands_on() {
    let missing = |severity| vec![("platform-missing".to_owned(), severity)];
    assert_eq!(check(&world(&["x86_64", "amd64"], ServiceMode::Replicated(1)), amd64()), []);
    assert_eq!(check(&world(&["aarch64"], ServiceMode::Replicated(1)), amd64()), missing(Severity::Error));
    assert_eq!(check(&world(&["aarch64", "amd64"], ServiceMode::Replicated(1)), amd64()), missing(Severity::Info));
    assert_eq!(check(&world(&["aarch64", "amd64"], ServiceMode::Global), amd64()), missing(Severity::Error));
}

#[test]
fn every_failure_has_its_code_and_a_hint() {
    let world = world(&["amd64"], ServiceMode::Replicated(1));
    for (why, code) in [
        (LookupError::NotFound, "image-not-found"),
        (LookupError::Denied, "image-denied"),
        (LookupError::NoCredentials, "no-credentials"),
        (LookupError::Unreachable("connection refused".into()), "registry-unreachable"),
        (LookupError::RateLimited, "registry-rate-limit"),
        (LookupError::Other("HTTP 503".into()), "registry-failed"),
    ] {
        assert_eq!(
            check(&world, Fact::Failed { why: why.clone(), at: sample::NOW }),
            [(code.to_owned(), Severity::Error)]
        );
        assert!(!failure(&ImageRef::parse("r.io/web:2").unwrap(), &why, false).hint.is_empty());
    }
    assert_eq!(check(&world, Fact::Pending), []);
}
