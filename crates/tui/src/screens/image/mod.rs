//! The image screen: the details and files of an image.

pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
