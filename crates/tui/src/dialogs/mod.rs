//! Dialogs: windows over a screen that receive all keys.

pub mod line_input;
pub mod login;
pub mod palette;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
