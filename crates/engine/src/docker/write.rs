//! The one way to change a service: read its spec as raw text, splice, post it back at the version that was read.
//!
//! The engine replaces the whole spec, so the body is its own text, byte for byte but for the edits, at its own API
//! version. A reply says little: after any of them, errors too, hold the service again and look where it stands.

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Docker, encoded};
use super::error::Fault;
use super::model::ServiceBody;
use super::{spec, splice};
use crate::credentials::Hidden;
use pinnace_core::journal::Direction;
use pinnace_core::swarm::{RestHash, Service};
use pinnace_core::text::clean;
use pinnace_core::wire::v1::Edit;

/// Where a service stands with regard to a unit's edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Every edited place is as it was before.
    Before,
    /// Every edited place is as it should become.
    Target,
    /// Neither: somebody else changed it.
    Other,
}

/// A service as it was read for a change. Holds the raw spec, which nobody else sees.
#[derive(Clone)]
pub struct Held {
    /// What was read, without counts.
    pub service: Service,
    raw: String,
    spec: Value,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} at {})", self.service.name, self.service.index)
    }
}

impl Held {
    fn read(body: &[u8]) -> Option<Self> {
        let body: ServiceBody<'_> = serde_json::from_slice(body).ok()?;
        let raw = body.spec.get().to_owned();
        Some(Self { service: body.service()?, spec: serde_json::from_str(&raw).ok()?, raw })
    }

    /// The version index a post would be made at.
    pub fn index(&self) -> u64 {
        self.service.index
    }

    /// The hash of everything but the image, the platforms and the force counter.
    pub fn rest(&self) -> &RestHash {
        &self.service.rest
    }

    /// The same hash as it was before these edits, be it that the service stands before them or at their target: what
    /// to compare with a plan's `rest`, also where an edit (as of `/UpdateConfig`) is part of that hash.
    pub fn rest_before(&self, edits: &[Edit]) -> RestHash {
        spec::rest_before(&self.spec, edits)
    }

    /// Where the service stands. Without a difference between the two ends, that is the target.
    pub fn stands(&self, edits: &[Edit]) -> Stand {
        let all =
            |direction| edits.iter().all(|edit| spec::at(&self.spec, &edit.path) == splice::ends(edit, direction).1);
        match (all(Direction::To), all(Direction::Back)) {
            (true, _) => Stand::Target,
            (false, true) => Stand::Before,
            (false, false) => Stand::Other,
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
    Operator(Hidden),
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
    pub async fn hold(&self, service_id: &str) -> Result<Held, Fault> {
        let what = format!("reading service {}", clean(service_id));
        let body = self.get_bytes(&what, &format!("/services/{}", encoded(service_id))).await?;
        Held::read(&body).ok_or_else(|| Fault::bad(&what, "it is no service"))
    }

    /// Posts the held spec with these edits made, at the version it was read at, never a newer one.
    ///
    /// # Errors
    /// [`Fault::is_out_of_sequence`] where the version moved; [`Fault::BadAnswer`] with nothing sent where the held spec
    /// is not at the edits' other end; any that is not [`Fault::is_final`] may still be carried out, at any later time.
    pub async fn post(&self, held: &Held, edits: &[Edit], direction: Direction, auth: &Auth) -> Result<Reply, Fault> {
        let what = format!("updating service {}", held.service.name);
        let body = splice::splice(&held.raw, edits, direction).map_err(|refused| Fault::bad(&what, refused))?;
        self.post_body(&what, held, body, auth).await
    }

    /// Posts the spec exactly as it was read, at the version it was read at: the fence.
    ///
    /// It restarts nothing, moves the version, and so no other post at that version can land any more. Not for jobs,
    /// which may run again, and not beside a paused rollout, which any edit takes up.
    ///
    /// # Errors
    /// As [`Docker::post`].
    pub async fn post_as_read(&self, held: &Held) -> Result<Reply, Fault> {
        let what = format!("fencing service {}", held.service.name);
        self.post_body(&what, held, held.raw.clone(), &Auth::Stored).await
    }

    async fn post_body(&self, what: &str, held: &Held, body: String, auth: &Auth) -> Result<Reply, Fault> {
        #[derive(Deserialize)]
        struct Told {
            #[serde(rename = "Warnings", default)]
            warnings: Option<Vec<String>>,
        }
        let path = format!(
            "/services/{}/update?version={}&registryAuthFrom={}",
            encoded(&held.service.id),
            held.service.index,
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
