//! Sample nodes, services and tasks for the tests of this crate and of the crates that depend on it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::image::Platform;
use super::swarm::{
    Availability, EditableFields, Node, NodeState, RestartCondition, Role, Service, ServiceMode, SpecField, Task,
    TaskState, UntouchedHash, UpdatePolicy,
};
use super::time::Time;

/// The moment at which the samples are taken: 2026-11-20T00:00:00Z.
pub const NOW: Time = Time(1_795_132_800_000);

/// The editable fields of a service with this image, without platforms and with a force counter of 0.
pub fn places(image: &str) -> EditableFields {
    EditableFields {
        image: image.to_owned(),
        platforms: SpecField { path: "/TaskTemplate/Placement/Platforms".into(), value: None, alone: false },
        force: SpecField { path: "/TaskTemplate/ForceUpdate".into(), value: Some(0.into()), alone: false },
        update: Some(SpecField { path: "/UpdateConfig".into(), value: None, alone: false }),
    }
}

/// A ready and active manager on linux/amd64; its id is `NAME-id`.
pub fn node(name: &str) -> Node {
    Node {
        id: format!("{name}-id"),
        hostname: name.to_owned(),
        role: Role::Manager,
        leader: false,
        reachability: Some("reachable".into()),
        availability: Availability::Active,
        state: NodeState::Ready,
        state_message: String::new(),
        platform: Platform::new("linux", "x86_64"),
        engine: "20.10.24".into(),
        address: "10.0.0.1".into(),
        labels: BTreeMap::new(),
        engine_labels: BTreeMap::new(),
    }
}

/// A healthy replicated service with one task; its id is `NAME-id`, and its last update is an hour ago.
pub fn service(name: &str, image: &str) -> Service {
    Service {
        id: format!("{name}-id"),
        name: name.to_owned(),
        index: 10,
        created: Some(Time(NOW.0 - 86_400_000)),
        updated: Some(Time(NOW.0 - 3_600_000)),
        labels: BTreeMap::new(),
        places: places(image),
        rest: UntouchedHash("rest".into()),
        template: UntouchedHash("template".into()),
        previous: None,
        previous_differs: Vec::new(),
        mode: ServiceMode::Replicated(1),
        constraints: Vec::new(),
        platforms: Vec::new(),
        policy: UpdatePolicy::default(),
        restart: RestartCondition::Any,
        restart_delay: Duration::from_secs(5),
        stop_grace: Duration::from_secs(10),
        health_start: None,
        exclusive: false,
        own_command: false,
        update: None,
        running: Some(1),
        desired: Some(1),
        completed: Some(0),
    }
}

/// A task of a service on a node, in its state for `seconds_ago` seconds; the swarm wants it to run. One that was shut
/// down lived an hour before; every other was created two seconds before it entered its state.
pub fn task(id: &str, service: &Service, node: &str, state: TaskState, seconds_ago: i64) -> Task {
    let ran = state == TaskState::Shutdown;
    let before = if ran { 3600 } else { 2 };
    Task {
        id: id.to_owned(),
        service: service.id.clone(),
        slot: Some(1),
        node: Some(format!("{node}-id")),
        image: service.image().to_owned(),
        places: service.places.clone(),
        rest: None,
        state,
        desired: TaskState::Running,
        message: String::new(),
        error: String::new(),
        exit_code: ran.then_some(0),
        created: Some(Time(NOW.0 - (seconds_ago + before) * 1000)),
        since: Some(Time(NOW.0 - seconds_ago * 1000)),
    }
}
