//! Registries and what they hold, as values: the simulated engine pulls from here, and the registry's HTTP serves it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::model::{Nanos, SECOND};
use super::moment::rfc3339;

/// What a task does, by its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs, and stops with this code when told to.
    Run {
        /// The code it stops with.
        code: i64,
    },
    /// Ends by itself.
    Exit {
        /// After so long.
        after: Nanos,
        /// With this code.
        code: i64,
    },
    /// Runs, and never gets healthy.
    Unhealthy,
    /// Is healthy after so long.
    HealthyAfter(Nanos),
    /// Does not stop when told to, only when killed.
    Stubborn,
    /// Logs a line every so often.
    Chatty(Nanos),
    /// Its program does not exist.
    #[default]
    NoProgram,
}

impl Behaviour {
    /// Reads `sleep[:CODE]`, `exit:CODE`, `exit-after:SECONDS:CODE`, `oneshot`, `unhealthy`, `healthy-after:SECONDS`,
    /// `stubborn`, `chatty[:SECONDS]`, `no-program`.
    pub fn of(text: &str) -> Option<Self> {
        let mut words = text.split(':');
        let kind = words.next()?;
        let mut number = || words.next().map(|word| word.parse::<f64>().ok());
        let seconds = |given: f64| std::time::Duration::try_from_secs_f64(given).ok();
        let nanos = |given: f64| seconds(given).and_then(|given| Nanos::try_from(given.as_nanos()).ok());
        #[expect(clippy::cast_possible_truncation, reason = "exit codes are small")]
        let code = |given: f64| given as i64;
        Some(match kind {
            "sleep" | "run" => Self::Run { code: number().flatten().map_or(0, code) },
            "exit" => Self::Exit { after: SECOND / 10, code: code(number()??) },
            "exit-after" => Self::Exit { after: nanos(number()??)?, code: code(number()??) },
            "oneshot" => Self::Exit { after: SECOND / 10, code: 0 },
            "unhealthy" => Self::Unhealthy,
            "healthy-after" => Self::HealthyAfter(nanos(number()??)?),
            "stubborn" => Self::Stubborn,
            "chatty" => Self::Chatty(nanos(number().flatten().unwrap_or(1.0))?),
            "no-program" => Self::NoProgram,
            _ => return None,
        })
    }
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What its tasks do.
    pub behaviour: String,
    /// Platforms as `linux/amd64`.
    pub platforms: Vec<String>,
    /// `oci`, `docker`: an index of that kind; none: a single manifest where there is one platform.
    pub index: Option<String>,
    /// Whether single manifests are OCI's.
    pub oci: bool,
    /// Whether the index holds an attestation.
    pub attestation: bool,
    /// Labels of the configuration.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the outermost manifest.
    pub annotations: BTreeMap<String, String>,
    /// When it was made.
    pub created: Nanos,
    /// Makes two images that are otherwise alike differ.
    pub salt: String,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            behaviour: "sleep".to_owned(),
            platforms: vec!["linux/amd64".to_owned()],
            index: None,
            oci: false,
            attestation: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            created: 1_704_067_200 * SECOND,
            salt: String::new(),
        }
    }
}

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
    pub blobs: BTreeMap<String, Vec<u8>>,
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
}

/// All registries there are, by `host[:port]`.
pub type Registries = BTreeMap<String, Registry>;

/// An image reference in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host, `docker.io` where none was given.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag, if any.
    pub tag: Option<String>,
    /// The digest, if any.
    pub digest: Option<String>,
}

