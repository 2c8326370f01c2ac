//! An in-process engine that answers from captures; tests reach it over [`EngineAddress::MemoryPipe`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::{Docker, Endpoint, EngineAddress};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures")
}

/// Returns a captured answer of a real engine.
pub(crate) fn capture(name: &str) -> String {
    String::from_utf8(capture_bytes(name)).unwrap()
}

/// Returns a captured answer as bytes, for captures that are not text.
pub(crate) fn capture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns every service spec of every capture, byte for byte, with the name of its file.
pub(crate) fn specs() -> Vec<(String, String)> {
    fn walk(raw: &RawValue, file: &str, found: &mut Vec<(String, String)>) {
        if let Ok(map) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) {
            if map.contains_key("TaskTemplate") {
                found.push((file.to_owned(), raw.get().to_owned()));
            }
            for value in map.values() {
                walk(value, file, found);
            }
        } else if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            for value in items {
                walk(value, file, found);
            }
        }
    }
    let mut found = Vec::new();
    for dir in [folder(), folder().join("engine-26.1")] {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read(entry.path()).unwrap();
                let Ok(value) = serde_json::from_slice::<&RawValue>(&text) else { continue };
                walk(value, &entry.file_name().to_string_lossy(), &mut found);
            }
        }
    }
    found
}

/// One call that the test server received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path with the query, decoded.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// An answer of the test server.
pub(crate) enum Reply {
    /// A status with a body.
    Told(u16, Vec<u8>),
    /// An open event stream.
    Events,
    /// No answer at all.
    Never,
    /// A broken connection.
    Hangup,
}

impl Reply {
    pub(crate) fn told(status: u16, body: impl Into<String>) -> Self {
        Self::Told(status, body.into().into_bytes())
    }
}

type Answers = Box<dyn FnMut(&Call) -> Reply + Send>;
type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

struct State {
    answers: Answers,
    calls: Vec<Call>,
    feeds: Vec<mpsc::UnboundedSender<Bytes>>,
    connections: Vec<tokio::task::AbortHandle>,
    down: Option<io::ErrorKind>,
}

/// The test server. Clones are the same engine.
#[derive(Clone)]
pub(crate) struct TestServer(Arc<Mutex<State>>);

impl TestServer {
    /// Creates an engine that answers with `answers`; `/_ping` and `/events` are handled here.
    pub(crate) fn new(answers: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            answers: Box::new(answers),
            calls: Vec::new(),
            feeds: Vec::new(),
            connections: Vec::new(),
            down: None,
        })))
    }

    pub(crate) fn docker(&self, read_only: bool) -> Docker {
        let own = self.clone();
        let host = EngineAddress::Memory(Arc::new(move |_| own.connect()));
        Docker::new(Endpoint { name: "test".into(), host }, read_only).unwrap()
    }

    fn connect(&self) -> io::Result<tokio::io::DuplexStream> {
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.down {
            return Err(kind.into());
        }
        let (near, far) = tokio::io::duplex(64 << 10);
        state.connections.push(tokio::spawn(self.clone().serve(far)).abort_handle());
        Ok(near)
    }

    /// Serves one connection until it ends.
    pub(crate) async fn serve(self, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let service = hyper::service::service_fn(move |request| {
            let own = self.clone();
            async move { own.answer(request).await }
        });
        drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().unwrap().to_string();
        let call = Call {
            method: head.method,
            path: percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned(),
            headers: head.headers,
            body: String::from_utf8(body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec()).unwrap(),
        };
        let reply = {
            let mut state = self.0.lock().unwrap();
            state.calls.push(call.clone());
            match call.path.as_str() {
                "/_ping" => Reply::told(200, "OK"),
                path if path.contains("/events?") => Reply::Events,
                _ => (state.answers)(&call),
            }
        };
        let body = match reply {
            Reply::Told(status, body) => {
                let answer = Response::builder().status(status).header("Api-Version", "1.41");
                return Ok(answer.body(Either::Left(Full::new(Bytes::from(body)))).unwrap());
            }
            Reply::Events => {
                let (feed, out) = mpsc::unbounded_channel();
                self.0.lock().unwrap().feeds.push(feed);
                let stream = futures_util::stream::unfold(out, |mut out| async move {
                    out.recv().await.map(|bytes| (Ok(Frame::data(bytes)), out))
                });
                Either::Right(StreamBody::new(Box::pin(stream) as BoxStream<'static, _>))
            }
            Reply::Never => std::future::pending().await,
            Reply::Hangup => return Err(io::ErrorKind::ConnectionReset.into()),
        };
        Ok(Response::new(body))
    }

    /// Takes the calls received so far, as `METHOD PATH`, without `/v1.41`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.0.lock().unwrap().calls);
        calls.iter().map(|call| format!("{} {}", call.method, call.path.trim_start_matches("/v1.41"))).collect()
    }

    /// Takes the calls received so far, with headers and bodies.
    pub(crate) fn whole_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// Sends an event to all open event streams.
    pub(crate) fn tell(&self, event: &Value) {
        let line = Bytes::from(format!("{event}\n"));
        self.0.lock().unwrap().feeds.retain(|feed| feed.send(line.clone()).is_ok());
    }

    /// Ends all event streams, as an engine does when it stops.
    pub(crate) fn end_events(&self) {
        self.0.lock().unwrap().feeds.clear();
    }

    /// Breaks all connections and refuses new ones with this error, until [`TestServer::up`].
    pub(crate) fn down(&self, kind: io::ErrorKind) {
        let mut state = self.0.lock().unwrap();
        state.down = Some(kind);
        state.feeds.clear();
        state.connections.drain(..).for_each(|connection| connection.abort());
    }

    /// Accepts connections again.
    pub(crate) fn up(&self) {
        self.0.lock().unwrap().down = None;
    }
}
