//! Registries, images, tags and removals of a scenario.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::step_times::{MomentText, StepTime};
use super::wrong;
use crate::world::images::{
    AnnotationTarget, Behaviour, Compression, Content, LayerFiles, RateLimit, Recipe, RecipeConfig, Reference, base,
    fits, reference,
};
use crate::world::model::{Document, Nanos};
use crate::world::{NodeView, PullError, World, time};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegistryText {
    name: String,
    insecure: bool,
    user: Option<String>,
    password: Option<String>,
    tokens: bool,
    /// Pull rate limit, `100;w=21600`: manifests per seconds.
    allowance: Option<String>,
    /// The host that the registry redirects to for blobs.
    blobs_at: Option<String>,
}

impl RegistryText {
    pub(super) fn found(&self, world: &mut World) -> Result<(), String> {
        let allowance = self.allowance.as_ref().map(|text| {
            let why = || wrong(format!("registry {}: `{text}` is not like 100;w=21600", self.name));
            RateLimit::of(text).ok_or_else(why)
        });
        let registry = world.registries.entry(self.name.clone()).or_default();
        registry.insecure = self.insecure;
        registry.tokens = self.tokens;
        registry.login = self.user.clone().zip(self.password.clone());
        registry.allowance = allowance.transpose()?;
        registry.blobs_at.clone_from(&self.blobs_at);
        Ok(())
    }
}

/// The files of a layer: paths with content, or paths alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum FilesText {
    Paths(Vec<String>),
    Contents(BTreeMap<String, ContentText>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum ContentText {
    Text(String),
    Link { link: String },
}

impl FilesText {
    fn files(&self) -> Result<LayerFiles, String> {
        let files: LayerFiles = match self {
            Self::Paths(paths) => paths.iter().map(|path| (path.clone(), Content::Text(format!("{path}\n")))).collect(),
            Self::Contents(contents) => {
                let content = |content: &ContentText| match content {
                    ContentText::Text(text) => Content::Text(text.clone()),
                    ContentText::Link { link } => Content::Link(link.clone()),
                };
                contents.iter().map(|(path, told)| (path.clone(), content(told))).collect()
            }
        };
        match files.keys().find(|path| !fits(path)) {
            Some(path) => Err(format!("`{path}` is no path of a layer")),
            None => Ok(files),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in the file")]
pub(super) struct ImageText {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// Further tags; `{date}` is replaced by the creation date.
    also: Vec<String>,
    /// The time of the push; `None`: before the services are created.
    at: Option<MomentText>,
    /// Pushes the image at the start, after the world has settled.
    later: bool,
    behaviour: Option<String>,
    platforms: Vec<String>,
    index: Option<String>,
    oci: bool,
    attestation: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    annotate: AnnotationTarget,
    created: Option<MomentText>,
    salt: Option<String>,
    entrypoint: Vec<String>,
    /// The command; `None`: the default one, empty: none.
    cmd: Option<Vec<String>>,
    user: String,
    ports: Vec<String>,
    health: Vec<String>,
    workdir: String,
    volumes: Vec<String>,
    env: Vec<String>,
    stop_signal: String,
    history: Vec<String>,
    base: Option<String>,
    annotate_base: bool,
    /// The files of the image's only layer.
    files: Option<FilesText>,
    /// The files of each layer.
    layers: Vec<FilesText>,
    compression: Compression,
    size: u64,
    claimed: u64,
}

impl ImageText {
    /// Returns the time of the push.
    pub(super) fn when(&self) -> StepTime<'_> {
        StepTime::of(self.at.as_ref(), self.later)
    }

    /// Returns the image's age at the start, if `created` is relative.
    pub(super) fn age(&self) -> Option<Nanos> {
        self.created.as_ref()?.ago()
    }

    pub(super) fn push(&self, world: &mut World, start: Nanos) -> Result<(), String> {
        let bad = |why: String| wrong(format!("image {}: {why}", self.reference));
        let named = reference(&self.reference).ok_or_else(|| bad("is no reference".to_owned()))?;
        let recipe = self.recipe(world, start).map_err(bad)?;
        let registry = world.registries.entry(named.host.clone()).or_default();
        registry.push(&named.repository, named.tag.as_deref().unwrap_or("latest"), &recipe);
        for tag in &self.also {
            registry.tag(&tag.replace("{date}", &time::date(recipe.created)), &named, None);
        }
        Ok(())
    }

    fn recipe(&self, world: &World, start: Nanos) -> Result<Recipe, String> {
        let plain = Recipe::default();
        let behaviour = self.behaviour.clone().unwrap_or(plain.behaviour);
        Behaviour::of(&behaviour).ok_or_else(|| format!("`{behaviour}` is no behaviour"))?;
        let platforms = if self.platforms.is_empty() { plain.platforms } else { self.platforms.clone() };
        let base = match &self.base {
            Some(name) => Some(base(&world.registries, name).ok_or_else(|| format!("its base {name} is not there"))?),
            None => None,
        };
        let short = |platform: &&String| base.as_ref().is_some_and(|base| !base.under.contains_key(*platform));
        if let Some(platform) = platforms.iter().find(short) {
            return Err(format!("its base is not for {platform}"));
        }
        let created = match &self.created {
            Some(moment) => moment.at(start)?,
            None => plain.created,
        };
        let layers = self.files.iter().chain(&self.layers).map(FilesText::files).collect::<Result<Vec<_>, _>>()?;
        Ok(Recipe {
            behaviour,
            platforms,
            index: self.index.clone(),
            oci: self.oci,
            attestation: self.attestation,
            config: self.config(plain.config, created),
            annotations: self.annotations.clone(),
            annotate: self.annotate,
            created,
            salt: self.salt.clone().unwrap_or_else(|| self.reference.clone()),
            base: base.map(Arc::new),
            annotate_base: self.annotate_base,
            layers,
            compression: self.compression,
            size: self.size,
            claimed: self.claimed,
        })
    }

    fn config(&self, plain: RecipeConfig, created: Nanos) -> RecipeConfig {
        let label = |(key, text): (&String, &String)| (key.clone(), text.replace("{created}", &time::rfc3339(created)));
        RecipeConfig {
            labels: self.labels.iter().map(label).collect(),
            entrypoint: self.entrypoint.clone(),
            cmd: self.cmd.clone().unwrap_or(plain.cmd),
            user: self.user.clone(),
            ports: self.ports.clone(),
            health: self.health.clone(),
            workdir: self.workdir.clone(),
            volumes: self.volumes.clone(),
            env: self.env.clone(),
            stop_signal: self.stop_signal.clone(),
            history: self.history.clone(),
        }
    }
}

/// A tag that points to an existing image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagText {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// The image that the tag points to, in the same repository.
    of: String,
    /// Selects one platform's image out of an index.
    platform: Option<String>,
    /// The time at which the tag is set; `None`: before the services are created.
    at: Option<MomentText>,
    /// Sets the tag at the start, after the world has settled.
    #[serde(default)]
    later: bool,
}

impl TagText {
    /// Returns the time at which the tag is set.
    pub(super) fn when(&self) -> StepTime<'_> {
        StepTime::of(self.at.as_ref(), self.later)
    }

    pub(super) fn set(&self, world: &mut World) -> Result<(), String> {
        let bad = |why: &str| wrong(format!("tag {}: {why}", self.reference));
        let named = reference(&self.reference).ok_or_else(|| bad("is no reference"))?;
        let of = reference(&self.of).ok_or_else(|| bad("what it points to is no reference"))?;
        if (&named.host, &named.repository) != (&of.host, &of.repository) {
            return Err(bad("what it points to is in another repository"));
        }
        let registry = world.registries.get_mut(&named.host).ok_or_else(|| bad("there is no such registry"))?;
        let tag = named.tag.as_deref().unwrap_or("latest");
        registry.tag(tag, &of, self.platform.as_deref()).map(drop).ok_or_else(|| bad("what it points to is not there"))
    }
}

/// A manifest that is removed from a registry, with all its tags.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoneText {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// The time of the removal; `None`: at the start.
    pub(super) at: Option<MomentText>,
    /// Removes the tag alone.
    #[serde(default)]
    only_tag: bool,
}

