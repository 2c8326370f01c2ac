//! What is known of images from their registries: facts with an age and a source.

use std::collections::BTreeMap;

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
}

/// Everything known of images, by the reference's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    images: BTreeMap<String, Fact<ImageFact>>,
}

impl Facts {
    /// What is known of this reference.
    pub fn image(&self, reference: &str) -> &Fact<ImageFact> {
        static UNKNOWN: Fact<ImageFact> = Fact::Unknown;
        self.images.get(reference).unwrap_or(&UNKNOWN)
    }

    /// Notes an answer, or that it was asked for.
    pub fn learn(&mut self, reference: &str, fact: Fact<ImageFact>) {
        self.images.insert(reference.to_owned(), fact);
    }

    /// Forgets what was learned by tag: tags move, digests do not.
    pub fn forget_tags(&mut self) {
        self.images.retain(|reference, fact| {
            matches!(fact, Fact::Asked) || (reference.contains('@') && fact.known().is_some())
        });
    }

    /// Forgets this reference if it is by tag, or could not be learned.
    pub fn forget(&mut self, reference: &str) {
        let keep = reference.contains('@') && self.image(reference).known().is_some();
        if !keep {
            self.images.remove(reference);
        }
    }
}
