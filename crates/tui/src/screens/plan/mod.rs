//! A plan.

pub mod state;
pub mod update;
pub mod view;
