//! The one way to change a service: read its spec as raw text, splice, post it back at the version that was read.
//!
//! The engine replaces the whole spec, so the body is its own text, byte for byte but for the edits, at its own API
//! version. A reply says little: after any of them, errors too, read the service again and look at its edited places.

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Docker, encoded};
use super::error::Fault;
use super::model::ServiceBody;
use super::{spec, splice};
use crate::credentials::Redacted;
use pinnace_core::journal::Direction;
use pinnace_core::plan::Edit;
use pinnace_core::swarm::{Service, UntouchedHash};
use pinnace_core::text::clean;

/// The state of a service with regard to a unit's edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditState {
    /// Every edited place is as it was before.
    Before,
    /// Every edited place is as it should become.
    After,
    /// Neither: another client changed it.
    Diverged,
}

/// A service as it was read for an update, with the raw spec, which does not leave this module.
#[derive(Clone)]
pub struct ServiceRevision {
    /// What was read, without counts.
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

    /// The version index a post would be made at.
    pub fn index(&self) -> u64 {
        self.service.index
    }

    /// The same hash as it was before these edits, be it that the service stands before them or at their target: what
    /// to compare with a plan's `rest`, also where an edit (as of `/UpdateConfig`) is part of that hash.
    pub(crate) fn rest_before(&self, edits: &[Edit]) -> UntouchedHash {
        spec::rest_before(&self.spec, edits)
    }

    /// The state of the edited places. Without a difference between the two ends, that is [`EditState::After`].
    pub fn edit_state(&self, edits: &[Edit]) -> EditState {
        let all =
            |direction| edits.iter().all(|edit| spec::at(&self.spec, &edit.path) == splice::ends(edit, direction).1);
        match (all(Direction::To), all(Direction::Back)) {
            (true, _) => EditState::After,
            (false, true) => EditState::Before,
            (false, false) => EditState::Diverged,
        }
    }
}

/// Whose credentials for the registry go with a post.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Those in the spec stay.
    Stored,
    /// Those of the previous spec come back.
    Previous,
    /// These replace what is stored: the value of `X-Registry-Auth`.
    Operator(Redacted),
}

/// What the engine said to a post it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its warnings, cleaned.
    pub warnings: Vec<String>,
}

impl Docker {
    /// Reads a service to change it.
    ///
    /// # Errors
    /// When it cannot be read, or is not there ([`Fault::is_not_found`]).
    pub async fn get_for_update(&self, service_id: &str) -> Result<ServiceRevision, Fault> {
        let what = format!("reading service {}", clean(service_id));
        let body = self.get_bytes(&what, &format!("/services/{}", encoded(service_id))).await?;
        ServiceRevision::read(&body).ok_or_else(|| Fault::bad(&what, "it is no service"))
    }

    /// Posts the spec that was read with these edits made, at the version it was read at, never a newer one.
    ///
    /// # Errors
    /// [`Fault::is_out_of_sequence`] where the version moved; [`Fault::BadAnswer`] with nothing sent where the spec that was read
    /// is not at the edits' other end; any that is not [`Fault::is_final`] may still be carried out, at any later time.
    pub async fn post(
        &self,
        revision: &ServiceRevision,
        edits: &[Edit],
        direction: Direction,
        auth: &Auth,
    ) -> Result<Reply, Fault> {
        let what = format!("updating service {}", revision.service.name);
        let body = splice::splice(&revision.raw, edits, direction).map_err(|refused| Fault::bad(&what, refused))?;
        self.post_body(&what, revision, body, auth).await
    }

    /// Posts the spec exactly as it was read, at the version it was read at: the fence.
    ///
    /// It restarts nothing, moves the version, and so no other post at that version can land any more. Not for jobs,
    /// which may run again, and not beside a paused rollout, which any edit takes up.
    ///
    /// # Errors
    /// As [`Docker::post`].
    pub async fn post_as_read(&self, revision: &ServiceRevision) -> Result<Reply, Fault> {
        let what = format!("fencing service {}", revision.service.name);
        self.post_body(&what, revision, revision.raw.clone(), &Auth::Stored).await
    }

    async fn post_body(
        &self,
        what: &str,
        revision: &ServiceRevision,
        body: String,
        auth: &Auth,
    ) -> Result<Reply, Fault> {
        #[derive(Deserialize)]
        struct Told {
            #[serde(rename = "Warnings", default)]
            warnings: Option<Vec<String>>,
        }
        let path = format!(
            "/services/{}/update?version={}&registryAuthFrom={}",
            encoded(&revision.service.id),
            revision.service.index,
            if matches!(auth, Auth::Previous) { "previous-spec" } else { "spec" }
        );
        let headers = match auth {
            Auth::Operator(header) => vec![("x-registry-auth", header.reveal().to_owned())],
            Auth::Stored | Auth::Previous => Vec::new(),
        };
        let answer = self.write(what, Method::POST, &path, Bytes::from(body), &headers).await?;
        let told = serde_json::from_slice::<Told>(&answer).ok().and_then(|told| told.warnings);
        Ok(Reply { warnings: told.unwrap_or_default().iter().map(|warning| clean(warning)).collect() })
    }
}
