//! A pooled HTTP/1.1 client over our own connector: answers read whole with limits, or a piece at a time.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::fault::{DialError, Fault, find, root};
use super::tls::Trust;

/// How long a host that did not answer is not tried again: two hundred references must not wait one after another.
const AGAIN: Duration = Duration::from_secs(5);
/// Connections are kept this long; registries and balancers close them at 60 s or later.
const IDLE: Duration = Duration::from_secs(30);
/// How far apart a host's addresses are tried, the next beside the last (RFC 8305, "Happy Eyeballs").
const STAGGER: Duration = Duration::from_millis(250);

/// Hands out one end of a pipe instead of a connection; the other end is served within the process.
pub type Memory = Arc<dyn Fn(&Uri) -> Result<DuplexStream, DialError> + Send + Sync>;

/// How a host is reached.
#[derive(Clone)]
pub enum Dial {
    /// TCP, with TLS over it where the scheme is `https`.
    Net(Arc<Trust>),
    /// A pipe within the process, for every host and both schemes.
    Memory(Memory),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
    host: String,
}

/// The client. Clones share its connections.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<Connector, Full<Bytes>>,
    down: Down,
}

/// Hosts that could not be reached last time, with when.
#[derive(Clone, Default)]
struct Down(Arc<Mutex<HashMap<String, (Instant, DialError)>>>);

impl Down {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, (Instant, DialError)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Http {
    /// A client; `connect` limits name look-up and connecting, and again the TLS handshake.
    pub fn new(dial: Dial, connect: Duration) -> Self {
        let down = Down::default();
        let connector = Connector { dial, connect, down: down.clone() };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { client, down }
    }

    /// Whether this host's name did not resolve when it was last tried.
    pub fn is_unresolved(&self, authority: &str) -> bool {
        self.down.with(|down| down.get(authority).is_some_and(|(_, error)| error.is_name()))
    }

    /// Sends a request and reads the answer whole, at most `most` bytes of it. The caller limits the time.
    pub async fn send(&self, request: &Request<Bytes>, most: usize) -> Result<Answer, Fault> {
        self.open(request).await?.whole(most).await
    }

    /// Sends a request and waits for the head of the answer. The caller limits the time.
    ///
    /// A kept connection that the other side was just closing is no failure: the request is sent once more, as none
    /// of ours changes anything.
    pub async fn open(&self, request: &Request<Bytes>) -> Result<Opened, Fault> {
        match self.open_once(request).await {
            Err((_, true)) => self.open_once(request).await,
            other => other,
        }
        .map_err(|(fault, _)| fault)
    }

    async fn open_once(&self, request: &Request<Bytes>) -> Result<Opened, (Fault, bool)> {
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let request = request.clone().map(Full::new);
        let response = self.client.request(request).await.map_err(|error| broken(&host, &error))?;
        let (head, body) = response.into_parts();
        Ok(Opened { status: head.status, headers: head.headers, body, host })
    }
}

impl Opened {
    /// Who answers: after redirects perhaps another than was asked.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The next bytes of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Fault::Broken(self.host.clone(), root(&error)))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The whole answer; one of more than `most` bytes is a fault.
    pub async fn whole(mut self, most: usize) -> Result<Answer, Fault> {
        let mut whole = BytesMut::new();
        while let Some(data) = self.chunk().await? {
            if whole.len() + data.len() > most {
                return Err(Fault::TooLarge(self.host, most));
            }
            whole.extend_from_slice(&data);
        }
        Ok(Answer { status: self.status, headers: self.headers, body: whole.freeze() })
    }
}

/// The fault, and whether the same request may simply be sent again.
fn broken(host: &str, error: &ClientError) -> (Fault, bool) {
    if let Some(dial) = find::<DialError>(error) {
        return (Fault::Dial(dial.clone()), false);
    }
    let again = find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message);
    (Fault::Broken(host.to_owned(), root(error)), again)
}

#[derive(Clone)]
struct Connector {
    dial: Dial,
    connect: Duration,
    down: Down,
}

impl tower_service::Service<Uri> for Connector {
    type Response = Conn;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        async move { connector.reach(&uri).await }.boxed()
    }
}

impl Connector {
    async fn reach(&self, uri: &Uri) -> Result<Conn, DialError> {
        let authority = uri.authority().map_or("", |it| it.as_str());
        let lately = self.down.with(|down| down.get(authority).cloned());
        if let Some((_, error)) = lately.filter(|(at, _)| at.elapsed() < AGAIN) {
            return Err(error);
        }
        let reached = match &self.dial {
            Dial::Memory(memory) => memory(uri).map(|pipe| Conn::new(Box::new(pipe))),
            Dial::Net(trust) => self.over_net(uri, authority, trust).await,
        };
        self.down.with(|down| match &reached {
            Ok(_) => down.remove(authority),
            Err(error) => down.insert(authority.to_owned(), (Instant::now(), error.clone())),
        });
        reached
    }

    async fn over_net(&self, uri: &Uri, authority: &str, trust: &Trust) -> Result<Conn, DialError> {
        let tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = self.tcp(host, port, authority).await?;
        if !tls {
            return Ok(Conn::new(Box::new(stream)));
        }
        let fail = |why: String| DialError::Tls(authority.to_owned(), why);
        let config = trust.config(authority).await.map_err(fail)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| fail("not a host name".to_owned()))?;
        match timeout(self.connect, tokio_rustls::TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Conn::new(Box::new(stream))),
            Ok(Err(error)) => Err(fail(tls_cause(&error))),
            Err(_) => Err(DialError::Silent(authority.to_owned(), self.connect)),
        }
    }

    async fn tcp(&self, host: &str, port: u16, authority: &str) -> Result<TcpStream, DialError> {
        let until = Instant::now() + self.connect;
        let addresses = match tokio::time::timeout_at(until, tokio::net::lookup_host((host, port))).await {
            Ok(Ok(found)) => found.collect::<Vec<_>>(),
            Ok(Err(_)) => return Err(DialError::NoName(host.to_owned())),
            Err(_) => return Err(DialError::SlowName(host.to_owned(), self.connect)),
        };
        let tries = addresses.into_iter().zip(0..).map(|(address, nth)| {
            async move {
                sleep(STAGGER * nth).await;
                TcpStream::connect(address).await
            }
            .boxed()
        });
        let tries: Vec<_> = tries.collect();
        if tries.is_empty() {
            return Err(DialError::NoName(host.to_owned()));
        }
        match tokio::time::timeout_at(until, futures_util::future::select_ok(tries)).await {
            Ok(Ok((stream, _))) => {
                // Requests are one small write each; waiting to fill a packet only costs time.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(Err(error)) => Err(DialError::Refused(authority.to_owned(), root(&error))),
            Err(_) => Err(DialError::Silent(authority.to_owned(), self.connect)),
        }
    }
}

/// What a failed handshake means, where that is known better than the library says it.
fn tls_cause(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            "it speaks plain http, and this engine does not declare it insecure".to_owned()
        }
        Some(other) => root(other),
        None => root(error),
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// One connection of any kind.
struct Conn(TokioIo<Box<dyn Wire>>);

impl Conn {
    fn new(wire: Box<dyn Wire>) -> Self {
        Self(TokioIo::new(wire))
    }
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
