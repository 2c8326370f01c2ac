//! A change: running, or as it ended.

pub mod others;
pub mod state;
pub mod update;
pub mod view;
