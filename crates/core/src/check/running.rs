//! Checks of running images, pinned or not: existence in the registry, newer builds and versions, drift.

use std::collections::BTreeSet;

use super::{tags, versions};
use crate::check::image_content;
use crate::check::subject::{CheckSubject, ServiceFinding, SubjectOrigin};
use crate::finding::{Code, Finding, Severity};
use crate::history::drift;
use crate::image::{ImageRef, apart};
use crate::pins::PinDoc;
use crate::registry::FactQuery;
use crate::registry::{Fact, FactSource, Facts, ImageInfo, LookupError};
use crate::swarm::{GroupKey, is_postgres};
use crate::swarm::{Service, ServiceMode};
use crate::world::World;

/// Returns whether a service runs permanently. Jobs and services with 0 replicas are not checked.
fn runs(service: &Service) -> bool {
    !matches!(service.mode, ServiceMode::Replicated(0)) && !service.mode.is_job()
}

/// Returns the findings about the images that a group runs. Findings about the pins of a document come from
/// `check::document`.
pub fn check(group: &GroupKey, in_force: &PinDoc, world: &World, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut images: Vec<&str> = world.members(group).filter(|service| runs(service)).map(Service::image).collect();
    images.sort_unstable();
    images.dedup();
    for text in images {
        let Ok(image) = ImageRef::parse(text) else { continue };
        let services: Vec<_> =
            world.members(group).filter(|service| runs(service) && service.image() == text).collect();
        let case = CheckSubject { group, services, world, facts, image: &image, by: SubjectOrigin::Back };
        let unpinned = |service: &Service| in_force.effective(group, service).is_none();
        found.extend(case.each(|_| tags::tag_moved(&image, facts)));
        let up = |service: &Service| world.health(&service.id).is_some_and(|health| health.running > 0);
        found.extend(case.each(|service| tags::gone(&image, facts, up(service))));
        found.extend(case.each(|_| by_tag(&image)));
        if let Some(about) = about_running(&image, facts) {
            let pinned = |service: &Service| in_force.effective(group, service).is_some();
            found.extend(case.each(|service| {
                let base = in_force.rules_for(group, service).base;
                (!pinned(service)).then(|| image_content::outdated(&image, about, base.as_deref(), facts)).flatten()
            }));
        }
        found.extend(case.each(|service| drifted(group, in_force, service, world)));
        if let Some(manifest) = facts.versions().known() {
            for nth in 0..2 {
                found.extend(case.each(|service| {
                    let newer = unpinned(service).then(|| versions::newer_than_runs(&image, service, manifest));
                    newer.and_then(|newer| newer.into_iter().nth(nth))
                }));
            }
        }
    }
    found.extend(manifest_old(facts));
    found
}

/// Returns the description of a running image, if known.
fn about_running<'a>(image: &ImageRef, facts: &'a Facts) -> Option<&'a ImageInfo> {
    let named = || facts.image(&image.text).known().map(|fact| fact.digest.clone());
    facts.image_info(&image.by_digest(&image.digest.clone().or_else(named)?)).known().map(AsRef::as_ref)
}

/// Returns whether the image of a service is known to be built on an older build of its base image.
pub fn base_is_old(image: &str, facts: &Facts) -> bool {
    let Ok(image) = ImageRef::parse(image) else { return false };
    about_running(&image, facts).is_some_and(|about| image_content::outdated(&image, about, None, facts).is_some())
}

/// Returns the queries about a running image: whether its tag and digest still exist, whether the tag
/// moved, and whether the base image changed. More queries can follow an answer.
pub fn wants_of(image: &str, facts: &Facts) -> BTreeSet<FactQuery> {
    let mut wants = BTreeSet::new();
    let Ok(image) = ImageRef::parse(image) else { return wants };
    let Fact::Known { value: named, via, .. } = facts.image(image.without_digest()) else {
        wants.insert(FactQuery::Image(image.without_digest().to_owned()));
        // A digest can outlive its tag.
        if image.digest.is_some() && facts.image(image.without_digest()).failed() == Some(&LookupError::NotFound) {
            wants.insert(FactQuery::Image(image.text.clone()));
        }
        return wants;
    };
    let digest = image.digest.as_ref().unwrap_or(&named.digest);
    let there = *digest == named.digest || named.children.contains(digest) || {
        wants.insert(FactQuery::Image(image.text.clone()));
        facts.image(&image.text).known().is_some()
    };
    if there && *via == FactSource::Registry {
        wants.insert(FactQuery::ImageInfo(image.by_digest(digest)));
        if let Some(about) = about_running(&image, facts) {
            wants.extend(image_content::base_wants(&image, about, None, facts));
        }
    }
    wants
}

/// Returns the queries that must be answered for the findings about a group, without those already
/// answered. More queries can follow an answer.
pub fn queries(group: &GroupKey, world: &World, facts: &Facts) -> BTreeSet<FactQuery> {
    let mut wants = BTreeSet::new();
    for service in world.members(group).filter(|service| runs(service)) {
        wants.extend(wants_of(service.image(), facts));
        if is_postgres(service) {
            wants.insert(FactQuery::Versions);
        }
    }
    wants.retain(|want| !super::is_answered(want, facts));
    wants
}

/// Reports an image that runs by its tag only, without a digest.
pub(crate) fn by_tag(image: &ImageRef) -> Option<ServiceFinding> {
    image.digest.is_none().then(|| {
        let message = format!("{} has no digest; the next restart may pull another image", image.text);
        ServiceFinding::new(
            Severity::Info,
            Code::RunsByTag,
            message,
            "pin it with its digest, so that restarts use the same image",
        )
    })
}

/// Reports drift: the service does not run the image of its pin in force.
fn drifted(group: &GroupKey, in_force: &PinDoc, service: &Service, world: &World) -> Option<ServiceFinding> {
    let drift = drift::of(world, group, in_force, service)?;
    let (due, has) = apart(&drift.due, &drift.has);
    let message = format!("pinned to {due}, runs {has}: {}", drift.describe());
    let hint =
        "press `=` to plan the pin again (`pinnace apply GROUP --drift`), or `A` to pin what runs (`--drift=accept`)";
    Some(ServiceFinding::new(Severity::Info, Code::Drifted, message, hint))
}

/// Reports that the version manifest could not be refreshed, so that an older copy is used.
fn manifest_old(facts: &Facts) -> Option<Finding> {
    let Fact::Known { value: manifest, .. } = facts.versions() else { return None };
    let problem = manifest.problem.as_ref()?;
    let of = manifest.at.map(|at| format!(" ({at})")).unwrap_or_default();
    let message = format!("{problem}; using an older copy{of}");
    Some(
        Finding::new(Severity::Info, Code::ManifestOld, "the version manifest", message)
            .hint("check its address under [manifest] in the configuration"),
    )
}
