//! The updater: replaces outdated tasks slot by slot, several in parallel, and watches for failures. The engine runs
//! one goroutine per service; this is the same as a state machine.
//!
//! Three properties of the engine's implementation are kept: a slot is done as soon as its task runs (the monitor
//! does not hold up the next slot); once the last slot has begun, failures are examined only after all slots are
//! done; and a failure counts only within the monitor period after its task started.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::model::{Id, Nanos, Phase, Slot, State, Update};
use super::spec::{OnFailure, Policy, Spec};
use super::{Timer, World};

/// The state of one of the parallel slot updates.
#[derive(Clone, Debug)]
enum UpdateWorker {
    Idle,
    /// Waiting until the new task may start, after the old one has stopped.
    Starting {
        task: Id,
        slot: Slot,
    },
    /// Waiting until the new task runs.
    Rising {
        task: Id,
        slot: Slot,
    },
    /// Waiting for the delay after a slot.
    Waiting,
}

/// A running rollout.
#[derive(Debug)]
pub(super) struct Rollout {
    number: u64,
    goal: Arc<Spec>,
    policy: Policy,
    back: bool,
    queue: VecDeque<Slot>,
    dirty: usize,
    workers: Vec<UpdateWorker>,
    /// The tasks created by the rollout, with the time since which each one runs.
    made: HashMap<Id, Option<Nanos>>,
    failed: HashSet<Id>,
    unseen: Vec<Id>,
    monitors: bool,
    stopped: bool,
}

impl World {
    /// Returns true if a task does not match the given spec of its service.
    pub(super) fn is_dirty(&self, spec: &Spec, id: &Id) -> bool {
        let Some(task) = self.tasks.get(id) else { return false };
        if task.spec.makes_the_same_tasks(spec) {
            return false;
        }
        let node = task.node.as_ref().and_then(|node| self.nodes.get(node));
        let stays = node.is_some_and(|node| Self::meets(node, &spec.constraints));
        !(stays && task.spec.differs_by_placement_only(spec))
    }

    /// Starts a rollout of the outdated slots, unless one is running or paused by a failure.
    pub(super) fn roll_out(&mut self, id: &Id, slots: Vec<(Slot, Vec<Id>)>) {
        let Some(service) = self.services.get(id) else { return };
        let goal = Arc::clone(&service.spec);
        let phase = service.update.as_ref().map(|update| update.phase);
        if let Some(rollout) = self.rollouts.get(id)
            && rollout.goal.text == goal.text
            && rollout.goal.auth == goal.auth
        {
            return;
        }
        self.rollouts.remove(id);
        if matches!(phase, Some(Phase::Paused | Phase::RollbackPaused)) {
            return;
        }
        let queue: VecDeque<Slot> = slots
            .into_iter()
            .filter(|(_, tasks)| tasks.len() > 1 || tasks.iter().any(|task| self.is_dirty(&goal, task)))
            .map(|(slot, _)| slot)
            .collect();
        if queue.is_empty() {
            if matches!(phase, Some(Phase::Updating | Phase::RollbackStarted)) {
                self.complete(id);
            }
            return;
        }
        if phase.is_none() {
            let started = self.now;
            let message = "update in progress".to_owned();
            let update = Update { phase: Phase::Updating, started, completed: None, message };
            self.write_service(id, |service| service.update = Some(update));
        }
        let back = phase == Some(Phase::RollbackStarted);
        let policy = goal.policy(back);
        let many = if policy.parallelism == 0 { queue.len() } else { policy.parallelism.min(queue.len()) };
        let rollout = Rollout {
            number: self.bump(),
            goal,
            policy,
            back,
            dirty: queue.len(),
            queue,
            workers: vec![UpdateWorker::Idle; many],
            made: HashMap::new(),
            failed: HashSet::new(),
            unseen: Vec::new(),
            monitors: false,
            stopped: false,
        };
        self.rollouts.insert(Id::clone(id), rollout);
        self.with_rollout(id, Self::advance);
    }

