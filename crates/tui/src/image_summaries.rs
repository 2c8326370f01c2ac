//! Registry facts about the images that a group is to run, and findings about the images it runs now.

use std::collections::BTreeSet;

use pinnace_core::check;
use pinnace_core::finding::{Finding, gathered};
use pinnace_core::image::{ImageRef, Platform, digest_of};
use pinnace_core::registry::{BaseStatus, base_verdict};
use pinnace_core::registry::{Fact, FactSource, ResolvedImage};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::Service;
use pinnace_core::time::{Time, age};

use crate::screens::pins::state::{EditedPins, PinsState};
use crate::state::ClusterState;

/// Summarizes what is known about each pinned image; returns pairs of image and summary.
pub(crate) fn summaries(
    cluster: &ClusterState,
    screen: &PinsState,
    text: &EditedPins,
    now: Time,
) -> Vec<(String, String)> {
    let images = check::images(&screen.group, &text.doc, &cluster.world, &cluster.facts);
    let one = |(image, services): (String, Vec<&Service>)| {
        let base = services.first().and_then(|service| text.doc.rules_for(&screen.group, service).base);
        let told = summary(cluster, &services, &image, base.as_deref(), now);
        (image, told)
    };
    images.into_iter().map(one).collect()
}

fn summary(cluster: &ClusterState, services: &[&Service], image: &str, base: Option<&str>, now: Time) -> String {
    let (fact, at, via) = match cluster.facts.image(image) {
        Fact::Unknown => return "not looked up yet".to_owned(),
        Fact::Pending => return "asking the registry …".to_owned(),
        Fact::Failed { why, .. } => return why.brief().to_owned(),
        Fact::Known { value, at, via } => (value, *at, *via),
    };
    let mut parts = vec!["exists".to_owned()];
    if digest_of(image).is_none() {
        parts.push(format!("@{}", fact.digest.short()));
    }
    parts.push(fact.platforms.as_ref().map_or_else(
        || "platforms unknown".to_owned(),
        |platforms| platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    ));
    parts.extend(fact.platforms.as_deref().map(|platforms| runnable(cluster, services, platforms)));
    parts.extend(of_content(cluster, image, fact, base, now));
    if via == FactSource::Engine {
        parts.push("looked up by the engine".to_owned());
    }
    if let Some(left) = ImageRef::parse(image).ok().and_then(|image| cluster.facts.allowance(&image.host)) {
        parts.push(format!("{} of {} requests left", left.remaining, left.limit));
    }
    parts.push(format!("checked {} ago", age(now.since(at))));
    parts.join(" · ")
}

fn runnable(cluster: &ClusterState, services: &[&Service], platforms: &[Platform]) -> String {
    let nodes: BTreeSet<_> =
        services.iter().flat_map(|service| cluster.world.candidates(service)).map(|node| &node.id).collect();
    let can = nodes.iter().filter_map(|id| cluster.world.nodes.get(*id));
    let can = can.filter(|node| platforms.contains(&node.platform)).count();
    let noun = if nodes.len() == 1 { "node" } else { "nodes" };
    format!("platform fits {can} of {} {noun}", nodes.len())
}

/// Describes size, age and base image: the parts that need the image's configuration.
fn of_content(
    cluster: &ClusterState,
    image: &str,
    fact: &ResolvedImage,
    named: Option<&str>,
    now: Time,
) -> Vec<String> {
    let mut parts = Vec::new();
    let reference = ImageRef::parse(image).ok();
    let named = named.or_else(|| cluster.facts.base_of(reference.as_ref()?));
    let about = reference.as_ref().map(|image| image.by_digest(&fact.digest));
    let about = about.and_then(|text| cluster.facts.image_info(&text).known());
    let size = about.map(|about| about.size()).filter(|size| *size > 0).or(fact.size);
    parts.extend(size.map(|size| format!("{} MB", size.div_ceil(1_000_000))));
    let Some(about) = about else { return parts };
    parts.extend(about.created().map(|at| format!("built {} ago", age(now.since(at)))));
    match base_verdict(about, named, &cluster.facts).0 {
        BaseStatus::UpToDate { name, .. } => parts.push(format!("base image {} up to date", clean(&name))),
        BaseStatus::Outdated { name, since, .. } => {
            let since = since.map(|at| format!(" for {}", age(now.since(at)))).unwrap_or_default();
            parts.push(format!("base image {} out of date{since}", clean(&name)));
        }
        BaseStatus::Pending => parts.push("looking up its base image …".to_owned()),
        BaseStatus::Unknown { .. } => parts.push("base image unknown".to_owned()),
    }
    parts
}

/// Returns the findings about the images the group runs now.
pub fn running(cluster: &ClusterState, screen: &PinsState, text: &EditedPins) -> Vec<Finding> {
    gathered(check::running::check(&screen.group, &text.in_force, &cluster.world, &cluster.facts))
}
