//! What is known of images from their registries: facts with an age and a source.

mod base_image;
mod facts;
mod files;
mod image_info;
mod query;
pub mod tags;
mod version_manifest;

pub(crate) use base_image::{BASE_DIGEST, BASE_NAME, named_base};
pub use base_image::{Base, base_verdict};
pub use facts::{Facts, Learned};
pub use files::{FileKind, Files, ImageFile, Reading};
pub use image_info::{About, Config, Entry, Layer, Step};
pub use query::Want;
pub use version_manifest::{
    ManifestError, ManifestOrigin, POSTGRES, REPOSITORY_HOST, Stability, VersionEntry, VersionManifest,
};

use serde::{Deserialize, Serialize};

use super::image::{Digest, Platform};
use super::time::Time;

/// Who told us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The registry itself.
    Registry,
    /// The engine's `/distribution` end point.
    Engine,
    /// What a person or a vendor wrote down: a file, an address, or a list built in.
    Written,
}

/// Why something could not be learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "text")]
pub enum Why {
    /// The registry has no such tag, digest or repository.
    NotFound,
    /// The registry refuses the credentials used.
    Denied,
    /// The registry wants credentials, and there are none here.
    NoCredentials,
    /// Nobody answered: name, connection, TLS or time; the text is the cause.
    Unreachable(String),
    /// Too many requests for now.
    RateLimited,
    /// Any other answer, with its text.
    Other(String),
}

/// The words for why a look-up failed: every screen, finding and verb has them from here.
impl Why {
    /// In a few words, after a name and a colon.
    pub fn text(&self) -> &str {
        match self {
            Self::NotFound => "not found",
            Self::Denied => "access denied",
            Self::NoCredentials => "it wants a login",
            Self::RateLimited => "too many requests for now",
            Self::Unreachable(cause) | Self::Other(cause) => cause,
        }
    }

    /// In a clause without the cause, where there is no room for a registry's name.
    pub fn brief(&self) -> &'static str {
        match self {
            Self::NotFound => "not in the registry",
            Self::Denied => "the registry refuses our login",
            Self::NoCredentials => "the registry wants a login",
            Self::RateLimited => "the registry takes no more requests for now",
            Self::Unreachable(_) => "the registry cannot be reached",
            Self::Other(_) => "the registry has a fault",
        }
    }

    /// In a whole sentence: what this registry answered to who asked for `what` (`such image`).
    pub fn sentence(&self, host: &str, what: &str) -> String {
        match self {
            Self::NotFound => format!("{host} has no {what}"),
            Self::Denied => format!("{host} refuses the credentials used here"),
            Self::NoCredentials => format!("{host} wants a login, and there is none here"),
            Self::RateLimited => format!("{host} takes no more requests for now"),
            Self::Unreachable(cause) => format!("{host} cannot be reached: {cause}"),
            Self::Other(cause) => format!("{host}: {cause}"),
        }
    }
}

/// A thing that may be known, with when and from whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// Nobody asked yet.
    #[default]
    Unknown,
    /// Asked, not answered yet.
    Asked,
    /// Known since `at`.
    Known {
        /// What is known.
        value: T,
        /// When it was learned.
        at: Time,
        /// From whom.
        via: Via,
    },
    /// Could not be learned.
    Failed {
        /// The reason.
        why: Why,
        /// When that was found out.
        at: Time,
    },
}

impl<T> Fact<T> {
    /// The value, where known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The reason, where it failed.
    pub fn failed(&self) -> Option<&Why> {
        match self {
            Self::Failed { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Whether there is an answer of either kind.
    pub fn answered(&self) -> bool {
        matches!(self, Self::Known { .. } | Self::Failed { .. })
    }
}

/// What a reference names at its registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFact {
    /// The digest of the index, or of the image manifest where there is no index.
    pub digest: Digest,
    /// What it is made for, attestations left out; `None` where it could not be learned, which is not "nothing".
    pub platforms: Option<Vec<Platform>>,
    /// Compressed size of all layers of one platform, in bytes, where cheaply known.
    #[serde(default)]
    pub size: Option<u64>,
    /// The images an index lists, by platform; empty for a single manifest, and where the engine told it.
    #[serde(default)]
    pub children: Vec<Digest>,
    /// What the registry said it still allows, where it says so.
    #[serde(default)]
    pub allowance: Option<Allowance>,
}

impl ImageFact {
    /// What is learned by a look that tells a digest and platforms only.
    pub fn new(digest: Digest, platforms: Option<Vec<Platform>>) -> Self {
        Self { digest, platforms, size: None, children: Vec::new(), allowance: None }
    }
}

/// How many requests a registry still takes from here (`RateLimit-Limit`, `RateLimit-Remaining`; Docker Hub's are
/// described at `docs.docker.com/docker-hub/usage/pulls`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// In all.
    pub limit: u64,
    /// Left.
    pub remaining: u64,
    /// Within so many seconds, where told.
    pub window: Option<u64>,
}

/// The tags of a repository, as the registry lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Their names.
    pub names: Vec<String>,
    /// Whether there are more than were read.
    pub cut: bool,
}
