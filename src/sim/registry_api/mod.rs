//! The OCI distribution API over a world's registries.

mod tokens;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Response};
use serde_json::{Value, json};

use super::Sim;
use super::faults::Misbehaviour;
use super::http::{Answer, Asked, Body, answer as respond, stream, whole};
use super::world::World;
use super::world::images::{DOCKER_LIST, DOCKER_MANIFEST, Manifest, OCI_INDEX, OCI_MANIFEST, Registry};
use super::world::model::Nanos;

/// How many tags a page has where nobody says.
const PAGE: usize = 100;

/// Answers as the registry of this name, or as the one the request is addressed to.
pub async fn answer(sim: Arc<Sim>, name: Option<&str>, asked: Asked) -> Answer {
    let host = asked.header("host").unwrap_or_default().to_owned();
    let name = sim.with(|world| {
        let known = |name: &str| world.registries.contains_key(name);
        match name.or(Some(host.as_str())).filter(|name| known(name)) {
            Some(name) => Some(name.to_owned()),
            // One registry behind whatever address it is served at.
            None if world.registries.len() == 1 => world.registries.keys().next().cloned(),
            None => None,
        }
    });
    let Some(name) = name else { return Ok(error(404, "NAME_UNKNOWN", "no such registry")) };
    match sim.with_faults(|_, faults| faults.registries.get(&name).copied()) {
        None | Some((Misbehaviour::Fine, _)) => {}
        Some((Misbehaviour::Down, _)) => return Err(std::io::ErrorKind::ConnectionReset.into()),
        Some((Misbehaviour::Slow, span)) => tokio::time::sleep(sim.span(span)).await,
        Some((Misbehaviour::Limited, _)) => {
            let mut limited = error(429, "TOOMANYREQUESTS", "too many requests");
            limited.headers_mut().insert("retry-after", HeaderValue::from_static("30"));
            return Ok(limited);
        }
        Some((Misbehaviour::Broken, _)) => return Ok(error(500, "UNKNOWN", "unknown error")),
        Some((Misbehaviour::Denied, _)) => {
            return Ok(error(403, "DENIED", "requested access to the resource is denied"));
        }
        Some((Misbehaviour::Cut, _)) => return Ok(cut(&sim.with(|world| serve(world, &name, &host, &asked)))),
    }
    Ok(sim.with(|world| serve(world, &name, &host, &asked)))
}

/// The head of an answer, and a body that breaks off.
fn cut(whole: &Response<Body>) -> Response<Body> {
    let (send, body) = stream();
    let _ = send.send(Ok(Bytes::from_static(b"{")));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = send.send(Err(std::io::ErrorKind::ConnectionReset.into()));
    });
    let mut response = Response::new(body);
    *response.status_mut() = whole.status();
    response
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] }).to_string();
    respond(status, "application/json; charset=utf-8", whole(body))
}

