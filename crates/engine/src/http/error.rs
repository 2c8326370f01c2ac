//! The errors of a connection that did not come to be, and the search through an error's sources.

use std::error::Error;
use std::io;
use std::time::Duration;

/// A connection that did not come to be. The system's own words are its source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The resolver does not know the host, or cannot say.
    #[error("the name {host} does not resolve")]
    Name { host: String, source: io::Error },
    /// The resolver did not answer in time.
    #[error("the name {host} did not resolve within {} s", after.as_secs())]
    SlowName { host: String, after: Duration },
    /// The other side did not answer in time.
    #[error("{address} did not answer within {} s", after.as_secs())]
    Silent { address: String, after: Duration },
    /// The system or the other side refused.
    #[error("cannot connect to {address}")]
    Refused { address: String, source: io::Error },
    /// The handshake failed.
    #[error("no TLS with {address}")]
    Handshake { address: String, source: io::Error },
    /// The settings for TLS do not work.
    #[error("no TLS with {address}: {why}")]
    Settings { address: String, why: String },
}

/// The error below all wrappers: `client error (Connect)` helps nobody.
pub(crate) fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest
}

/// The first error of this type among an error and its sources.
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
