//! The log of a service.

pub mod state;
pub mod update;
pub mod view;
