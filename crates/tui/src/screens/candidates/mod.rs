//! What a service may go back to.

pub(crate) mod query;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
