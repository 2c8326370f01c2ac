//! What a service may go back to.

pub mod state;
pub mod update;
pub mod view;
