//! The plan screen: review, options and apply.

pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
