//! The changes of a group or a service.

pub(crate) mod query;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
