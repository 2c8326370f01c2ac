//! The rollback candidates of a service, as a screen.

pub(crate) mod query;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
