//! The plan screen: review, options and apply.

pub(crate) mod derived;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
