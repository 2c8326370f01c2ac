//! One cluster as it was last seen.

use std::collections::{BTreeMap, BTreeSet};

use super::image::Platform;
use super::journal::{History, Sighting, Slot};
use super::swarm::{Node, Service, Task, TaskState};
use super::time::Time;
use crate::plan::Record;
use crate::swarm::candidates;
use crate::swarm::{GroupKey, member_of};
use crate::swarm::{Health, State, assess};

/// What the engine says of itself and its swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// The swarm's id.
    pub swarm: String,
    /// This engine's own node id.
    pub node: String,
    /// This engine's host name.
    pub host: String,
    /// The API version that is spoken, the engine's own.
    pub api: String,
    /// The engine's version.
    pub version: String,
    /// Registries it speaks plain HTTP to, as host, host:port or a network in CIDR form.
    pub insecure: Vec<String>,
}

/// Whether the cluster answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing came back yet.
    #[default]
    Connecting,
    /// It answers, and events arrive.
    Live,
    /// It does not answer, or not as a swarm manager; what is shown is as old as it says.
    Lost {
        /// Why, in plain words.
        why: String,
        /// What to do.
        hint: String,
    },
}

/// Something seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The link's state.
    Link(Link),
    /// The engine's own facts.
    Engine(Engine),
    /// All nodes.
    Nodes(Vec<Node>),
    /// All services.
    Services(Vec<Service>),
    /// These services, as they are now.
    SomeServices(Vec<Service>),
    /// Services that are gone, by id.
    GoneServices(Vec<String>),
    /// Tasks that should run; of these services, or of all.
    Running {
        /// The services, by id; `None`: all.
        of: Option<Vec<String>>,
        /// Their tasks.
        tasks: Vec<Task>,
    },
    /// A service's whole task history.
    Tasks {
        /// The service's id.
        service: String,
        /// Its tasks.
        tasks: Vec<Task>,
    },
    /// All slots of the journal.
    Slots(Vec<Slot>),
    /// One slot, as it is now.
    Slot(Box<Slot>),
    /// One slot, as it is now; its owner shows no sign of life.
    Silent(Box<Slot>),
    /// A change's record, or that there is none.
    Record {
        /// The change's id.
        change: String,
        /// What was found.
        record: Option<Box<Record>>,
    },
    /// All that was seen of a group, as far as it was brought by others and noted.
    Sightings {
        /// The group.
        group: GroupKey,
        /// What was seen, in any order.
        sightings: Vec<Sighting>,
    },
}

/// What is known of a service's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    tasks: Vec<Task>,
    history: bool,
}

/// One cluster as it was last seen. Its only writer is [`World::apply`].
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Whether it answers.
    pub link: Link,
    /// The engine's own facts.
    pub engine: Engine,
    /// When anything was last heard.
    pub heard: Option<Time>,
    /// Nodes by id.
    pub nodes: BTreeMap<String, Node>,
    /// Services by id.
    pub services: BTreeMap<String, Service>,
    tasks: BTreeMap<String, Known>,
    health: BTreeMap<String, Health>,
    groups: BTreeMap<GroupKey, Vec<String>>,
    histories: BTreeMap<String, History>,
    /// The groups' names in the journal: a hash is not made for every question.
    hashes: BTreeMap<GroupKey, String>,
    slots_read: bool,
    services_read: bool,
}

impl World {
    /// Takes in what was seen at `now` and returns the groups it touched.
    pub fn apply(&mut self, seen: Seen, now: Time) -> BTreeSet<GroupKey> {
        if !matches!(seen, Seen::Link(_)) {
            self.heard = Some(now);
        }
        let touched = match seen {
            Seen::Link(link) => {
                self.link = link;
                return BTreeSet::new();
            }
            Seen::Engine(engine) => {
                self.engine = engine;
                return BTreeSet::new();
            }
            Seen::Nodes(nodes) => {
                self.nodes = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
                self.services.keys().cloned().collect()
            }
            Seen::Services(services) => self.apply_all(services),
            Seen::SomeServices(services) => services.into_iter().map(|service| self.put(service)).collect(),
            Seen::GoneServices(ids) => {
                let touched = ids.iter().filter_map(|id| self.services.get(id)).map(GroupKey::of).collect();
                for id in &ids {
                    self.drop_service(id);
                }
                self.regroup();
                return touched;
            }
            Seen::Running { of, tasks } => self.apply_running(of.as_deref(), tasks),
            Seen::Tasks { service, tasks } => {
                self.tasks.insert(service.clone(), Known { tasks, history: true });
                vec![service]
            }
            Seen::Slots(_) | Seen::Slot(_) | Seen::Silent(_) | Seen::Record { .. } | Seen::Sightings { .. } => {
                return self.apply_journal(seen);
            }
        };
        let mut touched = touched;
        // A loop ends by the clock alone: once its newest task has outlived those before it.
        let looping = self.health.iter().filter(|(_, health)| health.state == State::Looping);
        touched.extend(looping.map(|(id, _)| id.clone()));
        self.judge(&touched, now)
    }

