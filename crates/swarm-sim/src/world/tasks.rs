//! The life cycle of tasks, and the observers that are notified of changes.

use std::sync::Arc;

use super::model::{Id, MILLI, Slot, State, Task};
use super::{PendingEvent, Timer, World};

/// Number of tasks kept per slot.
const HISTORY: usize = 5;

impl World {
    /// Changes a task and notifies its observers.
    pub(super) fn write_task(&mut self, id: &Id, change: impl FnOnce(&mut Task)) {
        let (index, now) = (self.index + 1, self.now);
        let Some(task) = self.tasks.get_mut(id) else { return };
        change(task);
        task.index = index;
        task.updated = now;
        self.index = index;
        self.notes.push_back(PendingEvent::Task(Id::clone(id)));
    }

    /// Sets a task's state, message and error.
    pub(super) fn set_state(&mut self, id: &Id, state: State, message: &'static str, err: &str) {
        let now = self.now;
        self.write_task(id, |task| {
            task.state = state;
            task.message = message.into();
            err.clone_into(&mut task.err);
            task.since = now;
        });
        let Some(task) = self.tasks.get(id) else { return };
        if !task.is_alive()
            && let Some(node) = task.node.clone()
            && let Some(node) = self.nodes.get_mut(&node)
        {
            node.tasks.remove(id);
        }
    }

    pub(super) fn set_desired(&mut self, id: &Id, desired: State) {
        self.write_task(id, |task| task.desired = desired);
    }

    /// Creates a task of a service in a slot; `None` if the service does not exist.
    pub(super) fn make_task(&mut self, service: &Id, slot: &Slot, desired: State) -> Option<Id> {
        let spec = Arc::clone(&self.services.get(service)?.spec);
        let iteration = self.services.get(service)?.job.map(|job| job.iteration);
        let id = self.dice.id();
        let node = match slot {
            Slot::On(node) => Some(Id::clone(node)),
            Slot::Nth(_) => None,
        };
        let task = Task {
            id: Id::clone(&id),
            index: self.bump(),
            created: self.now,
            updated: self.now,
            service: Id::clone(service),
            slot: slot.clone(),
            node,
            spec,
            state: State::New,
            desired,
            message: "created".into(),
            err: String::new(),
            since: self.now,
            container: None,
            runs: None,
            iteration,
            step: 0,
            planned: None,
            logged: false,
        };
        self.tasks.insert(Id::clone(&id), task);
        self.slots.entry(Id::clone(service)).or_default().entry(slot.clone()).or_default().push(Id::clone(&id));
        self.plant(15 * MILLI, Timer::AllocateTask(Id::clone(&id)));
        self.reap(service, slot);
        Some(id)
    }

    /// Removes a task from the world.
    pub(super) fn forget_task(&mut self, id: &Id) {
        let Some(task) = self.tasks.remove(id) else { return };
        self.bump();
        self.waiting.remove(id);
        self.delays.remove(id);
        if let Some(slots) = self.slots.get_mut(&task.service) {
            if let Some(tasks) = slots.get_mut(&task.slot) {
                tasks.retain(|other| other != id);
                if tasks.is_empty() {
                    slots.remove(&task.slot);
                }
            }
            if slots.is_empty() && !self.services.contains_key(&task.service) {
                self.slots.remove(&task.service);
            }
        }
        if let Some(node) = task.node.and_then(|node| self.nodes.get_mut(&node)) {
            node.tasks.remove(id);
        }
    }

    /// Moves a task to `pending` once its networks are allocated; it then waits for the scheduler.
    pub(super) fn allocate_task(&mut self, id: &Id) {
        if self.tasks.get(id).is_some_and(|task| task.state == State::New) {
            self.set_state(id, State::Pending, "pending task scheduling", "");
            self.waiting.insert(Id::clone(id));
            self.schedule_soon();
        }
    }

    /// Notifies all observers of a task: restart supervisor, jobs, rollout, scheduler and agent.
    pub(super) fn task_changed(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let (service, over) = (Id::clone(&task.service), task.state > State::Running);
        if task.desired == State::Remove && (over || task.node.is_none()) {
            self.forget_task(id);
            self.stop_was_awaited(id);
            return;
        }
        if over {
            self.stop_was_awaited(id);
        }
        self.restart_if_it_ended(id);
        self.job_sees(id);
        self.rollout_sees(&service, id);
        if over && !self.waiting.is_empty() {
            self.schedule_soon();
        }
        self.plan_step(id);
    }

    /// Returns a slot's tasks, oldest first.
    pub(super) fn slot_tasks(&self, service: &Id, slot: &Slot) -> Vec<Id> {
        self.slots.get(service).and_then(|slots| slots.get(slot)).cloned().unwrap_or_default()
    }

    /// Removes the oldest ended tasks of a slot, beyond the history limit.
    fn reap(&mut self, service: &Id, slot: &Slot) {
        let tasks = self.slot_tasks(service, slot);
        let mut surplus = tasks.len().saturating_sub(HISTORY);
        for id in tasks {
            if surplus == 0 {
                return;
            }
            if self.tasks.get(&id).is_some_and(|task| !task.is_wanted() && !task.is_alive()) {
                self.forget_task(&id);
                surplus -= 1;
            }
        }
    }
}
