//! A change: running, or as it ended.

pub mod others;
mod selection;
pub mod state;
pub mod update;
pub mod view;
