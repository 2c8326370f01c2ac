//! Tests of the registry client against a small in-process registry.

mod auth;
mod image_info;
mod layers;
mod limits;
mod look;
mod tags;
mod tls;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use ::http::{Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};

use super::*;
use crate::credentials::Redacted;
use pinnace_core::image::Platform;
use pinnace_core::swarm::hex;

/// A request that the test registry received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Came {
    pub method: Method,
    pub host: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Came {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Formats the request as `HEAD scheme://host/path`.
    pub fn line(&self) -> String {
        format!("{} {}{}", self.method, self.host, self.path)
    }
}

/// An answer of the test registry.
#[derive(Clone, Default)]
pub(super) struct ScriptedReply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Set when the body never ends: the connection stays open.
    pub stalls: bool,
    /// The delay before the head is sent.
    pub after: Duration,
}

pub(super) fn status(status: u16) -> ScriptedReply {
    ScriptedReply { status, ..ScriptedReply::default() }
}

impl ScriptedReply {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

pub(super) fn sha(body: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(body)))
}

/// Returns the answer with a manifest and its digest, for HEAD and GET alike.
pub(super) fn manifest(body: &str) -> ScriptedReply {
    status(200).with("docker-content-digest", sha(body.as_bytes())).body(body)
}

pub(super) fn index() -> String {
    let entry = |arch: &str| {
        serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sha(arch.as_bytes()),
            "size": 2, "platform": {"os": "linux", "architecture": arch}})
    };
    serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry("amd64"), entry("arm64")]})
    .to_string()
}

type Answerer = Arc<dyn Fn(&Came) -> ScriptedReply + Send + Sync>;

/// The test registry; it records the requests.
#[derive(Clone)]
pub(super) struct Fake {
    answer: Answerer,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Fake {
    pub fn new(answer: impl Fn(&Came) -> ScriptedReply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), came: Arc::default() }
    }

    /// Returns a client that reaches this registry under every host; hosts in 10.0.0.0/8 use `http`.
    pub fn registry(&self, credentials: CredentialStore) -> RegistryClient {
        let fake = self.clone();
        let memory: MemoryPipe = Arc::new(move |uri| {
            if uri.host() == Some("nowhere.example") {
                return Err(RegistryConnectError::NoName("nowhere.example".to_owned()));
            }
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(fake.clone().serve(uri.clone(), theirs));
            Ok(ours)
        });
        let policy = ConnectionPolicy { insecure: vec!["10.0.0.0/8".to_owned()], ..ConnectionPolicy::default() };
        RegistryClient::over(RegistryTransport::Memory(memory), policy, credentials)
    }

    pub async fn serve(self, uri: Uri, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let scheme = uri.scheme_str().unwrap_or_default().to_owned();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (fake, scheme) = (self.clone(), scheme.clone());
            async move { Ok::<_, Infallible>(fake.answer(&scheme, request).await) }
        });
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(
        &self,
        scheme: &str,
        request: Request<Incoming>,
    ) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible> + use<>> {
        let (head, body) = request.into_parts();
        let text = |value: &::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: BTreeMap<_, _> = head.headers.iter().map(|(key, value)| (key.to_string(), text(value))).collect();
        let came = Came {
            method: head.method,
            host: format!("{scheme}://{}", headers.get("host").cloned().unwrap_or_default()),
            path: head.uri.to_string(),
            headers,
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        };
        lock(&self.came).push(came.clone());
        let reply = (self.answer)(&came);
        tokio::time::sleep(reply.after).await;
        let first = stream::iter([Ok(Frame::data(Bytes::from(reply.body)))]);
        let rest = if reply.stalls { stream::pending().boxed() } else { stream::empty().boxed() };
        let mut response = Response::new(StreamBody::new(first.chain(rest)));
        *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
        for (name, value) in reply.headers {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    }

    /// Returns the requests so far, as lines.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.came).iter().map(Came::line).collect()
    }

    pub fn came(&self) -> Vec<Came> {
        lock(&self.came).clone()
    }
}

pub(super) fn image(text: &str) -> ImageRef {
    ImageRef::parse(text).unwrap()
}

pub(super) fn linux(architectures: &[&str]) -> Vec<Platform> {
    architectures.iter().map(|it| Platform::new("linux", it)).collect()
}
