//! Nodes: updates by clients, links that fail, elections.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::model::{Id, MILLI, Nanos, Node, NodeState, SECOND, State};
use super::{PendingEvent, Refusal, Timer, World};

/// The time from a lost link until the managers report `down`.
const MISSED: Nanos = 14_200 * MILLI;
/// The time from a restored link until the managers report `ready`.
const BACK: Nanos = 3_100 * MILLI;

impl World {
    /// Returns all nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Finds a node by id, name or id prefix.
    pub fn find_node(&self, name: &str) -> Result<&Node, Refusal> {
        let named = || self.nodes.values().find(|node| node.hostname == name);
        let begins = || self.nodes.values().find(|node| !name.is_empty() && node.id.starts_with(name));
        let missing = || Refusal::new(404, format!("node {name} not found"));
        self.nodes.get(name).or_else(named).or_else(begins).ok_or_else(missing)
    }

    /// Adds a node; returns its id. The first manager becomes the leader.
    pub fn add_node(&mut self, hostname: &str, manager: bool, architecture: &str) -> Id {
        let id = self.dice.id();
        let number = self.nodes.len() + 1;
        let node = Node {
            id: Id::clone(&id),
            index: self.bump(),
            created: self.now,
            updated: self.now,
            hostname: hostname.to_owned(),
            address: format!("10.77.{}.{}", number / 200, 10 + number % 200),
            role: if manager { "manager" } else { "worker" }.to_owned(),
            availability: "active".to_owned(),
            labels: BTreeMap::new(),
            architecture: architecture.to_owned(),
            engine: self.engine.version.clone(),
            cpus: 8 * SECOND,
            memory: 64 << 30,
            leader: manager && !self.nodes.values().any(|node| node.leader),
            state: NodeState::Ready,
            message: String::new(),
            link: true,
            flips: 0,
            images: BTreeMap::new(),
            tasks: BTreeSet::new(),
        };
        self.nodes.insert(Id::clone(&id), node);
        self.notes.push_back(PendingEvent::Node(Id::clone(&id)));
        id
    }

    /// Replaces a node's whole spec.
    pub fn update_node(&mut self, name: &str, version: u64, spec: &Value) -> Result<(), Refusal> {
        let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
        let (role, availability) = (text("Role"), text("Availability"));
        if !["manager", "worker"].contains(&role) {
            return Err(Refusal::new(400, format!("invalid Role: {role:?}")));
        }
        if !["active", "pause", "drain"].contains(&availability) {
            return Err(Refusal::new(400, format!("invalid Availability: {availability:?}")));
        }
        let node = self.find_node(name)?;
        if node.index != version {
            return Err(Refusal::rpc("Unknown", "update out of sequence"));
        }
        let id = Id::clone(&node.id);
        let labels = spec.get("Labels").and_then(Value::as_object).into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
        self.write_node(&id, |node| {
            role.clone_into(&mut node.role);
            availability.clone_into(&mut node.availability);
            node.labels = labels;
        });
        self.settle();
        Ok(())
    }

    /// Changes a node, logs the event and notifies its observers.
    pub(super) fn write_node(&mut self, id: &Id, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        let old = (node.state, node.availability.clone(), node.role.clone());
        change(node);
        self.index += 1;
        node.index = self.index;
        node.updated = self.now;
        let mut told = vec![("name", node.hostname.clone())];
        if old.0 != node.state {
            told.push(("state.new", node.state.word().to_owned()));
            told.push(("state.old", old.0.word().to_owned()));
        }
        if old.1 != node.availability {
            told.push(("availability.new", node.availability.clone()));
            told.push(("availability.old", old.1));
        }
        if old.2 != node.role {
            told.push(("role.new", node.role.clone()));
            told.push(("role.old", old.2));
        }
        self.log.tell(self.now, "node", "update", id, told);
        self.notes.push_back(PendingEvent::Node(Id::clone(id)));
    }