/// Reads a reference as the engine does; none where it is none.
pub fn reference(text: &str) -> Option<Reference> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let good_digest = |digest: &str| {
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if digest.is_some_and(|digest| !good_digest(digest)) {
        return None;
    }
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let (host, path) = if is_host { (first, rest) } else { ("docker.io", name) };
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (path, None),
    };
    let good_part = |part: &str| {
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(ends) && part.ends_with(ends) && part.chars().all(|c| ends(c) || "._-".contains(c))
    };
    let good_tag = |tag: &str| {
        !tag.is_empty() && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if !path.split('/').all(good_part) || tag.is_some_and(|tag| !good_tag(tag)) {
        return None;
    }
    let library = host == "docker.io" && !path.contains('/');
    Some(Reference {
        host: host.to_owned(),
        repository: if library { format!("library/{path}") } else { path.to_owned() },
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Registry {
    /// Makes an image and tags it; returns its digest.
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
}

impl Repository {
    fn make(&mut self, recipe: &Recipe) -> Arc<str> {
        let mut children = Vec::new();
        for platform in &recipe.platforms {
            children.push((platform.clone(), self.single(recipe, platform)));
        }
        let first = children.first().map(|(_, digest)| Arc::clone(digest)).unwrap_or_default();
        if recipe.index.is_none() && children.len() == 1 && !recipe.attestation {
            return first;
        }
        let docker = recipe.index.as_deref() == Some("docker");
        let parts = |platform: &str| {
            let mut words = platform.split('/').map(str::to_owned);
            (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default())
        };
        let mut entries = Vec::new();
        let mut platforms = Vec::new();
        for (platform, digest) in &children {
            let (os, architecture, variant) = parts(platform);
            let child = self.manifests.get(digest);
            let mut about = json!({ "architecture": architecture, "os": os });
            if !variant.is_empty() {
                about["variant"] = Value::String(variant.clone());
            }
            entries.push(json!({ "mediaType": child.map_or("", |child| child.media_type), "digest": digest.as_ref(),
                "size": child.map_or(0, |child| child.body.len()), "platform": about }));
            platforms.push((os, architecture, variant));
        }
        for (_, digest) in children.iter().filter(|_| recipe.attestation) {
            entries.push(json!({ "mediaType": OCI_MANIFEST, "digest": self::digest(digest.as_bytes()), "size": 2,
                "annotations": { "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": digest.as_ref() },
                "platform": { "architecture": "unknown", "os": "unknown" } }));
            platforms.push(("unknown".to_owned(), "unknown".to_owned(), String::new()));
        }
        let media_type = if docker { DOCKER_LIST } else { OCI_INDEX };
        let mut body = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
        if !recipe.annotations.is_empty() {
            body["annotations"] = json!(recipe.annotations);
        }
        self.keep(media_type, &body, Some(platforms), recipe.platforms.clone(), recipe)
    }

    /// A manifest for one platform, with its configuration and one layer.
    fn single(&mut self, recipe: &Recipe, platform: &str) -> Arc<str> {
        let mut words = platform.split('/');
        let (os, architecture) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let variant = words.next().unwrap_or_default();
        let layer = format!("{}\n{}\n{platform}\n", recipe.behaviour, recipe.salt).into_bytes();
        let created = rfc3339(recipe.created);
        let config = json!({ "architecture": architecture, "os": os, "variant": variant, "created": created,
            "config": { "Labels": recipe.labels, "Cmd": ["/behave"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
            "history": [{ "created": created, "created_by": "behave" }] })
        .to_string()
        .into_bytes();
        let (media_type, of_config, of_layer) = if recipe.oci {
            (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
        } else {
            (
                DOCKER_MANIFEST,
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar",
            )
        };
        let mut body = json!({ "schemaVersion": 2, "mediaType": media_type,
            "config": { "mediaType": of_config, "digest": digest(&config), "size": config.len() },
            "layers": [{ "mediaType": of_layer, "digest": digest(&layer), "size": layer.len() }] });
        if recipe.oci && !recipe.annotations.is_empty() {
            body["annotations"] = json!(recipe.annotations);
        }
        self.blobs.insert(digest(&config), config);
        self.blobs.insert(digest(&layer), layer);
        let told = (os.to_owned(), architecture.to_owned(), variant.to_owned());
        let platforms = (!recipe.oci).then(|| vec![told]);
        self.keep(media_type, &body, platforms, vec![platform.to_owned()], recipe)
    }

    fn keep(
        &mut self,
        media_type: &'static str,
        body: &Value,
        platforms: Option<Vec<(String, String, String)>>,
        runs_on: Vec<String>,
        recipe: &Recipe,
    ) -> Arc<str> {
        let body = body.to_string().into_bytes();
        let digest: Arc<str> = digest(&body).into();
        let behaviour = Behaviour::of(&recipe.behaviour).unwrap_or_default();
        let manifest =
            Manifest { digest: Arc::clone(&digest), media_type, body, platforms, runs_on, behaviour, subject: None };
        self.manifests.insert(Arc::clone(&digest), manifest);
        digest
    }
}

/// Media types.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// See [`OCI_MANIFEST`].
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// See [`OCI_MANIFEST`].
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// See [`OCI_MANIFEST`].
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