    fn apply_all(&mut self, services: Vec<Service>) -> Vec<String> {
        self.services_read = true;
        let ids: BTreeSet<_> = services.iter().map(|service| service.id.clone()).collect();
        let gone: Vec<_> = self.services.keys().filter(|id| !ids.contains(*id)).cloned().collect();
        for id in &gone {
            self.drop_service(id);
        }
        let touched =
            services.into_iter().filter(|service| self.services.get(&service.id) != Some(service)).collect::<Vec<_>>();
        touched.into_iter().map(|service| self.put(service)).collect()
    }

    fn put(&mut self, service: Service) -> String {
        let id = service.id.clone();
        self.services.insert(id.clone(), service);
        id
    }

    fn drop_service(&mut self, id: &str) {
        self.services.remove(id);
        self.tasks.remove(id);
        self.health.remove(id);
    }

    fn apply_running(&mut self, of: Option<&[String]>, tasks: Vec<Task>) -> Vec<String> {
        let mut by_service: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in tasks {
            by_service.entry(task.service.clone()).or_default().push(task);
        }
        let of: Vec<String> = of.map_or_else(|| self.services.keys().cloned().collect(), <[String]>::to_vec);
        let mut touched = Vec::new();
        for id in of {
            let fresh = by_service.remove(&id).unwrap_or_default();
            let known = self.tasks.entry(id.clone()).or_default();
            let mut next: Vec<Task> =
                known.tasks.iter().filter(|task| task.desired != TaskState::Running).cloned().collect();
            for task in fresh {
                next.retain(|old| old.id != task.id);
                let rest = known.tasks.iter().find(|old| old.id == task.id).and_then(|old| old.rest.clone());
                next.push(Task { rest: task.rest.clone().or(rest), ..task });
            }
            if next != known.tasks {
                known.tasks = next;
                touched.push(id);
            }
        }
        touched
    }

    fn apply_journal(&mut self, seen: Seen) -> BTreeSet<GroupKey> {
        match seen {
            Seen::Slots(slots) => {
                self.slots_read = true;
                let mut by_group: BTreeMap<String, Vec<Slot>> = BTreeMap::new();
                for slot in slots {
                    by_group.entry(slot.group_hash.clone()).or_default().push(slot);
                }
                for hash in self.histories.keys() {
                    by_group.entry(hash.clone()).or_default();
                }
                let touched = by_group.values().flatten().filter_map(Slot::group).collect();
                for (hash, slots) in by_group {
                    self.histories.entry(hash).or_default().learn_all(slots);
                }
                touched
            }
            Seen::Slot(slot) => {
                let touched = slot.group().into_iter().collect();
                self.histories.entry(slot.group_hash.clone()).or_default().learn_slot(*slot);
                touched
            }
            Seen::Silent(slot) => {
                let touched = slot.group().into_iter().collect();
                self.histories.entry(slot.group_hash.clone()).or_default().learn_silence(*slot);
                touched
            }
            Seen::Record { change, record } => {
                let touched = record.iter().map(|record| record.plan.group.clone()).collect();
                for history in self.histories.values_mut() {
                    if history.newest_first().any(|entry| entry.slot.change == change) {
                        history.learn_record(&change, record.as_deref().cloned());
                    }
                }
                touched
            }
            Seen::Sightings { group, sightings } => {
                self.histories.entry(group.hash()).or_default().learn_sightings(sightings);
                [group].into()
            }
            _ => BTreeSet::new(),
        }
    }

