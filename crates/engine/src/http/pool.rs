//! The connection pool, and complete responses.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// A pooled HTTP/1.1 client. Clones share its connections.
pub(crate) type PooledClient<C> = Client<C, Full<Bytes>>;

/// Makes a pool that keeps a connection without requests for `idle`.
pub(crate) fn pool<C: Connect + Clone>(connector: C, idle: Duration) -> PooledClient<C> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle)
        .build(connector)
}

/// A complete response, with whatever status.
#[derive(Clone, Debug)]
pub(crate) struct HttpResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The complete body.
    pub body: Bytes,
}
