//! The pure core: data types and decisions, without IO, async code, a clock or a terminal.

#![deny(missing_docs)]

pub mod change;
pub mod check;
pub mod contract;
pub mod export;
pub mod finding;
pub mod fuzzy;
pub mod history;
pub mod image;
pub mod image_tag;
pub mod inspect;
pub mod journal;
pub mod pins;
pub mod plan;
pub mod redacted;
pub mod registry;
#[cfg(any(test, feature = "test-support"))]
pub mod sample;
pub mod sanitize;
pub mod selector;
pub mod size;
pub mod swarm;
pub mod time;
pub mod wire;
pub mod world;
