//! The engine's client: its own API version in every path, a limit on every call, and no write where none is allowed.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::endpoint::{Endpoint, Host};
use super::error::Fault;
use super::transport::{Http, Limit};
use crate::clock::Clock;
use crate::http::Answer;
use pinnace_core::text::clean;

/// A read; the engine gives up at 20 s itself, when the managers do not agree.
pub(crate) const READ: Limit = Limit::seconds(10);
/// A write: above the engine's own 20 s, so that its answer is heard.
pub(crate) const WRITE: Limit = Limit::seconds(30);
/// A registry look-up by the engine: up to 40 s for a name that does not resolve.
pub(crate) const LOOKUP: Limit = Limit::seconds(45);
/// What a log filter should say of bollard, which logs whole bodies otherwise, environments and all.
pub const LOG_FILTER: &str = "bollard=warn";

/// What a ping tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The engine's own, highest API version.
    pub api: String,
    /// Its part in a swarm (`active/manager`), from API 1.44 on.
    pub swarm: Option<String>,
    /// The engine's clock, as an HTTP date.
    pub date: Option<String>,
}

/// An engine. Clones share connections and what is known of it.
#[derive(Clone)]
pub struct Docker {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    http: Http,
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
    /// A client; nothing is sent yet. Under `read_only` every call that is not a GET is refused here.
    ///
    /// # Errors
    /// When the endpoint's certificates cannot be used.
    pub fn new(endpoint: Endpoint, read_only: bool) -> Result<Self, Fault> {
        let (connector, base) = endpoint.host.connector()?;
        let http = Http::new(connector, Some(endpoint.host.address()));
        let clock = match endpoint.host {
            Host::Memory(_) => Clock::tokio(),
            _ => Clock::Machine,
        };
        Ok(Self { inner: Arc::new(Inner { endpoint, http, base, read_only, clock, api: RwLock::new(None) }) })
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// The engine's address, as faults name it.
    pub fn address(&self) -> String {
        self.inner.endpoint.host.address()
    }

    /// The clock the cluster lives by: tokio's for one within this process.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    pub(super) fn http(&self) -> &Http {
        &self.inner.http
    }

    pub(super) fn base(&self) -> &str {
        &self.inner.base
    }

    /// Asks whether the engine is there, and learns its API version anew.
    ///
    /// # Errors
    /// When it does not answer, or is no Docker Engine.
    pub async fn ping(&self) -> Result<Ping, Fault> {
        let what = "asking the engine for its version";
        let request = build(what, Method::GET, &format!("{}/_ping", self.inner.base), Bytes::new(), &[])?;
        let answer = self.inner.http.call(what, request, READ).await?;
        if !answer.status.is_success() {
            return Err(Fault::http(what, answer.status.as_u16(), &answer.body));
        }
        let header = |name: &str| {
            answer.headers.get(name).and_then(|value| value.to_str().ok()).map(clean).filter(|text| !text.is_empty())
        };
        let api = header("api-version")
            .filter(|api| api.chars().all(|c| c.is_ascii_digit() || c == '.'))
            .ok_or_else(|| Fault::bad(what, "it names no API version"))?;
        if let Ok(mut known) = self.inner.api.write() {
            *known = Some(api.clone());
        }
        Ok(Ping { api, swarm: header("swarm"), date: header("date") })
    }

    /// The engine's own API version, asked for once.
    ///
    /// # Errors
    /// As [`Docker::ping`].
    pub async fn api(&self) -> Result<String, Fault> {
        let known = self.inner.api.read().ok().and_then(|api| api.clone());
        match known {
            Some(api) => Ok(api),
            None => Ok(self.ping().await?.api),
        }
    }

    /// A GET whose answer is JSON; an error status is a fault.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, Fault> {
        let body = self.get_bytes(what, path).await?;
        serde_json::from_slice(&body).map_err(|error| Fault::bad(what, error))
    }

    /// A GET; an error status is a fault.
    pub(super) async fn get_bytes(&self, what: &str, path: &str) -> Result<Bytes, Fault> {
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, Method::GET, &url, Bytes::new(), &[])?;
        Ok(good(what, self.inner.http.call(what, request, READ).await?)?.body)
    }

    /// A GET whose body comes as it comes; an error status is a fault.
    pub(super) async fn get_stream(&self, what: &str, path: &str) -> Result<hyper::body::Incoming, Fault> {
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, Method::GET, &url, Bytes::new(), &[])?;
        let answer = self.inner.http.open(what, request, Duration::from_secs(30)).await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status().as_u16();
        let address = self.address();
        let read = super::transport::read_body(what, &address, answer.into_body(), 1 << 20);
        let body = tokio::time::timeout(READ.time, read).await.unwrap_or_else(|_| Ok(Bytes::new()))?;
        Err(Fault::http(what, status, &body))
    }

    /// A write. Once begun it is never cancelled: it goes on although nobody waits for it any more.
    pub(super) async fn write(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Bytes, Fault> {
        if self.inner.read_only {
            return Err(Fault::ReadOnly { what: what.to_owned() });
        }
        let url = format!("{}/v{}{path}", self.inner.base, self.api().await?);
        let request = build(what, method, &url, body, headers)?;
        let (http, named) = (self.inner.http.clone(), what.to_owned());
        let started = tokio::spawn(async move { http.call(&named, request, WRITE).await });
        let answer = started.await.map_err(|error| Fault::bad(what, error))??;
        Ok(good(what, answer)?.body)
    }
}

fn good(what: &str, answer: Answer) -> Result<Answer, Fault> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(Fault::http(what, answer.status.as_u16(), &answer.body))
}

fn build(
    what: &str,
    method: Method,
    url: &str,
    body: Bytes,
    headers: &[(&'static str, String)],
) -> Result<Request<Full<Bytes>>, Fault> {
    let mut builder = Request::builder().method(method).uri(url);
    if !body.is_empty() {
        builder = builder.header("content-type", "application/json");
    }
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(body)).map_err(|error| Fault::bad(what, error))
}

const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEEP).to_string()
}

/// The `filters` of a list call: those of one key are alternatives, those of several all hold.
pub(super) fn filters(pairs: &[(&str, &[&str])]) -> String {
    let map: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
    format!("filters={}", encoded(&serde_json::to_string(&map).unwrap_or_default()))
}
