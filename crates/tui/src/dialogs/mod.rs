//! What lies over a screen and receives all keys.

pub mod line;
pub mod login;
pub mod palette;
pub mod state;
pub mod update;
pub mod view;
