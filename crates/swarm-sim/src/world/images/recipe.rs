//! What an image is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::layer::{Compression, Files, Layer};
use crate::world::model::{Nanos, SECOND};

/// What an image is made of. The same recipe makes the same image, with the same digest.
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
    /// What the configuration says.
    pub config: Config,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where the annotations stand. A single manifest of Docker's kind has none: its format knows none.
    pub annotate: Annotate,
    /// When it was made.
    pub created: Nanos,
    /// Makes two images that are otherwise alike differ, where they hold no files of their own.
    pub salt: String,
    /// The image it is built on: that one's layers come first.
    pub base: Option<Arc<Base>>,
    /// Whether it says by annotation what it is built on.
    pub annotate_base: bool,
    /// Its own layers; none: one with a program that behaves so.
    pub layers: Vec<Files>,
    /// How its own layers are packed.
    pub compression: Compression,
    /// How large the layers of a platform are at least, in bytes as served; the last file is made longer until they are.
    pub size: u64,
    /// A further layer of so many bytes that is only claimed: its blob cannot be had. Nobody holds in memory what a
    /// world of believable images would weigh.
    pub claimed: u64,
}

/// What an image's configuration says; what is empty is left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The entry point.
    pub entrypoint: Vec<String>,
    /// The command.
    pub cmd: Vec<String>,
    /// Whom it runs as.
    pub user: String,
    /// Ports, `5432/tcp`.
    pub ports: Vec<String>,
    /// The health check's `Test`.
    pub health: Vec<String>,
    /// Where it starts.
    pub workdir: String,
    /// Paths of volumes.
    pub volumes: Vec<String>,
    /// The environment, `A=1`.
    pub env: Vec<String>,
    /// What it is stopped with.
    pub stop_signal: String,
    /// The steps of its build: the first ones made its own layers, the others none.
    pub history: Vec<String>,
}

/// Where annotations stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Annotate {
    /// At the outermost: the index, or the manifest where there is no index.
    #[default]
    Outermost,
    /// At the index only.
    Index,
    /// At the manifests only.
    Manifest,
    /// At both.
    Both,
}

impl Annotate {
    /// Whether annotations go into a manifest.
    pub(super) fn at_manifest(self, within_index: bool) -> bool {
        match self {
            Self::Outermost => !within_index,
            Self::Index => false,
            Self::Manifest | Self::Both => true,
        }
    }

    /// Whether they go into the index.
    pub(super) fn at_index(self) -> bool {
        self != Self::Manifest
    }
}

/// An image that others are built on, as it was then.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Its name, as builders write it down.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What there is of it by platform.
    pub under: BTreeMap<String, Under>,
}

/// The layers of a base for one platform.
#[derive(Clone, Debug, Default)]
pub struct Under {
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The steps that made it.
    pub history: Vec<Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            entrypoint: Vec::new(),
            cmd: vec!["/behave".to_owned()],
            user: String::new(),
            ports: Vec::new(),
            health: Vec::new(),
            workdir: String::new(),
            volumes: Vec::new(),
            env: Vec::new(),
            stop_signal: String::new(),
            history: Vec::new(),
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            behaviour: "sleep".to_owned(),
            platforms: vec!["linux/amd64".to_owned()],
            index: None,
            oci: false,
            attestation: false,
            config: Config::default(),
            annotations: BTreeMap::new(),
            annotate: Annotate::default(),
            created: 1_704_067_200 * SECOND,
            salt: String::new(),
            base: None,
            annotate_base: false,
            layers: Vec::new(),
            compression: Compression::default(),
            size: 0,
            claimed: 0,
        }
    }
}
