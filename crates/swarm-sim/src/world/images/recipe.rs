//! Recipes: descriptions of images to build.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::layer::{Compression, Layer, LayerFiles};
use crate::world::model::{Nanos, SECOND};

/// The description of an image. Equal recipes make equal images, with the same digest.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Behaviour of its containers, in the syntax of [`Behaviour::of`](super::Behaviour::of).
    pub behaviour: String,
    /// Platforms, as `linux/amd64`.
    pub platforms: Vec<String>,
    /// The kind of index, `oci` or `docker`; `None`: an OCI index only if a single manifest is not enough.
    pub index: Option<String>,
    /// Set for OCI manifests; otherwise Docker's.
    pub oci: bool,
    /// Adds an attestation to the index.
    pub attestation: bool,
    /// The runtime part of the image configuration.
    pub config: RecipeConfig,
    pub annotations: BTreeMap<String, String>,
    /// The objects that get the annotations. A Docker manifest never has any: its format does not allow them.
    pub annotate: AnnotationTarget,
    /// Creation time.
    pub created: Nanos,
    /// Text that makes otherwise equal images differ; unused if `layers` is set.
    pub salt: String,
    /// The base image; its layers come first.
    pub base: Option<Arc<Base>>,
    /// Adds the base image annotations, `org.opencontainers.image.base.*`.
    pub annotate_base: bool,
    /// The image's own layers; empty: one layer with a generated program.
    pub layers: Vec<LayerFiles>,
    /// The compression of its own layers.
    pub compression: Compression,
    /// Minimum size of the layers of one platform, in bytes as served; the last file is padded to reach it.
    pub size: u64,
    /// Size of a further layer that is listed without a blob; 0: none. Realistic image
    /// sizes would not fit into memory.
    pub claimed: u64,
}

/// The runtime part of an image configuration; empty members are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeConfig {
    pub labels: BTreeMap<String, String>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// The user that the container runs as.
    pub user: String,
    /// Exposed ports, as `5432/tcp`.
    pub ports: Vec<String>,
    /// `Test` of the health check.
    pub health: Vec<String>,
    pub workdir: String,
    /// Paths of the volumes.
    pub volumes: Vec<String>,
    /// Environment variables, as `A=1`.
    pub env: Vec<String>,
    pub stop_signal: String,
    /// Build steps: the first ones made the image's own layers, the others made none.
    pub history: Vec<String>,
}

/// The objects that annotations are added to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationTarget {
    /// The outermost object: the index, or the manifest if there is no index.
    #[default]
    Outermost,
    /// The index only.
    Index,
    /// The manifests only.
    Manifest,
    /// The index and the manifests.
    Both,
}

impl AnnotationTarget {
    /// Returns true if a manifest gets the annotations.
    pub(super) fn at_manifest(self, within_index: bool) -> bool {
        match self {
            Self::Outermost => !within_index,
            Self::Index => false,
            Self::Manifest | Self::Both => true,
        }
    }

    /// Returns true if the index gets the annotations.
    pub(super) fn at_index(self) -> bool {
        self != Self::Manifest
    }
}

/// A base image at the time of the build.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Reference of the image, as builders record it.
    pub name: String,
    pub digest: String,
    /// Layers and history, by platform.
    pub under: BTreeMap<String, BaseLayers>,
}

/// The layers of a base image for one platform.
#[derive(Clone, Debug, Default)]
pub struct BaseLayers {
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// The entries of its build history.
    pub history: Vec<Value>,
}

impl Default for RecipeConfig {
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
            config: RecipeConfig::default(),
            annotations: BTreeMap::new(),
            annotate: AnnotationTarget::default(),
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
