//! The fleet screen: clusters, nodes and services.

pub(crate) mod row_view;
pub mod rows;
pub(crate) mod selectors;
pub(crate) mod sidebar_view;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
