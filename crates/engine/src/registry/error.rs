//! Errors of calls to registries, and their texts for people.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use oci_distribution::errors::OciEnvelope;

use crate::http::{ConnectError, deepest};
use pinnace_core::registry::LookupError;
use pinnace_core::sanitize::clean;

/// The maximum length of a registry's message that is repeated, in characters.
const WORDS: usize = 200;

/// A failed connection attempt. The texts name the host, as many hosts are asked at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryConnectError {
    /// The name does not resolve, or the resolver failed.
    #[error("the name {0} does not resolve from here")]
    NoName(String),
    /// The resolver did not answer within the limit.
    #[error("the name {0} did not resolve within {seconds} s", seconds = .1.as_secs())]
    SlowName(String, Duration),
    /// The connection was not accepted within the limit.
    #[error("{0} did not answer within {seconds} s", seconds = .1.as_secs())]
    Silent(String, Duration),
    /// The operating system or the host refused the connection; the second value is the cause.
    #[error("cannot connect to {0}: {1}")]
    Refused(String, String),
    /// The TLS handshake failed, or its settings could not be loaded; the second value is the cause.
    #[error("no TLS with {0}: {1}")]
    Tls(String, String),
}

impl RegistryConnectError {
    /// Returns whether the name resolution failed.
    pub(crate) fn is_name(&self) -> bool {
        matches!(self, Self::NoName(_) | Self::SlowName(..))
    }
}

impl From<ConnectError> for RegistryConnectError {
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

/// Describes a failed handshake: in our words for plain HTTP on the other side, else in the library's.
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

/// An HTTP call without a complete answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryHttpError {
    /// The connection could not be made.
    #[error(transparent)]
    Dial(#[from] RegistryConnectError),
    /// The connection broke, or the bytes received are not HTTP.
    #[error("{0}: {1}")]
    Broken(String, String),
    /// The answer is larger than the limit for its kind.
    #[error("the answer of {0} is larger than {1} bytes")]
    TooLarge(String, usize),
    /// The request could not be built: the host or path does not form a URL.
    #[error("{0}")]
    Request(String),
}

impl From<RegistryHttpError> for LookupError {
    fn from(fault: RegistryHttpError) -> Self {
        match fault {
            RegistryHttpError::Dial(_) | RegistryHttpError::Broken(..) => Self::Unreachable(clean(&fault.to_string())),
            RegistryHttpError::TooLarge(..) | RegistryHttpError::Request(_) => Self::Other(clean(&fault.to_string())),
        }
    }
}

/// Returns the innermost cause of an error, with a lower-case first letter: the outer texts of libraries ("client
/// error (Connect)") say nothing.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let text = deepest(error).to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Maps an error status to its reason (OCI distribution-spec, "Error Codes"). Callers handle 401 themselves.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> LookupError {
    match status {
        StatusCode::NOT_FOUND => LookupError::NotFound,
        StatusCode::FORBIDDEN => LookupError::Denied,
        StatusCode::TOO_MANY_REQUESTS => LookupError::RateLimited,
        _ => LookupError::Other(status_line(status, body)),
    }
}

/// Formats a status: `HTTP 503 Service Unavailable: <the registry's message>`.
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
        for (status, why) in [(404, LookupError::NotFound), (403, LookupError::Denied), (429, LookupError::RateLimited)]
        {
            assert_eq!(refusal(StatusCode::from_u16(status).unwrap(), b""), why);
        }
        let hostile = br#"{"errors":[{"code":"UNAVAILABLE","message":"down \u001b]0;x\u0007for\nnow"}]}"#;
        let why = refusal(StatusCode::SERVICE_UNAVAILABLE, hostile);
        assert_eq!(why, LookupError::Other("HTTP 503 Service Unavailable: down for now".into()));
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, b"<html>"), LookupError::Other("HTTP 502 Bad Gateway".into()));
    }

    #[test]
    fn the_root_is_what_is_told() {
        let io = std::io::Error::from_raw_os_error(111);
        assert_eq!(root(&io), "connection refused");
        assert_eq!(
            RegistryConnectError::SlowName("ghcr.io".into(), Duration::from_secs(2)).to_string(),
            "the name ghcr.io did not resolve within 2 s"
        );
    }
}
