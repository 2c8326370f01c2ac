//! The swarm: a pure discrete-event world with a clock of its own.
//!
//! [`World::tick`] moves the clock and lets everything happen that is due; the commands (`create_service`, …) are what
//! a client may ask. Nothing here waits, sleeps or speaks HTTP. The parts are those of the engine's own orchestrator:
//! the replicated, global and job orchestrators, the updater, the restart supervisor, the reaper, the scheduler and a
//! node's agent; where they differ in when they look, that is modelled, as it is what makes a rollout's odd moments.

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
pub use id::Dice;
use images::Registries;
pub use logs::Line;
use model::{Config, Id, MILLI, Nanos, Network, Node, Service, Slot, Task};
pub use pull::{Sees, Silence};
use restart::{Delay, Ends};
use rollout::Rollout;
use serde_json::Value;
pub use services::{AuthFrom, Change};
pub use services_change::{Late, edit_service};
pub use spec::{Mode, Spec};

/// Why a command was refused: the status and the message, both the engine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The text of `message`.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// One of the swarm's own, as the engine passes it on.
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

/// Which engine the world's managers are.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// The minor of its API version.
    pub minor: u32,
    /// The lowest minor it takes.
    pub least: u32,
}

/// Something that will happen.
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

/// Something that changed, and who wants to know has not been told yet.
#[derive(Clone, Debug)]
enum Note {
    Task(Id),
    Service(Id),
    Node(Id),
}

/// A swarm and the registries it pulls from.
#[derive(Debug)]
pub struct World {
    /// The managers' engine.
    pub engine: Engine,
    /// The registries.
    pub registries: Registries,
    /// Registries no node can reach, and why: what `/distribution` says of them.
    pub unreachable: BTreeMap<String, String>,
    /// What the engine and the nodes get to see of images, by whole reference, where it is something else.
    pub engine_sees: BTreeMap<String, pull::Sees>,
    /// Files that hosts serve, by host and path.
    pub documents: BTreeMap<(String, String), model::Document>,
    /// The swarm's own id.
    pub swarm: Id,
    now: Nanos,
    index: u64,
    dice: Dice,
    nodes: BTreeMap<Id, Node>,
    services: BTreeMap<Id, Service>,
    tasks: BTreeMap<Id, Task>,
    slots: HashMap<Id, BTreeMap<Slot, Vec<Id>>>,
    configs: BTreeMap<Id, Config>,
    secrets: BTreeMap<Id, Config>,
    networks: BTreeMap<Id, Network>,
    timers: BinaryHeap<Reverse<(Nanos, u64, Timer)>>,
    planted: u64,
    notes: VecDeque<Note>,
    waiting: BTreeSet<Id>,
    schedules: bool,
    delays: HashMap<Id, Delay>,
    ends: HashMap<(Id, Slot), Ends>,
    rollouts: HashMap<Id, Rollout>,
    log: Log,
    /// What is to be done later, handed back by [`World::take_due`].
    due: Vec<String>,
}

/// Between a write and the moment an orchestrator has acted on it.
const REACTS: Nanos = 30 * MILLI;

impl World {
    /// An empty swarm at this moment.
    pub fn new(seed: u64, now: Nanos) -> Self {
        let mut dice = Dice::new(seed);
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

    /// The moment it is.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// When something happens next by itself.
    pub fn next(&self) -> Option<Nanos> {
        self.timers.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Moves the clock to `to`, and lets happen what is due by then, in order.
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

    /// What was to be done by now ([`World::later`]).
    pub fn take_due(&mut self) -> Vec<String> {
        std::mem::take(&mut self.due)
    }

    /// Notes something that whoever drives the world does at that moment.
    pub fn later(&mut self, after: Nanos, what: String) {
        self.plant(after, Timer::Later(what));
    }

    /// The event log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Counts all writes: the same number, the same world.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Counts as a change, so that whoever follows looks again.
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

    /// Tells everybody of what changed until nothing changes any more.
    fn settle(&mut self) {
        while let Some(note) = self.notes.pop_front() {
            match note {
                Note::Task(id) => self.task_changed(&id),
                Note::Service(id) => self.plant(2 * MILLI, Timer::Reconcile(id)),
                Note::Node(id) => self.node_changed(&id),
            }
        }
    }

    fn bump(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// Lets a service's orchestrator look at it.
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
