//! A login that the console sends to a registry from then on, and that replaces the earlier refusal.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use pinnace_core::registry::LookupError;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::{CredentialStore, Redacted};
use pinnace_engine::docker::{Docker, Endpoint, EngineAddress};
use pinnace_engine::registry::{ConnectionPolicy, RegistryClient, RegistryTransport};

const SECRET: &str = "Zx9~qwV#2p";

/// Returns a cluster with a registry that requires a login and an engine that does not exist.
fn cluster() -> Cluster {
    let dial = RegistryTransport::Memory(Arc::new(|_| {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let service = hyper::service::service_fn(|request: Request<Incoming>| async move {
            // Basic authentication with user `ops` and the password above.
            let is_known = request.headers().get("authorization").is_some_and(|it| it == "Basic b3BzOlp4OX5xd1YjMnA=");
            let digest = format!("sha256:{}", "1".repeat(64));
            let build = Response::builder().header("docker-content-digest", digest);
            let build = if is_known { build.status(404) } else { build.status(401) };
            let build = build.header("www-authenticate", "Basic realm=\"r\"");
            Ok::<_, Infallible>(build.body(Full::new(Bytes::new())).unwrap())
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service));
        Ok(ours)
    }));
    let host = EngineAddress::Memory(Arc::new(|_| Err(io::Error::other("no engine"))));
    let docker = Docker::new(Endpoint { name: "none".into(), host }, false).unwrap();
    Cluster::over(docker, RegistryClient::over(dial, ConnectionPolicy::default(), CredentialStore::default()))
}

#[tokio::test]
async fn the_registry_is_shown_it_from_then_on() {
    let cluster = cluster();
    let why = async |cluster: &Cluster| cluster.image("reg.example/pg:1").await.failed().cloned();
    assert_eq!(why(&cluster).await, Some(LookupError::NoCredentials));
    cluster.login("reg.example", "ops".into(), Redacted::new("wrong")).await;
    assert_eq!(why(&cluster).await, Some(LookupError::Denied));
    cluster.login("reg.example", "ops".into(), Redacted::new(SECRET)).await;
    assert_eq!(
        why(&cluster).await,
        Some(LookupError::NotFound),
        "let in at once: the refusal before is not held against it"
    );
}
