//! The swarm: a pure discrete-event simulation with its own clock.
//!
//! [`World::tick`] advances the clock and fires all events that are due; the commands (`create_service`, …) are the
//! requests of clients. Nothing here waits, sleeps or speaks HTTP. The parts are those of the engine's orchestrator:
//! the replicated, global and job orchestrators, the updater, the restart supervisor, the reaper, the scheduler and
//! the node agent. They react to changes with different delays; the delays are simulated, because they cause the
//! unusual intermediate states of a rollout.

mod agent;
mod configs;
mod events;
mod global;
mod id;
pub mod images;
mod jobs;
mod logs;
pub mod model;
mod nodes;
mod pull;
pub mod render;
mod replicated;
mod restart;
mod rollout;
mod schedule;
mod schema;
mod services;
mod services_change;
mod spec;
mod tasks;
#[cfg(test)]
mod tests;
pub mod time;
mod validate;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

pub use configs::Store;
pub use events::{Event, Log};
pub use id::Rng;
use images::Registries;
pub use logs::Line;
use model::{Config, Id, MILLI, Nanos, Network, Node, Service, Slot, Task};
pub use pull::{NodeView, PullError};
use restart::{RestartCount, RestartDelay};
use rollout::Rollout;
use serde_json::Value;
pub use services::{RegistryAuthFrom, ServiceUpdate};
pub use services_change::{DelayedWrite, edit_service};
pub use spec::{Mode, Spec};

/// A refused command: the engine's HTTP status and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// The member `message` of the response body.
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Returns an error of the swarm's gRPC API, as the engine forwards it.
    pub fn rpc(code: &str, message: impl std::fmt::Display) -> Self {
        let status = match code {
            "InvalidArgument" | "FailedPrecondition" | "OutOfRange" => 400,
            "NotFound" => 404,
            "AlreadyExists" => 409,
            "Unimplemented" => 501,
            _ => 500,
        };
        Self::new(status, format!("rpc error: code = {code} desc = {message}"))
    }
}

/// The engine version of the managers.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The engine's version, as in `26.1.5`.
    pub version: String,
    /// The highest API version, as the minor number after `1.`.
    pub minor: u32,
    /// The lowest API version that is accepted, as the minor number.
    pub least: u32,
}

/// A scheduled event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    AllocateService(Id),
    AllocateTask(Id),
    Reconcile(Id),
    Schedule,
    Step(Id, u32),
    Delay(Id, u64),
    Worker(Id, u64, usize),
    Monitored(Id, u64),
    NodeFlip(Id, u32),
    Later(String),
}

/// A change whose observers have not been notified yet.
#[derive(Clone, Debug)]
enum PendingEvent {
    Task(Id),
    Service(Id),
    Node(Id),
}

/// A swarm and the registries that it pulls from.
#[derive(Debug)]
pub struct World {
    pub engine: Engine,
    /// The registries by host.
    pub registries: Registries,
    /// Unreachable registries by host, with the error text that the engine reports.
    pub unreachable: BTreeMap<String, String>,
    /// Images that the engine and the nodes see differently than other clients, by full reference.
    pub engine_sees: BTreeMap<String, pull::NodeView>,
    /// Files that hosts serve, by host and path.
    pub documents: BTreeMap<(String, String), model::Document>,
    /// Id of the swarm.
    pub swarm: Id,
    now: Nanos,
    index: u64,
    dice: Rng,
    nodes: BTreeMap<Id, Node>,
    services: BTreeMap<Id, Service>,
    tasks: BTreeMap<Id, Task>,
    slots: HashMap<Id, BTreeMap<Slot, Vec<Id>>>,
    configs: BTreeMap<Id, Config>,
    secrets: BTreeMap<Id, Config>,
    networks: BTreeMap<Id, Network>,
    timers: BinaryHeap<Reverse<(Nanos, u64, Timer)>>,
    planted: u64,
    notes: VecDeque<PendingEvent>,
    waiting: BTreeSet<Id>,
    schedules: bool,
    delays: HashMap<Id, RestartDelay>,
    ends: HashMap<(Id, Slot), RestartCount>,
    rollouts: HashMap<Id, Rollout>,
    log: Log,
    /// The scheduled items that are due, until [`World::take_due`] returns them.
    due: Vec<String>,
}

/// The time from a service update until its orchestrator has acted on it.
const REACTS: Nanos = 30 * MILLI;

