//! The observer's memory, which decides which tasks to list. It does no IO, and is small for healthy services.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use pinnace_core::swarm::{Node, NodeState, Service, Task, TaskState, UpdateState};
use pinnace_core::time::Time;

/// The time after a service's last change from which a new task was not made by that change.
const LATER: Duration = Duration::from_secs(3);
/// The number of tasks above which they are listed in slices of about this size.
const MOST_TASKS: u64 = 2000;
/// The most services in a slice, because all of them are in the request's URL.
const MOST_SERVICES: usize = 400;

#[derive(Debug, Default)]
struct TrackedService {
    index: u64,
    changed: Option<Time>,
    trouble: bool,
    /// Set when fewer tasks run than should: the tasks come and go between two lists, and a restart delay hides
    /// them from both.
    short: bool,
    desired: u64,
    tasks: u64,
    /// A hash of the tasks that should run, with their states and errors.
    looks: Option<u64>,
    /// The newest task for which the history was read.
    newest: Option<String>,
}

/// The memory of an observer.
#[derive(Debug, Default)]
pub(super) struct ObserverState {
    services: BTreeMap<String, TrackedService>,
    bad_nodes: BTreeSet<String>,
    in_view: BTreeSet<String>,
    cursor: usize,
}

/// Returns whether fewer tasks run than should, according to a list of services.
fn is_short(service: &Service) -> bool {
    matches!((service.running, service.desired), (Some(running), Some(desired)) if running < desired)
}

/// Returns whether a service needs a closer look, according to a list of services.
fn is_trouble(service: &Service) -> bool {
    is_short(service) || service.update.as_ref().is_some_and(|update| update.state != UpdateState::Completed)
}

impl ObserverState {
    /// Records services, `all` of them or some; returns those whose task history is needed.
    pub(super) fn services(&mut self, services: &[Service], all: bool) -> Vec<String> {
        let mut wanted = Vec::new();
        if all {
            let there: BTreeSet<&String> = services.iter().map(|service| &service.id).collect();
            self.services.retain(|id, _| there.contains(id));
        }
        for service in services {
            let trouble = is_trouble(service);
            let old = self.services.entry(service.id.clone()).or_default();
            let moved = old.index != service.index;
            let matters = trouble || old.trouble || self.in_view.contains(&service.id);
            if matters && (moved || trouble != old.trouble) {
                wanted.push(service.id.clone());
            }
            old.index = service.index;
            old.changed = service.updated;
            old.trouble = trouble;
            old.short = is_short(service);
            old.desired = service.desired.unwrap_or(0);
            old.tasks = service.running.or(service.desired).unwrap_or(1);
        }
        wanted
    }

    /// Forgets services that no longer exist.
    pub(super) fn gone(&mut self, ids: &[String]) {
        for id in ids {
            self.services.remove(id);
        }
    }

    /// Records all nodes; returns those that are newly in trouble.
    pub(super) fn nodes(&mut self, nodes: &[Node]) -> Vec<String> {
        let bad: BTreeSet<String> =
            nodes.iter().filter(|node| node.state != NodeState::Ready).map(|node| node.id.clone()).collect();
        let fresh = bad.difference(&self.bad_nodes).cloned().collect();
        self.bad_nodes = bad;
        fresh
    }

    /// Records the tasks that should run, of these services or of all; returns the services whose history is
    /// needed.
    ///
    /// Such services have fewer tasks than desired, according to the list of services or to this one; or are in
    /// trouble or in view, and their tasks changed; or have a task that does not run or is on a node in
    /// trouble; or have a task younger than the service's last change, which means that another task ended
    /// without a change.
    pub(super) fn running(&mut self, of: Option<&[String]>, tasks: &[Task]) -> Vec<String> {
        let mut by_service: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
        if let Some(of) = of {
            by_service.extend(of.iter().map(|id| (id.as_str(), Vec::new())));
        } else {
            by_service.extend(self.services.keys().map(|id| (id.as_str(), Vec::new())));
        }
        for task in tasks {
            by_service.entry(&task.service).or_default().push(task);
        }
        let mut wanted = Vec::new();
        let mut looks = Vec::new();
        for (id, tasks) in by_service {
            let Some(noted) = self.services.get(id) else { continue };
            let now = look(&tasks);
            let newest = tasks.iter().max_by_key(|task| task.created).copied();
            let younger = newest.filter(|newest| match (newest.created, noted.changed) {
                (Some(created), Some(changed)) => created.since(changed) > LATER,
                _ => false,
            });
            let unread = younger.filter(|task| noted.newest.as_ref() != Some(&task.id)).map(|task| task.id.clone());
            let bad_node =
                tasks.iter().any(|task| task.node.as_ref().is_some_and(|node| self.bad_nodes.contains(node)));
            let matters = noted.trouble || self.in_view.contains(id);
            let looks_ill = bad_node || tasks.iter().any(|task| task.state != TaskState::Running);
            // A task may have ended since the services were listed, and its successor waits for a restart
            // delay.
            let fewer = (tasks.len() as u64) < noted.desired;
            if noted.short
                || unread.is_some()
                || ((looks_ill || fewer) && noted.looks != Some(now))
                || (matters && noted.looks.is_some_and(|looks| looks != now))
            {
                wanted.push(id.to_owned());
            }
            looks.push((id.to_owned(), now, tasks.len() as u64, unread));
        }
        for (id, now, count, unread) in looks {
            if let Some(noted) = self.services.get_mut(&id) {
                noted.looks = Some(now);
                noted.tasks = count;
                noted.newest = unread.or_else(|| noted.newest.take());
            }
        }
        wanted
    }

