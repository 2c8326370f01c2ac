//! The OCI distribution API, answered from a world's registries.

mod manifests;
mod static_files;
mod tokens;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Response};
use serde_json::json;

use super::Sim;
use super::faults::Misbehaviour;
use super::http::{Body, HttpRequest, ResponseResult, full_body, respond, stream};
use super::world::World;
use super::world::images::Registry;
use super::world::model::Nanos;

/// The page size of tag lists without the parameter `n`.
const PAGE: usize = 100;

/// A server of registry content.
enum ServedHost {
    /// The registry of this name.
    Registry(String),
    /// A host that stores the blobs of another registry.
    Blobs(String),
    /// A host that serves plain files.
    Files(String),
}

impl ServedHost {
    /// Returns the server for a host and path; `None` if the host is unknown.
    fn of(world: &World, host: &str, path: &str) -> Option<Self> {
        let host = canonical(host);
        if world.documents.contains_key(&(host.to_owned(), path.to_owned())) {
            return Some(Self::Files(host.to_owned()));
        }
        if world.registries.contains_key(host) {
            return Some(Self::Registry(host.to_owned()));
        }
        let holds = |registry: &Registry| registry.blobs_at.as_deref() == Some(host);
        if world.registries.values().any(holds) {
            return Some(Self::Blobs(host.to_owned()));
        }
        let serves = world.documents.keys().any(|(other, _)| other == host);
        serves.then(|| Self::Files(host.to_owned()))
    }

    fn host(&self) -> &str {
        match self {
            Self::Registry(host) | Self::Blobs(host) | Self::Files(host) => host,
        }
    }

    fn serve(&self, world: &mut World, host: &str, asked: &HttpRequest) -> Response<Body> {
        match self {
            Self::Registry(name) => serve(world, name, host, asked),
            Self::Blobs(at) => static_files::blob(world, at, asked),
            Self::Files(at) => static_files::file(world, at, asked),
        }
    }
}

/// Returns the name of a registry for one of its hosts: Docker Hub answers at another host than `docker.io`.
fn canonical(host: &str) -> &str {
    if host == "registry-1.docker.io" { "docker.io" } else { host }
}

/// Checks that a connection to a host is possible.
///
/// # Errors
/// `NotFound` if the name does not resolve, `ConnectionRefused` if no server listens.
pub fn reach(sim: &Sim, name: &str) -> io::Result<()> {
    let (is_down, is_nameless, is_known) = sim.with_faults(|world, faults| {
        let name = canonical(name);
        let is_down = matches!(faults.registries.get(name), Some((Misbehaviour::Down, _)));
        let is_nameless = world.unreachable.get(name).is_some_and(|why| why.contains("lookup"));
        (is_down, is_nameless, ServedHost::of(world, name, "").is_some())
    });
    let is_address = name.chars().all(|c| c.is_ascii_digit() || ".:[]".contains(c));
    if is_nameless || (!is_known && !is_address) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name does not resolve"));
    }
    if is_down || !is_known {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

/// Answers as the registry of the given name, or as the host that the request is addressed to.
pub async fn answer(sim: Arc<Sim>, name: Option<&str>, asked: HttpRequest) -> ResponseResult {
    let host = asked.header("host").unwrap_or_default().to_owned();
    let place = sim.with(|world| {
        let named = name.and_then(|name| ServedHost::of(world, name, &asked.path));
        let addressed = || ServedHost::of(world, &host, &asked.path);
        // A single registry answers at any address.
        let only = || world.registries.keys().next().filter(|_| world.registries.len() == 1).cloned();
        named.or_else(addressed).or_else(|| only().map(ServedHost::Registry))
    });
    let Some(place) = place else { return Ok(error(404, "NAME_UNKNOWN", "no such registry")) };
    match sim.with_faults(|_, faults| faults.registries.get(place.host()).copied()) {
        None | Some((Misbehaviour::Fine, _)) => {}
        Some((Misbehaviour::Down, _)) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some((Misbehaviour::Hang, _)) => std::future::pending().await,
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
        Some((Misbehaviour::Cut, _)) => return Ok(cut(&sim.with(|world| place.serve(world, &host, &asked)))),
    }
    Ok(sim.with(|world| place.serve(world, &host, &asked)))
}

/// Returns a response with the original status and a body that breaks off.
fn cut(whole: &Response<Body>) -> Response<Body> {
    let (send, body) = stream();
    let _ = send.send(Ok(Bytes::from_static(b"{")));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = send.send(Err(io::ErrorKind::ConnectionReset.into()));
    });
    let mut response = Response::new(body);
    *response.status_mut() = whole.status();
    response
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] }).to_string();
    respond(status, "application/json; charset=utf-8", full_body(body))
}

