//! The service screen: the tasks, settings and changes of one service.

pub(crate) mod selectors;
pub mod state;
pub(crate) mod tasks;
pub(crate) mod update;
pub(crate) mod view;
