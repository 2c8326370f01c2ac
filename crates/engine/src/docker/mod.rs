//! The client for the Docker Engine API.
//!
//! One pooled client ([`http_client`]) over our own connector uses the engine's own API version ([`client`]). Lists
//! are read into tolerant models ([`read`], [`json_decoder`]): a value or an entry that this version does not know never
//! makes a list unreadable. Specs are edited in the engine's own text ([`spec`], [`service_update`]) and never leave this
//! module.
//!
//! `bollard` reads the version and `/distribution` over the same transport ([`distribution`]).

mod client;
mod configs;
mod distribution;
mod endpoint;
mod error;
mod events;
mod http_client;
mod json_decoder;
mod logs;
mod read;
mod service_update;
mod spec;
mod splice;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod tls;

pub use client::{Docker, LOG_FILTER};
pub(crate) use configs::ConfigObject;
pub use endpoint::{Endpoint, EndpointInputs, EngineAddress};
pub use error::DockerError;
pub(crate) use events::{Event, EventStream};
pub use logs::{LogSource, LogTarget};
pub use read::TaskFilter;
pub use service_update::{RegistryAuthFrom, ServiceRevision, SpecEditState};
