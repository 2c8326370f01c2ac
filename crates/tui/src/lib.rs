//! The console without its terminal: configuration, state, update and view. No clock, no IO, no async.

pub mod app;
pub mod config;
pub mod ui;
