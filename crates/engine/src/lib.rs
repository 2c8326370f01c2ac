//! Docker engines, registries, credentials and the journal; a cluster, which is one handle over all of them;
//! and the use cases of that handle: observe, resolve, execute. Depends on the core crate only.

pub mod clock;
pub mod cluster;
pub mod credentials;
pub mod docker;
pub mod execute;
mod fact_lookup;
mod http;
pub mod identity;
pub mod journal;
pub mod observe;
pub mod pin_drafts;
pub mod private_files;
pub mod registry;
pub mod versions;

pub use http::install_crypto;
