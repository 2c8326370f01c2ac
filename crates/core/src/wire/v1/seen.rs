//! What others deployed and was seen running: `pinnace record --json`, and part of `pinnace history --json`.

use serde::{Deserialize, Serialize};

use crate::image::Digest;
use crate::time::Time;

/// A service as it was seen running well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenService {
    /// Its group's text.
    pub group: String,
    /// Its name.
    pub service: String,
    /// The member.
    pub member: String,
    /// The hosts it ran on, joined by commas.
    pub node: String,
    /// The image text.
    pub image: String,
    /// The digest; `None` where only a tag was known.
    pub digest: Option<Digest>,
    /// When, by the clock of who noted it.
    pub at: Option<Time>,
    /// Who noted it.
    pub by: String,
}

/// `pinnace record --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What was not known before, and is now.
    pub noted: Vec<SeenService>,
    /// Services with an image that is not known, and that do not run well for long enough to note it.
    pub not_stable: Vec<String>,
}
