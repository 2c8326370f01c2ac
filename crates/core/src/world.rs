//! The state of one cluster as last observed.

mod connection;
mod observation;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::image::Platform;
use super::journal::{ChangeLog, ChangeSlot};
use super::swarm::{Node, Service, Task, TaskState};
use super::time::Time;
use crate::image::same;
use crate::swarm::candidates;
use crate::swarm::{GroupKey, member_of};
use crate::swarm::{Health, HealthState, LONG_RUN, SETTLED, assess};

pub use connection::{ConnectionState, EngineInfo};
pub use observation::Observation;

/// How often a crash loop is assessed without news about it.
const SECOND: Duration = Duration::from_secs(1);

/// The tasks of a service; `history` is set once the whole task history was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ServiceTasks {
    tasks: Vec<Task>,
    history: bool,
}

/// The state of one cluster as last observed. Its only writer is [`World::apply`].
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The state of the connection.
    pub link: ConnectionState,
    /// Facts about the connected engine.
    pub engine: EngineInfo,
    /// The time of the newest observation other than the connection's state; `None` before the first.
    pub heard: Option<Time>,
    /// Nodes by id.
    pub nodes: BTreeMap<String, Node>,
    /// Services by id.
    pub services: BTreeMap<String, Service>,
    tasks: BTreeMap<String, ServiceTasks>,
    /// By service id and image: the longest run of a task that was seen running, and when that was seen last. The
    /// engine forgets tasks, five a slot.
    seen: BTreeMap<String, BTreeMap<String, (Duration, Time)>>,
    health: BTreeMap<String, Health>,
    groups: BTreeMap<GroupKey, Vec<String>>,
    histories: BTreeMap<String, ChangeLog>,
    /// The hashes that name the groups in the journal, cached because they are needed for every lookup.
    hashes: BTreeMap<GroupKey, String>,
    slots_read: bool,
    services_read: bool,
    /// Set while a service came, went or moved to another group since the groups were made.
    groups_are_old: bool,
    /// The time at which the services in a crash loop were last assessed for that alone.
    loops_assessed: Option<Time>,
}

impl World {
    /// Applies an observation made at `now`, and returns the groups it affects.
    pub fn apply(&mut self, seen: Observation, now: Time) -> BTreeSet<GroupKey> {
        if !matches!(seen, Observation::Link(_)) {
            self.heard = Some(now);
        }
        let touched = match seen {
            Observation::Link(link) => {
                self.link = link;
                return BTreeSet::new();
            }
            Observation::Engine(engine) => {
                self.engine = engine;
                return BTreeSet::new();
            }
            Observation::Nodes(nodes) => {
                self.nodes = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
                self.services.keys().cloned().collect()
            }
            Observation::Services(services) => self.apply_all(services),
            Observation::SomeServices(services) => services.into_iter().map(|service| self.put(service)).collect(),
            Observation::GoneServices(ids) => {
                let touched = ids.iter().filter_map(|id| self.services.get(id)).map(GroupKey::of).collect();
                for id in &ids {
                    self.drop_service(id);
                }
                self.regroup();
                return touched;
            }
            Observation::Running { of, tasks } => {
                self.note_running(&tasks, now);
                self.apply_running(of.as_deref(), tasks)
            }
            Observation::Tasks { service, tasks } => {
                self.note_running(&tasks, now);
                self.tasks.insert(service.clone(), ServiceTasks { tasks, history: true });
                vec![service]
            }
            Observation::Slots(_)
            | Observation::ChangeSlot(_)
            | Observation::Silent(_)
            | Observation::Record { .. }
            | Observation::UnreadableRecord { .. }
            | Observation::Sightings { .. } => {
                return self.apply_journal(seen);
            }
        };
        let mut touched = touched;
        // A crash loop can end without an event, when its newest task has outlived those before it: assess it again now
        // and then. With a thousand of them, every observation would be too often.
        if self.loops_assessed.is_none_or(|at| now.since(at) >= SECOND) {
            self.loops_assessed = Some(now);
            let looping = self.health.iter().filter(|(_, health)| health.state == HealthState::CrashLoop);
            touched.extend(looping.map(|(id, _)| id.clone()));
        }
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
        let place = |service: &Service| (GroupKey::of(service), member_of(service), service.name.clone());
        self.groups_are_old |= self.services.get(&id).is_none_or(|old| place(old) != place(&service));
        self.services.insert(id.clone(), service);
        id
    }

    fn drop_service(&mut self, id: &str) {
        self.groups_are_old = true;
        self.services.remove(id);
        self.tasks.remove(id);
        self.seen.remove(id);
        self.health.remove(id);
    }

