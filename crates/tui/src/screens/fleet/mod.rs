//! The fleet: clusters, nodes and services.

pub mod nodes_view;
pub mod row_view;
pub mod rows;
pub mod state;
pub mod update;
pub mod view;
