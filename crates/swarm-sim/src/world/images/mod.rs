//! Registries and their images as plain values: the simulated engine pulls from them, and
//! the registry API serves them.

mod behaviour;
mod build;
mod layer;
mod rate_limit;
mod recipe;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use behaviour::Behaviour;
pub use layer::{Compression, Content, Layer, LayerFiles, fits};
pub use rate_limit::RateLimit;
pub use recipe::{AnnotationTarget, Base, BaseLayers, Recipe, RecipeConfig};
pub use reference::{Reference, reference};

/// A manifest or an index, as it is served.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub digest: Arc<str>,
    pub media_type: &'static str,
    /// The bytes as served.
    pub body: Vec<u8>,
    /// Platforms as `(os, architecture, variant)`; `None` for an OCI manifest, which does not list them.
    pub platforms: Option<Vec<(String, String, String)>>,
    /// Platforms that the image really supports, as `linux/amd64`.
    pub runs_on: Vec<String>,
    /// The behaviour of the image's containers.
    pub behaviour: Behaviour,
    /// True if the image has a command or an entry point.
    pub has_command: bool,
    /// The digest in `subject`, which makes this manifest a referrer.
    pub subject: Option<String>,
}

/// A repository: tags, manifests and blobs.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// Digests by tag.
    pub tags: BTreeMap<String, Arc<str>>,
    /// Manifests by digest.
    pub manifests: BTreeMap<Arc<str>, Manifest>,
    /// Blobs by digest.
    pub blobs: BTreeMap<String, Bytes>,
}

/// A registry: its repositories and its behaviour as a server.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// The user and password that it requires; `None`: public.
    pub login: Option<(String, String)>,
    /// Set for bearer tokens from a token server; otherwise the registry takes basic auth.
    pub tokens: bool,
    /// Set for plain HTTP; the engines list it as an insecure registry.
    pub insecure: bool,
    /// Pull rate limit; `None`: unlimited.
    pub allowance: Option<RateLimit>,
    /// The host that blob requests are redirected to; `None`: the registry serves its blobs.
    pub blobs_at: Option<String>,
}

/// Registries by `host[:port]`.
pub type Registries = BTreeMap<String, Registry>;

/// Returns the SHA-256 digest of bytes, `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Registry {
    /// Builds an image and tags it; returns its digest. The tag's previous image stays available by digest.
    pub fn push(&mut self, repository: &str, tag: &str, recipe: &Recipe) -> Arc<str> {
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        let digest = repository.make(recipe);
        repository.tags.insert(tag.to_owned(), Arc::clone(&digest));
        digest
    }

    /// Finds the manifest of a reference.
    pub fn find(&self, reference: &Reference) -> Option<&Manifest> {
        let repository = self.repositories.get(&reference.repository)?;
        let digest: &str = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest,
            (None, tag) => repository.tags.get(tag.as_deref().unwrap_or("latest"))?,
        };
        repository.manifests.get(digest)
    }

    /// Points a tag to the image of a reference, or to that image's manifest for one platform. Returns the digest;
    /// `None` if the image does not exist.
    pub fn tag(&mut self, tag: &str, of: &Reference, platform: Option<&str>) -> Option<Arc<str>> {
        let found = self.find(of)?;
        let digest = match platform {
            None => Arc::clone(&found.digest),
            Some(platform) => child(found, platform)?.into(),
        };
        let repository = self.repositories.get_mut(&of.repository)?;
        repository.tags.insert(tag.to_owned(), Arc::clone(&digest));
        Some(digest)
    }

    /// Removes the manifest of a reference with all tags that point to it, or only the tag, as a registry does. The
    /// manifests listed in an index stay. Returns false if there was nothing to remove.
    pub fn remove(&mut self, reference: &Reference, only_tag: bool) -> bool {
        let found = self.find(reference).map(|manifest| Arc::clone(&manifest.digest));
        let Some((digest, repository)) = found.zip(self.repositories.get_mut(&reference.repository)) else {
            return false;
        };
        if only_tag {
            return reference.tag.as_ref().is_some_and(|tag| repository.tags.remove(tag).is_some());
        }
        repository.tags.retain(|_, to| *to != digest);
        repository.manifests.remove(&digest).is_some()
    }
}

/// Returns the digest of an index's entry for a platform; for a single manifest its own
/// digest if the platform matches.
fn child(manifest: &Manifest, platform: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&manifest.body).ok()?;
    let Some(entries) = body["manifests"].as_array() else {
        return manifest.runs_on.iter().any(|own| own == platform).then(|| manifest.digest.to_string());
    };
    let (os, architecture, variant) = build::parts(platform);
    let is_it = |entry: &&Value| {
        let about = &entry["platform"];
        about["os"] == os && about["architecture"] == architecture && about["variant"].as_str().unwrap_or("") == variant
    };
    entries.iter().find(is_it)?["digest"].as_str().map(str::to_owned)
}

/// Returns an image as the base for others; `None` if it does not exist.
pub fn base(registries: &Registries, name: &str) -> Option<Base> {
    let named = reference(name)?;
    let registry = registries.get(&named.host)?;
    let found = registry.find(&named)?;
    let repository = registry.repositories.get(&named.repository)?;
    let mut base = Base { name: name.to_owned(), digest: found.digest.to_string(), under: BTreeMap::new() };
    for platform in &found.runs_on {
        let under = child(found, platform).and_then(|digest| under(repository, &digest));
        base.under.extend(under.map(|under| (platform.clone(), under)));
    }
    Some(base)
}

/// Returns the layers and history of an image's manifest.
fn under(repository: &Repository, digest: &str) -> Option<BaseLayers> {
    let manifest: Value = serde_json::from_slice(&repository.manifests.get(digest)?.body).ok()?;
    let config = repository.blobs.get(manifest["config"]["digest"].as_str()?)?;
    let config: Value = serde_json::from_slice(config).ok()?;
    let diff_ids = config["rootfs"]["diff_ids"].as_array()?;
    let layer = |(line, diff_id): (&Value, &Value)| {
        let digest = line["digest"].as_str()?.to_owned();
        Some(Layer {
            media_type: line["mediaType"].as_str()?.to_owned(),
            size: line["size"].as_u64()?,
            diff_id: diff_id.as_str()?.to_owned(),
            by: String::new(),
            blob: repository.blobs.get(&digest).cloned(),
            digest,
        })
    };
    let layers = manifest["layers"].as_array()?.iter().zip(diff_ids).map(layer).collect::<Option<Vec<_>>>()?;
    Some(BaseLayers { layers, history: config["history"].as_array().cloned().unwrap_or_default() })
}

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
