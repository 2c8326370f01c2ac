//! The image screen: the details and files of an image.

pub(crate) mod derived;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
