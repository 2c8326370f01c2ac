//! The fleet screen: clusters, nodes and services.

pub(crate) mod nodes_view;
pub(crate) mod query;
pub(crate) mod row_view;
pub mod rows;
pub mod state;
pub(crate) mod update;
pub(crate) mod view;
