//! One service: tasks, settings, changes.

pub mod state;
pub mod tasks;
pub mod update;
pub mod view;
