//! Scenario files: what a world holds, and what goes wrong in it.
//!
//! ```toml
//! [engine]
//! version = "26.1.5"
//! api = 45
//!
//! [[node]]
//! name = "node-1"
//! manager = true
//!
//! [[registry]]
//! name = "10.0.0.1:5000"
//! insecure = true
//!
//! [[image]]
//! ref = "10.0.0.1:5000/shop/web:1.31.0"
//! behaviour = "sleep"
//! platforms = ["linux/amd64", "linux/arm64/v8"]
//! files = { "/srv/index.html" = "Hello", "/srv/start" = { link = "index.html" } }
//! compression = "zstd"
//!
//! # A tag beside it, and what happens after everything has settled.
//! [[tag]]
//! ref = "10.0.0.1:5000/shop/web:1.31"
//! of = "10.0.0.1:5000/shop/web:1.31.0"
//!
//! [[gone]]
//! ref = "10.0.0.1:5000/shop/web:1.31"
//!
//! [[service]]
//! name = "shop_web"
//! image = "10.0.0.1:5000/shop/web:1.31.0"
//! replicas = 3
//!
//! [[fault]]
//! after = 30
//! kind = "daemon-gone"
//! ```
//!
//! # The past of a world
//!
//! `start` is the moment the world is handed over at, `settled` the span before it in which everything had time to
//! settle: seconds, or a text like `3d`. A moment is RFC 3339, a date, or a span before the start, `40m ago`.
//!
//! ```toml
//! settled = "3d"
//!
//! # Pushed ten minutes ago, and built an hour ago. `later = true` is the same as `at` the start.
//! [[image]]
//! ref = "10.0.0.1:5000/shop/web:1.31.0"
//! at = "10m ago"
//! created = "1h ago"
//!
//! # `[[tag]]` and `[[gone]]` have an `at`, too.
//! [[gone]]
//! ref = "10.0.0.1:5000/shop/api:2.8.0"
//! at = "10m ago"
//!
//! # What an operator did: a service's `image` (`pinned`: with its digest) or `label`, a node's `availability`.
//! [[change]]
//! at = "5m ago"
//! service = "shop_web"
//! image = "10.0.0.1:5000/shop/web:1.31.0"
//! pinned = true
//!
//! [[change]]
//! at = "5m ago"
//! node = "node-1"
//! availability = "drain"
//! ```
//!
//! Images without an `at` exist before any service. Those that were `created` some time `ago` are pushed in the order of
//! their age, after the others: an image's `base` is what its tag pointed to when the image was built.
//!
//! # Compact entries
//!
//! ```toml
//! # Files beside this one. Their entries come before its own; its other keys replace theirs.
//! include = ["registry.toml"]
//!
//! # The texts of placeholders: `{hub}` in any text or key of the entries.
//! [values]
//! hub = "10.0.0.1:5000"
//!
//! # Keys of every image that is `like = "app"`; `[service_template.NAME]` is the same for services. A template may be
//! # like another one.
//! [image_template.app]
//! entrypoint = ["/app"]
//! history = ["COPY {name} /usr/bin/", "ENTRYPOINT {entrypoint}"]
//! labels = { title = "{title}", created = "{created}" }
//!
//! # An image for each of the `tags`: when it was created, or keys of its own. `also` are further tags of an image.
//! [[image]]
//! like = "app"
//! repository = "{hub}/shop/web"
//! values = { title = "Shop front" }
//! tags = { "1.30.2" = "33d ago", "1.31.0" = { created = "12d ago", also = ["1.31", "1.31-{date}"] } }
//!
//! # A service for each table of `each`: keys of its own.
//! [[service]]
//! image = "{hub}/shop/web:1.31.0"
//! each = [{ name = "shop_web", replicas = 3 }, { name = "shop_docs", image = "{hub}/shop/web:1.30.2" }]
//! ```
//!
//! An image's placeholders are its `{repository}` and that one's last part `{name}`, its `{tag}`, its `{version}` (the
//! tag, unless its `values` have one), its `{revision}` (made up from repository and version), its `{entrypoint}` and
//! `{cmd}` as a Dockerfile has them; in its labels `{created}`, in `also` `{date}`, the day it was created. An
//! image of `tags` claims a little more than `claimed`, by its tag.
//!
//! A service's `on_node` is a constraint to the node of that name, `stack` sets the labels of `docker stack deploy`, and
//! `container_labels` gives its labels to its containers, too.

