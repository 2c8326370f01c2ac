//! The scheduler: assigns tasks to nodes, or reports why no node is suitable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::model::{Id, MILLI, Node, NodeState, Slot, State, Task};
use super::spec::{Constraint, Port, Spec, architecture};
use super::{Timer, World};

/// The reason why a node is unsuitable for a task, in the order of the engine's filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unsuitable {
    NotReady,
    Resources,
    Plugin,
    Constraints,
    Platform,
    Port,
    MaxReplicas,
}

impl Unsuitable {
    fn explain(self, nodes: usize) -> String {
        let on = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        match self {
            Self::NotReady => format!("{on} not available for new tasks"),
            Self::Resources => format!("insufficient resources on {on}"),
            Self::Plugin => format!("missing plugin on {on}"),
            Self::Constraints => format!("scheduling constraints not satisfied on {on}"),
            Self::Platform => format!("unsupported platform on {on}"),
            Self::Port => format!("host-mode port already in use on {on}"),
            Self::MaxReplicas => "max replicas per node limit exceed".to_owned(),
        }
    }
}

/// The load of a node, as far as the scheduler needs it.
#[derive(Debug, Default)]
struct NodeLoad {
    active: usize,
    of_service: BTreeMap<Id, u64>,
    cpus: u64,
    memory: u64,
    ports: BTreeSet<(String, u64)>,
}

impl World {
    /// Schedules a run of the scheduler 50 ms from now.
    pub(super) fn schedule_soon(&mut self) {
        if !self.schedules {
            self.schedules = true;
            self.plant(50 * MILLI, Timer::Schedule);
        }
    }

    pub(super) fn schedule(&mut self) {
        self.schedules = false;
        for (id, node) in self.decide() {
            match node {
                Ok(node) => self.assign(&id, &node),
                Err(_) if self.is_outdated(&id) => self.give_up(&id),
                Err(err) if self.tasks.get(&id).is_some_and(|task| task.err != err) => {
                    self.write_task(&id, |task| task.err = err);
                }
                Err(_) => {}
            }
        }
    }

    /// Returns a node, or the reason for finding none, for each waiting task; service by service.
    fn decide(&self) -> Vec<(Id, Result<Id, String>)> {
        let nodes: Vec<&Node> = self.nodes.values().collect();
        let mut loads: Vec<NodeLoad> = nodes.iter().map(|node| self.load(node)).collect();
        let mut by_service: BTreeMap<&Id, Vec<&Task>> = BTreeMap::new();
        for task in self.waiting.iter().filter_map(|id| self.tasks.get(id)) {
            by_service.entry(&task.service).or_default().push(task);
        }
        let mut decided = Vec::new();
        for (service, tasks) in by_service {
            let mut own: Vec<u64> =
                loads.iter().map(|load| load.of_service.get(service).copied().unwrap_or(0)).collect();
            for task in tasks {
                let found = match &task.slot {
                    Slot::On(node) => fits(node, task, &nodes, &loads, &own),
                    Slot::Nth(_) => best(task, &nodes, &loads, &own),
                };
                if let Ok(at) = found {
                    loads[at].add(task);
                    own[at] += u64::from(task.is_wanted());
                }
                decided.push((Id::clone(&task.id), found.map(|at| Id::clone(&nodes[at].id))));
            }
        }
        decided
    }

    /// Returns true if the service has a newer spec than the task.
    fn is_outdated(&self, id: &Id) -> bool {
        let Some(task) = self.tasks.get(id) else { return false };
        self.services.get(&task.service).is_some_and(|service| service.spec.version > task.spec.version)
    }

    /// Shuts down an outdated task that no node accepts.
    fn give_up(&mut self, id: &Id) {
        self.waiting.remove(id);
        let now = self.now;
        self.write_task(id, |task| {
            task.state = State::Shutdown;
            task.err = String::new();
            task.since = now;
        });
    }

    fn assign(&mut self, id: &Id, node: &Id) {
        self.waiting.remove(id);
        let message = match self.tasks.get(id).map(|task| &task.slot) {
            Some(Slot::On(_)) => "scheduler confirmed task can run on preassigned node",
            _ => "scheduler assigned task to node",
        };
        self.write_task(id, |task| task.node = Some(Id::clone(node)));
        self.set_state(id, State::Assigned, message, "");
        if let Some(node) = self.nodes.get_mut(node) {
            node.tasks.insert(Id::clone(id));
        }
    }

    fn load(&self, node: &Node) -> NodeLoad {
        let mut load = NodeLoad::default();
        for task in node.tasks.iter().filter_map(|id| self.tasks.get(id)) {
            load.add(task);
        }
        load
    }

