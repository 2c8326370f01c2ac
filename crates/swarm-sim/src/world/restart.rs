//! The restart supervisor: decides which ended tasks are replaced, and when the replacement starts.

use super::model::{Id, Nanos, NodeState, SECOND, Slot, State};
use super::spec::{Condition, Mode};
use super::{Timer, World};

/// A delayed start: a task that is ready but must wait.
#[derive(Clone, Debug)]
pub(super) struct RestartDelay {
    /// The old task that has to stop first; `None`: no need to wait for one.
    old: Option<Id>,
    /// True once the restart delay is over.
    waited: bool,
    /// Set when the task ended before it could start; it is then evaluated again after the delay.
    again: bool,
    /// Numbers of two timers: the end of the restart delay, and the timeout of waiting for the old task.
    timers: (u64, u64),
}

/// The restart history of a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct RestartCount {
    total: u64,
    recent: Vec<Nanos>,
    version: u64,
}

impl World {
    /// Returns true if a node cannot hold tasks: down, drained or removed.
    pub(super) fn is_invalid(&self, node: &Id) -> bool {
        self.nodes.get(node).is_none_or(|node| node.state == NodeState::Down || node.availability == "drain")
    }

    /// Replaces a task that has ended, or whose node is gone.
    pub(super) fn restart_if_it_ended(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        if task.desired > State::Running {
            return;
        }
        let lost = task.node.as_ref().is_some_and(|node| self.is_invalid(node));
        if task.state > State::Running || lost {
            self.restart(id);
        }
    }

    fn restart(&mut self, id: &Id) {
        if let Some(delay) = self.delays.get_mut(id) {
            delay.again = true;
            return;
        }
        let Some(task) = self.tasks.get(id).filter(|task| task.desired <= State::Running).cloned() else { return };
        let Some(service) = self.services.get(&task.service) else { return };
        let mode = service.spec.mode;
        self.set_desired(id, State::Shutdown);
        if mode.is_job() || !self.should_restart(id) {
            return;
        }
        if let (Mode::Global, Some(node)) = (mode, &task.node)
            && self.is_invalid(node)
        {
            return;
        }
        let node = task.node.as_ref().and_then(|node| self.nodes.get(node));
        let drained = node.is_some_and(|node| node.availability == "drain");
        let down = node.is_some_and(|node| node.state == NodeState::Down);
        let delay = if drained { 0 } else { task.spec.restart().1 };
        let wait = !down && task.state <= State::Running;
        let Some(next) = self.make_task(&task.service, &task.slot, State::Ready) else { return };
        let ends = self.ends.entry((Id::clone(&task.service), task.slot.clone())).or_default();
        if ends.version != task.spec.version {
            *ends = RestartCount { version: task.spec.version, ..RestartCount::default() };
        }
        ends.total += 1;
        ends.recent.push(self.now);
        self.delay_start(next, wait.then(|| Id::clone(id)), delay);
    }

    /// Returns true if the restart policy asks for a replacement of this task.
    pub(super) fn should_restart(&self, id: &Id) -> bool {
        let Some(task) = self.tasks.get(id) else { return false };
        let (condition, _, most, window) = task.spec.restart();
        let wished = match condition {
            Condition::Any => true,
            Condition::OnFailure => task.state != State::Complete,
            Condition::Never => false,
        };
        if !wished || most == 0 {
            return wished;
        }
        let Some(ends) = self.ends.get(&(Id::clone(&task.service), task.slot.clone())) else { return true };
        if ends.version != task.spec.version {
            return true;
        }
        if window == 0 {
            return ends.total < most;
        }
        let recent = ends.recent.iter().filter(|at| self.now.saturating_sub(**at) <= window).count();
        u64::try_from(recent).unwrap_or(u64::MAX) < most
    }

    /// Delays the start of a task until `delay` has passed and the old task has stopped.
    pub(super) fn delay_start(&mut self, next: Id, old: Option<Id>, delay: Nanos) {
        let timers = (self.planted + 1, self.planted + 2);
        let waits = old.is_some();
        self.delays.insert(Id::clone(&next), RestartDelay { old, waited: false, again: false, timers });
        self.plant(delay, Timer::Delay(Id::clone(&next), timers.0));
        if waits {
            // The wait for the old task times out after this.
            self.plant(delay + 60 * SECOND, Timer::Delay(next, timers.1));
        }
    }

    pub(super) fn delay_is_over(&mut self, next: &Id, timer: u64) {
        let Some(delay) = self.delays.get_mut(next) else { return };
        if timer == delay.timers.0 {
            delay.waited = true;
        } else if timer == delay.timers.1 {
            delay.old = None;
        } else {
            return;
        }
        self.start_if_it_may(next);
    }

    /// Starts the tasks that waited for this one to stop, or for its node to be reported down.
    pub(super) fn stop_was_awaited(&mut self, old: &Id) {
        let waiting: Vec<Id> = self
            .delays
            .iter()
            .filter(|(_, delay)| delay.old.as_ref() == Some(old))
            .map(|(next, _)| Id::clone(next))
            .collect();
        for next in waiting {
            self.start_if_it_may(&next);
        }
    }

    fn start_if_it_may(&mut self, next: &Id) {
        let Some(delay) = self.delays.get(next) else { return };
        let stopped = delay.old.as_ref().is_none_or(|old| {
            self.tasks.get(old).is_none_or(|task| {
                let down = task
                    .node
                    .as_ref()
                    .is_some_and(|node| self.nodes.get(node).is_none_or(|node| node.state == NodeState::Down));
                task.state > State::Running || down
            })
        });
        if !delay.waited || !stopped {
            return;
        }
        let again = delay.again;
        self.delays.remove(next);
        if self.tasks.get(next).is_some_and(|task| task.desired < State::Running) {
            self.set_desired(next, State::Running);
        }
        let service = self.tasks.get(next).map(|task| Id::clone(&task.service));
        if let Some(service) = service {
            self.rollout_moves(&service);
        }
        if again {
            self.restart_if_it_ended(next);
        }
    }

    /// Returns true while a task's start is delayed.
    pub(super) fn is_delayed(&self, id: &Id) -> bool {
        self.delays.contains_key(id)
    }

    /// Returns the slots of a service with the tasks that count: those that should run, or the newest one if it
    /// has ended and must not be restarted.
    pub(super) fn countable(&self, service: &Id) -> Vec<(Slot, Vec<Id>)> {
        let going_back = self
            .services
            .get(service)
            .and_then(|service| service.update.as_ref())
            .is_some_and(|update| update.phase == super::model::Phase::RollbackStarted);
        let mut found = Vec::new();
        for (slot, tasks) in self.slots.get(service).into_iter().flatten() {
            let wanted: Vec<Id> = tasks
                .iter()
                .filter(|id| self.tasks.get(*id).is_some_and(|task| task.desired <= State::Running))
                .cloned()
                .collect();
            if !wanted.is_empty() {
                found.push((slot.clone(), wanted));
            } else if let Some(newest) = tasks.last()
                && !going_back
                && self.tasks.get(newest).is_some_and(|task| task.desired != State::Remove)
                && !self.should_restart(newest)
            {
                found.push((slot.clone(), vec![Id::clone(newest)]));
            }
        }
        found
    }
}
