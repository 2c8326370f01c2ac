//! Checks against the registry: existence, access, platforms, and agreement between engine and registry.

use std::collections::BTreeSet;

use super::lookup_diagnosis::failure;
use super::subject::{CheckSubject, ServiceFinding, SubjectOrigin};
use super::unverified_rollback;
use crate::finding::{Code, Finding, Severity};
use crate::image::Platform;
use crate::registry::{Fact, FactSource, LookupError};
use crate::swarm::candidates;
use crate::swarm::{Node, Service, ServiceMode};
use crate::world::World;

/// Checks that the image exists and that the nodes of its services can run it.
pub fn check(case: &CheckSubject<'_>) -> Vec<Finding> {
    let mut found = match case.facts.image(&case.image.text) {
        Fact::Unknown | Fact::Pending => Vec::new(),
        Fact::Failed { why, .. } if case.by == SubjectOrigin::Back => {
            case.each(|service| Some(unverified_rollback::assess(case, service, why)))
        }
        Fact::Failed { why, .. } => {
            let said = failure(case.image, why, case.ran_here());
            vec![case.all(said.severity, said.code, said.message).hint(said.hint)]
        }
        Fact::Known { value, .. } => {
            value.platforms.as_deref().map_or_else(|| vec![unknown(case)], |known| platform_findings(case, known))
        }
    };
    if case.by != SubjectOrigin::Back {
        found.extend(disagreement(case));
    }
    found.extend(case.each(|service| unplaceable(service, case.world)));
    found
}

/// Compares the engine's answer with the registry's answer to pinnace. The engine pulls as the nodes do, so
/// a difference means that nodes may get another image, or none.
fn disagreement(case: &CheckSubject<'_>) -> Option<Finding> {
    let Fact::Known { value: ours, via: FactSource::Registry, .. } = case.facts.image(&case.image.text) else {
        return None;
    };
    let host = &case.image.host;
    let (message, hint) = match case.facts.engine(&case.image.text) {
        Fact::Known { value: theirs, .. } if theirs.digest != ours.digest => (
            format!("{host} has @{} here, but the engine sees @{}", ours.digest.short(), theirs.digest.short()),
            "a mirror or a proxy may serve an old copy: check Registry Mirrors in `docker info`".to_owned(),
        ),
        Fact::Failed { why: LookupError::NoCredentials | LookupError::Denied, .. } => (
            format!("{host} accepts the credentials from here, but not the same ones from the engine"),
            "nodes that do not have it cached may not get it: try `docker pull` on a node".to_owned(),
        ),
        Fact::Failed { why, .. } => (
            format!("{host} has it, but the engine cannot get it: {}", why.text()),
            "nodes pull as the engine does: check its proxy, DNS, mirrors and insecure registries".to_owned(),
        ),
        _ => return None,
    };
    Some(case.all(Severity::Warning, Code::Disagree, message).hint(hint))
}

fn unknown(case: &CheckSubject<'_>) -> Finding {
    let message = format!("the platforms of image \"{}\" are not known", case.image.text);
    let hint = "the plan removes the platform filter: make sure that the image runs on these nodes";
    case.all(Severity::Info, Code::PlatformsUnknown, message).hint(hint)
}

fn platform_findings(case: &CheckSubject<'_>, platforms: &[Platform]) -> Vec<Finding> {
    let made_for = || platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut errors: (BTreeSet<String>, Vec<String>) = Default::default();
    let mut infos: BTreeSet<String> = BTreeSet::new();
    for service in &case.services {
        let nodes = case.world.candidates(service);
        let (fit, misfit): (Vec<&Node>, Vec<&Node>) =
            nodes.into_iter().partition(|node| platforms.contains(&node.platform));
        let needs_all = matches!(service.mode, ServiceMode::Global | ServiceMode::GlobalJob);
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
    let text = &case.image.text;
    let mut found = Vec::new();
    if !errors.0.is_empty() {
        let message = format!("image \"{text}\" is built for {}, not for {}", made_for(), list(&errors.0));
        let hint = "push the missing platform, or choose a tag that has it";
        found.push(case.all(Severity::Error, Code::PlatformMissing, message).hint(hint).on(errors.1));
    }
    if !infos.is_empty() {
        let message =
            format!("image \"{text}\" is built for {}: its tasks will not run on {}", made_for(), list(&infos));
        let hint = "nothing to do if the other nodes are enough for it";
        found.push(case.all(Severity::Info, Code::PlatformMissing, message).hint(hint).on([]));
    }
    found
}

fn unplaceable(service: &Service, world: &World) -> Option<ServiceFinding> {
    if world.nodes.is_empty() || !candidates(service, world.nodes.values()).is_empty() {
        return None;
    }
    let message = format!("no node satisfies {}", service.constraints.join(", "));
    let hint = "its tasks would stay pending; fix the constraint or the nodes' labels first";
    Some(ServiceFinding::new(Severity::Error, Code::NoNodeFits, message, hint))
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
