//! One service: tasks, settings, changes.

pub mod state;
pub(crate) mod tasks;
pub(crate) mod update;
pub(crate) mod view;
