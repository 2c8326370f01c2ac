//! The pooled HTTP client for registries: answers read whole with limits, or as a stream.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientError;
use tokio::time::Instant;

use super::error::{RegistryConnectError, RegistryHttpError, root};
use super::tls::RegistryTls;
pub(super) use crate::http::HttpResponse;
use crate::http::{Connection, MemoryOpener, PooledClient, find, pool};

/// The time for which a host that could not be reached is not tried again: two hundred references must not time out
/// one after another.
const AGAIN: Duration = Duration::from_secs(5);
/// The time for which an idle connection is kept; registries and load balancers close theirs at 60 s or later.
const IDLE: Duration = Duration::from_secs(30);

/// An opener that returns one end of an in-process pipe instead of a connection; the other end is served in this
/// process.
pub type MemoryPipe = MemoryOpener<RegistryConnectError>;

/// The transport to registries.
#[derive(Clone)]
pub enum RegistryTransport {
    /// TCP, with TLS over it where the scheme is `https`.
    Net(Arc<RegistryTls>),
    /// An in-process pipe, for every host and both schemes.
    Memory(MemoryPipe),
}

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub(super) struct StreamedResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    host: String,
}

/// The HTTP client for registries. Clones share its connections.
#[derive(Clone)]
pub(super) struct RegistryHttp {
    client: PooledClient<RegistryConnector>,
    down: UnreachableHosts,
}

/// The hosts whose last connection attempt failed, with the time and the error.
#[derive(Clone, Default)]
struct UnreachableHosts(Arc<Mutex<HashMap<String, (Instant, RegistryConnectError)>>>);

impl UnreachableHosts {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, (Instant, RegistryConnectError)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RegistryHttp {
    /// Creates a client; `connect` limits name resolution and connecting together, and again the TLS handshake.
    pub fn new(dial: RegistryTransport, connect: Duration) -> Self {
        let down = UnreachableHosts::default();
        let connector = RegistryConnector { dial, connect, down: down.clone() };
        Self { client: pool(connector, IDLE), down }
    }

    /// Returns whether this host's name did not resolve at the last attempt.
    pub(crate) fn is_unresolved(&self, authority: &str) -> bool {
        self.down.with(|down| down.get(authority).is_some_and(|(_, error)| error.is_name()))
    }

    /// Sends a request and reads the whole answer; more than `most` bytes is a fault. The caller limits the time.
    pub async fn send(&self, request: &Request<Bytes>, most: usize) -> Result<HttpResponse, RegistryHttpError> {
        self.open(request).await?.whole(most).await
    }

    /// Sends a request and waits for the head of the answer. The caller limits the time.
    ///
    /// If the other side was just closing a reused connection, the request is sent once more: none of our requests
    /// changes anything.
    pub async fn open(&self, request: &Request<Bytes>) -> Result<StreamedResponse, RegistryHttpError> {
        match self.open_once(request).await {
            Err((_, true)) => self.open_once(request).await,
            other => other,
        }
        .map_err(|(fault, _)| fault)
    }

    async fn open_once(&self, request: &Request<Bytes>) -> Result<StreamedResponse, (RegistryHttpError, bool)> {
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let request = request.clone().map(Full::new);
        let response = self.client.request(request).await.map_err(|error| broken(&host, &error))?;
        let (head, body) = response.into_parts();
        Ok(StreamedResponse { status: head.status, headers: head.headers, body, host })
    }
}

impl StreamedResponse {
    /// Returns the host that answered; after redirects it may differ from the registry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the next bytes of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryHttpError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| RegistryHttpError::Broken(self.host.clone(), root(&error)))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the whole answer; more than `most` bytes is a fault.
    pub async fn whole(mut self, most: usize) -> Result<HttpResponse, RegistryHttpError> {
        let mut whole = BytesMut::new();
        while let Some(data) = self.chunk().await? {
            if whole.len() + data.len() > most {
                return Err(RegistryHttpError::TooLarge(self.host, most));
            }
            whole.extend_from_slice(&data);
        }
        Ok(HttpResponse { status: self.status, headers: self.headers, body: whole.freeze() })
    }
}

/// Returns the fault, and whether the same request may be sent again.
fn broken(host: &str, error: &ClientError) -> (RegistryHttpError, bool) {
    if let Some(dial) = find::<RegistryConnectError>(error) {
        return (RegistryHttpError::Dial(dial.clone()), false);
    }
    let again = find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message);
    (RegistryHttpError::Broken(host.to_owned(), root(error)), again)
}

#[derive(Clone)]
struct RegistryConnector {
    dial: RegistryTransport,
    connect: Duration,
    down: UnreachableHosts,
}

impl tower_service::Service<Uri> for RegistryConnector {
    type Response = Connection;
    type Error = RegistryConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, RegistryConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RegistryConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        async move { connector.reach(&uri).await }.boxed()
    }
}

impl RegistryConnector {
    async fn reach(&self, uri: &Uri) -> Result<Connection, RegistryConnectError> {
        let authority = uri.authority().map_or("", |it| it.as_str());
        let lately = self.down.with(|down| down.get(authority).cloned());
        if let Some((_, error)) = lately.filter(|(at, _)| at.elapsed() < AGAIN) {
            return Err(error);
        }
        let reached = match &self.dial {
            RegistryTransport::Memory(memory) => memory(uri).map(Connection::new),
            RegistryTransport::Net(trust) => {
                let net = crate::http::Connector::Net { tls: Some(trust.clone()), limit: Some(self.connect) };
                net.connect(uri).await.map_err(RegistryConnectError::from)
            }
        };
        self.down.with(|down| match &reached {
            Ok(_) => down.remove(authority),
            Err(error) => down.insert(authority.to_owned(), (Instant::now(), error.clone())),
        });
        reached
    }
}
