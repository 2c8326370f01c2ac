//! The HTTP client that engines and registries have in common: connections, TLS settings and the pool over them.
//!
//! Limits of time and size, redirects and credentials differ, and stay with each side.

mod connector;
mod error;
mod pool;
mod tls;

pub use self::connector::Opener;
pub(crate) use self::connector::{Connection, Connector};
pub(crate) use self::error::{ConnectError, deepest, find};
pub(crate) use self::pool::{Answer, Pool, pool};
pub use self::tls::install_crypto;
pub(crate) use self::tls::{TlsSettings, client_config, system_roots};