    /// Returns true if a node meets all constraints.
    pub(super) fn meets(node: &Node, constraints: &[Constraint]) -> bool {
        constraints.iter().all(|constraint| {
            let own = match constraint.key.as_str() {
                "node.id" => Some(node.id.as_ref()),
                "node.hostname" => Some(node.hostname.as_str()),
                "node.role" => Some(node.role.as_str()),
                "node.platform.os" => Some("linux"),
                "node.platform.arch" => Some(node.architecture.as_str()),
                key => match (key.strip_prefix("node.labels."), key.starts_with("engine.labels.")) {
                    (Some(label), _) => Some(node.labels.get(label).map_or("", String::as_str)),
                    (None, true) => Some(""),
                    (None, false) => None,
                },
            };
            own.is_some_and(|own| own.eq_ignore_ascii_case(&constraint.value) == constraint.equal)
        })
    }
}

/// Returns the index of the node with the fewest tasks of the service, then with the fewest tasks overall.
fn best(task: &Task, nodes: &[&Node], loads: &[NodeLoad], own: &[u64]) -> Result<usize, String> {
    let mut refused: BTreeMap<Unsuitable, usize> = BTreeMap::new();
    let mut best: Option<(u64, usize, usize)> = None;
    for (at, node) in nodes.iter().enumerate() {
        if let Some(no) = refuses(node, &loads[at], own[at], &task.spec) {
            *refused.entry(no).or_default() += 1;
            continue;
        }
        let rank = (own[at], loads[at].active, at);
        if best.is_none_or(|best| rank < best) {
            best = Some(rank);
        }
    }
    best.map(|(.., at)| at).ok_or_else(|| match explain(refused) {
        text if text.is_empty() => "no suitable node".to_owned(),
        text => format!("no suitable node ({text})"),
    })
}

/// Returns the index of the node that the task was created for, or the reason why it is unsuitable.
fn fits(node: &Id, task: &Task, nodes: &[&Node], loads: &[NodeLoad], own: &[u64]) -> Result<usize, String> {
    let at = nodes.iter().position(|other| other.id == *node).ok_or_else(String::new)?;
    match refuses(nodes[at], &loads[at], own[at], &task.spec) {
        Some(no) => Err(no.explain(1)),
        None => Ok(at),
    }
}

fn refuses(node: &Node, load: &NodeLoad, own: u64, spec: &Spec) -> Option<Unsuitable> {
    let (cpus, memory) = spec.reserved;
    if node.state != NodeState::Ready || node.availability != "active" {
        return Some(Unsuitable::NotReady);
    }
    if load.cpus + cpus > node.cpus || load.memory + memory > node.memory {
        return Some(Unsuitable::Resources);
    }
    if needs_plugin(spec) {
        return Some(Unsuitable::Plugin);
    }
    if !World::meets(node, &spec.constraints) {
        return Some(Unsuitable::Constraints);
    }
    let arch = architecture(&node.architecture);
    let any =
        |(os, wished): &(String, String)| (os.is_empty() || os == "linux") && (wished.is_empty() || wished == arch);
    if !spec.platforms.is_empty() && !spec.platforms.iter().any(any) {
        return Some(Unsuitable::Platform);
    }
    if spec.ports.iter().any(|port| load.ports.contains(&key(port))) {
        return Some(Unsuitable::Port);
    }
    (spec.max_replicas > 0 && own >= spec.max_replicas).then_some(Unsuitable::MaxReplicas)
}

impl NodeLoad {
    fn add(&mut self, task: &Task) {
        if task.desired <= State::Running || task.desired == State::Complete {
            self.active += 1;
            *self.of_service.entry(Id::clone(&task.service)).or_default() += 1;
        }
        self.cpus += task.spec.reserved.0;
        self.memory += task.spec.reserved.1;
        self.ports.extend(task.spec.ports.iter().map(key).filter(|(_, published)| *published > 0));
    }
}

/// Returns protocol and port on the host, for conflicts; port 0 for an ingress port.
fn key(port: &Port) -> (String, u64) {
    (port.protocol.clone(), if port.host { port.published } else { 0 })
}

/// Returns true if the spec mounts a volume with a driver that no node has.
fn needs_plugin(spec: &Spec) -> bool {
    let mounts = spec.container("Mounts").and_then(serde_json::Value::as_array);
    mounts.into_iter().flatten().any(|mount| {
        let driver = mount.pointer("/VolumeOptions/DriverConfig/Name").and_then(serde_json::Value::as_str);
        driver.is_some_and(|driver| !driver.is_empty() && driver != "local")
    })
}

/// Explains why all nodes are unsuitable, the most frequent reason first.
fn explain(refused: BTreeMap<Unsuitable, usize>) -> String {
    let mut all: Vec<(Unsuitable, usize)> = refused.into_iter().collect();
    all.sort_by_key(|(_, nodes)| std::cmp::Reverse(*nodes));
    let mut text = String::new();
    for (no, nodes) in all {
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { "; " }, no.explain(nodes));
    }
    text
}
