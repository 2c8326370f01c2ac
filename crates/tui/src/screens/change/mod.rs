//! A change: running, or as it ended.

pub(crate) mod others;
pub(crate) mod query;
mod selection;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