    /// Records which services are in view; returns those that are new.
    pub(super) fn view(&mut self, in_view: &BTreeSet<String>) -> Vec<String> {
        let fresh = in_view.difference(&self.in_view).cloned().collect();
        self.in_view.clone_from(in_view);
        fresh
    }

    /// Returns the services whose running tasks to list next; none to list all tasks at once.
    pub(super) fn slice(&mut self) -> Option<Vec<String>> {
        if self.services.values().map(|noted| noted.tasks).sum::<u64>() <= MOST_TASKS {
            self.cursor = 0;
            return None;
        }
        let (mut ids, mut tasks) = (Vec::new(), 0);
        let start = if self.cursor < self.services.len() { self.cursor } else { 0 };
        for (id, noted) in self.services.iter().skip(start).take(MOST_SERVICES) {
            if !ids.is_empty() && tasks + noted.tasks > MOST_TASKS {
                break;
            }
            tasks += noted.tasks;
            ids.push(id.clone());
        }
        self.cursor = start + ids.len();
        Some(ids)
    }
}

fn look(tasks: &[&Task]) -> u64 {
    let mut tasks: Vec<_> = tasks.iter().map(|task| (&task.id, &task.state, &task.error)).collect();
    tasks.sort();
    let mut hasher = DefaultHasher::new();
    tasks.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinnace_core::sample;
    use pinnace_core::swarm::UpdateStatus;

    #[test]
    fn histories_are_for_trouble() {
        let mut notes = ObserverState::default();
        let well = sample::service("well", "i:1");
        let mut ill = sample::service("ill", "i:1");
        ill.running = Some(0);
        let mut paused = sample::service("paused", "i:1");
        paused.update =
            Some(UpdateStatus { state: UpdateState::Paused, message: String::new(), started: None, completed: None });
        let all = [well.clone(), ill.clone(), paused];
        assert_eq!(notes.services(&all, true), ["ill-id", "paused-id"]);
        assert!(notes.services(&all, true).is_empty());
        ill.running = Some(1);
        assert_eq!(notes.services(std::slice::from_ref(&ill), false), ["ill-id"]);
        assert!(notes.services(&[ill], false).is_empty());
        assert_eq!(notes.view(&BTreeSet::from(["well-id".to_owned()])), ["well-id"]);
        let moved = Service { index: 11, ..well };
        assert_eq!(notes.services(&[moved], false), ["well-id"]);
    }

    #[test]
    fn a_task_younger_than_the_change_tells_of_an_end() {
        let mut notes = ObserverState::default();
        let service = sample::service("web", "i:1");
        notes.services(std::slice::from_ref(&service), true);
        let old = sample::task("t1", &service, "a", TaskState::Running, 3600);
        let fresh = sample::task("t2", &service, "a", TaskState::Running, 60);
        assert!(notes.running(None, std::slice::from_ref(&old)).is_empty());
        assert_eq!(notes.running(None, &[old.clone(), fresh.clone()]), ["web-id"]);
        assert!(notes.running(None, &[old, fresh]).is_empty());
    }

    #[test]
    fn trouble_is_read_again_when_its_tasks_change() {
        let mut notes = ObserverState::default();
        let service = Service { running: Some(0), ..sample::service("web", "i:1") };
        assert_eq!(notes.services(std::slice::from_ref(&service), true), ["web-id"]);
        let mut task = sample::task("t1", &service, "a", TaskState::Preparing, 3600);
        assert_eq!(notes.running(None, std::slice::from_ref(&task)), ["web-id"]);
        task.state = TaskState::Starting;
        assert_eq!(notes.running(None, std::slice::from_ref(&task)), ["web-id"]);
        assert_eq!(notes.running(None, &[]), ["web-id"]);
        assert_eq!(notes.running(None, &[]), ["web-id"], "a task that waits out its restart delay is in no list");
    }

    #[test]
    fn a_task_that_ended_between_two_lists_is_looked_for() {
        let mut notes = ObserverState::default();
        let service = Service { running: Some(1), desired: Some(1), ..sample::service("web", "i:1") };
        assert!(notes.services(std::slice::from_ref(&service), true).is_empty());
        assert_eq!(notes.running(None, &[]), ["web-id"]);
        assert!(notes.running(None, &[]).is_empty(), "once: the next list of services says how many run");
    }

    #[test]
    fn many_tasks_are_listed_in_slices() {
        let mut notes = ObserverState::default();
        let services: Vec<_> =
            (0..1000).map(|at| Service { running: Some(9), ..sample::service(&format!("s{at:04}"), "i:1") }).collect();
        assert_eq!(notes.slice(), None);
        notes.services(&services, true);
        let mut seen = BTreeSet::new();
        let mut turns = 0;
        while seen.len() < 1000 {
            let slice = notes.slice().unwrap();
            assert!(slice.len() <= 223);
            seen.extend(slice);
            turns += 1;
        }
        assert_eq!(turns, 5);
    }
}
