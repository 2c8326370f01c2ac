//! The HTTP client shared by engines and registries: connections, TLS settings and the connection pool.
//!
//! Limits of time and size, redirects and credentials differ, and each side implements its own.

mod connector;
mod error;
mod pool;
mod tls_setup;

pub use self::connector::MemoryOpener;
pub(crate) use self::connector::{Connection, Connector};
pub(crate) use self::error::{ConnectError, deepest, find};
pub(crate) use self::pool::{HttpResponse, PooledClient, pool};
pub use self::tls_setup::install_crypto;
pub(crate) use self::tls_setup::{TlsConfigProvider, client_config, system_roots};
