//! Registries and what they hold, as values: the simulated engine pulls from here, and the registry's HTTP serves it.

mod allowance;
mod behaviour;
mod layer;
mod make;
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

pub use allowance::Allowance;
pub use behaviour::Behaviour;
pub use layer::{Compression, Content, Files, Layer, fits};
pub use recipe::{Annotate, Base, Config, Recipe, Under};
pub use reference::{Reference, reference};

/// A manifest or an index, as it is served.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its digest.
    pub digest: Arc<str>,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
    /// The platforms, with `(os, architecture, variant)`; none: an OCI manifest does not say.
    pub platforms: Option<Vec<(String, String, String)>>,
    /// The platforms it really has.
    pub runs_on: Vec<String>,
    /// What its tasks do.
    pub behaviour: Behaviour,
    /// Whether it names anything to run.
    pub has_command: bool,
    /// The digest it is about (`subject`), for referrers.
    pub subject: Option<String>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// Tags and the digests they point to.
    pub tags: BTreeMap<String, Arc<str>>,
    /// Manifests by digest.
    pub manifests: BTreeMap<Arc<str>, Manifest>,
    /// Blobs by digest.
    pub blobs: BTreeMap<String, Bytes>,
}

/// A registry.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Its repositories.
    pub repositories: BTreeMap<String, Repository>,
    /// User and password it asks for; none: anybody may read.
    pub login: Option<(String, String)>,
    /// Whether it hands out tokens instead of taking the password itself.
    pub tokens: bool,
    /// Whether it speaks without TLS and the engines were told so.
    pub insecure: bool,
    /// How many manifests it hands out; none: as many as anybody asks for.
    pub allowance: Option<Allowance>,
    /// The host that serves its blobs, where it is another one: it sends there who asks.
    pub blobs_at: Option<String>,
}

/// All registries there are, by `host[:port]`.
pub type Registries = BTreeMap<String, Registry>;

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Registry {
    /// Makes an image and tags it; returns its digest. What the tag pointed to before stays, by its digest.
    pub fn push(&mut self, repository: &str, tag: &str, recipe: &Recipe) -> Arc<str> {
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        let digest = repository.make(recipe);
        repository.tags.insert(tag.to_owned(), Arc::clone(&digest));
        digest
    }

    /// What a reference names here.
    pub fn find(&self, reference: &Reference) -> Option<&Manifest> {
        let repository = self.repositories.get(&reference.repository)?;
        let digest: &str = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest,
            (None, tag) => repository.tags.get(tag.as_deref().unwrap_or("latest"))?,
        };
        repository.manifests.get(digest)
    }

    /// Lets a tag of a repository point to what is there already: to what a reference names, or to its image for one
    /// platform. Returns the digest; none where there is no such thing.
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

    /// Removes what a reference names, as a registry does: a manifest with all tags that point to it, or only the tag.
    /// What an index lists stays. Whether there was anything.
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

/// The digest of an index's image for a platform, or of the image itself if that is what it is for.
fn child(manifest: &Manifest, platform: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&manifest.body).ok()?;
    let Some(entries) = body["manifests"].as_array() else {
        return manifest.runs_on.iter().any(|own| own == platform).then(|| manifest.digest.to_string());
    };
    let (os, architecture, variant) = make::parts(platform);
    let is_it = |entry: &&Value| {
        let about = &entry["platform"];
        about["os"] == os && about["architecture"] == architecture && about["variant"].as_str().unwrap_or("") == variant
    };
    entries.iter().find(is_it)?["digest"].as_str().map(str::to_owned)
}

/// An image as others are built on it; none where there is no such image.
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

/// The layers of an image's manifest.
fn under(repository: &Repository, digest: &str) -> Option<Under> {
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
    Some(Under { layers, history: config["history"].as_array().cloned().unwrap_or_default() })
}

/// Media types.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// See [`OCI_MANIFEST`].
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// See [`OCI_MANIFEST`].
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// See [`OCI_MANIFEST`].
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
