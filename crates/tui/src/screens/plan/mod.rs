//! The plan screen: review, options and apply.

pub(crate) mod query;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
