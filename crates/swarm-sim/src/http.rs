//! HTTP helpers for both servers: parsed requests and kinds of responses.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;

/// A response body.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;
/// A response; an error breaks the connection.
pub type ResponseResult = io::Result<Response<Body>>;

/// A complete request, parsed.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: Method,
    /// The path as received, percent-encoded.
    pub path: String,
    /// The segments of the path, decoded.
    pub parts: Vec<String>,
    /// The query parameters, decoded.
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpRequest {
    /// Reads a request with its whole body.
    ///
    /// # Errors
    /// Returns an error if the connection breaks.
    pub async fn read(request: http::Request<hyper::body::Incoming>) -> io::Result<Self> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let path = head.uri.path().to_owned();
        Ok(Self {
            method: head.method,
            parts: path.split('/').skip(1).map(decoded).collect(),
            path,
            query: pairs(head.uri.query().unwrap_or_default()),
            headers: head.headers,
            body,
        })
    }

    /// Returns a query parameter; empty if it is missing.
    pub fn value(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    /// Returns a boolean query parameter, parsed as Go's handlers do.
    pub fn flag(&self, key: &str) -> bool {
        let value = self.value(key).trim().to_lowercase();
        !["", "0", "no", "false", "none"].contains(&value.as_str())
    }

    /// Returns a header; `None` if it is missing, empty or not valid text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&key.replace('+', " ")), decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// Returns a body of known content.
pub fn full_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Returns a sender and the body that streams what is sent; an error breaks the body off.
pub fn stream() -> (mpsc::UnboundedSender<io::Result<Bytes>>, Body) {
    let (send, receive) = mpsc::unbounded_channel::<io::Result<Bytes>>();
    let frames = stream::unfold(receive, |mut receive| async move {
        let next = receive.recv().await?;
        Some((next.map(Frame::data), receive))
    });
    (send, StreamBody::new(frames).boxed_unsync())
}

/// Returns a response with the given status, content type and body.
pub fn respond(status: u16, kind: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    }
    response
}
