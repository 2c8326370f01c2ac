//! The log-in to a registry.

pub mod state;
pub mod update;
pub mod view;
