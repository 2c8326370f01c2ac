//! The orchestrator of replicated services: keeps the number of slots and updates outdated ones.

use std::collections::BTreeSet;

use super::World;
use super::model::{Id, Slot, State};

impl World {
    pub(super) fn reconcile_replicated(&mut self, id: &Id, replicas: u64) {
        let mut slots = self.countable(id);
        let wished = usize::try_from(replicas).unwrap_or(usize::MAX);
        if slots.len() > wished {
            // When scaling down, running slots with low numbers are kept.
            slots.sort_by_key(|(slot, tasks)| {
                let runs = tasks.iter().any(|id| self.tasks.get(id).is_some_and(|task| task.state == State::Running));
                (!runs, slot.clone())
            });
            let surplus = slots.split_off(wished);
            self.roll_out(id, slots);
            for task in surplus.into_iter().flat_map(|(_, tasks)| tasks) {
                self.set_desired(&task, State::Remove);
            }
            self.drop_dead_slots(id, &BTreeSet::new());
            return;
        }
        let missing = wished - slots.len();
        let taken: BTreeSet<u64> = slots.iter().filter_map(|(slot, _)| number(slot)).collect();
        self.roll_out(id, slots);
        let mut made = BTreeSet::new();
        for slot in (1..).filter(|slot| !taken.contains(slot)).take(missing) {
            self.make_task(id, &Slot::Nth(slot), State::Running);
            made.insert(slot);
        }
        self.drop_dead_slots(id, &made);
    }

    /// Removes the tasks of slots that no longer count.
    fn drop_dead_slots(&mut self, id: &Id, kept: &BTreeSet<u64>) {
        let live: BTreeSet<Slot> = self.countable(id).into_iter().map(|(slot, _)| slot).collect();
        let slots = self.slots.get(id).into_iter().flatten();
        let dead: Vec<Id> = slots
            .filter(|(slot, _)| !live.contains(slot) && number(slot).is_none_or(|slot| !kept.contains(&slot)))
            .flat_map(|(_, tasks)| tasks.iter().cloned())
            .collect();
        for task in dead {
            if self.tasks.get(&task).is_some_and(super::model::Task::is_alive) {
                self.set_desired(&task, State::Remove);
            } else {
                self.forget_task(&task);
            }
        }
    }
}

fn number(slot: &Slot) -> Option<u64> {
    match slot {
        Slot::Nth(number) => Some(*number),
        Slot::On(_) => None,
    }
}
