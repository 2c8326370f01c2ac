//! Rollbacks to an image that its registry does not verify: allowed for a digest that ran here, after a
//! separate acknowledgement (`!`, `--unverified`).

use super::lookup_diagnosis::failure;
use crate::check::subject::{CheckSubject, ServiceFinding};
use crate::finding::{Code, Severity};
use crate::history::{describe, landings, ran_here};
use crate::image::ImageRef;
use crate::plan::CandidateNode;
use crate::registry::LookupError;
use crate::swarm::Service;

/// Judges a failed look-up for a service that rolls back to the image.
///
/// A digest that ran here needs no registry: nodes that ran it have it cached. The result is then a warning
/// with a separate acknowledgement. If the registry no longer has the digest, every node that may get a
/// task must have run it. An image that never ran here, and a reference by tag only, stay an error.
pub fn assess(case: &CheckSubject<'_>, service: &Service, why: &LookupError) -> ServiceFinding {
    let said = failure(case.image, why, true);
    if said.severity != Severity::Error {
        return said;
    }
    let lands = landings(case.world, case.group, service, &case.image.text);
    let ran = case.image.digest.is_some() && ran_here(case.world, case.group, service, &case.image.text);
    let cached = !lands.is_empty() && lands.iter().all(|land| land.ran);
    if !ran || (*why == LookupError::NotFound && !cached) {
        return said;
    }
    let message = format!("{}; {}", reason(case.image, why), told_of(&lands, case));
    let hint = "press `!` (`--unverified`) to roll back without the registry: nodes without the cached image cannot \
                start it";
    ServiceFinding::new(Severity::Warning, Code::NotVerified, message, hint)
}

fn told_of(lands: &[CandidateNode], case: &CheckSubject<'_>) -> String {
    // Findings are compared for equality, so a finding must not contain an age; the plan shows the age on
    // its own line.
    let lands: Vec<CandidateNode> = lands.iter().map(|land| CandidateNode { until: None, ..land.clone() }).collect();
    describe(&lands, case.world.heard.unwrap_or_default())
}

/// Explains in one clause why the registry does not verify an image.
pub fn reason(image: &ImageRef, why: &LookupError) -> String {
    let host = &image.host;
    match why {
        LookupError::NotFound => format!("{host} no longer has it"),
        _ => why.sentence(host, "such image"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::subject::SubjectOrigin;
    use crate::registry::Facts;
    use crate::sample;
    use crate::swarm::GroupKey;
    use crate::swarm::{Task, TaskState};
    use crate::world::{Observation, World};

    /// Returns the result for a rollback to an image whose tasks ended in `state` on some of the nodes `a` and `b`.
    fn said(text: &str, why: &LookupError, state: &TaskState, nodes: &[&str]) -> (Severity, &'static str) {
        let service = sample::service("web", "r.io/web:2");
        let group = GroupKey::of(&service);
        let mut world = World::default();
        world.apply(Observation::Nodes(["a", "b"].map(sample::node).to_vec()), sample::NOW);
        world.apply(Observation::Services(vec![service.clone()]), sample::NOW);
        let old = |node: &&str| Task {
            image: text.to_owned(),
            desired: TaskState::Shutdown,
            ..sample::task(node, &service, node, state.clone(), 60)
        };
        world.apply(
            Observation::Tasks { service: service.id.clone(), tasks: nodes.iter().map(old).collect() },
            sample::NOW,
        );
        let image = ImageRef::parse(text).unwrap();
        let (services, facts) = (vec![&service], Facts::default());
        let case = CheckSubject {
            group: &group,
            services,
            world: &world,
            facts: &facts,
            image: &image,
            by: SubjectOrigin::Back,
        };
        let said = assess(&case, &service, why);
        assert!(!said.hint.is_empty());
        (said.severity, said.code.name())
    }

    #[test]
    fn a_digest_that_ran_takes_another_key_and_all_else_stays_an_error() {
        let digest = format!("r.io/web:1@sha256:{}", "1".repeat(64));
        let accept = (Severity::Warning, "not-verified");
        let gone = (Severity::Error, "image-not-found");
        let down = LookupError::Unreachable("connection refused".into());
        let lost = (Severity::Error, "registry-unreachable");
        for (text, why, state, nodes, expected) in [
            (&*digest, &down, TaskState::Shutdown, &["a"][..], accept),
            (&digest, &LookupError::Other("HTTP 503".into()), TaskState::Shutdown, &["a"], accept),
            (&digest, &LookupError::Denied, TaskState::Shutdown, &["a"], accept),
            (&digest, &down, TaskState::Rejected, &["a"], lost),
            (&digest, &down, TaskState::Shutdown, &[], lost),
            ("r.io/web:1", &down, TaskState::Shutdown, &["a"], lost),
            (&digest, &LookupError::NotFound, TaskState::Shutdown, &["a", "b"], accept),
            (&digest, &LookupError::NotFound, TaskState::Shutdown, &["a"], gone),
            ("r.io/web:1", &LookupError::NotFound, TaskState::Shutdown, &["a", "b"], gone),
            // The service pulls with its own credentials: an ordinary warning, without a separate acknowledgement.
            (&digest, &LookupError::NoCredentials, TaskState::Shutdown, &["a"], (Severity::Warning, "no-credentials")),
        ] {
            assert_eq!(said(text, why, &state, nodes), expected, "{text} {why:?} {state} {nodes:?}");
        }
    }
}
