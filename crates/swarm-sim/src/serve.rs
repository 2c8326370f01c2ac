//! Where the simulator listens: in memory, at a unix socket, at a TCP address.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, UnixListener};

use super::Sim;
use super::http::{Answer, Asked};
use super::{engine_api, registry_api};

/// Who answers on a connection.
#[derive(Clone, Debug)]
pub enum Seat {
    /// The engine of a node, by name; none: the first manager.
    Engine(Option<String>),
    /// The registry of this name; none: the one the `Host` header names.
    Registry(Option<String>),
}

async fn respond(sim: Arc<Sim>, seat: Seat, request: http::Request<hyper::body::Incoming>) -> Answer {
    let asked = Asked::read(request).await?;
    match seat {
        Seat::Engine(node) => engine_api::answer_as_engine(sim, node.as_deref(), asked).await,
        Seat::Registry(name) => registry_api::answer(sim, name.as_deref(), asked).await,
    }
}

/// Answers on one connection until it ends, or its engine is gone.
async fn connection(sim: Arc<Sim>, seat: Seat, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut moved = sim.follow();
    let is_gone = {
        let (sim, engine) = (Arc::clone(&sim), matches!(seat, Seat::Engine(_)));
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

/// The near end of a connection within the process.
///
/// # Errors
/// As a network says it: nobody listens there, or there is no such name (`NotFound`).
pub fn connect(sim: &Arc<Sim>, seat: Seat) -> io::Result<DuplexStream> {
    if matches!(seat, Seat::Engine(_)) && sim.with_faults(|_, faults| faults.is_gone()) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    if let Seat::Registry(Some(name)) = &seat {
        registry_api::reach(sim, name)?;
    }
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(connection(Arc::clone(sim), seat, far));
    Ok(near)
}

/// Listens at a unix socket; one that is there already is taken over.
///
/// # Errors
/// When it cannot be made.
pub fn listen_unix(sim: Arc<Sim>, seat: Seat, path: &Path) -> io::Result<tokio::task::JoinHandle<()>> {
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

/// Listens at a TCP address; returns the one it really is.
///
/// # Errors
/// When it is taken.
pub async fn listen_tcp(
    sim: Arc<Sim>,
    seat: Seat,
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
