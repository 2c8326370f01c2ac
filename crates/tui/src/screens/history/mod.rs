//! The history screen: the changes of a cluster, a group or a service.

pub(crate) mod selectors;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
