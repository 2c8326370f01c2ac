//! Service logs: streams a service's log into the console.

use pinnace_tui::clusters::ClusterId;
use std::collections::BTreeMap;

use super::event_loop::MsgSender;
use pinnace_core::swarm::Task;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::docker::DockerError;
use pinnace_engine::docker::{LogSource, LogTarget};
use pinnace_engine::observe;
use pinnace_tui::msg::{LogLine, Msg};

/// The number of existing log lines that are requested before new ones.
const TAIL: u32 = 200;

/// Sends the lines of a service's log to the console until the log or the console ends.
pub(super) async fn follow(
    cluster: &Cluster,
    inbox: &MsgSender,
    cluster_id: ClusterId,
    service: &str,
) -> Result<(), DockerError> {
    let mut logs = cluster.docker.logs(LogTarget::Service(service), TAIL, true).await?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    while let Some(line) = logs.next().await {
        let line = line?;
        let id = line.task.clone().unwrap_or_default();
        if !names.contains_key(&id) {
            names.extend(task_names(cluster, service).await.unwrap_or_default());
            names.entry(id.clone()).or_insert_with(|| id.chars().take(8).collect());
        }
        let task = names.get(&id).cloned().unwrap_or_default();
        let lines = vec![LogLine { at: line.at, task, error: line.source != LogSource::Out, text: line.text }];
        if !inbox.send(Msg::LogLines { cluster: cluster_id, service: service.to_owned(), lines }) {
            return Ok(());
        }
    }
    Ok(())
}

/// Maps task ids to labels: the slot number, or the host name for a global service.
async fn task_names(cluster: &Cluster, service: &str) -> Result<BTreeMap<String, String>, DockerError> {
    let ids = [service.to_owned()];
    let (histories, nodes) = tokio::join!(observe::histories_of(&cluster.docker, &ids), cluster.docker.nodes());
    let nodes = nodes?;
    let name = |task: &Task| {
        let node = nodes.iter().find(|node| Some(&node.id) == task.node.as_ref()).map(|node| node.hostname.clone());
        task.slot.map(|slot| slot.to_string()).or(node).unwrap_or_default()
    };
    Ok(histories?.into_values().flatten().map(|task| (task.id.clone(), name(&task))).collect())
}
