//! The rollback candidates of a service, as a screen.

pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
