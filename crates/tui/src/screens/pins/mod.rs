//! The pins of a group: their text, its findings, completion.

pub mod completion;
pub mod completion_update;
pub mod completion_view;
pub mod editor;
pub mod editor_view;
pub mod state;
pub mod update;
pub mod view;
