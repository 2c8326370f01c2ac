//! Facts about images from their registries, each with its time and source.

mod base_image;
mod fact_query;
mod facts;
mod files;
mod image_info;
pub mod tags;
mod version_manifest;

pub(crate) use base_image::{BASE_DIGEST, BASE_NAME, named_base};
pub use base_image::{BaseStatus, base_verdict};
pub use fact_query::FactQuery;
pub use facts::{FactUpdate, Facts};
pub use files::{FileEntry, FileKind, ImageFilesState, LayerReadProgress};
pub use image_info::{BuildStep, ImageConfig, ImageInfo, ImageLayer, IndexEntry};
pub use version_manifest::{
    POSTGRES, REPOSITORY_HOST, Stability, VersionEntry, VersionManifest, VersionManifestError, VersionManifestOrigin,
};

use serde::{Deserialize, Serialize};

use super::image::{Digest, Platform};
use super::time::Time;

/// The party that a fact was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactSource {
    /// The registry itself.
    Registry,
    /// The engine's `/distribution` endpoint.
    Engine,
    /// A list that a person or a vendor maintains: a file, a URL, or the built-in list.
    #[serde(rename = "written")]
    Curated,
}

/// The reason why a query failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "text")]
pub enum LookupError {
    /// A tag, digest or repository that the registry does not have.
    NotFound,
    /// Credentials that the registry refuses.
    Denied,
    /// A registry that requires credentials, while none are configured.
    NoCredentials,
    /// No answer, because name resolution, connection or TLS failed or timed out; the text is the cause.
    Unreachable(String),
    /// The registry's rate limit, which is used up for now.
    RateLimited,
    /// Any other answer, with its text.
    Other(String),
}

/// The messages for failed look-ups; every screen, finding and command uses them.
impl LookupError {
    /// Returns whether the registry itself failed: it answered with a server error.
    pub fn is_server_error(&self) -> bool {
        matches!(self, Self::Other(cause) if cause.starts_with("HTTP 5"))
    }

    /// Returns a few words for use after a name and a colon.
    pub fn text(&self) -> &str {
        match self {
            Self::NotFound => "not found",
            Self::Denied => "access denied",
            Self::NoCredentials => "login required",
            Self::RateLimited => "too many requests for now",
            Self::Unreachable(cause) | Self::Other(cause) => cause,
        }
    }

    /// Returns a short sentence without the cause, for places with no room for the registry's name.
    pub fn brief(&self) -> &'static str {
        match self {
            Self::NotFound => "not in the registry",
            Self::Denied => "the registry refuses the credentials",
            Self::NoCredentials => "the registry requires a login",
            Self::RateLimited => "the registry accepts no more requests for now",
            Self::Unreachable(_) => "the registry cannot be reached",
            Self::Other(_) => "the registry failed",
        }
    }

    /// Returns a full sentence about the answer of registry `host` to a request for `what` (`such image`).
    pub fn sentence(&self, host: &str, what: &str) -> String {
        match self {
            Self::NotFound => format!("{host} has no {what}"),
            Self::Denied => format!("{host} refuses the credentials used here"),
            Self::NoCredentials => format!("{host} requires a login, and pinnace has none"),
            Self::RateLimited => format!("{host} accepts no more requests for now"),
            Self::Unreachable(cause) => format!("{host} cannot be reached: {cause}"),
            Self::Other(cause) => format!("{host}: {cause}"),
        }
    }
}

/// The state of a query: its answer or failure, with time and source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// A query that was never sent.
    #[default]
    Unknown,
    /// A query in progress.
    Pending,
    /// An answer.
    Known {
        /// The value in the answer.
        value: T,
        /// The time of the answer.
        at: Time,
        /// The source of the answer.
        via: FactSource,
    },
    /// A query that failed.
    Failed {
        /// The reason for the failure.
        why: LookupError,
        /// The time of the failure.
        at: Time,
    },
}

impl<T> Fact<T> {
    /// Returns the value, if known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Returns the reason, if the query failed.
    pub fn failed(&self) -> Option<&LookupError> {
        match self {
            Self::Failed { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Returns whether the query has succeeded or failed.
    pub fn answered(&self) -> bool {
        matches!(self, Self::Known { .. } | Self::Failed { .. })
    }
}

/// The digest that a reference names, with its platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedImage {
    /// The digest of the index, or of the image's manifest if there is no index.
    pub digest: Digest,
    /// The supported platforms, without attestations. `None` means that they are unknown, not that there are none.
    pub platforms: Option<Vec<Platform>>,
    /// The compressed size of all layers of one platform, in bytes; `None` if it needs further requests.
    #[serde(default)]
    pub size: Option<u64>,
    /// The digests of the images that an index lists. Empty for a single manifest, and in an answer from
    /// the engine.
    #[serde(default)]
    pub children: Vec<Digest>,
    /// The registry's request limit, if it reports one.
    #[serde(default)]
    pub allowance: Option<RateLimit>,
}

impl ResolvedImage {
    /// Creates a fact from a digest and platforms only, as the engine reports them.
    pub fn new(digest: Digest, platforms: Option<Vec<Platform>>) -> Self {
        Self { digest, platforms, size: None, children: Vec::new(), allowance: None }
    }
}

/// A registry's request limit for this client (headers `RateLimit-Limit` and `RateLimit-Remaining`; Docker
/// Hub's limits are described at `docs.docker.com/docker-hub/usage/pulls`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// The number of requests allowed in a window.
    pub limit: u64,
    /// The number of requests left in the current window.
    pub remaining: u64,
    /// The length of the window in seconds, if reported.
    pub window: Option<u64>,
}

/// The tags of a repository, as the registry lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// The tag names that were read.
    pub names: Vec<String>,
    /// True if the registry has more tags than were read.
    pub cut: bool,
}
