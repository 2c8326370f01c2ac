//! The Docker Engine.
//!
//! One pooled client ([`transport`]) over our own connector ([`connector`]) at the engine's own API version ([`client`]).
//! Lists are read into tolerant shapes ([`read`], [`model`]): a word or an entry this version does not know never loses
//! a list. Specs are edited as the engine's own text ([`spec`], [`mod@write`]) and never leave this module.
//!
//! `bollard` asks for the version and for `/distribution` on the same transport ([`distribution`]).

pub mod client;
pub mod configs;
pub mod connector;
pub mod distribution;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod logs;
mod model;
pub mod read;
mod spec;
mod splice;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod transport;
pub mod write;

pub use client::{Docker, Ping};
pub use configs::Config;
pub use connector::Dial;
pub use distribution::Distribution;
pub use endpoint::{Endpoint, Host};
pub use error::Fault;
pub use read::{Info, Tasks};
pub use write::{Auth, EditState, Reply, ServiceRevision};
