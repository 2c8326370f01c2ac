//! The pins screen of a group: the text, its findings, and completion of images.

pub mod completion;
pub(crate) mod completion_update;
pub(crate) mod completion_view;
pub(crate) mod editor;
pub(crate) mod editor_view;
pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