    fn note_running(&mut self, tasks: &[Task], now: Time) {
        for task in tasks.iter().filter(|task| task.state == TaskState::Running) {
            let Some(length) = task.since.map(|since| now.since(since)).filter(|length| *length >= SETTLED) else {
                continue;
            };
            let images = self.seen.entry(task.service.clone()).or_default();
            let (longest, last) = images.entry(task.image.clone()).or_insert((length, now));
            // A short run after a long one must not make the long one look recent.
            if length >= *longest || *longest < LONG_RUN {
                (*longest, *last) = ((*longest).max(length), (*last).max(now));
            }
        }
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

    fn apply_journal(&mut self, seen: Observation) -> BTreeSet<GroupKey> {
        match seen {
            Observation::Slots(slots) => {
                self.slots_read = true;
                let mut by_group: BTreeMap<String, Vec<ChangeSlot>> = BTreeMap::new();
                for slot in slots {
                    by_group.entry(slot.group_hash.clone()).or_default().push(slot);
                }
                for hash in self.histories.keys() {
                    by_group.entry(hash.clone()).or_default();
                }
                let touched = by_group.values().flatten().filter_map(ChangeSlot::group).collect();
                for (hash, slots) in by_group {
                    self.histories.entry(hash).or_default().learn_all(slots);
                }
                touched
            }
            Observation::ChangeSlot(slot) => {
                let touched = slot.group().into_iter().collect();
                self.histories.entry(slot.group_hash.clone()).or_default().learn_slot(*slot);
                touched
            }
            Observation::Silent(slot) => {
                let touched = slot.group().into_iter().collect();
                self.histories.entry(slot.group_hash.clone()).or_default().learn_silence(*slot);
                touched
            }
            Observation::Record { change, record } => {
                let touched = record.iter().map(|record| record.plan.group.clone()).collect();
                for history in self.histories.values_mut() {
                    if history.newest_first().any(|entry| entry.slot.change == change) {
                        history.learn_record(&change, record.as_deref().cloned());
                    }
                }
                touched
            }
            Observation::UnreadableRecord { change, record } => {
                for history in self.histories.values_mut() {
                    if history.newest_first().any(|entry| entry.slot.change == change) {
                        history.learn_unreadable(&change, record.clone());
                    }
                }
                BTreeSet::new()
            }
            Observation::Sightings { group, sightings } => {
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
        if std::mem::take(&mut self.groups_are_old) {
            self.regroup();
        }
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

    /// Returns whether nodes and services have been read, which is enough to draw the first screen.
    pub fn is_painted(&self) -> bool {
        !self.nodes.is_empty() && self.services_read
    }

    /// Returns whether the journal's slots have been read.
    pub fn knows_journal(&self) -> bool {
        self.slots_read
    }

    /// Iterates over the groups with the ids of their services, sorted by member and name.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &[String])> {
        self.groups.iter().map(|(key, ids)| (key, ids.as_slice()))
    }

    /// Iterates over a group's services, sorted by member and name; empty for an unknown group.
    pub fn members(&self, group: &GroupKey) -> impl Iterator<Item = &Service> {
        self.groups.get(group).into_iter().flatten().filter_map(|id| self.services.get(id))
    }

    /// Returns the health of a service, by its id; `None` for an unknown service.
    pub fn health(&self, service: &str) -> Option<&Health> {
        self.health.get(service)
    }

    /// Returns the state of a service, by its id; `Unknown` for an unknown service.
    pub fn state(&self, service: &str) -> HealthState {
        self.health(service).map_or(HealthState::Unknown, |health| health.state)
    }

    /// Returns the known tasks of a service, by its id: the running ones, or all once its history was read.
    pub fn tasks(&self, service: &str) -> &[Task] {
        self.tasks.get(service).map_or(&[], |known| &known.tasks)
    }

    /// Returns the longest run of a task with this image that was seen in a service, by the service's id, and when it
    /// was seen last; `None` if no task was seen running for the settle time.
    pub(crate) fn seen_running(&self, service: &str, image: &str) -> Option<(Duration, Time)> {
        let images = self.seen.get(service)?.iter().filter(|(text, _)| same(text, image));
        images.map(|(_, run)| *run).reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
    }

    /// Returns whether the task history of a service was read.
    pub fn knows_history(&self, service: &str) -> bool {
        self.tasks.get(service).is_some_and(|known| known.history)
    }

    /// Returns the changes of a group; empty if there are none, or the journal was not read.
    pub fn history(&self, group: &GroupKey) -> &ChangeLog {
        static NONE: std::sync::OnceLock<ChangeLog> = std::sync::OnceLock::new();
        let found = match self.hashes.get(group) {
            Some(hash) => self.histories.get(hash),
            None => self.histories.get(&group.hash()),
        };
        found.unwrap_or_else(|| NONE.get_or_init(ChangeLog::default))
    }

    /// Iterates over the changes of all groups, also of groups whose services were removed.
    pub fn histories(&self) -> impl Iterator<Item = &ChangeLog> {
        self.histories.values()
    }

    /// Returns the service with this name.
    pub fn service_named(&self, name: &str) -> Option<&Service> {
        self.services.values().find(|service| service.name == name)
    }

    /// Returns the candidate nodes of a service: all nodes that satisfy its constraints, ready or not.
    pub fn candidates(&self, service: &Service) -> Vec<&Node> {
        candidates(service, self.nodes.values())
    }

    /// Returns the host names that a service runs on, sorted. If it runs nowhere and has placement constraints,
    /// these are the hosts that satisfy them.
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

    /// Returns the platforms of a service's candidate nodes.
    pub fn platforms(&self, service: &Service) -> BTreeSet<Platform> {
        self.candidates(service).into_iter().map(|node| node.platform.clone()).collect()
    }

    /// Counts the services whose state needs attention.
    pub fn troubled(&self) -> usize {
        self.health.values().filter(|health| health.state.is_trouble()).count()
    }

    /// Returns the worst state among a group's services; `Unknown` for a group without assessed services.
    pub fn worst(&self, group: &GroupKey) -> HealthState {
        self.members(group)
            .filter_map(|service| self.health(&service.id))
            .map(|health| health.state)
            .min()
            .unwrap_or(HealthState::Unknown)
    }
}
