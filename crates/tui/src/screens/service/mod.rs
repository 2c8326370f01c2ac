//! One service: tasks, settings, changes.

pub(crate) mod query;
pub mod state;
pub(crate) mod tasks;
pub(crate) mod update;
pub(crate) mod view;
