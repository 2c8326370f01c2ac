//! The endpoints `/services/{id}/logs` and `/tasks/{id}/logs`: multiplexed frames, one task after another.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{EngineCall, error};
use crate::Sim;
use crate::http::{Body, respond, stream};
use crate::world::model::{Id, NodeState, Task};
use crate::world::time::rfc3339;
use crate::world::{Line, Refusal, World};

/// The query parameters of a log request.
#[derive(Clone, Copy)]
struct LogsQuery {
    /// The wanted streams: standard output, standard error.
    streams: [bool; 2],
    timestamps: bool,
    details: bool,
    tail: usize,
}

fn frame(stream: u8, text: &str) -> Bytes {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![stream, 0, 0, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
    Bytes::from(bytes)
}

fn written(wish: LogsQuery, task: &Task, line: &Line) -> Bytes {
    let mut text = String::new();
    if wish.timestamps {
        text.push_str(&rfc3339(line.at));
        text.push(' ');
    }
    if wish.details {
        let node = task.node.as_deref().unwrap_or_default();
        let _ = write!(
            text,
            "com.docker.swarm.node.id={node},com.docker.swarm.service.id={},com.docker.swarm.task.id={} ",
            task.service, task.id
        );
    }
    text.push_str(&line.text);
    text.push('\n');
    frame(line.stream, &text)
}

/// Returns the frames that are not sent yet. `known` has the time of the last line sent, by task.
fn fresh(
    world: &World,
    wish: LogsQuery,
    service: &str,
    task: Option<&str>,
    known: &mut BTreeMap<Id, u64>,
) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let tasks: Vec<&Task> = match task {
        Some(id) => world.find_task(id).into_iter().collect(),
        None => world.logged_tasks(service),
    };
    for task in tasks {
        let node = task.node.as_ref().and_then(|node| world.find_node(node).ok());
        if node.is_some_and(|node| node.state == NodeState::Down)
            && known.insert(Id::clone(&task.id), u64::MAX).is_none()
        {
            let node = task.node.as_deref().unwrap_or_default();
            frames.push(frame(
                3,
                &format!(
                    "Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log stream. some logs \
                     could not be retrieved for the following reasons: node {node} is not available"
                ),
            ));
            continue;
        }
        let lines = world.lines(task);
        let first = lines.len().saturating_sub(wish.tail);
        let seen = known.get(&task.id).copied();
        let from = seen.map_or(0, |seen| seen + 1);
        for (_, line) in
            lines.iter().enumerate().filter(|(at, line)| line.at >= from && (seen.is_some() || *at >= first))
        {
            if wish.streams[usize::from(line.stream == 2)] {
                frames.push(written(wish, task, line));
            }
        }
        if let Some(last) = lines.last() {
            known.insert(Id::clone(&task.id), last.at);
        }
    }
    frames
}

pub(super) fn logs(sim: &Arc<Sim>, call: &EngineCall, what: &str) -> Response<Body> {
    let asked = &call.asked;
    let wish = LogsQuery {
        streams: [asked.flag("stdout"), asked.flag("stderr")],
        timestamps: asked.flag("timestamps"),
        details: asked.flag("details"),
        tail: asked.value("tail").parse().unwrap_or(usize::MAX),
    };
    if wish.streams == [false; 2] {
        return error(&Refusal::new(500, "Bad parameters: you must choose at least one stream"));
    }
    let found = sim.with(|world| {
        if what == "services" {
            world.find_service(call.subject()).map(|service| (service.id.to_string(), None))
        } else {
            world.find_task(call.subject()).map(|task| (task.service.to_string(), Some(task.id.to_string())))
        }
    });
    let (service, task) = match found {
        Ok(found) => found,
        Err(refusal) => return error(&refusal),
    };
    let (send, body) = stream();
    let follow = asked.flag("follow");
    let held = Arc::downgrade(sim);
    tokio::spawn(async move {
        let mut known = BTreeMap::new();
        loop {
            let Some(sim) = held.upgrade() else { return };
            let frames = sim.with(|world| fresh(world, wish, &service, task.as_deref(), &mut known));
            drop(sim);
            for frame in frames {
                if send.send(Ok(frame)).is_err() {
                    return;
                }
            }
            if !follow {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
                () = send.closed() => return,
            }
        }
    });
    let kind = if call.minor >= 42 {
        "application/vnd.docker.multiplexed-stream"
    } else {
        "application/vnd.docker.raw-stream"
    };
    respond(200, kind, body)
}
