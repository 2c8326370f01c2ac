//! pinnace: a console for Docker Swarm images.
//!
//! The verbs ([`cli`]) and the console's loop ([`console`]); what they stand on is in the crates below `crates/`. See
//! ARCHITECTURE.md for how they depend on each other.

pub mod cli;
pub mod console;
