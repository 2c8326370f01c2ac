//! The connector below a pool: unix sockets, TCP, TLS over TCP, and pipes within this process.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, select_ok};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection as Pooled};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::error::ConnectError;
use super::tls_setup::TlsConfigProvider;

/// The delay after which a host's next address is tried besides the last (RFC 8305, "Happy Eyeballs").
const STAGGER: Duration = Duration::from_millis(250);

/// A function that opens an in-process connection to the server of a URI and returns its near end, or refuses
/// it.
pub type MemoryOpener<E> = Arc<dyn Fn(&Uri) -> Result<DuplexStream, E> + Send + Sync>;

/// The way a connection is made.
#[derive(Clone)]
pub(crate) enum Connector {
    /// Connections to a unix socket, whatever the URI is.
    Unix(Arc<PathBuf>),
    /// Connections to the URI's host and port.
    Net {
        /// The TLS settings for the scheme `https`; none to connect without TLS always.
        tls: Option<Arc<dyn TlsConfigProvider>>,
        /// The time limit for name lookup and connecting, and again for the handshake; none if the caller
        /// limits it.
        limit: Option<Duration>,
    },
    /// Connections within this process: tests and the simulator.
    Memory(MemoryOpener<io::Error>),
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "Unix({})", path.display()),
            Self::Net { tls: None, .. } => f.write_str("Tcp"),
            Self::Net { tls: Some(_), .. } => f.write_str("Tls"),
            Self::Memory(_) => f.write_str("Memory"),
        }
    }
}

impl Connector {
    /// Connects to the server of a URI.
    pub(crate) async fn connect(&self, uri: &Uri) -> Result<Connection, ConnectError> {
        let refused = |address: String| |source| ConnectError::Refused { address, source };
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path.as_path()).await;
                stream.map(Connection::new).map_err(refused(path.display().to_string()))
            }
            Self::Memory(open) => open(uri).map(Connection::new).map_err(refused("memory".to_owned())),
            Self::Net { tls, limit } => {
                let target = ConnectTarget::of(uri)?;
                let stream = target.tcp(*limit).await?;
                match tls {
                    Some(tls) if target.wants_tls => target.handshake(&**tls, stream, *limit).await,
                    _ => Ok(Connection::new(stream)),
                }
            }
        }
    }
}

/// The remote end of a network connection.
struct ConnectTarget<'a> {
    authority: &'a str,
    /// The host; an IPv6 address is without its brackets.
    host: &'a str,
    port: u16,
    wants_tls: bool,
}

impl<'a> ConnectTarget<'a> {
    fn of(uri: &'a Uri) -> Result<Self, ConnectError> {
        let authority = uri.authority().map_or("", |it| it.as_str());
        let host = uri.host().ok_or_else(|| {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the address has no host");
            ConnectError::Refused { address: uri.to_string(), source }
        })?;
        let wants_tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if wants_tls { 443 } else { 80 });
        Ok(Self { authority, host: host.trim_start_matches('[').trim_end_matches(']'), port, wants_tls })
    }

    /// Connects to the first of the host's addresses that answers, within the time limit if there is one.
    async fn tcp(&self, limit: Option<Duration>) -> Result<TcpStream, ConnectError> {
        let (host, address) = (|| self.host.to_owned(), || self.authority.to_owned());
        let until = limit.map(|limit| Instant::now() + limit);
        let after = limit.unwrap_or_default();
        let addresses: Vec<_> = match within(until, tokio::net::lookup_host((self.host, self.port))).await {
            Some(Ok(found)) => found.collect(),
            Some(Err(source)) => return Err(ConnectError::Name { host: host(), source }),
            None => return Err(ConnectError::SlowName { host: host(), after }),
        };
        if addresses.is_empty() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the name has no addresses");
            return Err(ConnectError::Name { host: host(), source });
        }
        let tries = addresses.into_iter().zip(0..).map(|(address, nth)| {
            async move {
                sleep(STAGGER * nth).await;
                TcpStream::connect(address).await
            }
            .boxed()
        });
        match within(until, select_ok(tries)).await {
            Some(Ok((stream, _))) => {
                // Each request is one small write; waiting to fill a packet only costs time.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Some(Err(source)) => Err(ConnectError::Refused { address: address(), source }),
            None => Err(ConnectError::Silent { address: address(), after }),
        }
    }

    /// Establishes a TLS session over a connection, within the time limit if there is one.
    async fn handshake(
        &self,
        tls: &dyn TlsConfigProvider,
        stream: TcpStream,
        limit: Option<Duration>,
    ) -> Result<Connection, ConnectError> {
        let address = || self.authority.to_owned();
        let config = tls.config(self.authority).await;
        let config = config.map_err(|why| ConnectError::Settings { address: address(), why })?;
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|_| ConnectError::Settings { address: address(), why: "not a host name".to_owned() })?;
        let until = limit.map(|limit| Instant::now() + limit);
        match within(until, TlsConnector::from(config).connect(name, stream)).await {
            Some(Ok(stream)) => Ok(Connection::new(stream)),
            Some(Err(source)) => Err(ConnectError::Handshake { address: address(), source }),
            None => Err(ConnectError::Silent { address: address(), after: limit.unwrap_or_default() }),
        }
    }
}

/// Waits for work until a deadline at most; `None` if it was not done by then.
async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => timeout_at(until, work).await.ok(),
        None => Some(work.await),
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Connection, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        async move { connector.connect(&uri).await }.boxed()
    }
}

/// A bidirectional byte stream.
trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open connection of any kind.
pub(crate) struct Connection(TokioIo<Box<dyn ByteStream>>);

impl Connection {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(TokioIo::new(Box::new(stream)))
    }
}

impl Pooled for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Connection {
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
