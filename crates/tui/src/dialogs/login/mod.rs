//! The dialog for a login to a registry.

pub mod state;
pub(crate) mod update;
pub(crate) mod view;
