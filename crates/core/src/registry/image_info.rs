//! Descriptions of images, from their manifests and configurations (OCI image-spec).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Platform};
use crate::time::Time;

/// The description of an image. It belongs to a digest and never changes.
///
/// If the digest is that of an index, layers and configuration are those of one of its images: of
/// `linux/amd64`, or else of the first one. Control characters are removed from all texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// The digest described: that of an index or of a single manifest.
    pub digest: Digest,
    /// The media type of the index or manifest with that digest.
    pub media_type: String,
    /// The entries of the index; empty for a single manifest.
    #[serde(default)]
    pub entries: Vec<IndexEntry>,
    /// Annotations of the index and of the image's manifest; the manifest's take precedence.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The platform of these layers and this configuration, if known.
    pub platform: Option<Platform>,
    /// The digest of the manifest of these layers and this configuration.
    pub manifest: Digest,
    /// The image's layers, lowest first.
    #[serde(default)]
    pub layers: Vec<ImageLayer>,
    /// The image's configuration.
    #[serde(default)]
    pub config: ImageConfig,
}

/// An image, or an attestation, that an index lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The digest of the entry's manifest.
    pub digest: Digest,
    /// The platform; `None` for attestations, and if the index does not name it.
    pub platform: Option<Platform>,
    /// The variant of the architecture, such as `v8`; may be empty.
    #[serde(default)]
    pub variant: String,
    /// The kind of an entry that is not an image, such as `attestation-manifest`; empty for an image.
    #[serde(default)]
    pub kind: String,
}

/// A layer, as the registry serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayer {
    /// The digest of the layer as the registry serves it.
    pub digest: Digest,
    /// The media type, which names the compression.
    pub media_type: String,
    /// The size in bytes, as the registry serves it.
    pub size: u64,
    /// The digest of the unpacked layer, if the configuration lists it. It is the same for the same
    /// content, however compressed.
    pub diff_id: Option<Digest>,
}

/// The configuration of an image. Values of environment variables are left out: they may hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// The build time.
    pub created: Option<Time>,
    /// The labels, by key.
    pub labels: BTreeMap<String, String>,
    /// The words of the entry point; empty: none.
    pub entrypoint: Vec<String>,
    /// The words of the default command; empty: none.
    pub cmd: Vec<String>,
    /// The user that the image runs as; empty: root.
    pub user: String,
    /// The exposed ports, such as `5432/tcp`.
    pub ports: Vec<String>,
    /// The paths declared as volumes.
    pub volumes: Vec<String>,
    /// The working directory; may be empty.
    pub workdir: String,
    /// The signal that stops a container; empty: `SIGTERM`.
    pub stop_signal: String,
    /// The health check (`CMD-SHELL …`); empty: none.
    pub health: Vec<String>,
    /// The names of the environment variables.
    pub env: Vec<String>,
    /// The build steps, oldest first.
    pub history: Vec<BuildStep>,
}

/// One step of an image's build history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildStep {
    /// The time of the step.
    pub created: Option<Time>,
    /// The command as the builder recorded it. Values of variables and build arguments are left out: they
    /// may hold secrets.
    pub by: String,
    /// True if the step made no layer.
    pub empty: bool,
}

impl ImageInfo {
    /// Returns the compressed size of all layers, in bytes.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// Returns an annotation, or else the label with the same key: builders write either (OCI image-spec,
    /// annotations). A blank value counts as absent.
    pub fn note(&self, key: &str) -> Option<&str> {
        let found = self.annotations.get(key).or_else(|| self.config.labels.get(key));
        found.map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Returns whether the image can start without a command from the service.
    pub fn has_command(&self) -> bool {
        !self.config.entrypoint.is_empty() || !self.config.cmd.is_empty()
    }

    /// Returns the build time from the configuration, or else from the annotation
    /// `org.opencontainers.image.created`.
    pub fn created(&self) -> Option<Time> {
        self.config.created.or_else(|| Time::parse(self.note("org.opencontainers.image.created")?))
    }
}