    /// Removes a worker that is down, or any worker with `force`.
    pub fn remove_node(&mut self, name: &str, force: bool) -> Result<(), Refusal> {
        let node = self.find_node(name)?;
        let id = Id::clone(&node.id);
        if node.role == "manager" {
            let why =
                "is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal";
            return Err(Refusal::rpc("FailedPrecondition", format!("node {id} {why}")));
        }
        if node.state == NodeState::Ready && !force {
            return Err(Refusal::rpc("FailedPrecondition", format!("node {id} is not down and can't be removed")));
        }
        if let Some(node) = self.nodes.remove(&id) {
            self.log.tell(self.now, "node", "remove", &id, [("name", node.hostname)]);
        }
        self.bump();
        Ok(())
    }

    /// Cuts or restores a node's link; the managers notice later.
    pub fn set_link(&mut self, name: &str, up: bool) -> Result<(), Refusal> {
        let id = Id::clone(&self.find_node(name)?.id);
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.link != up) else { return Ok(()) };
        node.link = up;
        node.flips += 1;
        let flips = node.flips;
        self.plant(if up { BACK } else { MISSED }, Timer::NodeFlip(id, flips));
        Ok(())
    }

    pub(super) fn node_flips(&mut self, id: &Id, flip: u32) {
        let Some(node) = self.nodes.get(id).filter(|node| node.flips == flip) else { return };
        let up = node.link;
        self.write_node(id, |node| {
            node.state = if up { NodeState::Ready } else { NodeState::Down };
            node.message = if up { String::new() } else { "heartbeat failure".to_owned() };
        });
    }

    /// Makes another manager the leader. The versions of nodes and services move although no client changed them.
    pub fn elect(&mut self, name: &str) -> Result<(), Refusal> {
        let id = Id::clone(&self.find_node(name)?.id);
        let nodes: Vec<Id> = self.nodes.keys().cloned().collect();
        for node in nodes {
            self.write_node(&node, |node| node.leader = node.id == id);
        }
        let moved: Vec<Id> =
            self.services.values().filter(|service| service.allocated).map(|service| Id::clone(&service.id)).collect();
        for service in moved {
            self.write_service(&service, |_| ());
        }
        self.settle();
        Ok(())
    }

    /// Notifies all observers of a node: enforcer, restart supervisor, agent, scheduler and global services.
    pub(super) fn node_changed(&mut self, id: &Id) {
        let Some(node) = self.nodes.get(id).cloned() else { return };
        let on_it: Vec<Id> = self
            .tasks
            .values()
            .filter(|task| task.node.as_ref() == Some(id) && task.is_alive())
            .map(|task| Id::clone(&task.id))
            .collect();
        for task in &on_it {
            if let Some(task) = self.tasks.get_mut(task) {
                task.planned = None;
            }
        }
        for task in &on_it {
            self.enforce(&node, task);
            self.restart_if_it_ended(task);
            if node.state == NodeState::Down {
                self.stop_was_awaited(task);
            }
            self.plan_step(task);
        }
        self.schedule_soon();
        let global: Vec<Id> = self
            .services
            .values()
            .filter(|service| matches!(service.spec.mode, super::spec::Mode::Global | super::spec::Mode::GlobalJob))
            .map(|service| Id::clone(&service.id))
            .collect();
        for service in global {
            self.plant(2 * MILLI, Timer::Reconcile(service));
        }
    }

    /// Rejects a task whose node no longer meets its constraints (the constraint enforcer).
    fn enforce(&mut self, node: &Node, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let bad = task.desired <= State::Running
            && task.state >= State::Assigned
            && node.availability != "drain"
            && node.state == NodeState::Ready
            && !Self::meets(node, &task.spec.constraints);
        if bad {
            let err = "assigned node no longer meets constraints";
            self.set_state(id, State::Rejected, "task rejected by constraint enforcer", err);
        }
    }
}
