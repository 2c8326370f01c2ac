//! Manifests, referrers and the pull rate limit.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};

use super::super::http::{Body, HttpRequest, full_body, respond};
use super::super::world::images::{
    DOCKER_LIST, DOCKER_MANIFEST, Manifest, OCI_INDEX, OCI_MANIFEST, RateLimit, Registry, digest as digest_of,
};
use super::super::world::model::Nanos;
use super::{error, header};

/// Returns true if the `Accept` header lists the media type. Without the header, a registry falls back to schema 1.
fn accepts(asked: &HttpRequest, media_type: &str) -> bool {
    let all = asked.headers.get_all("accept");
    all.iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.split(';').next().unwrap_or_default().trim() == media_type)
}

/// Serves a manifest, subject to the rate limit.
pub(super) fn manifest(
    registry: &mut Registry,
    name: &str,
    at: &str,
    asked: &HttpRequest,
    now: Nanos,
) -> Response<Body> {
    let spent = asked.method == Method::GET && registry.allowance.as_mut().is_some_and(|left| !left.take(now));
    let mut response = if spent {
        error(
            429,
            "TOOMANYREQUESTS",
            "You have reached your pull rate limit. You may increase the limit by authenticating",
        )
    } else {
        found(registry, name, at, asked)
    };
    if let Some((limit, left)) = registry.allowance.as_ref().map(|allowance| RateLimit::told(allowance, now)) {
        header(&mut response, "ratelimit-limit", &limit);
        header(&mut response, "ratelimit-remaining", &left);
    }
    response
}

fn found(registry: &Registry, name: &str, at: &str, asked: &HttpRequest) -> Response<Body> {
    let unknown = || error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let Some(repository) = registry.repositories.get(name) else {
        return unknown();
    };
    let digest = if at.starts_with("sha256:") { Some(at) } else { repository.tags.get(at).map(AsRef::as_ref) };
    let Some(mut found) = digest.and_then(|digest| repository.manifests.get(digest)) else { return unknown() };
    if !accepts(asked, found.media_type) {
        let child = (found.media_type == DOCKER_LIST && accepts(asked, DOCKER_MANIFEST)).then(|| {
            repository.manifests.values().find(|other| {
                other.media_type == DOCKER_MANIFEST
                    && other.runs_on.first() == found.runs_on.first()
                    && String::from_utf8_lossy(&found.body).contains(other.digest.as_ref())
            })
        });
        match (child.flatten(), found.media_type) {
            (Some(child), _) => found = child,
            (None, OCI_INDEX | OCI_MANIFEST) => {
                return error(
                    404,
                    "MANIFEST_UNKNOWN",
                    "OCI manifest found, but accept header does not support OCI manifests",
                );
            }
            (None, _) => return old(found),
        }
    }
    told(found, asked)
}

fn told(found: &Manifest, asked: &HttpRequest) -> Response<Body> {
    let mut response = body_of(&found.body.clone().into(), found.media_type, asked);
    header(&mut response, "docker-content-digest", &found.digest);
    header(&mut response, "etag", &format!("\"{}\"", found.digest));
    response
}

/// Returns a schema 1 manifest, the format before image manifest v2; it has another digest.
fn old(found: &Manifest) -> Response<Body> {
    let body = json!({ "schemaVersion": 1, "of": found.digest.as_ref() }).to_string();
    let digest = digest_of(body.as_bytes());
    let mut response = respond(200, "application/vnd.docker.distribution.manifest.v1+prettyjws", full_body(body));
    header(&mut response, "docker-content-digest", &digest);
    response
}

/// Returns a response with the bytes; for HEAD with the headers only.
pub(super) fn body_of(bytes: &Bytes, kind: &str, asked: &HttpRequest) -> Response<Body> {
    let head = asked.method == Method::HEAD;
    let mut response = respond(200, kind, full_body(if head { Bytes::new() } else { bytes.clone() }));
    header(&mut response, "content-length", &bytes.len().to_string());
    response
}

/// Lists the manifests that refer to an image (OCI distribution-spec, "Listing Referrers").
pub(super) fn referrers(registry: &Registry, name: &str, digest: &str, asked: &HttpRequest) -> Response<Body> {
    let Some(repository) = registry.repositories.get(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let wanted = asked.value("artifactType");
    let about = repository.manifests.values().filter(|manifest| manifest.subject.as_deref() == Some(digest));
    let found: Vec<Value> =
        about.map(descriptor).filter(|it| wanted.is_empty() || it["artifactType"] == wanted).collect();
    let body = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found }).to_string();
    let mut response = respond(200, OCI_INDEX, full_body(body));
    if !wanted.is_empty() {
        header(&mut response, "oci-filters-applied", "artifactType");
    }
    response
}

/// Returns a referrer's descriptor. Its artifact type is the configuration's media type if the manifest names none.
fn descriptor(manifest: &Manifest) -> Value {
    let body: Value = serde_json::from_slice(&manifest.body).unwrap_or_default();
    let mut about =
        json!({ "mediaType": manifest.media_type, "digest": manifest.digest.as_ref(), "size": manifest.body.len() });
    let kind = body.get("artifactType").or_else(|| body.pointer("/config/mediaType"));
    for (key, value) in [("artifactType", kind), ("annotations", body.get("annotations"))] {
        if let Some(value) = value {
            about[key] = value.clone();
        }
    }
    about
}
