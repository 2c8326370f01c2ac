//! The Docker Engine.
//!
//! One pooled client ([`transport`]) over our own connector at the engine's own API version ([`client`]).
//! Lists are read into tolerant shapes ([`read`], [`model`]): a word or an entry this version does not know never loses
//! a list. Specs are edited as the engine's own text ([`spec`], [`mod@write`]) and never leave this module.
//!
//! `bollard` asks for the version and for `/distribution` on the same transport ([`distribution`]).

mod client;
mod configs;
mod distribution;
mod endpoint;
mod error;
mod events;
mod logs;
mod model;
mod read;
mod spec;
mod splice;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod write;

pub use client::{Docker, LOG_FILTER};
pub(crate) use configs::Config;
pub use endpoint::{Endpoint, Host, Surroundings};
pub use error::Fault;
pub(crate) use events::{Event, Events};
pub use logs::{LogSource, LogTarget};
pub use read::Tasks;
pub use write::{Auth, EditState, ServiceRevision};
