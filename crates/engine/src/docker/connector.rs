//! How a connection is made: the connector below the pooled client.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower_service::Service;

/// Hands out the near end of an in-process connection to whoever answers for a URI.
pub type Opener = Arc<dyn Fn(&Uri) -> io::Result<DuplexStream> + Send + Sync>;

/// How a connection is made.
#[derive(Clone)]
pub enum Dial {
    /// To a unix socket, whatever the URI says.
    Unix(Arc<PathBuf>),
    /// To the URI's host and port, in the clear.
    Tcp,
    /// To the URI's host and port: TLS where its scheme is `https`, in the clear where it is `http`.
    Tls(Arc<rustls::ClientConfig>),
    /// Within this process: tests and the simulator.
    Memory(Opener),
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "Unix({})", path.display()),
            Self::Tcp => f.write_str("Tcp"),
            Self::Tls(_) => f.write_str("Tls"),
            Self::Memory(_) => f.write_str("Memory"),
        }
    }
}

/// An open connection of whatever kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection.
pub struct Wire(Box<dyn Stream>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
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

impl Service<Uri> for Dial {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move {
            let stream: Box<dyn Stream> = match dial {
                Self::Unix(path) => Box::new(UnixStream::connect(path.as_path()).await?),
                Self::Memory(open) => Box::new(open(&uri)?),
                Self::Tls(config) if uri.scheme() == Some(&http::uri::Scheme::HTTPS) => {
                    let name = ServerName::try_from(host(&uri)?.to_owned()).map_err(io::Error::other)?;
                    Box::new(TlsConnector::from(config).connect(name, tcp(&uri).await?).await?)
                }
                Self::Tcp | Self::Tls(_) => Box::new(tcp(&uri).await?),
            };
            Ok(TokioIo::new(Wire(stream)))
        })
    }
}

/// The URI's host, an IPv6 address without its brackets.
fn host(uri: &Uri) -> io::Result<&str> {
    let host = uri.host().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the address names no host"))?;
    Ok(host.trim_start_matches('[').trim_end_matches(']'))
}

async fn tcp(uri: &Uri) -> io::Result<TcpStream> {
    let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((host(uri)?, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
