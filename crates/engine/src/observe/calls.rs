//! The calls that a session makes, and their results.

use futures_util::future::BoxFuture;

use super::owned_slots::SlotRead;
use super::{cleaned, histories_of, slots};
use crate::docker::{Docker, DockerError, TaskFilter};
use crate::journal::Journal;
use pinnace_core::journal::ChangeSlot;
use pinnace_core::swarm::{Node, Service, Task};
use pinnace_core::world::EngineInfo;

/// The objects that a call read.
pub(super) enum CallOutput {
    Engine(EngineInfo),
    Nodes(Vec<Node>),
    Services(Vec<Service>),
    Some { asked: Vec<String>, found: Vec<Service> },
    Running { of: Option<Vec<String>>, tasks: Vec<Task> },
    OnNode(Vec<Task>),
    Histories(Vec<(String, Vec<Task>)>),
    Slots(Vec<ChangeSlot>),
    ChangeSlot(Box<ChangeSlot>),
    Open(Vec<SlotRead>),
}

/// A call in flight, with its result.
pub(super) type PendingCall = BoxFuture<'static, Result<CallOutput, DockerError>>;

pub(super) fn engine(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::Engine(docker.info().await?.engine)) })
}

pub(super) fn nodes(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::Nodes(docker.nodes().await?)) })
}

pub(super) fn services(docker: Docker) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::Services(docker.services(None).await?)) })
}

pub(super) fn some(docker: Docker, asked: Vec<String>) -> PendingCall {
    Box::pin(async move {
        let found = docker.services(Some(&asked)).await?;
        Ok(CallOutput::Some { asked, found })
    })
}

pub(super) fn running(docker: Docker, of: Option<Vec<String>>) -> PendingCall {
    Box::pin(async move {
        let which = of.as_deref().map_or(TaskFilter::Running, TaskFilter::RunningOf);
        let tasks = docker.tasks(which).await?;
        Ok(CallOutput::Running { of, tasks })
    })
}

pub(super) fn on_node(docker: Docker, node: String) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::OnNode(docker.tasks(TaskFilter::On(&node)).await?)) })
}

pub(super) fn histories(docker: Docker, ids: Vec<String>) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::Histories(histories_of(&docker, &ids).await?.into_iter().collect())) })
}

pub(super) fn all_slots(journal: Journal) -> PendingCall {
    Box::pin(async move { Ok(CallOutput::Slots(slots(&journal).await?)) })
}

pub(super) fn one_slot(journal: Journal, id: String) -> PendingCall {
    Box::pin(async move {
        let read = journal.slot(&id).await?.map(cleaned);
        let slot = read.ok_or_else(|| DockerError::bad("reading a slot of the journal", "it is not a slot"))?;
        Ok(CallOutput::ChangeSlot(Box::new(slot)))
    })
}