impl World {
    /// Creates an empty swarm at the given time.
    pub fn new(seed: u64, now: Nanos) -> Self {
        let mut dice = Rng::new(seed);
        let swarm = dice.id();
        let mut world = Self {
            engine: Engine { version: "20.10.24+dfsg1".to_owned(), minor: 41, least: 12 },
            registries: Registries::new(),
            unreachable: BTreeMap::new(),
            engine_sees: BTreeMap::new(),
            documents: BTreeMap::new(),
            swarm,
            now,
            index: 10,
            dice,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            slots: HashMap::new(),
            configs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            networks: BTreeMap::new(),
            timers: BinaryHeap::new(),
            planted: 0,
            notes: VecDeque::new(),
            waiting: BTreeSet::new(),
            schedules: false,
            delays: HashMap::new(),
            ends: HashMap::new(),
            rollouts: HashMap::new(),
            log: Log::default(),
            due: Vec::new(),
        };
        for (name, driver, predefined) in
            [("host", "host", true), ("bridge", "bridge", true), ("ingress", "overlay", false)]
        {
            world.add_network(name, driver, predefined);
        }
        world
    }

    /// Returns the current simulated time.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Returns the time of the next scheduled event.
    pub fn next(&self) -> Option<Nanos> {
        self.timers.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Advances the clock to `to` and fires all events that are due by then, in order.
    pub fn tick(&mut self, to: Nanos) {
        self.settle();
        while let Some(Reverse((at, _, _))) = self.timers.peek()
            && *at <= to
        {
            let Some(Reverse((at, _, timer))) = self.timers.pop() else { break };
            self.now = self.now.max(at);
            self.fire(timer);
            self.settle();
        }
        self.now = self.now.max(to);
    }

    /// Returns the items that are due, scheduled with [`World::later`].
    pub fn take_due(&mut self) -> Vec<String> {
        std::mem::take(&mut self.due)
    }

    /// Schedules an item that the caller interprets; [`World::take_due`] returns it once it is due.
    pub fn later(&mut self, after: Nanos, what: String) {
        self.plant(after, Timer::Later(what));
    }

    /// Returns the event log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the number of writes so far; an equal number means an unchanged world.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Counts as a write, so that followers check the world again.
    pub fn touch(&mut self) {
        self.bump();
    }

    fn plant(&mut self, after: Nanos, timer: Timer) {
        self.planted += 1;
        self.timers.push(Reverse((self.now + after, self.planted, timer)));
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::AllocateService(id) => self.allocate_service(&id),
            Timer::AllocateTask(id) => self.allocate_task(&id),
            Timer::Reconcile(id) => self.reconcile(&id),
            Timer::Schedule => self.schedule(),
            Timer::Step(id, step) => self.node_steps(&id, step),
            Timer::Delay(id, number) => self.delay_is_over(&id, number),
            Timer::Worker(id, number, worker) => self.worker_waited(&id, number, worker),
            Timer::Monitored(id, number) => self.monitored(&id, number),
            Timer::NodeFlip(id, flip) => self.node_flips(&id, flip),
            Timer::Later(what) => self.due.push(what),
        }
    }

    /// Notifies the observers of all changes until there are no further ones.
    fn settle(&mut self) {
        while let Some(note) = self.notes.pop_front() {
            match note {
                PendingEvent::Task(id) => self.task_changed(&id),
                PendingEvent::Service(id) => self.plant(2 * MILLI, Timer::Reconcile(id)),
                PendingEvent::Node(id) => self.node_changed(&id),
            }
        }
    }

    fn bump(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// Runs the orchestrator of a service.
    fn reconcile(&mut self, id: &Id) {
        let Some(service) = self.services.get(id) else { return };
        match service.spec.mode {
            spec::Mode::Replicated(replicas) => self.reconcile_replicated(id, replicas),
            spec::Mode::Global => self.reconcile_global(id),
            spec::Mode::Job { at_once, total } => self.reconcile_job(id, at_once, total),
            spec::Mode::GlobalJob => self.reconcile_global_job(id),
        }
    }

    fn minor(&self) -> u32 {
        self.engine.minor
    }

    fn spec(&self, given: &Value, version: u64, auth: Option<String>) -> Arc<Spec> {
        Arc::new(Spec::new(given, self.minor(), version, auth))
    }
}
