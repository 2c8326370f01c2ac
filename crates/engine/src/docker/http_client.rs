//! The pooled HTTP client for engines: calls with limits on time and size, and streams.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::error::DockerError;
use crate::http::{Connector, HttpResponse, PooledClient, deepest, find, pool};
use pinnace_core::sanitize::clean;

/// The time for which an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The time limit of one call, and the size limit of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// The time from the first byte sent to the last byte received.
    pub time: Duration,
    /// The maximum size of the answer, in bytes.
    pub bytes: usize,
}

impl CallLimits {
    /// Returns a limit of this many seconds, and of 64 MB for the answer: 10,000 tasks are 14 MB.
    pub const fn seconds(seconds: u64) -> Self {
        Self { time: Duration::from_secs(seconds), bytes: 64 << 20 }
    }
}

/// A pooled HTTP client.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: PooledClient<Connector>,
    /// The name of the other side in faults; `None` means the request's own authority.
    address: Option<String>,
}

impl HttpClient {
    /// Creates a client over a connector. `address` names the other side in faults, where it is always the same
    /// host.
    pub fn new(connector: Connector, address: Option<String>) -> Self {
        Self { client: pool(connector, IDLE), address }
    }

    /// Sends a request and reads the whole answer; an error status is an answer too.
    ///
    /// # Errors
    /// A fault if the connection fails or breaks, or if the complete answer does not arrive within the limit.
    pub(crate) async fn call(
        &self,
        what: &str,
        request: Request<Full<Bytes>>,
        limit: CallLimits,
    ) -> Result<HttpResponse, DockerError> {
        let address = self.address(&request);
        let whole = async {
            let answer = self.client.request(request).await.map_err(|error| failed(what, &address, &error))?;
            let (head, body) = answer.into_parts();
            let body = read_body(what, &address, body, limit.bytes).await?;
            Ok(HttpResponse { status: head.status, headers: head.headers, body })
        };
        timeout(limit.time, whole).await.unwrap_or_else(|_| Err(late(what, limit.time)))
    }

    /// Sends a request and reads the head of the answer within `time`; the body is a stream without a limit.
    ///
    /// # Errors
    /// A fault if the connection fails or breaks, or if the head does not arrive in time.
    pub async fn open(
        &self,
        what: &str,
        request: Request<Full<Bytes>>,
        time: Duration,
    ) -> Result<Response<Incoming>, DockerError> {
        let address = self.address(&request);
        match timeout(time, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| failed(what, &address, &error)),
            Err(_) => Err(late(what, time)),
        }
    }

    /// Returns the underlying client, for `bollard`.
    pub(super) fn client(&self) -> &PooledClient<Connector> {
        &self.client
    }

    fn address(&self, request: &Request<Full<Bytes>>) -> String {
        let own = || request.uri().authority().map(ToString::to_string).unwrap_or_default();
        self.address.clone().unwrap_or_else(own)
    }
}

/// Reads a body of up to `most` bytes.
///
/// # Errors
/// A fault if the connection breaks, or if the body is longer.
pub(crate) async fn read_body(
    what: &str,
    address: &str,
    mut body: Incoming,
    most: usize,
) -> Result<Bytes, DockerError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| DockerError::Broken {
            what: what.to_owned(),
            address: address.to_owned(),
            why: innermost(&error),
        })?;
        if let Ok(data) = frame.into_data() {
            if all.len() + data.len() > most {
                return Err(DockerError::bad(what, format!("it is longer than {} MB", most >> 20)));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(all.freeze())
}

fn late(what: &str, after: Duration) -> DockerError {
    DockerError::Timeout { what: what.to_owned(), after }
}

/// Converts a client error: `Unreachable` if the connection could not be made, `Broken` if it ended later.
pub(super) fn failed(what: &str, address: &str, error: &hyper_util::client::legacy::Error) -> DockerError {
    let (what, address, why) = (what.to_owned(), address.to_owned(), innermost(error));
    if error.is_connect() {
        let kind = find::<io::Error>(error).map_or(io::ErrorKind::Other, io::Error::kind);
        return DockerError::Unreachable { what, address, kind, why };
    }
    DockerError::Broken { what, address, why }
}

/// Returns the innermost cause of an error, cleaned.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    clean(&deepest(error).to_string())
}
