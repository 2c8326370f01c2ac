//! Records of images that other clients deployed: the output of `pinnace record --json`, and a
//! part of `pinnace history --json`.

use serde::{Deserialize, Serialize};

use crate::image::Digest;
use crate::time::Time;

/// A service with the image that it was observed to run without trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalDeployEntry {
    /// The group: `database/ID`, `stack/NAME` or `service/NAME`.
    pub group: String,
    /// The service's name, with the stack's prefix where it has one.
    pub service: String,
    /// The member of the group that the service belongs to.
    pub member: String,
    /// The host names that it ran on, joined by commas.
    pub node: String,
    /// The image reference in the service's spec.
    pub image: String,
    /// The digest in the reference; `null` if it had only a tag.
    pub digest: Option<Digest>,
    /// The time of the observation, by the clock of the machine that recorded it.
    pub at: Option<Time>,
    /// The operator who recorded it.
    pub by: String,
}

/// The output of `pinnace record --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalDeployReport {
    /// The services that were recorded now, because their image was not known yet.
    pub recorded: Vec<ExternalDeployEntry>,
    /// The names of services whose image is not known, but which have not run without trouble for long enough.
    pub unstable: Vec<String>,
}