fn header(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn basic(asked: &Asked) -> Option<(String, String)> {
    let text = asked.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Lets in whoever may, or says how to ask.
fn refused(registry: &Registry, host: &str, asked: &Asked, now: Nanos) -> Option<Response<Body>> {
    let (user, password) = registry.login.as_ref()?;
    let good = if registry.tokens {
        let bearer = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        bearer.is_some_and(|given| tokens::is_good(given, user, password, now))
    } else {
        basic(asked).is_some_and(|given| given == (user.clone(), password.clone()))
    };
    if good {
        return None;
    }
    let mut response = error(401, "UNAUTHORIZED", "authentication required");
    let how = if registry.tokens {
        let scope = match repository(&asked.parts) {
            Some((name, ..)) => format!(",scope=\"repository:{name}:pull\""),
            None => String::new(),
        };
        format!("Bearer realm=\"http://{host}/token\",service=\"{host}\"{scope}")
    } else {
        "Basic realm=\"registry\"".to_owned()
    };
    header(&mut response, "www-authenticate", &how);
    Some(response)
}

/// A path's repository, and what it asks of it: `manifests`, `tags`, `blobs`, `referrers`, and its last part.
fn repository(parts: &[String]) -> Option<(String, &str, &str)> {
    let inner = parts.get(1..)?;
    let (last, rest) = inner.split_last()?;
    let (kind, name) = rest.split_last()?;
    let known = ["manifests", "tags", "blobs", "referrers"].contains(&kind.as_str());
    (known && !name.is_empty()).then(|| (name.join("/"), kind.as_str(), last.as_str()))
}

fn serve(world: &World, name: &str, host: &str, asked: &Asked) -> Response<Body> {
    let Some(registry) = world.registries.get(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    if asked.path == "/token" {
        return tokens::hand_out(registry, asked, world.now());
    }
    let mut response = match refused(registry, host, asked, world.now()) {
        Some(refused) => refused,
        None if asked.path == "/v2/" || asked.path == "/v2" => respond(200, "application/json", whole("{}")),
        None => match repository(&asked.parts) {
            _ if ![Method::GET, Method::HEAD].contains(&asked.method) => {
                error(405, "UNSUPPORTED", "the operation is unsupported")
            }
            Some((name, "tags", "list")) => tags(registry, &name, asked),
            Some((name, "manifests", at)) => manifest(registry, &name, at, asked),
            Some((name, "blobs", digest)) => blob(registry, &name, digest, asked),
            Some((name, "referrers", digest)) => referrers(registry, &name, digest, asked),
            _ => error(404, "NAME_UNKNOWN", "page not found"),
        },
    };
    header(&mut response, "docker-distribution-api-version", "registry/2.0");
    response
}

fn tags(registry: &Registry, name: &str, asked: &Asked) -> Response<Body> {
    let Some(repository) = registry.repositories.get(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let size = asked.value("n").parse().unwrap_or(PAGE);
    let last = asked.value("last");
    let mut rest = repository.tags.keys().filter(|tag| last.is_empty() || tag.as_str() > last);
    let page: Vec<&String> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let mut response = respond(200, "application/json", whole(json!({ "name": name, "tags": page }).to_string()));
    if let Some(end) = page.last().filter(|_| more) {
        header(&mut response, "link", &format!("</v2/{name}/tags/list?last={end}&n={size}>; rel=\"next\""));
    }
    response
}

/// Which of these a client takes; without a header a registry of the second generation falls back to what is gone.
fn accepts(asked: &Asked, media_type: &str) -> bool {
    let all = asked.headers.get_all("accept");
    all.iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.split(';').next().unwrap_or_default().trim() == media_type)
}

fn manifest(registry: &Registry, name: &str, at: &str, asked: &Asked) -> Response<Body> {
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

fn told(found: &Manifest, asked: &Asked) -> Response<Body> {
    let mut response = body_of(&found.body, found.media_type, asked);
    header(&mut response, "docker-content-digest", &found.digest);
    header(&mut response, "etag", &format!("\"{}\"", found.digest));
    response
}

/// What a registry says of an image in the format before this one: another digest.
fn old(found: &Manifest) -> Response<Body> {
    let body = json!({ "schemaVersion": 1, "of": found.digest.as_ref() }).to_string();
    let digest = super::world::images::digest(body.as_bytes());
    let mut response = respond(200, "application/vnd.docker.distribution.manifest.v1+prettyjws", whole(body));
    header(&mut response, "docker-content-digest", &digest);
    response
}

fn body_of(bytes: &[u8], kind: &str, asked: &Asked) -> Response<Body> {
    let head = asked.method == Method::HEAD;
    let mut response = respond(200, kind, if head { whole(Bytes::new()) } else { whole(bytes.to_vec()) });
    header(&mut response, "content-length", &bytes.len().to_string());
    response
}

fn blob(registry: &Registry, name: &str, digest: &str, asked: &Asked) -> Response<Body> {
    let found = registry.repositories.get(name).and_then(|repository| repository.blobs.get(digest));
    match found {
        None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        Some(bytes) => {
            let mut response = body_of(bytes, "application/octet-stream", asked);
            header(&mut response, "docker-content-digest", digest);
            response
        }
    }
}

fn referrers(registry: &Registry, name: &str, digest: &str, asked: &Asked) -> Response<Body> {
    let Some(repository) = registry.repositories.get(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let wanted = asked.value("artifactType");
    let about = repository.manifests.values().filter(|manifest| manifest.subject.as_deref() == Some(digest));
    let found: Vec<Value> =
        about.map(descriptor).filter(|it| wanted.is_empty() || it["artifactType"] == wanted).collect();
    let body = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found }).to_string();
    let mut response = respond(200, OCI_INDEX, whole(body));
    if !wanted.is_empty() {
        header(&mut response, "oci-filters-applied", "artifactType");
    }
    response
}

/// What a list of referrers tells of one: its type is that of its configuration where it names none itself.
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
