//! The log-in to a registry.

pub mod state;
pub(crate) mod update;
pub(crate) mod view;
