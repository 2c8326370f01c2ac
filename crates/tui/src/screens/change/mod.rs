//! The screen of a change: running, unfinished or finished.

pub(crate) mod other_clients;
mod selection;
pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
