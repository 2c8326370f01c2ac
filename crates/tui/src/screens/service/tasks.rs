//! The tasks and settings of a service, in the order and wording of the screen.

use std::time::Duration;

use pinnace_core::sanitize::clean;
use pinnace_core::swarm::{DATABASE, STACK};
use pinnace_core::swarm::{FailureAction, Service, ServiceMode, Task, TaskState};
use pinnace_core::time::age;
use pinnace_core::world::World;

/// Sorts a service's tasks by slot (for a global service by node), the newest task of each slot first.
pub(crate) fn by_slot<'a>(world: &'a World, service: &str) -> Vec<&'a Task> {
    let mut tasks: Vec<_> = world.tasks(service).iter().collect();
    tasks.sort_by_cached_key(|task| (place(world, task), std::cmp::Reverse((task.created, task.since))));
    tasks
}

/// Sorts a service's tasks by time, the newest first.
pub fn newest_first<'a>(world: &'a World, service: &str) -> Vec<&'a Task> {
    let mut tasks: Vec<_> = world.tasks(service).iter().collect();
    tasks.sort_by_key(|task| std::cmp::Reverse((task.since.max(task.created), task.created)));
    tasks
}

/// Returns the sort key of a task: its slot, or the node for a task of a global service.
pub fn place(world: &World, task: &Task) -> (u64, String) {
    match task.slot {
        Some(slot) => (slot, String::new()),
        None => (0, host(world, task)),
    }
}

/// Returns the host name of a task's node, or the node's id if the node is unknown; empty without a node.
pub fn host(world: &World, task: &Task) -> String {
    let Some(id) = &task.node else { return String::new() };
    world.nodes.get(id).map_or_else(|| clean(id), |node| clean(&node.hostname))
}

/// Returns whether a task failed, or should run and reports an error.
pub(crate) fn is_bad(task: &Task) -> bool {
    task.state.is_failure() || (!task.error.is_empty() && task.desired == TaskState::Running)
}

/// A line of the settings tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceSettingLine {
    /// The heading of a section.
    Title(&'static str),
    /// A name and a value.
    Pair(String, String),
    /// A warning about the update policy.
    Danger(String),
}

/// Lists a service's settings: its tasks, its update policy and its labels.
pub fn settings(world: &World, service: &Service) -> Vec<ServiceSettingLine> {
    let pair = |name: &str, value: String| ServiceSettingLine::Pair(name.to_owned(), value);
    let mode = match &service.mode {
        ServiceMode::Replicated(count) => format!("replicated, {count}"),
        ServiceMode::Global => "global".to_owned(),
        ServiceMode::ReplicatedJob(1) => "job, 1 completion".to_owned(),
        ServiceMode::ReplicatedJob(count) => format!("job, {count} completions"),
        ServiceMode::GlobalJob => "job, once on each node".to_owned(),
        ServiceMode::Other(text) => clean(text),
    };
    let mut lines = vec![
        ServiceSettingLine::Title("TASKS"),
        pair("mode", mode),
        pair("restart", service.restart.to_string()),
        pair("stop grace", seconds(service.stop_grace)),
    ];
    if let Some(start) = service.health_start {
        lines.push(pair("health check", format!("failures count after {}", seconds(start))));
    }
    let nodes: Vec<_> = world.candidates(service).iter().map(|node| clean(&node.hostname)).collect();
    let fits = if nodes.is_empty() { "none".to_owned() } else { nodes.join(", ") };
    lines.push(pair("eligible nodes", fits));
    lines.extend(service.constraints.iter().map(|text| pair("constraint", clean(text))));
    lines.extend(policy(service));
    lines.push(ServiceSettingLine::Title("LABELS"));
    let (own, other): (Vec<_>, Vec<_>) =
        service.labels.iter().partition(|(key, _)| key.as_str() == DATABASE || key.as_str() == STACK);
    lines.extend(own.into_iter().chain(other).map(|(key, value)| ServiceSettingLine::Pair(clean(key), clean(value))));
    lines
}

fn policy(service: &Service) -> Vec<ServiceSettingLine> {
    let policy = &service.policy;
    let pair = |name: &str, value: String| ServiceSettingLine::Pair(name.to_owned(), value);
    let at_once = match policy.parallelism {
        0 => "all at once".to_owned(),
        1 => "one at a time".to_owned(),
        count => format!("{count} at a time"),
    };
    let order = if policy.start_first { "start-first" } else { "stop-first" };
    let says = if policy.explicit { "" } else { " (engine defaults)" };
    let mut lines = vec![
        ServiceSettingLine::Title("UPDATES"),
        pair("order", format!("{at_once}, {order}{says}")),
        pair("delay", seconds(policy.delay)),
        pair("on failure", policy.on_failure.to_string()),
        pair("monitor", seconds(policy.monitor)),
        pair("max failure ratio", format!("{:.0} %", policy.max_failure_ratio * 100.0)),
    ];
    lines.extend(dangers(service).into_iter().map(ServiceSettingLine::Danger));
    lines
}

/// Lists the dangers in a service's update policy.
pub(crate) fn dangers(service: &Service) -> Vec<String> {
    let policy = &service.policy;
    let many = match service.mode {
        ServiceMode::Replicated(count) => count > 1,
        _ => service.desired.unwrap_or(0) > 1,
    };
    let mut dangers = Vec::new();
    if many && policy.parallelism == 0 && !policy.start_first {
        dangers.push("an update stops all tasks at once".to_owned());
    }
    if policy.on_failure == FailureAction::Continue {
        dangers.push("an update continues past failed tasks until all are replaced".to_owned());
    }
    if service.exclusive && policy.start_first {
        dangers.push("the new task needs a port or mount that the old one still holds".to_owned());
    }
    if let Some(start) = service.health_start.filter(|start| *start > policy.monitor) {
        let (start, monitor) = (seconds(start), seconds(policy.monitor));
        dangers.push(format!("a health check may first fail after {start}; the engine monitors for {monitor}"));
    }
    dangers
}

fn seconds(duration: Duration) -> String {
    if duration.as_millis().is_multiple_of(1000) {
        age_long(duration)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

fn age_long(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        _ => age(duration),
    }
}
