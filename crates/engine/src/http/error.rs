//! The errors of connecting, and the search through an error's sources.

use std::error::Error;
use std::io;
use std::time::Duration;

/// The failure to connect; its source is the system's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// A host name that the resolver does not know or could not look up.
    #[error("the name {host} does not resolve")]
    Name { host: String, source: io::Error },
    /// A host name that the resolver did not look up in time.
    #[error("the name {host} did not resolve within {} s", after.as_secs())]
    SlowName { host: String, after: Duration },
    /// A remote end that did not answer in time.
    #[error("{address} did not answer within {} s", after.as_secs())]
    Silent { address: String, after: Duration },
    /// A connection refused by the system or the remote end.
    #[error("cannot connect to {address}")]
    Refused { address: String, source: io::Error },
    /// A failed TLS handshake.
    #[error("no TLS with {address}")]
    Handshake { address: String, source: io::Error },
    /// TLS settings that cannot be used.
    #[error("no TLS with {address}: {why}")]
    Settings { address: String, why: String },
}

/// Returns the innermost source of an error: an outer `client error (Connect)` helps nobody.
pub(crate) fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest
}

/// Returns the first error of type `T` among an error and its sources.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
