use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::error::Fault;
use crate::http::{Answer, Connector, Pool, deepest, find, pool};
use pinnace_core::text::clean;

/// How long a connection without requests is kept.
const IDLE: Duration = Duration::from_secs(60);

/// What a call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How long it may take from the first byte sent to the last received.
    pub time: Duration,
    /// How many bytes its answer may have.
    pub bytes: usize,
}

impl Limit {
    /// So many seconds, and an answer of up to 64 MB: 10,000 tasks are 14 MB.
    pub const fn seconds(seconds: u64) -> Self {
        Self { time: Duration::from_secs(seconds), bytes: 64 << 20 }
    }
}

/// A pooled client.
#[derive(Clone, Debug)]
pub struct Http {
    client: Pool<Connector>,
    /// What to call the other side in faults; none: the request's own authority.
    address: Option<String>,
}

impl Http {
    /// A client over a connector; `address` is what faults call the other side, where it is always the same one.
    pub fn new(connector: Connector, address: Option<String>) -> Self {
        Self { client: pool(connector, IDLE), address }
    }

    /// Makes a call and reads its whole answer; an error status is an answer too.
    ///
    /// # Errors
    /// When nobody is reached, the connection breaks, or the answer is not there, whole, within the limit.
    pub(crate) async fn call(&self, what: &str, request: Request<Full<Bytes>>, limit: Limit) -> Result<Answer, Fault> {
        let address = self.address(&request);
        let whole = async {
            let answer = self.client.request(request).await.map_err(|error| failed(what, &address, &error))?;
            let (head, body) = answer.into_parts();
            let body = read_body(what, &address, body, limit.bytes).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        timeout(limit.time, whole).await.unwrap_or_else(|_| Err(late(what, limit.time)))
    }

    /// Makes a call and reads its head only, within `time`; the body follows as it comes, without a limit.
    ///
    /// # Errors
    /// When nobody is reached, the connection breaks, or no head comes in time.
    pub async fn open(
        &self,
        what: &str,
        request: Request<Full<Bytes>>,
        time: Duration,
    ) -> Result<Response<Incoming>, Fault> {
        let address = self.address(&request);
        match timeout(time, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| failed(what, &address, &error)),
            Err(_) => Err(late(what, time)),
        }
    }

    /// The client itself, for `bollard`.
    pub(super) fn client(&self) -> &Pool<Connector> {
        &self.client
    }

    fn address(&self, request: &Request<Full<Bytes>>) -> String {
        let own = || request.uri().authority().map(ToString::to_string).unwrap_or_default();
        self.address.clone().unwrap_or_else(own)
    }
}

/// Reads a body that may have up to so many bytes.
///
/// # Errors
/// When the connection breaks, or the body is longer.
pub(crate) async fn read_body(what: &str, address: &str, mut body: Incoming, most: usize) -> Result<Bytes, Fault> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault::Broken {
            what: what.to_owned(),
            address: address.to_owned(),
            why: innermost(&error),
        })?;
        if let Ok(data) = frame.into_data() {
            if all.len() + data.len() > most {
                return Err(Fault::bad(what, format!("it is longer than {} MB", most >> 20)));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(all.freeze())
}

fn late(what: &str, after: Duration) -> Fault {
    Fault::Timeout { what: what.to_owned(), after }
}

/// Tells a connection that could not be made from one that broke.
pub(super) fn failed(what: &str, address: &str, error: &hyper_util::client::legacy::Error) -> Fault {
    let (what, address, why) = (what.to_owned(), address.to_owned(), innermost(error));
    if error.is_connect() {
        let kind = find::<io::Error>(error).map_or(io::ErrorKind::Other, io::Error::kind);
        return Fault::Unreachable { what, address, kind, why };
    }
    Fault::Broken { what, address, why }
}

/// The cause below all wrappers, cleaned.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    clean(&deepest(error).to_string())
}
