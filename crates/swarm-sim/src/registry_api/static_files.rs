//! Other hosts: the blob store that a registry redirects to, and servers of plain files.

use bytes::Bytes;
use http::{Method, Response};

use super::super::http::{Body, HttpRequest, full_body, respond};
use super::super::world::World;
use super::super::world::images::digest as digest_of;
use super::manifests::body_of;
use super::{error, header};

/// The signature in redirect URLs to a blob store.
pub(super) const SIGNED: &str = "1";

/// Serves a blob from the host that a registry redirects to. The URL's signature authorizes; a request that also has
/// registry credentials is refused, as object stores do.
pub(super) fn blob(world: &World, host: &str, asked: &HttpRequest) -> Response<Body> {
    if asked.header("authorization").is_some() {
        return error(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    if asked.value("signature") != SIGNED {
        return error(403, "AccessDenied", "Access Denied");
    }
    let Some((digest, name)) = asked.parts.split_last() else { return error(404, "NoSuchKey", "no such key") };
    let name = name.join("/");
    let mut held = world.registries.values().filter(|registry| registry.blobs_at.as_deref() == Some(host));
    match held.find_map(|registry| registry.repositories.get(&name)?.blobs.get(digest)) {
        Some(bytes) => body_of(bytes, "application/octet-stream", asked),
        None => error(404, "NoSuchKey", "The specified key does not exist."),
    }
}

/// Serves a plain file with an `ETag` for conditional requests.
pub(super) fn file(world: &World, host: &str, asked: &HttpRequest) -> Response<Body> {
    let Some(document) = world.documents.get(&(host.to_owned(), asked.path.clone())) else {
        return respond(404, "text/plain", full_body("404 page not found\n"));
    };
    if ![Method::GET, Method::HEAD].contains(&asked.method) {
        return respond(405, "text/plain", full_body("method not allowed\n"));
    }
    let tag = format!("\"{}\"", digest_of(document.body.as_bytes()));
    let mut response = if asked.header("if-none-match") == Some(tag.as_str()) {
        respond(304, &document.kind, full_body(Bytes::new()))
    } else {
        body_of(&Bytes::from(document.body.clone()), &document.kind, asked)
    };
    header(&mut response, "etag", &tag);
    response
}
