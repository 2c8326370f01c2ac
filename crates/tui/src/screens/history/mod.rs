//! The changes of a group or a service.

pub mod state;
pub mod update;
pub mod view;
