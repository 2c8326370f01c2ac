//! What an image is, as its manifests and its configuration say (OCI image-spec).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Platform};
use crate::time::Time;

/// What an image is. It never changes: it belongs to a digest.
///
/// Where an index lists several images, layers and configuration are those of one of them; all texts are cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The digest it is about: an index's, or a single manifest's.
    pub digest: Digest,
    /// The media type of what has that digest.
    pub media_type: String,
    /// What the index lists; empty for a single manifest.
    #[serde(default)]
    pub entries: Vec<Entry>,
    /// Annotations of the index and of the image's manifest; the latter's win.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The platform whose layers and configuration these are, where it is known.
    pub platform: Option<Platform>,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its layers, the lowest first.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// Its configuration.
    #[serde(default)]
    pub config: Config,
}

/// One line of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of the image's manifest.
    pub digest: Digest,
    /// What it is made for; `None` for attestations and where the index does not say.
    pub platform: Option<Platform>,
    /// The variant of the architecture (`v8`); may be empty.
    #[serde(default)]
    pub variant: String,
    /// What stands there instead of an image, such as `attestation-manifest`; empty for an image.
    #[serde(default)]
    pub kind: String,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The digest of what the registry serves.
    pub digest: Digest,
    /// Its media type, which names its compression.
    pub media_type: String,
    /// Its size as served, in bytes.
    pub size: u64,
    /// The digest of what it unpacks to, where the configuration tells: the same for the same content, however packed.
    pub diff_id: Option<Digest>,
}

/// What an image's configuration says. Environment values are left out: they may hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// When it was built.
    pub created: Option<Time>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its entry point.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub cmd: Vec<String>,
    /// The user it runs as; empty: root.
    pub user: String,
    /// The ports it names, `5432/tcp`.
    pub ports: Vec<String>,
    /// The paths it wants volumes at.
    pub volumes: Vec<String>,
    /// Where it starts.
    pub workdir: String,
    /// What it is stopped with; empty: `SIGTERM`.
    pub stop_signal: String,
    /// Its health check (`CMD-SHELL …`); empty: none.
    pub health: Vec<String>,
    /// The names of its environment variables.
    pub env: Vec<String>,
    /// How it was built, the first step first.
    pub history: Vec<Step>,
}

/// A step of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// When.
    pub created: Option<Time>,
    /// The command.
    pub by: String,
    /// Whether it made no layer.
    pub empty: bool,
}

impl About {
    /// Compressed size of all layers, in bytes.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// An annotation, or else the label of that name: builders write either (OCI image-spec, annotations).
    pub fn note(&self, key: &str) -> Option<&str> {
        let found = self.annotations.get(key).or_else(|| self.config.labels.get(key));
        found.map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Whether it can be started without a command of the service's own.
    pub fn has_command(&self) -> bool {
        !self.config.entrypoint.is_empty() || !self.config.cmd.is_empty()
    }

    /// When it was built: by its configuration, else by its annotation `org.opencontainers.image.created`.
    pub fn created(&self) -> Option<Time> {
        self.config.created.or_else(|| Time::parse(self.note("org.opencontainers.image.created")?))
    }
}
