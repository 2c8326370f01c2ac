//! The calls that a session makes, and their results.

use futures_util::future::BoxFuture;

use super::open_slots::SlotRead;
use super::{cleaned, histories_of, slots};
use crate::docker::{Docker, DockerError, Tasks};
use crate::journal::Journal;
use pinnace_core::journal::Slot;
use pinnace_core::swarm::{Node, Service, Task};
use pinnace_core::world::EngineInfo;

/// The objects that a call read.
pub(super) enum CallResult {
    Engine(EngineInfo),
    Nodes(Vec<Node>),
    Services(Vec<Service>),
    Some { asked: Vec<String>, found: Vec<Service> },
    Running { of: Option<Vec<String>>, tasks: Vec<Task> },
    OnNode(Vec<Task>),
    Histories(Vec<(String, Vec<Task>)>),
    Slots(Vec<Slot>),
    Slot(Box<Slot>),
    Open(Vec<SlotRead>),
}

/// A call in flight, with its result.
pub(super) type PendingCall = BoxFuture<'static, Result<CallResult, DockerError>>;

pub(super) fn engine(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallResult::Engine(docker.info().await?.engine)) })
}

pub(super) fn nodes(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallResult::Nodes(docker.nodes().await?)) })
}

pub(super) fn services(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallResult::Services(docker.services(None).await?)) })
}

pub(super) fn some(docker: Docker, asked: Vec<String>) -> PendingCall {
    Box::pin(async move {
        let found = docker.services(Some(&asked)).await?;
        Ok(CallResult::Some { asked, found })
    })
}

pub(super) fn running(docker: Docker, of: Option<Vec<String>>) -> PendingCall {
    Box::pin(async move {
        let which = of.as_deref().map_or(Tasks::Running, Tasks::RunningOf);
        let tasks = docker.tasks(which).await?;
        Ok(CallResult::Running { of, tasks })
    })
}

pub(super) fn on_node(docker: Docker, node: String) -> PendingCall {
    Box::pin(async move { Ok(CallResult::OnNode(docker.tasks(Tasks::On(&node)).await?)) })
}

pub(super) fn histories(docker: Docker, ids: Vec<String>) -> PendingCall {
    Box::pin(async move { Ok(CallResult::Histories(histories_of(&docker, &ids).await?.into_iter().collect())) })
}

pub(super) fn all_slots(journal: Journal) -> PendingCall {
    Box::pin(async move { Ok(CallResult::Slots(slots(&journal).await?)) })
}

pub(super) fn one_slot(journal: Journal, id: String) -> PendingCall {
    Box::pin(async move {
        let read = journal.slot(&id).await?.map(cleaned);
        let slot = read.ok_or_else(|| DockerError::bad("reading a slot of the journal", "it is not a slot"))?;
        Ok(CallResult::Slot(Box::new(slot)))
    })
}
