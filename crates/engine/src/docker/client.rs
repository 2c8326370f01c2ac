//! The engine client: the engine's own API version in every path, a limit on every call, and no writes in read-only
//! mode.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::endpoint::{Endpoint, EngineAddress};
use super::error::DockerError;
use super::http_client::{CallLimits, HttpClient};
use crate::clock::Clock;
use crate::http::HttpResponse;
use pinnace_core::sanitize::clean;

/// The limits of a read. The engine itself gives up after 20 s when the managers do not agree.
pub(crate) const READ: CallLimits = CallLimits::seconds(10);
/// The limits of a write: longer than the engine's own 20 s, so that its answer arrives.
pub(crate) const WRITE: CallLimits = CallLimits::seconds(30);
/// The limits of a registry lookup by the engine, which takes up to 40 s for a name that does not resolve.
pub(crate) const LOOKUP: CallLimits = CallLimits::seconds(45);
/// The directive that log filters need for bollard: below `warn` it logs whole bodies, including environments.
pub const LOG_FILTER: &str = "bollard=warn";

/// The answer to a ping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The highest API version of the engine.
    pub api: String,
    /// The engine's role in a swarm (`active/manager`); sent from API 1.44 on.
    pub swarm: Option<String>,
    /// The time by the engine's clock, as an HTTP date.
    pub date: Option<String>,
}

/// A client for one engine. Clones share the connections and the API version.
#[derive(Clone)]
pub struct Docker {
    inner: Arc<DockerInner>,
}

struct DockerInner {
    endpoint: Endpoint,
    http: HttpClient,
    base: String,
    read_only: bool,
    clock: Clock,
    api: RwLock<Option<String>>,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Docker({:?})", self.inner.endpoint)
    }
}

impl Docker {
    /// Creates a client; nothing is sent yet. If `read_only`, every call that is not a GET is refused.
    ///
    /// # Errors
    /// [`DockerError::Endpoint`] if the endpoint's certificates cannot be used.
    pub fn new(endpoint: Endpoint, read_only: bool) -> Result<Self, DockerError> {
        let (connector, base) = endpoint.host.connector()?;
        let http = HttpClient::new(connector, Some(endpoint.host.address()));
        let clock = match endpoint.host {
            EngineAddress::Memory(_) => Clock::tokio(),
            _ => Clock::Machine,
        };
        Ok(Self { inner: Arc::new(DockerInner { endpoint, http, base, read_only, clock, api: RwLock::new(None) }) })
    }

    /// Returns the endpoint that this client connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Returns whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// Returns the engine's address, in the form used by faults.
    pub fn address(&self) -> String {
        self.inner.endpoint.host.address()
    }

    /// Returns the clock of the cluster: tokio's for an engine in this process, else the machine's.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    pub(super) fn http(&self) -> &HttpClient {
        &self.inner.http
    }

    pub(super) fn base(&self) -> &str {
        &self.inner.base
    }

    /// Pings the engine and refreshes its API version.
    ///
    /// # Errors
    /// A fault if the engine does not answer, or if the other side is not a Docker Engine.
    pub async fn ping(&self) -> Result<Ping, DockerError> {
        let what = "asking the engine for its version";
        let request = build(what, Method::GET, &format!("{}/_ping", self.inner.base), Bytes::new(), &[])?;
        let answer = self.inner.http.call(what, request, READ).await?;
        if !answer.status.is_success() {
            return Err(DockerError::http(what, answer.status.as_u16(), &answer.body));
        }
        let header = |name: &str| {
            answer.headers.get(name).and_then(|value| value.to_str().ok()).map(clean).filter(|text| !text.is_empty())
        };
        let api = header("api-version")
            .filter(|api| api.chars().all(|c| c.is_ascii_digit() || c == '.'))
            .ok_or_else(|| DockerError::bad(what, "it has no API version"))?;
        if let Ok(mut known) = self.inner.api.write() {
            *known = Some(api.clone());
        }
        Ok(Ping { api, swarm: header("swarm"), date: header("date") })
    }

    /// Returns the engine's own API version; it is requested once.
    ///
    /// # Errors
    /// The same as [`Docker::ping`].
    pub async fn api(&self) -> Result<String, DockerError> {
        let known = self.inner.api.read().ok().and_then(|api| api.clone());
        match known {
            Some(api) => Ok(api),
            None => Ok(self.ping().await?.api),
        }
    }

    /// Sends a GET and parses the answer as JSON; an error status is a fault.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, DockerError> {
        let body = self.get_bytes(what, path).await?;
        serde_json::from_slice(&body).map_err(|error| DockerError::bad(what, error))
    }

    /// Sends a GET and returns the whole body; an error status is a fault.
    pub(super) async fn get_bytes(&self, what: &str, path: &str) -> Result<Bytes, DockerError> {
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, Method::GET, &url, Bytes::new(), &[])?;
        Ok(good(what, self.inner.http.call(what, request, READ).await?)?.body)
    }

    /// Sends a GET and returns the body as a stream; an error status is a fault.
    pub(super) async fn get_stream(&self, what: &str, path: &str) -> Result<hyper::body::Incoming, DockerError> {
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, Method::GET, &url, Bytes::new(), &[])?;
        let answer = self.inner.http.open(what, request, Duration::from_secs(30)).await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status().as_u16();
        let address = self.address();
        let read = super::http_client::read_body(what, &address, answer.into_body(), 1 << 20);
        let body = tokio::time::timeout(READ.time, read).await.unwrap_or_else(|_| Ok(Bytes::new()))?;
        Err(DockerError::http(what, status, &body))
    }

    /// Sends a write. A started write is never cancelled: it continues even if the caller stops waiting.
    pub(super) async fn write(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Bytes, DockerError> {
        if self.inner.read_only {
            return Err(DockerError::ReadOnly { what: what.to_owned() });
        }
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, method, &url, body, headers)?;
        let (http, named) = (self.inner.http.clone(), what.to_owned());
        let started = tokio::spawn(async move { http.call(&named, request, WRITE).await });
        let answer = started.await.map_err(|error| DockerError::bad(what, error))??;
        Ok(good(what, answer)?.body)
    }
}

fn good(what: &str, answer: HttpResponse) -> Result<HttpResponse, DockerError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(DockerError::http(what, answer.status.as_u16(), &answer.body))
}

fn build(
    what: &str,
    method: Method,
    url: &str,
    body: Bytes,
    headers: &[(&'static str, String)],
) -> Result<Request<Full<Bytes>>, DockerError> {
    let mut builder = Request::builder().method(method).uri(url);
    if !body.is_empty() {
        builder = builder.header("content-type", "application/json");
    }
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(body)).map_err(|error| DockerError::bad(what, error))
}

const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a text for one path segment or one query value.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEEP).to_string()
}

/// Formats the `filters` query of a list call: the values of one key are alternatives, and all keys must match.
pub(super) fn filters(pairs: &[(&str, &[&str])]) -> String {
    let map: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
    format!("filters={}", encoded(&serde_json::to_string(&map).unwrap_or_default()))
}
