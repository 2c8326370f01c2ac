//! The pure core: values and decisions. No IO, no async, no clock, no terminal.

#![deny(missing_docs)]

pub mod base;
pub mod change;
pub mod check;
pub mod contract;
pub mod disk;
pub mod drift;
pub mod earlier;
pub mod effective;
pub mod finding;
pub mod fix;
pub mod group;
pub mod health;
pub mod hidden;
pub mod image;
pub mod inspect;
pub mod journal;
pub mod landing;
pub mod manifest;
pub mod names;
pub mod past;
pub mod pins;
pub mod placement;
pub mod plan;
pub mod registry;
#[cfg(any(test, feature = "test-support"))]
pub mod sample;
pub mod size;
pub mod swarm;
pub mod tags;
pub mod text;
pub mod time;
pub mod version;
pub mod wire;
pub mod world;
