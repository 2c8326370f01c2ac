//! pinnace: a terminal console for images in a Docker Swarm.
//!
//! This crate holds the verbs ([`cli`]) and the console's loop ([`console`]); everything they use is in the
//! crates below `crates/`. ARCHITECTURE.md describes the dependencies between them.

pub mod cli;
pub mod console;
