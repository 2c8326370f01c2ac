//! Listeners of the simulator: in memory, on a unix socket, on a TCP address.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, UnixListener};

use super::Sim;
use super::http::{HttpRequest, ResponseResult};
use super::{engine_api, registry_api};

/// The server that answers on a connection.
#[derive(Clone, Debug)]
pub enum ServedEndpoint {
    /// The engine of the named node; `None`: the leader.
    Engine(Option<String>),
    /// The registry of this name; `None`: the one in the `Host` header.
    Registry(Option<String>),
}

async fn respond(sim: Arc<Sim>, seat: ServedEndpoint, request: http::Request<hyper::body::Incoming>) -> ResponseResult {
    let asked = HttpRequest::read(request).await?;
    match seat {
        ServedEndpoint::Engine(node) => engine_api::answer_as_engine(sim, node.as_deref(), asked).await,
        ServedEndpoint::Registry(name) => registry_api::answer(sim, name.as_deref(), asked).await,
    }
}

/// Serves one connection until it closes, or its engine goes down.
async fn connection(sim: Arc<Sim>, seat: ServedEndpoint, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut moved = sim.follow();
    let is_gone = {
        let (sim, engine) = (Arc::clone(&sim), matches!(seat, ServedEndpoint::Engine(_)));
        move || engine && sim.with_faults(|_, faults| faults.is_gone())
    };
    if is_gone() {
        return;
    }
    let service = service_fn(move |request| respond(Arc::clone(&sim), seat.clone(), request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    let gone = async {
        while moved.changed().await.is_ok() {
            if is_gone() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serving => drop(served),
        () = gone => {}
    }
}

/// Opens an in-memory connection and returns the client's end.
///
/// # Errors
/// `ConnectionRefused` if no server listens, `NotFound` if the registry's name does not resolve.
pub fn connect(sim: &Arc<Sim>, seat: ServedEndpoint) -> io::Result<DuplexStream> {
    if matches!(seat, ServedEndpoint::Engine(_)) && sim.with_faults(|_, faults| faults.is_gone()) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    if let ServedEndpoint::Registry(Some(name)) = &seat {
        registry_api::reach(sim, name)?;
    }
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(connection(Arc::clone(sim), seat, far));
    Ok(near)
}

/// Listens on a unix socket; an existing socket file is replaced.
///
/// # Errors
/// Returns an error if the socket cannot be created.
pub fn listen_unix(sim: Arc<Sim>, seat: ServedEndpoint, path: &Path) -> io::Result<tokio::task::JoinHandle<()>> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(Arc::clone(&sim), seat.clone(), stream));
        }
    }))
}

/// Listens on a TCP address; returns the actual address, with the port chosen for port 0.
///
/// # Errors
/// Returns an error if the address is in use or invalid.
pub async fn listen_tcp(
    sim: Arc<Sim>,
    seat: ServedEndpoint,
    address: &str,
) -> io::Result<(std::net::SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let at = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(connection(Arc::clone(&sim), seat.clone(), stream));
        }
    });
    Ok((at, task))
}
