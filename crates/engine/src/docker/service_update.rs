//! The only way to change a service: read its spec as raw text, splice the edits in, post it at the version that was
//! read.
//!
//! The engine replaces the whole spec, so the body is its own text, byte for byte except for the edits, at its own
//! API version. A reply proves little: after every reply, also an error, read the service again and look at its
//! edited places.

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Docker, encoded};
use super::error::DockerError;
use super::json_decoder::ServiceBody;
use super::{spec, splice};
use crate::credentials::Redacted;
use pinnace_core::journal::Direction;
use pinnace_core::plan::SpecEdit;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{Service, UntouchedHash};

/// The state of a service with regard to a unit's edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecEditState {
    /// Every edited place has its value from before the change.
    Before,
    /// Every edited place has its target value.
    After,
    /// A mixture or other values: another client changed the service.
    Diverged,
}

/// A service at one version, read for an update, with its raw spec. The raw spec does not leave this module.
#[derive(Clone)]
pub struct ServiceRevision {
    /// The parsed service, without task counts.
    pub service: Service,
    raw: String,
    spec: Value,
}

impl fmt::Debug for ServiceRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceRevision({} at {})", self.service.name, self.service.index)
    }
}

impl ServiceRevision {
    fn read(body: &[u8]) -> Option<Self> {
        let body: ServiceBody<'_> = serde_json::from_slice(body).ok()?;
        let raw = body.spec.get().to_owned();
        Some(Self { service: body.service()?, spec: serde_json::from_str(&raw).ok()?, raw })
    }

    /// Returns the version index that a post would use.
    pub fn index(&self) -> u64 {
        self.service.index
    }

    /// Returns the rest hash of the spec before these edits, whether the edited places are at their start or at
    /// their target.
    ///
    /// Compare it with a plan's `rest`; this also works if an edit (such as `/UpdateConfig`) is part of that hash.
    pub(crate) fn rest_before(&self, edits: &[SpecEdit]) -> UntouchedHash {
        spec::rest_before(&self.spec, edits)
    }

    /// Returns the state of the edited places. Edits whose two ends are equal count as [`SpecEditState::After`].
    pub fn edit_state(&self, edits: &[SpecEdit]) -> SpecEditState {
        let all =
            |direction| edits.iter().all(|edit| spec::at(&self.spec, &edit.path) == splice::ends(edit, direction).1);
        match (all(Direction::Forward), all(Direction::Back)) {
            (true, _) => SpecEditState::After,
            (false, true) => SpecEditState::Before,
            (false, false) => SpecEditState::Diverged,
        }
    }
}

/// The registry credentials for a post.
#[derive(Clone, Debug)]
pub enum RegistryAuthFrom {
    /// Keep the credentials stored with the present spec.
    Stored,
    /// Restore the credentials of the previous spec.
    Previous,
    /// Replace the stored credentials by these; the value of `X-Registry-Auth`.
    Operator(Redacted),
}

/// The engine's answer to an accepted post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateReply {
    /// The engine's warnings, cleaned.
    pub warnings: Vec<String>,
}

impl Docker {
    /// Reads a service for an update.
    ///
    /// # Errors
    /// A fault if it cannot be read or does not exist ([`DockerError::is_not_found`]).
    pub async fn get_for_update(&self, service_id: &str) -> Result<ServiceRevision, DockerError> {
        let what = format!("reading service {}", clean(service_id));
        let body = self.get_bytes(&what, &format!("/services/{}", encoded(service_id))).await?;
        ServiceRevision::read(&body).ok_or_else(|| DockerError::bad(&what, "it is not a service"))
    }

    /// Posts the spec that was read, with these edits applied, at the version that was read, never a newer one.
    ///
    /// # Errors
    /// [`DockerError::is_out_of_sequence`] if the version has moved. [`DockerError::BadAnswer`] if the spec does not hold the
    /// values that the edits start from; nothing is sent then. After a fault that is not [`DockerError::is_final`] the
    /// post may still be carried out, at any later time.
    pub async fn post(
        &self,
        revision: &ServiceRevision,
        edits: &[SpecEdit],
        direction: Direction,
        auth: &RegistryAuthFrom,
    ) -> Result<UpdateReply, DockerError> {
        let what = format!("updating service {}", revision.service.name);
        let body =
            splice::splice(&revision.raw, edits, direction).map_err(|refused| DockerError::bad(&what, refused))?;
        self.post_body(&what, revision, body, auth).await
    }

    /// Posts the unchanged spec at the version that was read: a fencing write.
    ///
    /// It restarts nothing but moves the version, so no other post at that version can succeed any more. Do not use
    /// it for jobs, which may run again, or during a paused rollout, which any edit resumes.
    ///
    /// # Errors
    /// The same as [`Docker::post`].
    pub async fn post_as_read(&self, revision: &ServiceRevision) -> Result<UpdateReply, DockerError> {
        let what = format!("fencing service {}", revision.service.name);
        self.post_body(&what, revision, revision.raw.clone(), &RegistryAuthFrom::Stored).await
    }

    async fn post_body(
        &self,
        what: &str,
        revision: &ServiceRevision,
        body: String,
        auth: &RegistryAuthFrom,
    ) -> Result<UpdateReply, DockerError> {
        #[derive(Deserialize)]
        struct UpdateBody {
            #[serde(rename = "Warnings", default)]
            warnings: Option<Vec<String>>,
        }
        let path = format!(
            "/services/{}/update?version={}&registryAuthFrom={}",
            encoded(&revision.service.id),
            revision.service.index,
            if matches!(auth, RegistryAuthFrom::Previous) { "previous-spec" } else { "spec" }
        );
        let headers = match auth {
            RegistryAuthFrom::Operator(header) => vec![("x-registry-auth", header.reveal().to_owned())],
            RegistryAuthFrom::Stored | RegistryAuthFrom::Previous => Vec::new(),
        };
        let answer = self.write(what, Method::POST, &path, Bytes::from(body), &headers).await?;
        let told = serde_json::from_slice::<UpdateBody>(&answer).ok().and_then(|told| told.warnings);
        Ok(UpdateReply { warnings: told.unwrap_or_default().iter().map(|warning| clean(warning)).collect() })
    }
}
