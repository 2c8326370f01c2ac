//! The log screen of a service.

pub mod state;
pub(crate) mod update;
pub(crate) mod view;