    fn with_rollout(&mut self, id: &Id, step: impl FnOnce(&mut Self, &Id, &mut Rollout)) {
        let Some(mut rollout) = self.rollouts.remove(id) else { return };
        step(self, id, &mut rollout);
        let idle = rollout.workers.iter().all(|worker| matches!(worker, UpdateWorker::Idle));
        if !(rollout.stopped && idle) {
            self.rollouts.insert(Id::clone(id), rollout);
        }
    }

    fn advance(&mut self, id: &Id, rollout: &mut Rollout) {
        while !rollout.stopped
            && let Some(worker) = rollout.workers.iter().position(|worker| matches!(worker, UpdateWorker::Idle))
            && let Some(slot) = rollout.queue.pop_front()
        {
            self.take_slot(id, rollout, worker, &slot);
        }
        let idle = rollout.workers.iter().all(|worker| matches!(worker, UpdateWorker::Idle));
        if !rollout.queue.is_empty() || !idle || rollout.stopped || rollout.monitors {
            return;
        }
        rollout.monitors = true;
        for task in std::mem::take(&mut rollout.unseen) {
            if self.is_fatal(id, rollout, &task) {
                return;
            }
        }
        self.plant(rollout.policy.monitor, Timer::Monitored(Id::clone(id), rollout.number));
    }

    /// Updates one slot.
    fn take_slot(&mut self, id: &Id, rollout: &mut Rollout, worker: usize, slot: &Slot) {
        let countable: Vec<Id> =
            self.countable(id).into_iter().find(|(other, _)| other == slot).map(|(_, tasks)| tasks).unwrap_or_default();
        let clean = |desired: fn(State) -> bool| {
            countable
                .iter()
                .find(|task| {
                    !self.is_dirty(&rollout.goal, task)
                        && self.tasks.get(*task).is_some_and(|task| desired(task.desired))
                })
                .cloned()
        };
        let runs = clean(|desired| desired == State::Running);
        let existing = runs.clone().or_else(|| clean(|desired| desired < State::Running));
        if let Some(task) = existing {
            let others: Vec<Id> = countable.into_iter().filter(|other| *other != task).collect();
            let old = self.stop_tasks(&others);
            if runs.is_some() {
                self.slot_is_done(id, rollout, worker);
            } else {
                self.delay_start(Id::clone(&task), old, 0);
                rollout.workers[worker] = UpdateWorker::Starting { task, slot: slot.clone() };
            }
            return;
        }
        let Some(task) = self.make_task(id, slot, State::Ready) else { return };
        rollout.made.insert(Id::clone(&task), None);
        let old = if rollout.policy.start_first { None } else { self.stop_tasks(&countable) };
        self.delay_start(Id::clone(&task), old, 0);
        rollout.workers[worker] = UpdateWorker::Starting { task, slot: slot.clone() };
    }

    /// Orders tasks to stop; returns the last one that was not stopping already.
    fn stop_tasks(&mut self, tasks: &[Id]) -> Option<Id> {
        let mut last = None;
        for id in tasks {
            if self.tasks.get(id).is_some_and(|task| task.desired <= State::Running) {
                self.set_desired(id, State::Shutdown);
                last = Some(Id::clone(id));
            }
        }
        last
    }

    fn slot_is_done(&mut self, id: &Id, rollout: &mut Rollout, worker: usize) {
        if rollout.policy.delay == 0 {
            rollout.workers[worker] = UpdateWorker::Idle;
        } else {
            rollout.workers[worker] = UpdateWorker::Waiting;
            self.plant(rollout.policy.delay, Timer::Worker(Id::clone(id), rollout.number, worker));
        }
    }

    pub(super) fn worker_waited(&mut self, id: &Id, number: u64, worker: usize) {
        self.with_rollout(id, |world, id, rollout| {
            if rollout.number == number {
                rollout.workers[worker] = UpdateWorker::Idle;
                world.advance(id, rollout);
            }
        });
    }

    /// Completes a rollout when its monitor period is over.
    pub(super) fn monitored(&mut self, id: &Id, number: u64) {
        let done = self.rollouts.get(id).is_some_and(|rollout| rollout.number == number && !rollout.stopped);
        if done {
            self.rollouts.remove(id);
            self.complete(id);
        }
    }

