//! A plan.

pub(crate) mod query;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