impl GoneText {
    pub(super) fn remove(&self, world: &mut World) -> Result<(), String> {
        let named = reference(&self.reference);
        let there = named.is_some_and(|named: Reference| {
            world.registries.get_mut(&named.host).is_some_and(|registry| registry.remove(&named, self.only_tag))
        });
        if there { Ok(()) } else { Err(wrong(format!("gone {}: it is not there", self.reference))) }
    }
}

/// An image that looks different to the engine and the nodes than to other clients.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SeesText {
    #[serde(rename = "ref")]
    reference: String,
    /// Another image that the engine gets.
    instead: Option<String>,
    /// An error that the engine gets: `not-found`, `no-credentials`, `denied`, or its text
    /// for an unreachable registry.
    nothing: Option<String>,
}

impl SeesText {
    pub(super) fn set(&self, world: &mut World) -> Result<(), String> {
        let bad = |why: &str| wrong(format!("engine_sees {}: {why}", self.reference));
        let named = reference(&self.reference).ok_or_else(|| bad("is no reference"))?;
        let sees = match (&self.instead, self.nothing.as_deref()) {
            (Some(other), None) => NodeView::Replaced(other.clone()),
            (None, Some("not-found")) => NodeView::Failed(PullError::NotFound),
            (None, Some("no-credentials")) => NodeView::Failed(PullError::NoLogin),
            (None, Some("denied")) => NodeView::Failed(PullError::WrongLogin),
            (None, Some(why)) => NodeView::Failed(PullError::Unreachable(why.to_owned())),
            _ => return Err(bad("either `instead` or `nothing`")),
        };
        world.engine_sees.insert(named.to_string(), sees);
        Ok(())
    }
}

/// A file that a host serves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DocumentText {
    host: String,
    path: String,
    body: String,
    /// Media type; `None`: `application/json`.
    r#type: Option<String>,
}

impl DocumentText {
    pub(super) fn set(&self, world: &mut World) {
        let kind = self.r#type.clone().unwrap_or_else(|| "application/json".to_owned());
        let document = Document { kind, body: self.body.clone() };
        world.documents.insert((self.host.clone(), self.path.clone()), document);
    }
}
