//! What an image is.

pub mod state;
pub mod update;
pub mod view;
