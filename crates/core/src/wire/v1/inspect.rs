//! The output of `pinnace inspect --json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::Violation;
use crate::image::{Digest, Platform};
use crate::registry::{FileEntry, ImageConfig, ImageLayer};
use crate::time::Time;

/// Information about an image reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectView {
    /// The reference as given on the command line.
    pub image: String,
    /// The digest that the reference resolves to: of the index, or of the image manifest if there is no index.
    pub digest: Digest,
    /// The media type of that index or manifest.
    pub media_type: String,
    /// The images for each platform; a single entry without an index.
    pub platforms: Vec<InspectPlatformImage>,
    /// The kinds of the other entries of the index, such as `attestation-manifest`.
    pub others: Vec<String>,
    /// The platform that `created`, `layers`, `config` and `files` belong to.
    pub platform: Option<Platform>,
    /// The build time; `null` if the image does not name it.
    pub created: Option<Time>,
    /// The annotations of index and image; on conflict the image's value counts.
    pub annotations: BTreeMap<String, String>,
    /// The layers, the lowest first.
    pub layers: Vec<ImageLayer>,
    /// The image configuration, without the values of environment variables.
    pub config: ImageConfig,
    /// The state of the image compared with its base image.
    pub base: InspectBase,
    /// The result of the contract check; `null` unless a contract was given.
    pub contract: Option<InspectContractResult>,
    /// The paths in its layers; absent unless `--files` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileEntry>>,
}

/// One platform's image in [`InspectView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectPlatformImage {
    /// The platform; `null` if the index and the image name none.
    pub platform: Option<Platform>,
    /// The variant of the architecture (`v8`); may be empty.
    pub variant: String,
    /// The digest of the image manifest.
    pub digest: Digest,
    /// The compressed size of the layers in bytes; `null` if it could not be read.
    pub size: Option<u64>,
}

/// The base image in [`InspectView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectBase {
    /// The state: `up-to-date`, `outdated` or `unknown`.
    pub state: String,
    /// The reference of the base image, if known.
    pub name: Option<String>,
    /// The digest that the reference names now.
    pub digest: Option<Digest>,
    /// The build time of the newer base image, if outdated and known.
    pub since: Option<Time>,
    /// The reason why the state is unknown.
    pub why: Option<String>,
}

/// The result of the contract check in [`InspectView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectContractResult {
    /// The name of the contract.
    pub name: String,
    /// The verdict; `null` if some rules could not be checked and no rule is known to be broken.
    pub kept: Option<bool>,
    /// The rules that the image breaks.
    pub violations: Vec<Violation>,
}
