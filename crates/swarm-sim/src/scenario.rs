//! Scenario files: the objects of a world, its history and its faults.
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
//! # A second tag, and a removal at the start, after the world has settled.
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
//! # The history of a world
//!
//! `start` is the time at which the simulation starts. `settled` is the time before it in which the world settles:
//! seconds, or a duration such as `3d`. Times are RFC 3339, a date, or relative to the start, `40m ago`.
//!
//! ```toml
//! settled = "3d"
//!
//! # Pushed ten minutes ago, and built an hour ago. `later = true` pushes at the start.
//! [[image]]
//! ref = "10.0.0.1:5000/shop/web:1.31.0"
//! at = "10m ago"
//! created = "1h ago"
//!
//! # `[[tag]]` and `[[gone]]` can have an `at`, too.
//! [[gone]]
//! ref = "10.0.0.1:5000/shop/api:2.8.0"
//! at = "10m ago"
//!
//! # A change by an operator: a service's `image` (`pinned`: with its digest) or `label`, a node's `availability`.
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
//! Images without an `at` exist before the services. Images with a relative `created` (`3d ago`) are pushed oldest
//! first, after the others: an image's `base` is the image that the base's tag pointed to when it was built.
//!
//! # Compact entries
//!
//! ```toml
//! # Files in the same folder. Their entries come first; this file's other keys replace theirs.
//! include = ["registry.toml"]
//!
//! # Values of placeholders: `{hub}` in any string or key of the entries.
//! [values]
//! hub = "10.0.0.1:5000"
//!
//! # Keys of every image with `like = "app"`; `[service_template.NAME]` is the same for services. A template can be
//! # based on another one with `like`.
//! [image_template.app]
//! entrypoint = ["/app"]
//! history = ["COPY {name} /usr/bin/", "ENTRYPOINT {entrypoint}"]
//! labels = { title = "{title}", created = "{created}" }
//!
//! # An image for each of the `tags`: its creation time, or its own keys. `also` adds tags to an image.
//! [[image]]
//! like = "app"
//! repository = "{hub}/shop/web"
//! values = { title = "Shop front" }
//! tags = { "1.30.2" = "33d ago", "1.31.0" = { created = "12d ago", also = ["1.31", "1.31-{date}"] } }
//!
//! # A service for each table of `each`, with its own keys.
//! [[service]]
//! image = "{hub}/shop/web:1.31.0"
//! each = [{ name = "shop_web", replicas = 3 }, { name = "shop_docs", image = "{hub}/shop/web:1.30.2" }]
//! ```
//!
//! An image has the placeholders `{repository}`, `{name}` (the repository's last part), `{tag}`, `{version}` (the tag,
//! unless its `values` have another one), `{revision}` (generated from repository and version), `{entrypoint}` and
//! `{cmd}` (formatted as in a Dockerfile). Labels also have `{created}`, and `also` has `{date}`, the creation date.
//! Each image of `tags` adds a few bytes to `claimed`, depending on its tag, so that the sizes differ.
//!
//! A service's `on_node` is a constraint to the node of that name, `stack` sets the labels of `docker stack deploy`,
//! and `container_labels` copies the service's labels to its containers.

#[cfg(test)]
mod compact_tests;
mod expand;
mod images;
mod services;
mod step_times;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::faults::PlannedFault;
use super::world::World;
use super::world::model::{Nanos, SECOND};
use expand::IncludeReader;
use images::{DocumentText, GoneText, ImageText, RegistryText, SeesText, TagText};
pub(crate) use services::pinned;
use services::{ChangeText, ServiceText};
use step_times::{MomentText, SpanText, StepTime};

/// A scenario file, as parsed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// The seed of ids and other random values.
    seed: u64,
    /// The time at which the simulation starts; `None`: now.
    start: Option<MomentText>,
    /// The time before the start in which the world settles; `None`: 30 seconds.
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
    faults: Vec<PlannedFault>,
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

/// A step of a world's history before the start.
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
    /// Parses a scenario without included files.
    ///
    /// # Errors
    /// Returns a message if it is invalid.
    pub fn read(text: &str) -> Result<Self, String> {
        Self::read_with(text, &|_| Err("only a file can include another one".to_owned()))
    }

    /// Parses a scenario; the files that it includes are read from `folder`.
    ///
    /// # Errors
    /// Returns a message if it is invalid.
    pub fn read_in(folder: &Path, text: &str) -> Result<Self, String> {
        Self::read_with(text, &|name| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string()))
    }

    /// Parses a scenario; `files` returns the text of an included file.
    pub(crate) fn read_with(text: &str, files: IncludeReader<'_>) -> Result<Self, String> {
        let table = expand::table(text, files).map_err(wrong)?;
        let expanded = expand::expand(table).map_err(wrong)?;
        // A scenario without anything to expand is parsed from its text, so that errors have a line number.
        let plain: Option<Table> = toml::from_str(text).ok().filter(|plain| *plain == expanded);
        if plain.is_some() { toml::from_str(text).map_err(wrong) } else { expanded.try_into().map_err(wrong) }
    }

    /// Builds the world. `now` is its start unless the scenario sets one. The returned faults are not scheduled yet.
    ///
    /// # Errors
    /// Returns a message if an entry is inconsistent.
    pub fn world(&self, now: Nanos) -> Result<(World, Vec<PlannedFault>), String> {
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

    /// Returns the steps in order with their times; `None`: before the services are created.
    fn steps(&self, start: Nanos) -> Result<Vec<(Option<Nanos>, Step<'_>)>, String> {
        let mut images: Vec<&ImageText> = self.images.iter().collect();
        images.sort_by_key(|image| image.age().map(Reverse));
        let images = images.into_iter().map(|image| (image.when(), Step::Push(image)));
        let tags = self.tags.iter().map(|tag| (tag.when(), Step::Tag(tag)));
        let gone = self.gone.iter().map(|gone| (StepTime::past(gone.at.as_ref()), Step::Remove(gone)));
        let changes = self.changes.iter().map(|change| (StepTime::past(change.at.as_ref()), Step::Change(change)));
        let mut steps = Vec::new();
        for (when, step) in images.chain(tags).chain(gone).chain(changes) {
            let at = match when {
                StepTime::First => None,
                StepTime::Start => Some(start),
                StepTime::At(moment) => Some(moment.at(start).map_err(|why| wrong(format!("{step}: {why}")))?),
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

/// Returns the current real time.
pub fn outside() -> Nanos {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(1_800_000_000 * SECOND)
}
