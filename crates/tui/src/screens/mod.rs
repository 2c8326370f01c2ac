//! The screens: each in its folder with its state, its update and its view.

pub mod candidates;
pub mod change;
pub mod fleet;
pub mod history;
pub mod image;
pub mod logs;
pub mod pins;
pub mod plan;
pub mod service;
