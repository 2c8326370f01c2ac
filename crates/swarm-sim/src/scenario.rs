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

mod images;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::Planned;
use super::world::images::reference;
use super::world::model::{Nanos, SECOND};
use super::world::{World, time};
use images::{DocumentText, GoneText, ImageText, RegistryText, SeesText, TagText};

/// A scenario file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Which numbers come up.
    seed: u64,
    /// The moment the world starts at; none: now.
    start: Option<String>,
    /// How long everything had to settle before.
    settled: Option<f64>,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServiceText {
    name: String,
    image: String,
    /// Whether the image is written with its digest.
    pinned: bool,
    /// Whether it was made without the credentials its registry asks for.
    without_credentials: bool,
    replicas: Option<u64>,
    global: bool,
    constraints: Vec<String>,
    labels: BTreeMap<String, String>,
    /// Anything else of the spec, laid over it.
    spec: Option<Value>,
}

fn wrong(what: impl std::fmt::Display) -> String {
    format!("the scenario: {what}")
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(wrong)
    }

    /// Makes its world; `now` is when it starts, unless it says so itself. The faults are still to be planned.
    ///
    /// # Errors
    /// With what in it makes no sense.
    pub fn world(&self, now: Nanos) -> Result<(World, Vec<Planned>), String> {
        let now = match &self.start {
            Some(text) => time::parse(text).ok_or_else(|| wrong(format!("{text} is no moment")))?,
            None => now,
        };
        let settled = super::faults::nanos(self.settled.unwrap_or(30.0));
        let mut world = World::new(self.seed, now.saturating_sub(settled));
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
        self.images(&mut world, false)?;
        for service in &self.services {
            let (spec, auth) = spec(&world, service)?;
            let made = world.create_service(&spec, auth);
            made.map_err(|refusal| wrong(format!("service {}: {}", service.name, refusal.message)))?;
        }
        world.tick(now);
        self.images(&mut world, true)?;
        for gone in &self.gone {
            gone.remove(&mut world)?;
        }
        for sees in &self.engine_sees {
            sees.set(&mut world)?;
        }
        for document in &self.documents {
            document.set(&mut world);
        }
        Ok((world, self.faults.clone()))
    }

    /// Pushes the images and sets the tags that are there from the first, or those that come later.
    fn images(&self, world: &mut World, later: bool) -> Result<(), String> {
        for image in self.images.iter().filter(|image| image.later == later) {
            image.push(world)?;
        }
        for tag in self.tags.iter().filter(|tag| tag.later == later) {
            tag.set(world)?;
        }
        Ok(())
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

/// A service's spec, and the credentials it is made with: those its registry asks for.
fn spec(world: &World, service: &ServiceText) -> Result<(Value, Option<String>), String> {
    let mut image = service.image.clone();
    let named = reference(&image);
    let registry = named.as_ref().and_then(|named| world.registries.get(&named.host));
    if service.pinned {
        let found = named.as_ref().and_then(|named| registry?.find(named)).map(|found| found.digest.as_ref());
        image = format!("{image}@{}", found.ok_or_else(|| wrong(format!("service {}: no such image", service.name)))?);
    }
    let login = registry.and_then(|registry| registry.login.as_ref()).filter(|_| !service.without_credentials);
    let auth =
        login.map(|(user, password)| URL_SAFE.encode(json!({ "username": user, "password": password }).to_string()));
    let mode = if service.global {
        json!({ "Global": {} })
    } else {
        json!({ "Replicated": { "Replicas": service.replicas.unwrap_or(1) } })
    };
    let mut spec = json!({ "Name": service.name, "Labels": service.labels, "Mode": mode,
        "TaskTemplate": { "ContainerSpec": { "Image": image } } });
    if !service.constraints.is_empty() {
        spec["TaskTemplate"]["Placement"] = json!({ "Constraints": service.constraints });
    }
    if let Some(over) = &service.spec {
        lay(&mut spec, over);
    }
    Ok((spec, auth))
}

/// Lays members over those there are.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// The moment it is outside.
pub fn outside() -> Nanos {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(1_800_000_000 * SECOND)
}
