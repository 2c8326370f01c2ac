//! The orchestrators of jobs: tasks that run to completion; every update of the service starts a new iteration.

use super::World;
use super::model::{Id, NodeState, Slot, State};

impl World {
    /// Returns the job's current iteration, after marking the live tasks of older ones for removal.
    fn run_of(&mut self, id: &Id) -> Option<u64> {
        let iteration = self.services.get(id)?.job?.iteration;
        let old: Vec<Id> = self
            .slots
            .get(id)
            .into_iter()
            .flat_map(|slots| slots.values().flatten())
            .filter(|task| {
                // Tasks that have ended stay as history.
                self.tasks.get(*task).is_some_and(|task| task.iteration != Some(iteration) && task.is_alive())
            })
            .cloned()
            .collect();
        for task in old {
            self.set_desired(&task, State::Remove);
        }
        Some(iteration)
    }

    pub(super) fn reconcile_job(&mut self, id: &Id, at_once: u64, total: u64) {
        let Some(iteration) = self.run_of(id) else { return };
        let (mut done, mut open, mut used) = (0_u64, 0_u64, Vec::new());
        for (slot, tasks) in self.slots.get(id).into_iter().flatten() {
            let of_run: Vec<_> = tasks
                .iter()
                .filter_map(|id| self.tasks.get(id))
                .filter(|task| task.iteration == Some(iteration) && task.desired != State::Remove)
                .collect();
            let Slot::Nth(number) = slot else { continue };
            if of_run.iter().any(|task| task.state == State::Complete) {
                done += 1;
                used.push(*number);
            } else if of_run.iter().any(|task| task.is_wanted() && task.is_alive()) {
                open += 1;
                used.push(*number);
            } else if of_run.last().is_some_and(|task| !self.should_restart(&task.id)) {
                used.push(*number);
                open += 1;
            }
        }
        let more = total.saturating_sub(done + open).min(at_once.saturating_sub(open));
        let free: Vec<u64> =
            (0..).filter(|slot| !used.contains(slot)).take(usize::try_from(more).unwrap_or(0)).collect();
        for slot in free {
            self.make_task(id, &Slot::Nth(slot), State::Complete);
        }
    }

    pub(super) fn reconcile_global_job(&mut self, id: &Id) {
        let Some(iteration) = self.run_of(id) else { return };
        let Some(service) = self.services.get(id) else { return };
        let constraints = service.spec.constraints.clone();
        let mut missing = Vec::new();
        for node in self.nodes.values() {
            let usable = node.availability == "active" && node.state == NodeState::Ready;
            let slot = Slot::On(Id::clone(&node.id));
            let has =
                self.slot_tasks(id, &slot).iter().filter_map(|id| self.tasks.get(id)).any(|task| {
                    task.iteration == Some(iteration) && (task.is_alive() || task.state == State::Complete)
                });
            if usable && !has && Self::meets(node, &constraints) {
                missing.push(slot);
            }
        }
        for slot in missing {
            self.make_task(id, &slot, State::Complete);
        }
    }

    /// Schedules a job's orchestrator when one of its tasks ended; after a failure it waits for the restart delay.
    pub(super) fn job_sees(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let failed = task.state > State::Complete;
        let (service, delay) = (Id::clone(&task.service), task.spec.restart().1);
        if task.state < State::Complete || task.desired != State::Complete {
            return;
        }
        if failed {
            self.set_desired(id, State::Shutdown);
        }
        self.plant(if failed { delay } else { super::MILLI }, super::Timer::Reconcile(service));
    }
}
