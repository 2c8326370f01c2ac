//! Checks of what runs, pinned or not: does it still stand in its registry, is there something newer.

use std::collections::BTreeSet;

use super::case::{By, Case, Said};
use super::{tags, versions};
use crate::core::finding::{Code, Finding, Severity};
use crate::core::group::GroupKey;
use crate::core::image::ImageRef;
use crate::core::pins::{MANIFEST, PinDoc};
use crate::core::plan::Want;
use crate::core::registry::{Fact, Facts};
use crate::core::swarm::{Mode, Service};
use crate::core::world::World;

/// Whether a service runs at all: of one that is stopped nothing has to be said.
fn runs(service: &Service) -> bool {
    !matches!(service.mode, Mode::Replicated(0)) && !service.mode.is_job()
}

/// The remarks about what a group runs; those of a document's own pins are elsewhere.
pub fn about(group: &GroupKey, in_force: &PinDoc, world: &World, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut images: Vec<&str> = world.members(group).filter(|service| runs(service)).map(Service::image).collect();
    images.sort_unstable();
    images.dedup();
    for text in images {
        let Ok(image) = ImageRef::parse(text) else { continue };
        let services: Vec<_> =
            world.members(group).filter(|service| runs(service) && service.image() == text).collect();
        let case = Case { group, services, world, facts, image: &image, by: By::Back };
        let unpinned = |service: &Service| in_force.effective(group, service).is_none();
        found.extend(case.each(|_| tags::tag_moved(&image, facts)));
        found.extend(case.each(|_| tags::gone(&image, facts)));
        found.extend(case.each(|_| by_tag(&image)));
        found.extend(case.each(|service| drifted(group, in_force, service)));
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

/// What must be known for it, as far as that can be said now.
pub fn wants(group: &GroupKey, world: &World, facts: &Facts) -> BTreeSet<Want> {
    let mut wants = BTreeSet::new();
    for service in world.members(group).filter(|service| runs(service)) {
        let Ok(image) = ImageRef::parse(service.image()) else { continue };
        let named = facts.image(image.without_digest());
        wants.insert(Want::Image(image.without_digest().to_owned()));
        // What the tag names is there; only what it does not name has to be looked for by its digest.
        let elsewhere = named.known().is_none_or(|named| Some(&named.digest) != image.digest.as_ref());
        if image.digest.is_some() && named.answered() && elsewhere {
            wants.insert(Want::Image(image.text.clone()));
        }
    }
    wants
}

/// An image that is named by its tag alone.
pub fn by_tag(image: &ImageRef) -> Option<Said> {
    image.digest.is_none().then(|| {
        let message = format!("{} runs by tag only; the next restart may bring another image", image.text);
        Said::new(Severity::Info, Code::RunsByTag, message, "pin it with its digest to fix what restarts bring")
    })
}

/// Somebody else changed what a pin in force says.
fn drifted(group: &GroupKey, in_force: &PinDoc, service: &Service) -> Option<Said> {
    let (_, pinned) = in_force.effective(group, service).filter(|(_, pinned)| *pinned != MANIFEST)?;
    let running = ImageRef::parse(service.image()).ok()?;
    if pinned == running.text || pinned == running.without_digest() {
        return None;
    }
    let short = |text: &str| ImageRef::parse(text).map_or_else(|_| text.to_owned(), |image| image.short(false));
    let message = format!("pinned to {}, runs {}: changed by somebody else", short(pinned), running.short(false));
    Some(Said::new(Severity::Info, Code::Drifted, message, "pin what should run; nothing is planned for it by itself"))
}

/// The version manifest could not be had anew.
fn manifest_old(facts: &Facts) -> Option<Finding> {
    let Fact::Known { value: manifest, .. } = facts.versions() else { return None };
    let problem = manifest.problem.as_ref()?;
    let of = manifest.at.map(|at| format!(" of {at}")).unwrap_or_default();
    let message = format!("{problem}; that{of} is used");
    Some(
        Finding::new(Severity::Info, Code::ManifestOld, "the version manifest", message)
            .hint("look at its address under [manifest] in the configuration"),
    )
}
