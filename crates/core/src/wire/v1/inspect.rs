//! `pinnace inspect --json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::Breach;
use crate::image::{Digest, Platform};
use crate::registry::{Config, ImageFile, Layer};
use crate::time::Time;

/// What a reference is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspect {
    /// The reference as it was given.
    pub image: String,
    /// What it names: the digest of the index, or of the image where there is none.
    pub digest: Digest,
    /// The media type of that.
    pub media_type: String,
    /// The images it lists, or is.
    pub platforms: Vec<InspectPlatform>,
    /// What else the index lists, such as `attestation-manifest`.
    pub others: Vec<String>,
    /// The platform whose layers, files and configuration follow.
    pub platform: Option<Platform>,
    /// When it was built.
    pub created: Option<Time>,
    /// Annotations of index and image; the latter's win.
    pub annotations: BTreeMap<String, String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Its configuration, without values of environment variables.
    pub config: Config,
    /// How it stands to its base.
    pub base: InspectBase,
    /// The verdict of a contract, where one was given.
    pub contract: Option<InspectContract>,
    /// Its paths, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<ImageFile>>,
}

/// One platform's image in [`Inspect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectPlatform {
    /// What it is made for.
    pub platform: Option<Platform>,
    /// The variant of the architecture; may be empty.
    pub variant: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// Compressed size of its layers in bytes; `None` where it could not be learned.
    pub size: Option<u64>,
}

/// The base in [`Inspect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectBase {
    /// `up-to-date`, `outdated` or `unknown`.
    pub state: String,
    /// Its reference, where known.
    pub name: Option<String>,
    /// What that names now.
    pub digest: Option<Digest>,
    /// Since when it is another, where outdated and known.
    pub since: Option<Time>,
    /// Why it is unknown.
    pub why: Option<String>,
}

/// The verdict in [`Inspect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectContract {
    /// The contract.
    pub name: String,
    /// Whether it is kept; `None`: not all of it could be judged, and nothing is known to break it.
    pub kept: Option<bool>,
    /// The rules that are not kept.
    pub breaches: Vec<Breach>,
}