    fn judge(&mut self, ids: &[String], now: Time) -> BTreeSet<GroupKey> {
        let mut touched = BTreeSet::new();
        for id in ids {
            let Some(service) = self.services.get(id) else { continue };
            let tasks = self.tasks.get(id).map_or(&[][..], |known| &known.tasks);
            self.health.insert(id.clone(), assess(service, tasks, &self.nodes, now));
            touched.insert(GroupKey::of(service));
        }
        self.regroup();
        touched
    }

    fn regroup(&mut self) {
        self.groups.clear();
        for service in self.services.values() {
            self.groups.entry(GroupKey::of(service)).or_default().push(service.id.clone());
        }
        for group in self.groups.keys() {
            if !self.hashes.contains_key(group) {
                self.hashes.insert(group.clone(), group.hash());
            }
        }
        for ids in self.groups.values_mut() {
            ids.sort_by_cached_key(|id| {
                self.services.get(id).map(|service| (member_of(service), service.name.clone()))
            });
        }
    }

    /// Whether nodes and services have been read, so that there is something to paint.
    pub fn is_painted(&self) -> bool {
        !self.nodes.is_empty() && self.services_read
    }

    /// Whether the journal's slots have been read.
    pub fn knows_journal(&self) -> bool {
        self.slots_read
    }

    /// The groups with their services' ids, members in order.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &[String])> {
        self.groups.iter().map(|(key, ids)| (key, ids.as_slice()))
    }

    /// A group's services, members in order; empty for one that is not there.
    pub fn members(&self, group: &GroupKey) -> impl Iterator<Item = &Service> {
        self.groups.get(group).into_iter().flatten().filter_map(|id| self.services.get(id))
    }

    /// How a service is.
    pub fn health(&self, service: &str) -> Option<&Health> {
        self.health.get(service)
    }

    /// What is known of a service's tasks.
    pub fn tasks(&self, service: &str) -> &[Task] {
        self.tasks.get(service).map_or(&[], |known| &known.tasks)
    }

    /// Whether a service's task history was read.
    pub fn knows_history(&self, service: &str) -> bool {
        self.tasks.get(service).is_some_and(|known| known.history)
    }

    /// The group's changes.
    pub fn history(&self, group: &GroupKey) -> &History {
        static NONE: std::sync::OnceLock<History> = std::sync::OnceLock::new();
        let found = match self.hashes.get(group) {
            Some(hash) => self.histories.get(hash),
            None => self.histories.get(&group.hash()),
        };
        found.unwrap_or_else(|| NONE.get_or_init(History::default))
    }

    /// All groups' changes.
    pub fn histories(&self) -> impl Iterator<Item = &History> {
        self.histories.values()
    }

    /// The service with this name.
    pub fn service_named(&self, name: &str) -> Option<&Service> {
        self.services.values().find(|service| service.name == name)
    }

    /// The nodes a service's tasks would land on: those that satisfy its constraints, ready or not.
    pub fn candidates(&self, service: &Service) -> Vec<&Node> {
        candidates(service, self.nodes.values())
    }

    /// The hosts a service is on, or would land on where it runs nowhere; sorted.
    pub fn hosts(&self, service: &Service) -> Vec<String> {
        let mut hosts: Vec<String> = self
            .tasks(&service.id)
            .iter()
            .filter(|task| task.desired == TaskState::Running)
            .filter_map(|task| self.nodes.get(task.node.as_ref()?))
            .map(|node| node.hostname.clone())
            .collect();
        if hosts.is_empty() && !service.constraints.is_empty() {
            hosts = self.candidates(service).into_iter().map(|node| node.hostname.clone()).collect();
        }
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// The platforms of the nodes a service would land on.
    pub fn platforms(&self, service: &Service) -> BTreeSet<Platform> {
        self.candidates(service).into_iter().map(|node| node.platform.clone()).collect()
    }

    /// How many services need a person.
    pub fn troubled(&self) -> usize {
        self.health.values().filter(|health| health.state.is_trouble()).count()
    }

    /// The worst state of a group's services.
    pub fn worst(&self, group: &GroupKey) -> State {
        self.members(group)
            .filter_map(|service| self.health(&service.id))
            .map(|health| health.state)
            .min()
            .unwrap_or(State::Unknown)
    }
}
