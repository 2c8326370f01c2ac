//! The orchestrator of global services: one task on every node that meets the constraints.

use std::collections::BTreeMap;

use super::World;
use super::model::{Id, NodeState, Slot, State};

impl World {
    pub(super) fn reconcile_global(&mut self, id: &Id) {
        let Some(service) = self.services.get(id) else { return };
        let spec = std::sync::Arc::clone(&service.spec);
        let counted: BTreeMap<Slot, Vec<Id>> = self.countable(id).into_iter().collect();
        let mut slots = Vec::new();
        let mut missing = Vec::new();
        for node in self.nodes.values() {
            let slot = Slot::On(Id::clone(&node.id));
            let good = Self::meets(node, &spec.constraints);
            match counted.get(&slot) {
                // A node that is paused or down keeps its tasks until it is back.
                _ if !good || node.availability != "active" || node.state != NodeState::Ready => {}
                Some(tasks) => slots.push((slot, tasks.clone())),
                None => missing.push(slot),
            }
        }
        let misplaced: Vec<Id> = counted
            .iter()
            .filter(|(slot, _)| match slot {
                Slot::On(node) => self
                    .nodes
                    .get(node)
                    .is_none_or(|node| !Self::meets(node, &spec.constraints) || (node.availability == "drain")),
                Slot::Nth(_) => true,
            })
            .flat_map(|(_, tasks)| tasks.iter().cloned())
            .collect();
        for task in misplaced {
            self.set_desired(&task, State::Shutdown);
        }
        self.roll_out(id, slots);
        for slot in missing {
            self.make_task(id, &slot, State::Running);
        }
    }
}
