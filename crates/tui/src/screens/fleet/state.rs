//! The state of the fleet.

use super::rows::{Folds, Row, RowId};
use crate::availability::Reason;
use crate::clusters::ClusterId;
use crate::filter::Filter;
use crate::selection::{PinSource, SelectedImage, SelectedService, Selection};
use crate::state::Cluster;
use pinnace_core::plan::Scope;
use pinnace_core::swarm::{Node, NodeState, Role};
use pinnace_core::world::World;

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
    /// The filter.
    pub filter: Filter,
    /// Whether the nodes are hidden.
    pub nodes_hidden: bool,
    /// The cluster under the cursor.
    pub cluster: ClusterId,
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

    /// What the cursor of the pane is on; `active` is the place of the cluster that is shown.
    pub(crate) fn selection(&self, active: ClusterId, one: &Cluster) -> Selection<'static> {
        match self.pane {
            Pane::Services => self.of_rows(active, one),
            Pane::Clusters => Selection::new(self.cluster, Reason::NoService),
            Pane::Nodes => {
                let node = nodes_in_order(&one.world).get(self.node).map(|node| node.id.clone());
                Selection { node, ..Selection::new(active, Reason::NoService) }
            }
        }
    }

    fn of_rows(&self, active: ClusterId, one: &Cluster) -> Selection<'static> {
        let Some(row) = self.rows.get(self.index()) else { return Selection::new(active, Reason::NoRow) };
        let selection = Selection::new(active, Reason::NoService);
        let Some(group) = row.group() else { return selection };
        let selection = selection.with_group(group).with_scope(Scope::Group);
        let Some(row) = row.service() else { return selection };
        let id = row.service.clone().filter(|id| one.world.services.contains_key(id));
        let pins = if id.is_some() { PinSource::InForce } else { PinSource::None };
        Selection {
            image: Some(SelectedImage { text: row.image.clone(), service: id.clone(), pins }),
            service: Some(SelectedService { id, name: row.name.clone(), member: Some(row.member.clone()) }),
            ..selection.with_scope(Scope::Service(row.name.clone()))
        }
    }
}

/// The nodes in the order they are shown: those in trouble, managers, workers; by name.
pub(crate) fn nodes_in_order(world: &World) -> Vec<&Node> {
    let mut nodes: Vec<_> = world.nodes.values().collect();
    nodes.sort_by_key(|node| {
        let well = node.takes_tasks() && node.reachability.as_deref().is_none_or(|reach| reach == "reachable");
        let down = node.state != NodeState::Ready;
        (!down, well, node.role != Role::Manager, &node.hostname)
    });
    nodes
}
