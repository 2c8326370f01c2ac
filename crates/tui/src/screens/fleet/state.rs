//! The state of the fleet.

use super::rows::{Folds, Row, RowId};
use crate::filter::Filter;

/// A pane of the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// The services.
    #[default]
    Services,
    /// The clusters.
    Clusters,
    /// The nodes.
    Nodes,
}

/// The fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetState {
    /// The pane that has the keys.
    pub pane: Pane,
    /// What the operator chose; none: the first trouble, or the first row.
    pub cursor: Option<RowId>,
    /// The first line shown.
    pub top: usize,
    /// What is folded.
    pub folds: Folds,
    /// The filter as typed.
    pub filter: String,
    /// The filter, read.
    pub filter_read: Filter,
    /// Whether the nodes are hidden.
    pub nodes_hidden: bool,
    /// The cluster under the cursor.
    pub cluster: usize,
    /// The node under the cursor, in the order they are shown.
    pub node: usize,
    /// The rows, made anew after whatever they are made of changed.
    pub rows: Vec<Row>,
}

impl FleetState {
    /// The place of the row the keys act on.
    pub fn index(&self) -> usize {
        let chosen = self.cursor.as_ref().and_then(|id| self.rows.iter().position(|row| row.id() == *id));
        let trouble = || self.rows.iter().position(Row::is_trouble);
        // Who filters looks for a service.
        let service = || self.rows.iter().position(|row| row.service().is_some() && !self.filter.is_empty());
        chosen.or_else(trouble).or_else(service).unwrap_or(0)
    }
}
