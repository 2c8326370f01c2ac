//! What can go wrong between us and a registry, in plain words.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use oci_distribution::errors::OciEnvelope;

use crate::http::{ConnectError, deepest};
use pinnace_core::registry::Why;
use pinnace_core::text::clean;

/// The most of a registry's own words that is repeated, in characters.
const WORDS: usize = 200;

/// Why no connection came to be. The texts name the host: many are asked at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The resolver says there is no such name, or cannot say.
    #[error("the name {0} does not resolve from here")]
    NoName(String),
    /// The resolver said nothing in time.
    #[error("the name {0} did not resolve within {seconds} s", seconds = .1.as_secs())]
    SlowName(String, Duration),
    /// Nobody answered in time.
    #[error("{0} did not answer within {seconds} s", seconds = .1.as_secs())]
    Silent(String, Duration),
    /// The system or the other side said no.
    #[error("cannot connect to {0}: {1}")]
    Refused(String, String),
    /// No TLS session came to be.
    #[error("no TLS with {0}: {1}")]
    Tls(String, String),
}

impl DialError {
    /// Whether it was the name.
    pub(crate) fn is_name(&self) -> bool {
        matches!(self, Self::NoName(_) | Self::SlowName(..))
    }
}

impl From<ConnectError> for DialError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Name { host, .. } => Self::NoName(host),
            ConnectError::SlowName { host, after } => Self::SlowName(host, after),
            ConnectError::Silent { address, after } => Self::Silent(address, after),
            ConnectError::Refused { address, source } => Self::Refused(address, root(&source)),
            ConnectError::Handshake { address, source } => Self::Tls(address, tls_cause(&source)),
            ConnectError::Settings { address, why } => Self::Tls(address, why),
        }
    }
}

/// The meaning of a failed handshake, where that is known better than the library says it.
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

/// Why a call brought no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke, or what came over it is not HTTP.
    #[error("{0}: {1}")]
    Broken(String, String),
    /// The answer is larger than anything of its kind.
    #[error("the answer of {0} is larger than {1} bytes")]
    TooLarge(String, usize),
    /// The request could not even be made: a host or path that is no URL.
    #[error("{0}")]
    Request(String),
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Dial(_) | Fault::Broken(..) => Self::Unreachable(clean(&fault.to_string())),
            Fault::TooLarge(..) | Fault::Request(_) => Self::Other(clean(&fault.to_string())),
        }
    }
}

/// The cause at the bottom of an error: what libraries print on top ("client error (Connect)") says nothing.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let text = deepest(error).to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The verdict on a status that is no success (OCI distribution-spec, "Error Codes"); 401 is judged by who asked.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Why {
    match status {
        StatusCode::NOT_FOUND => Why::NotFound,
        StatusCode::FORBIDDEN => Why::Denied,
        StatusCode::TOO_MANY_REQUESTS => Why::RateLimited,
        _ => Why::Other(status_line(status, body)),
    }
}

/// `HTTP 503 Service Unavailable: <the registry's words>`.
pub(super) fn status_line(status: StatusCode, body: &[u8]) -> String {
    let line = format!("HTTP {status}");
    let envelope: Option<OciEnvelope> = serde_json::from_slice(body).ok();
    let said = envelope.and_then(|it| it.errors.into_iter().next()).map(|error| error.message).unwrap_or_default();
    let said: String = clean(&said).trim().chars().take(WORDS).collect();
    if said.is_empty() { line } else { format!("{line}: {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (status, why) in [(404, Why::NotFound), (403, Why::Denied), (429, Why::RateLimited)] {
            assert_eq!(refusal(StatusCode::from_u16(status).unwrap(), b""), why);
        }
        let hostile = br#"{"errors":[{"code":"UNAVAILABLE","message":"down \u001b]0;x\u0007for\nnow"}]}"#;
        let why = refusal(StatusCode::SERVICE_UNAVAILABLE, hostile);
        assert_eq!(why, Why::Other("HTTP 503 Service Unavailable: down for now".into()));
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, b"<html>"), Why::Other("HTTP 502 Bad Gateway".into()));
    }

    #[test]
    fn the_root_is_what_is_told() {
        let io = std::io::Error::from_raw_os_error(111);
        assert_eq!(root(&io), "connection refused");
        assert_eq!(
            DialError::SlowName("ghcr.io".into(), Duration::from_secs(2)).to_string(),
            "the name ghcr.io did not resolve within 2 s"
        );
    }
}
