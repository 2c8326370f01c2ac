//! Download of a small file from a URL, with the registries' HTTP client: no credentials, limits on time and size.

use std::time::Duration;

use ::http::{HeaderValue, Request, StatusCode, Uri, header};
use bytes::Bytes;
use tokio::time::timeout;

use super::connection_policy::RegistryLimits;
use super::error::{RegistryConnectError, RegistryHttpError, status_line};
use super::http::{RegistryHttp, RegistryTransport};
use super::image_requests::join;

/// The maximum number of redirects per download.
const HOPS: usize = 5;

/// A client that downloads files. Clones share its connections.
#[derive(Clone)]
pub struct Downloader {
    http: RegistryHttp,
}

impl Downloader {
    /// Creates a client over `dial`, with the connection limits of registries.
    pub fn new(dial: RegistryTransport) -> Self {
        Self { http: RegistryHttp::new(dial, RegistryLimits::default().connect) }
    }

    /// Downloads the body of an `http` or `https` URL, of at most `most` bytes, within `limit` in total.
    ///
    /// # Errors
    /// The reason as a sentence that does not repeat the URL.
    pub async fn get(&self, address: &str, most: usize, limit: Duration) -> Result<Bytes, String> {
        let seconds = limit.as_secs();
        timeout(limit, self.follow(address, most))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {seconds} s")))
    }

    async fn follow(&self, address: &str, most: usize) -> Result<Bytes, String> {
        let mut uri: Uri = address.parse().map_err(|error| format!("not an address: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err("not an address: it must begin with http:// or https://".to_owned());
        }
        let agent = HeaderValue::from_static(concat!("pinnace/", env!("CARGO_PKG_VERSION")));
        for _ in 0..=HOPS {
            let build = Request::builder().uri(uri.clone()).header(header::USER_AGENT, agent.clone());
            let request = build.body(Bytes::new()).map_err(|error| error.to_string())?;
            let answer = self.http.send(&request, most).await.map_err(describe)?;
            let to = match answer.status.as_u16() {
                200 => return Ok(answer.body),
                301 | 302 | 303 | 307 | 308 => answer.headers.get(header::LOCATION),
                _ => None,
            };
            let Some(to) = to else { return Err(refused(answer.status, &answer.body)) };
            let to = join(&uri, to).ok_or_else(|| "a redirect to an unusable address".to_owned())?;
            if uri.scheme_str() == Some("https") && to.scheme_str() == Some("http") {
                let host = to.authority().map_or("", |it| it.as_str());
                return Err(format!("a redirect from https to plain http at {host} was not followed"));
            }
            uri = to;
        }
        Err(format!("more than {HOPS} redirects"))
    }
}

fn refused(status: StatusCode, body: &[u8]) -> String {
    status_line(status, body)
}

/// Describes a fault for a URL that a person typed: the hint about the engine's insecure registries does not apply.
fn describe(fault: RegistryHttpError) -> String {
    match fault {
        RegistryHttpError::Dial(RegistryConnectError::Tls(host, why)) if why.starts_with("it speaks plain http") => {
            format!("no TLS with {host}: it speaks plain http; write http:// if that is intended")
        }
        other => other.to_string(),
    }
}
