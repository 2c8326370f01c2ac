//! Docker engines, registries, credentials and the journal; one handle over them, a cluster; and the use-cases over that
//! handle: observe, resolve, execute. Depends on the core only.

pub mod clock;
pub mod cluster;
pub mod credentials;
pub mod docker;
pub mod drafts;
pub mod execute;
pub mod files;
mod http;
pub mod identity;
pub mod journal;
pub mod observe;
pub mod registry;
mod resolve;
pub mod versions;

pub use http::install_crypto;