fn header(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn basic(asked: &HttpRequest) -> Option<(String, String)> {
    let text = asked.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Checks the credentials; returns the 401 response with its challenge if they are missing or wrong.
fn refused(registry: &Registry, host: &str, asked: &HttpRequest, now: Nanos) -> Option<Response<Body>> {
    let login = registry.login.as_ref()?;
    let how = if registry.tokens {
        let wanted = repository(&asked.parts).map(|(name, ..)| name);
        let bearer = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let why = match bearer.map(|given| tokens::judge(given, login, wanted.as_deref(), now)) {
            Some(Ok(())) => return None,
            Some(Err(why)) => format!(",error=\"{why}\""),
            None => String::new(),
        };
        let scope = wanted.map(|name| format!(",scope=\"repository:{name}:pull\"")).unwrap_or_default();
        format!("Bearer realm=\"http://{host}/token\",service=\"{host}\"{scope}{why}")
    } else {
        if basic(asked).as_ref() == Some(login) {
            return None;
        }
        "Basic realm=\"registry\"".to_owned()
    };
    let mut response = error(401, "UNAUTHORIZED", "authentication required");
    header(&mut response, "www-authenticate", &how);
    Some(response)
}

/// Splits a path into repository, kind (`manifests`, `tags`, `blobs`, `referrers`) and last segment.
fn repository(parts: &[String]) -> Option<(String, &str, &str)> {
    let inner = parts.get(1..)?;
    let (last, rest) = inner.split_last()?;
    let (kind, name) = rest.split_last()?;
    let known = ["manifests", "tags", "blobs", "referrers"].contains(&kind.as_str());
    (known && !name.is_empty()).then(|| (name.join("/"), kind.as_str(), last.as_str()))
}

fn serve(world: &mut World, name: &str, host: &str, asked: &HttpRequest) -> Response<Body> {
    let now = world.now();
    let Some(registry) = world.registries.get_mut(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    if asked.path == "/token" {
        return tokens::hand_out(registry, asked, now);
    }
    let mut response = match refused(registry, host, asked, now) {
        Some(refused) => refused,
        None if asked.path == "/v2/" || asked.path == "/v2" => respond(200, "application/json", full_body("{}")),
        None => match repository(&asked.parts) {
            _ if ![Method::GET, Method::HEAD].contains(&asked.method) => {
                error(405, "UNSUPPORTED", "the operation is unsupported")
            }
            Some((name, "tags", "list")) => tags(registry, &name, asked),
            Some((name, "manifests", at)) => manifests::manifest(registry, &name, at, asked, now),
            Some((name, "blobs", digest)) => blob(registry, &name, digest, asked),
            Some((name, "referrers", digest)) => manifests::referrers(registry, &name, digest, asked),
            _ => error(404, "NAME_UNKNOWN", "page not found"),
        },
    };
    header(&mut response, "docker-distribution-api-version", "registry/2.0");
    response
}

fn tags(registry: &Registry, name: &str, asked: &HttpRequest) -> Response<Body> {
    let Some(repository) = registry.repositories.get(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let size = asked.value("n").parse().unwrap_or(PAGE);
    let last = asked.value("last");
    let mut rest = repository.tags.keys().filter(|tag| last.is_empty() || tag.as_str() > last);
    let page: Vec<&String> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let mut response = respond(200, "application/json", full_body(json!({ "name": name, "tags": page }).to_string()));
    if let Some(end) = page.last().filter(|_| more) {
        header(&mut response, "link", &format!("</v2/{name}/tags/list?last={end}&n={size}>; rel=\"next\""));
    }
    response
}

fn blob(registry: &Registry, name: &str, digest: &str, asked: &HttpRequest) -> Response<Body> {
    let found = registry.repositories.get(name).and_then(|repository| repository.blobs.get(digest));
    let Some(bytes) = found else { return error(404, "BLOB_UNKNOWN", "blob unknown to registry") };
    if let Some(host) = &registry.blobs_at {
        let mut response = respond(307, "application/octet-stream", full_body(Bytes::new()));
        header(&mut response, "location", &format!("http://{host}/{name}/{digest}?signature={}", static_files::SIGNED));
        return response;
    }
    let mut response = manifests::body_of(bytes, "application/octet-stream", asked);
    header(&mut response, "docker-content-digest", digest);
    response
}