    fn complete(&mut self, id: &Id) {
        let now = self.now;
        self.write_service(id, |service| {
            let Some(update) = &mut service.update else { return };
            let back = update.phase != Phase::Updating;
            update.phase = if back { Phase::RollbackCompleted } else { Phase::Completed };
            if back { "rollback completed" } else { "update completed" }.clone_into(&mut update.message);
            update.completed = Some(now);
        });
    }

    /// Continues the slot updates whose delayed start has happened.
    pub(super) fn rollout_moves(&mut self, service: &Id) {
        self.with_rollout(service, |world, id, rollout| {
            for worker in 0..rollout.workers.len() {
                if let UpdateWorker::Starting { task, slot } = rollout.workers[worker].clone()
                    && !world.is_delayed(&task)
                {
                    if rollout.made.contains_key(&task) {
                        rollout.workers[worker] = UpdateWorker::Rising { task, slot };
                        world.has_it_risen(id, rollout, worker);
                    } else {
                        world.slot_is_done(id, rollout, worker);
                    }
                }
            }
            world.advance(id, rollout);
        });
    }

    fn has_it_risen(&mut self, id: &Id, rollout: &mut Rollout, worker: usize) {
        let UpdateWorker::Rising { task, slot } = rollout.workers[worker].clone() else { return };
        let state = self.tasks.get(&task).map_or(State::Remove, |task| task.state);
        if state < State::Running {
            return;
        }
        rollout.made.insert(Id::clone(&task), Some(self.now));
        if rollout.policy.start_first && state == State::Running {
            let others: Vec<Id> = self.slot_tasks(id, &slot).into_iter().filter(|other| *other != task).collect();
            self.stop_tasks(&others);
        }
        self.slot_is_done(id, rollout, worker);
    }

    /// Passes a changed task to the rollout: counts failures and advances the slot updates.
    pub(super) fn rollout_sees(&mut self, service: &Id, task: &Id) {
        if !self.rollouts.contains_key(service) {
            return;
        }
        let over = self.tasks.get(task).is_some_and(|task| task.state > State::Running);
        self.with_rollout(service, |world, id, rollout| {
            if over && rollout.policy.on_failure != OnFailure::Continue && !rollout.stopped {
                if rollout.queue.is_empty() && !rollout.monitors {
                    rollout.unseen.push(Id::clone(task));
                } else {
                    world.is_fatal(id, rollout, task);
                }
            }
            for worker in 0..rollout.workers.len() {
                world.has_it_risen(id, rollout, worker);
            }
            world.advance(id, rollout);
        });
    }

    /// Counts a failed task; stops the rollout and returns true if too many have failed.
    fn is_fatal(&mut self, id: &Id, rollout: &mut Rollout, task: &Id) -> bool {
        let Some(up) = rollout.made.get(task) else { return false };
        let counts = up.is_none_or(|up| self.now - up <= rollout.policy.monitor);
        if !counts || !rollout.failed.insert(Id::clone(task)) {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "services have fewer slots")]
        let share = rollout.failed.len() as f64 / rollout.dirty as f64;
        if share <= rollout.policy.ratio {
            return false;
        }
        rollout.stopped = true;
        rollout.queue.clear();
        if rollout.policy.on_failure == OnFailure::Rollback && !rollout.back {
            self.go_back(id, format!("update rolled back due to failure or early termination of task {task}"));
        } else {
            let back = rollout.back;
            self.write_service(id, |service| {
                let Some(update) = &mut service.update else { return };
                update.phase = if back { Phase::RollbackPaused } else { Phase::Paused };
                update.message = format!("update paused due to failure or early termination of task {task}");
            });
        }
        true
    }

    /// Starts the engine's automatic rollback; the service has no previous spec after it.
    fn go_back(&mut self, id: &Id, message: String) {
        self.write_service(id, |service| {
            let Some(update) = &mut service.update else { return };
            let Some(previous) = service.previous.take() else { return };
            update.phase = Phase::RollbackStarted;
            update.message = message;
            service.spec = previous;
        });
    }
}
