//! Observation of a cluster: the input of a [`World`].
//!
//! The first screen takes five calls: a ping, then concurrently the engine's own facts, the nodes, the services
//! and the journal's slots. Then come the task histories of services in trouble or in view, and the event
//! stream. Tasks send no events and counts change without one, so both are listed again: every few seconds
//! while the operator is active, else once a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use self::observer_state::ObserverState;
use self::session::Session;
use crate::cluster::Cluster;
use crate::docker::{Docker, DockerError, TaskFilter};
use crate::journal::Journal;
use pinnace_core::journal::local_log;
use pinnace_core::journal::{ChangeSlot, SlotLabels};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::{Service, Task, TaskState};
use pinnace_core::world::{ConnectionState, Observation, World};

mod calls;
mod observer_state;
mod owned_slots;
mod session;
#[cfg(test)]
mod tests;

/// The number of services whose task histories are read in one call.
const SLICE: usize = 100;

/// The operator's attention, which decides what is polled closely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorAttention {
    /// True while the operator is active.
    pub at_keys: bool,
    /// The services whose task histories are needed, by id.
    pub in_view: BTreeSet<String>,
    /// The number of orders so far to read everything again; a new one also ends the wait before the next
    /// attempt to connect.
    pub ask: u64,
}

/// The reason why a session ended.
enum SessionEnd {
    /// The loss of the attention's sender: observations are not needed any more.
    Cancelled,
    /// The orderly end of the event stream, as when the engine stops or a proxy closes it.
    StreamEnded,
    /// A failed call.
    Fault(DockerError),
}

impl From<DockerError> for SessionEnd {
    fn from(fault: DockerError) -> Self {
        Self::Fault(fault)
    }
}

/// Observes a cluster and passes the observations to `out`, until the sender of `attention` is dropped.
///
/// Never fails: a lost connection is reported as [`ConnectionState::Lost`], and tried again after 1 to 10 seconds.
pub async fn observe(cluster: Cluster, mut attention: watch::Receiver<OperatorAttention>, out: impl Fn(Observation)) {
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        let mut live = false;
        let ended = Session::new(&cluster, &mut attention, &out).run(&mut live).await;
        if live {
            failures = 0;
        }
        match ended {
            SessionEnd::Cancelled => return,
            SessionEnd::StreamEnded if live && began.elapsed() > Duration::from_secs(1) => continue,
            SessionEnd::StreamEnded => {}
            SessionEnd::Fault(fault) => {
                let hint = hint(&cluster.docker, &fault).await;
                out(Observation::Link(ConnectionState::Lost { why: fault.why(), hint }));
            }
        }
        let wait = Duration::from_secs(1 << failures.min(4)).min(Duration::from_secs(10));
        failures = failures.saturating_add(1);
        if pause(&mut attention, wait).await.is_err() {
            return;
        }
    }
}

/// Returns the hint for a fault. A worker knows its managers, so the hint lists them as what to connect to.
async fn hint(docker: &Docker, fault: &DockerError) -> String {
    let hint = fault.hint();
    if !fault.is_not_manager() {
        return hint;
    }
    match docker.info().await {
        Ok(info) if !info.managers.is_empty() => format!("{hint} (managers: {})", info.managers.join(", ")),
        _ => hint,
    }
}

/// Waits before the next attempt to connect, or until an attempt is ordered now; an error if the sender of
/// `attention` is dropped.
async fn pause(
    attention: &mut watch::Receiver<OperatorAttention>,
    wait: Duration,
) -> Result<(), watch::error::RecvError> {
    let ask = attention.borrow().ask;
    tokio::select! {
        () = sleep(wait) => Ok(()),
        asked = attention.wait_for(|now| now.ask != ask) => asked.map(drop),
    }
}

