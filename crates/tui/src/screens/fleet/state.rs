//! The state of the fleet screen.

use super::rows::{FleetRow, FleetRowId, FleetSummary, Folds};
use crate::availability::Unavailable;
use crate::clusters::ClusterId;
use crate::filter::FleetFilter;
use crate::selection::{PinDocRevision, SelectedImage, SelectedService, Selection};
use crate::state::ClusterState;
use pinnace_core::plan::Scope;
use pinnace_core::swarm::{Node, NodeState, Role};
use pinnace_core::world::World;

/// A pane of the fleet screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FleetPane {
    #[default]
    Services,
    Clusters,
    Nodes,
}

/// The state of the fleet screen.
#[derive(Clone, Debug, Default)]
pub struct FleetState {
    /// The focused pane.
    pub pane: FleetPane,
    /// The row that the operator chose; `None` selects the first row in trouble, or else the first row.
    pub cursor: Option<FleetRowId>,
    /// The first line shown.
    pub top: usize,
    /// The operator's folds.
    pub folds: Folds,
    pub filter: FleetFilter,
    /// True if the operator hid the nodes.
    pub nodes_hidden: bool,
    /// The cluster under the cursor of the clusters pane.
    pub cluster: ClusterId,
    /// The index of the node under the cursor, in display order.
    pub node: usize,
    /// The rows; rebuilt after every change of what they are built from.
    pub rows: Vec<FleetRow>,
    /// The counts for the header; rebuilt with the rows.
    pub summary: FleetSummary,
}

impl FleetState {
    /// Returns the index of the selected row: the chosen one, else the first service in trouble, else the first
    /// unfinished change, else the first service if a filter is set, else the first row.
    pub fn index(&self) -> usize {
        let chosen = self.cursor.as_ref().and_then(|id| self.rows.iter().position(|row| row.id() == *id));
        let failing = |row: &FleetRow| row.service().is_some_and(|row| row.state.is_trouble());
        let first = || self.rows.iter().position(failing).or_else(|| self.rows.iter().position(FleetRow::is_trouble));
        // An operator who filters looks for a service, not for its group.
        let service = || self.rows.iter().position(|row| row.service().is_some() && !self.filter.is_empty());
        chosen.or_else(first).or_else(service).unwrap_or(0)
    }

    /// Returns what the cursor of the focused pane is on; `active` is the cluster shown.
    pub(crate) fn selection(&self, active: ClusterId, one: &ClusterState) -> Selection<'static> {
        match self.pane {
            FleetPane::Services => self.of_rows(active, one),
            FleetPane::Clusters => Selection::new(self.cluster, Unavailable::NoService),
            FleetPane::Nodes => {
                let node = nodes_in_order(&one.world).get(self.node).map(|node| node.id.clone());
                Selection { node, ..Selection::new(active, Unavailable::NoService) }
            }
        }
    }

    fn of_rows(&self, active: ClusterId, one: &ClusterState) -> Selection<'static> {
        let Some(row) = self.rows.get(self.index()) else { return Selection::new(active, Unavailable::NoRow) };
        let selection = Selection::new(active, Unavailable::NoService);
        let Some(group) = row.group() else { return selection };
        let selection = selection.with_group(group).with_scope(Scope::Group);
        let Some(row) = row.service() else { return selection };
        let id = row.service.clone().filter(|id| one.world.services.contains_key(id));
        let pins = if id.is_some() { PinDocRevision::InForce } else { PinDocRevision::None };
        Selection {
            image: Some(SelectedImage { text: row.image.clone(), service: id.clone(), pins }),
            service: Some(SelectedService { id, name: row.name.clone(), member: Some(row.member.clone()) }),
            ..selection.with_scope(Scope::Service(row.name.clone()))
        }
    }
}

/// Returns the nodes in display order: those that are down, those in other trouble, managers, workers; each by name.
pub(crate) fn nodes_in_order(world: &World) -> Vec<&Node> {
    let mut nodes: Vec<_> = world.nodes.values().collect();
    nodes.sort_by_key(|node| {
        let well = node.takes_tasks() && node.reachability.as_deref().is_none_or(|reach| reach == "reachable");
        let down = node.state != NodeState::Ready;
        (!down, well, node.role != Role::Manager, &node.hostname)
    });
    nodes
}