#[cfg(test)]
mod compact_tests;
mod expand;
mod images;
mod moments;
mod services;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::faults::Planned;
use super::world::World;
use super::world::model::{Nanos, SECOND};
use expand::Files;
use images::{DocumentText, GoneText, ImageText, RegistryText, SeesText, TagText};
use moments::{MomentText, SpanText, When};
pub(crate) use services::pinned;
use services::{ChangeText, ServiceText};

/// A scenario file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Which numbers come up.
    seed: u64,
    /// The moment the world starts at; none: now.
    start: Option<MomentText>,
    /// How long everything had to settle before; none: 30 seconds.
    settled: Option<SpanText>,
    engine: Option<EngineText>,
    #[serde(rename = "node")]
    nodes: Vec<NodeText>,
    #[serde(rename = "network")]
    networks: Vec<String>,
    #[serde(rename = "registry")]
    registries: Vec<RegistryText>,
    #[serde(rename = "image")]
    images: Vec<ImageText>,
    #[serde(rename = "tag")]
    tags: Vec<TagText>,
    gone: Vec<GoneText>,
    engine_sees: Vec<SeesText>,
    #[serde(rename = "document")]
    documents: Vec<DocumentText>,
    #[serde(rename = "service")]
    services: Vec<ServiceText>,
    #[serde(rename = "change")]
    changes: Vec<ChangeText>,
    #[serde(rename = "fault")]
    faults: Vec<Planned>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineText {
    version: String,
    api: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NodeText {
    name: String,
    manager: bool,
    architecture: Option<String>,
    availability: Option<String>,
    labels: BTreeMap<String, String>,
}

/// Something that happens to a world before its start.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Push(&'a ImageText),
    Tag(&'a TagText),
    Remove(&'a GoneText),
    Change(&'a ChangeText),
}

fn wrong(what: impl std::fmt::Display) -> String {
    format!("the scenario: {what}")
}

impl Scenario {
    /// Reads a scenario that includes no files.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        Self::read_with(text, &|_| Err("only a file can include another one".to_owned()))
    }

    /// Reads a scenario of a folder, with the files beside it that it includes.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn read_in(folder: &Path, text: &str) -> Result<Self, String> {
        Self::read_with(text, &|name| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string()))
    }

    /// Reads a scenario; `files` has the texts of those it includes.
    pub(crate) fn read_with(text: &str, files: Files<'_>) -> Result<Self, String> {
        let table = expand::table(text, files).map_err(wrong)?;
        let expanded = expand::expand(table).map_err(wrong)?;
        // Where nothing was to be expanded, what is wrong has a line.
        let plain: Option<Table> = toml::from_str(text).ok().filter(|plain| *plain == expanded);
        if plain.is_some() { toml::from_str(text).map_err(wrong) } else { expanded.try_into().map_err(wrong) }
    }

    /// Makes its world; `now` is when it starts, unless it says so itself. The faults are still to be planned.
    ///
    /// # Errors
    /// With what in it makes no sense.
    pub fn world(&self, now: Nanos) -> Result<(World, Vec<Planned>), String> {
        let start = self.start.as_ref().map_or(Ok(now), |start| start.at(now)).map_err(wrong)?;
        let settled = self.settled.as_ref().map_or(Ok(30 * SECOND), SpanText::nanos).map_err(wrong)?;
        let begun = start.saturating_sub(settled);
        let mut world = World::new(self.seed, begun);
        if let Some(engine) = &self.engine {
            engine.version.clone_into(&mut world.engine.version);
            world.engine.minor = engine.api;
            world.engine.least = if engine.api >= 44 { 24 } else { 12 };
        }
        for node in &self.nodes {
            Self::node(&mut world, node)?;
        }
        for network in &self.networks {
            world.add_network(network, "overlay", false);
        }
        for registry in &self.registries {
            registry.found(&mut world)?;
        }
        let steps = self.steps(start)?;
        let (first, past) = steps.split_at(steps.partition_point(|(at, _)| at.is_none()));
        for (_, step) in first {
            step.take(&mut world, start)?;
        }
        for service in &self.services {
            service.create(&mut world)?;
        }
        for (at, step) in past {
            let at = at.filter(|at| (begun..=start).contains(at));
            let outside = || wrong(format!("{step}: its `at` is not within the time the world had to settle"));
            world.tick(at.ok_or_else(outside)?);
            step.take(&mut world, start)?;
        }
        world.tick(start);
        for sees in &self.engine_sees {
            sees.set(&mut world)?;
        }
        for document in &self.documents {
            document.set(&mut world);
        }
        Ok((world, self.faults.clone()))
    }

    /// The steps in the order in which they happen, with their moments; none: before there are services.
    fn steps(&self, start: Nanos) -> Result<Vec<(Option<Nanos>, Step<'_>)>, String> {
        let mut images: Vec<&ImageText> = self.images.iter().collect();
        images.sort_by_key(|image| image.age().map(Reverse));
        let images = images.into_iter().map(|image| (image.when(), Step::Push(image)));
        let tags = self.tags.iter().map(|tag| (tag.when(), Step::Tag(tag)));
        let gone = self.gone.iter().map(|gone| (When::past(gone.at.as_ref()), Step::Remove(gone)));
        let changes = self.changes.iter().map(|change| (When::past(change.at.as_ref()), Step::Change(change)));
        let mut steps = Vec::new();
        for (when, step) in images.chain(tags).chain(gone).chain(changes) {
            let at = match when {
                When::First => None,
                When::Start => Some(start),
                When::At(moment) => Some(moment.at(start).map_err(|why| wrong(format!("{step}: {why}")))?),
            };
            steps.push((at, step));
        }
        steps.sort_by_key(|(at, _)| *at);
        Ok(steps)
    }

    fn node(world: &mut World, node: &NodeText) -> Result<(), String> {
        let id = world.add_node(&node.name, node.manager, node.architecture.as_deref().unwrap_or("x86_64"));
        if node.labels.is_empty() && node.availability.is_none() {
            return Ok(());
        }
        let found = world.find_node(&id).map_err(|refusal| wrong(refusal.message))?;
        let availability = node.availability.as_deref().unwrap_or("active");
        let spec = json!({ "Role": found.role, "Availability": availability, "Labels": node.labels });
        let version = found.index;
        world
            .update_node(&id, version, &spec)
            .map_err(|refusal| wrong(format!("node {}: {}", node.name, refusal.message)))
    }
}

impl Step<'_> {
    fn take(self, world: &mut World, start: Nanos) -> Result<(), String> {
        match self {
            Self::Push(image) => image.push(world, start),
            Self::Tag(tag) => tag.set(world),
            Self::Remove(gone) => gone.remove(world),
            Self::Change(change) => change.make(world),
        }
    }
}

impl std::fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Push(image) => write!(f, "image {}", image.reference),
            Self::Tag(tag) => write!(f, "tag {}", tag.reference),
            Self::Remove(gone) => write!(f, "gone {}", gone.reference),
            Self::Change(change) => write!(f, "change {}", change.subject()),
        }
    }
}

/// The moment it is outside.
pub fn outside() -> Nanos {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(1_800_000_000 * SECOND)
}