/// Reads everything about a cluster once, for a command.
///
/// `wanted` selects the services whose task histories are read, besides those in trouble; `all_running` adds
/// all tasks that should run.
///
/// # Errors
/// Fails if nodes, services or tasks cannot be read. A journal or engine facts that cannot be read are left
/// out.
pub async fn snapshot(
    cluster: &Cluster,
    all_running: bool,
    wanted: impl Fn(&Service) -> bool,
) -> Result<Vec<Observation>, DockerError> {
    let docker = &cluster.docker;
    docker.ping().await?;
    let (info, nodes, services, slots) =
        tokio::join!(docker.info(), docker.nodes(), docker.services(None), slots(&cluster.journal));
    let (nodes, services) = (nodes?, services?);
    let mut memory = ObserverState::default();
    let mut histories: BTreeSet<String> =
        services.iter().filter(|service| wanted(service)).map(|service| service.id.clone()).collect();
    histories.extend(memory.services(&services, true));
    let bad_nodes = memory.nodes(&nodes);
    let mut seen = vec![Observation::Link(ConnectionState::Live)];
    seen.extend(info.ok().map(|info| Observation::Engine(info.engine)));
    seen.push(Observation::Nodes(nodes));
    seen.push(Observation::Services(services));
    match slots {
        Ok(slots) => seen.push(Observation::Slots(slots)),
        Err(fault) => tracing::warn!(%fault, "the journal's slots cannot be read"),
    }
    for node in &bad_nodes {
        histories.extend(left_running(&docker.tasks(TaskFilter::On(node)).await?));
    }
    if all_running {
        let tasks = docker.tasks(TaskFilter::Running).await?;
        histories.extend(memory.running(None, &tasks));
        seen.push(Observation::Running { of: None, tasks });
    }
    let histories: Vec<String> = histories.into_iter().collect();
    let histories = histories_of(docker, &histories).await?;
    seen.extend(histories.into_iter().map(|(service, tasks)| Observation::Tasks { service, tasks }));
    Ok(seen)
}

/// Returns the services whose tasks a node in trouble last reported as running.
fn left_running(tasks: &[Task]) -> Vec<String> {
    let running = tasks.iter().filter(|task| task.state == TaskState::Running);
    running.map(|task| task.service.clone()).collect()
}

/// Reads the journal's slots, with their texts cleaned for the screen; a process that writes a slot reads it
/// again.
async fn slots(journal: &Journal) -> Result<Vec<ChangeSlot>, DockerError> {
    Ok(journal.slots().await?.into_iter().map(cleaned).collect())
}

fn cleaned(slot: ChangeSlot) -> ChangeSlot {
    let labels = slot.labels;
    let clean_all = |(key, value): (String, String)| (clean(&key), clean(&value));
    let labels = SlotLabels {
        group: clean(&labels.group),
        owner: clean(&labels.owner),
        by: clean(&labels.by),
        why: clean(&labels.why),
        sum: clean(&labels.sum),
        home: clean(&labels.home),
        extra: labels.extra.into_iter().map(clean_all).collect(),
        ..labels
    };
    ChangeSlot { change: clean(&slot.change), labels, ..slot }
}

/// Reads task histories by service. A missing service has none, and does not affect those of the others.
///
/// # Errors
/// Fails if they cannot be read.
pub async fn histories_of(docker: &Docker, ids: &[String]) -> Result<BTreeMap<String, Vec<Task>>, DockerError> {
    let mut by_service = BTreeMap::new();
    for slice in ids.chunks(SLICE) {
        by_service.extend(slice_of_histories(docker, slice).await?);
    }
    Ok(by_service)
}

async fn slice_of_histories(docker: &Docker, ids: &[String]) -> Result<BTreeMap<String, Vec<Task>>, DockerError> {
    let mut by_service: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    match docker.tasks(TaskFilter::History(ids)).await {
        Ok(tasks) => {
            by_service.extend(ids.iter().map(|id| (id.clone(), Vec::new())));
            for task in tasks {
                by_service.entry(task.service.clone()).or_default().push(task);
            }
        }
        // The engine looks up every service of the filter, and fails for all if one is missing.
        Err(fault) if fault.is_not_found() => {
            for id in ids {
                match docker.tasks(TaskFilter::History(std::slice::from_ref(id))).await {
                    Ok(tasks) => drop(by_service.insert(id.clone(), tasks)),
                    Err(fault) if fault.is_not_found() => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Err(fault) => return Err(fault),
    }
    Ok(by_service)
}

impl Cluster {
    /// Reads the whole swarm once, with the task histories of services in trouble.
    ///
    /// # Errors
    /// Fails if the cluster cannot be reached or used.
    pub async fn world(&self) -> Result<World, DockerError> {
        let mut world = World::default();
        for seen in snapshot(self, true, |_| false).await? {
            world.apply(seen, self.docker.clock().now());
        }
        Ok(world)
    }

    /// Returns the external deploys seen of a group: those in the journal, and those in the local log.
    ///
    /// # Errors
    /// Fails if those of the journal cannot be read.
    pub async fn sightings(&self, group: &GroupKey, swarm: &str) -> Result<Observation, DockerError> {
        let mut sightings = self.journal.sightings(group).await?;
        if let Some(log) = self.local_log(swarm) {
            match log.load().await {
                Ok(loaded) => sightings.extend(local_log::sightings(&loaded.events).remove(group).unwrap_or_default()),
                Err(error) => tracing::warn!(%error, "what was seen from here is left out"),
            }
        }
        Ok(Observation::Sightings { group: group.clone(), sightings })
    }
}
