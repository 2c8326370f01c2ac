//! Task logs: generated from the behaviour of a task, and so the same on every read.

use super::World;
use super::images::Behaviour;
use super::model::{Id, Nanos, SECOND, Slot, State, Task};

/// A line of a task's log.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Nanos,
    /// The stream: 1 is standard output, 2 is standard error.
    pub stream: u8,
    pub text: String,
}

impl World {
    /// Returns all tasks of a service, for reading its logs.
    pub fn logged_tasks(&self, service: &str) -> Vec<&Task> {
        self.tasks.values().filter(|task| task.service.as_ref() == service).collect()
    }

    /// Returns all lines that a task has written so far, oldest first.
    pub fn lines(&self, task: &Task) -> Vec<Line> {
        if task.container.as_ref().is_none_or(|container| container.id.is_empty()) || task.state < State::Running {
            return Vec::new();
        }
        let slot = match &task.slot {
            Slot::Nth(number) => number.to_string(),
            Slot::On(node) => node.to_string(),
        };
        let began = task.created + SECOND;
        let ended = if task.is_alive() { self.now } else { task.since };
        let line = |at: Nanos, stream: u8, text: String| Line { at, stream, text };
        let mut lines = vec![line(began.min(ended), 1, format!("starting {} (slot {slot})", task.spec.image))];
        match self.behaviour(task) {
            Behaviour::Exit { code, .. } if code != 0 && !task.is_alive() => {
                lines.push(line(ended, 2, format!("fatal: giving up with code {code}")));
            }
            Behaviour::Exit { .. } if !task.is_alive() => lines.push(line(ended, 1, "done".to_owned())),
            Behaviour::Chatty(every) if every > 0 => {
                let count = (ended.saturating_sub(began) / every).min(1000);
                let first = (ended.saturating_sub(began) / every).saturating_sub(count);
                lines.extend(
                    (first..first + count).map(|nth| line(began + (nth + 1) * every, 1, format!("line {nth}"))),
                );
            }
            _ => lines.push(line(began.min(ended), 1, "ready to serve".to_owned())),
        }
        lines
    }

    /// Finds a task by id or id prefix.
    pub fn find_task(&self, name: &str) -> Result<&Task, super::Refusal> {
        let begins = || self.tasks.values().find(|task| !name.is_empty() && task.id.starts_with(name));
        let missing = || super::Refusal::new(404, format!("task {name} not found"));
        self.tasks.get(name).or_else(begins).ok_or_else(missing)
    }

    /// Returns all tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// Returns the tasks of a service.
    pub fn tasks_of(&self, service: &Id) -> impl Iterator<Item = &Task> {
        let slots = self.slots.get(service).into_iter().flat_map(|slots| slots.values().flatten());
        slots.filter_map(|id| self.tasks.get(id))
    }

    /// Returns true if a task matches its service's current spec.
    pub fn is_up_to_date(&self, task: &Task) -> bool {
        self.services.get(&task.service).is_some_and(|service| !self.is_dirty(&service.spec, &task.id))
    }
}
