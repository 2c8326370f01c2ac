//! The Docker Engine.
//!
//! One pooled client ([`transport`]) over our own connector ([`dial`]) at the engine's own API version ([`client`]).
//! Lists are read into tolerant shapes ([`read`], [`shape`]): a word or an entry this version does not know never loses
//! a list. Specs are edited as the engine's own text ([`spec`], [`mod@write`]) and never leave this module.
//!
//! `bollard` asks for the version and for `/distribution` on the same transport ([`ask`]).

pub mod ask;
#[cfg(test)]
pub(crate) mod canned;
pub mod client;
pub mod configs;
pub mod dial;
pub mod endpoint;
pub mod events;
pub mod fault;
pub mod logs;
pub mod read;
mod shape;
mod spec;
mod splice;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod transport;
pub mod write;

pub use ask::Distribution;
pub use client::{Docker, Ping};
pub use configs::Config;
pub use dial::Dial;
pub use endpoint::{Endpoint, Host};
pub use fault::Fault;
pub use read::{Info, Tasks};
pub use write::{Auth, Held, Reply, Stand};
