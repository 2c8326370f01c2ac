//! Tests of situations that a shared lab cannot be put into: failing nodes, elections, moved tags.

use serde_json::json;

use super::World;
use super::images::Recipe;
use super::model::{NodeState, SECOND, State};
use super::services::ServiceUpdate;

fn world() -> World {
    let mut world = World::new(3, 1_795_000_000 * SECOND);
    for node in 1..=3 {
        world.add_node(&format!("node-{node}"), true, "x86_64");
    }
    let registry = world.registries.entry("r:1".to_owned()).or_default();
    registry.push("app", "1", &Recipe::default());
    registry.push("app", "2", &Recipe { salt: "2".to_owned(), ..Recipe::default() });
    world
}

fn pass(world: &mut World, seconds: u64) {
    let to = world.now() + seconds * SECOND;
    world.tick(to);
}

fn spec(constraint: &str) -> serde_json::Value {
    json!({ "Name": "app", "TaskTemplate": { "ContainerSpec": { "Image": "r:1/app:1" },
        "Placement": { "Constraints": [constraint] } } })
}

fn states(world: &World) -> Vec<(State, State, String)> {
    let mut all: Vec<_> = world.tasks().collect();
    all.sort_by_key(|task| task.created);
    all.iter().map(|task| (task.state, task.desired, task.err.clone())).collect()
}

#[test]
fn a_service_pinned_to_a_node_that_goes_down() {
    let mut world = world();
    let id = world.create_service(&spec("node.hostname==node-3"), None).unwrap();
    pass(&mut world, 20);
    world.set_link("node-3", false).unwrap();
    pass(&mut world, 10);
    assert_eq!(world.find_node("node-3").unwrap().state, NodeState::Ready, "not noticed yet");
    pass(&mut world, 20);
    let node = world.find_node("node-3").unwrap();
    assert_eq!((node.state, node.message.as_str()), (NodeState::Down, "heartbeat failure"));
    let why = "no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)";
    assert_eq!(states(&world)[0].0, State::Running, "it is still said to run");
    assert_eq!(states(&world)[1], (State::Pending, State::Running, why.to_owned()));
    let service = world.find_service(&id).unwrap();
    assert_eq!(world.counts(service).0, 1, "and counted");
    world.set_link("node-3", true).unwrap();
    pass(&mut world, 20);
    assert_eq!(states(&world)[0].0, State::Shutdown);
    assert_eq!(states(&world)[1].0, State::Running);
}

#[test]
fn a_drained_node_sends_its_tasks_away_and_a_label_that_goes_rejects_them() {
    let mut world = world();
    let set = |world: &mut World, availability: &str, labels: serde_json::Value| {
        let version = world.find_node("node-1").unwrap().index;
        let spec = json!({ "Role": "manager", "Availability": availability, "Labels": labels });
        world.update_node("node-1", version, &spec).unwrap();
    };
    set(&mut world, "active", json!({ "db": "1" }));
    world.create_service(&spec("node.labels.db==1"), None).unwrap();
    pass(&mut world, 20);
    assert_eq!(states(&world)[0].0, State::Running);
    set(&mut world, "active", json!({}));
    pass(&mut world, 20);
    let first = states(&world)[0].clone();
    assert_eq!((first.0, first.2.as_str()), (State::Rejected, "assigned node no longer meets constraints"));
    set(&mut world, "drain", json!({ "db": "1" }));
    pass(&mut world, 60);
    assert!(states(&world)[1].2.contains("1 node not available for new tasks"), "{:?}", states(&world));
    set(&mut world, "active", json!({ "db": "1" }));
    pass(&mut world, 20);
    assert!(states(&world).iter().any(|(state, ..)| *state == State::Running));
}

#[test]
fn an_election_moves_versions() {
    let mut world = world();
    let spec = json!({ "Name": "app", "TaskTemplate": { "ContainerSpec": { "Image": "r:1/app:1" },
        "Networks": [{ "Target": "host" }] } });
    let id = world.create_service(&spec, None).unwrap();
    pass(&mut world, 5);
    let before = world.find_service(&id).unwrap().index;
    world.elect("node-2").unwrap();
    assert!(world.find_service(&id).unwrap().index > before);
    assert!(world.find_node("node-2").unwrap().leader && !world.find_node("node-1").unwrap().leader);
}

/// A tag is moved: only the task that starts afterwards runs the new image.
#[test]
fn a_moved_tag_reaches_only_what_restarts() {
    let mut world = world();
    let mut given = spec("node.platform.os==linux");
    given["Mode"] = json!({ "Replicated": { "Replicas": 3 } });
    let id = world.create_service(&given, None).unwrap();
    pass(&mut world, 20);
    let moved = Recipe { salt: "moved".to_owned(), ..Recipe::default() };
    world.registries.get_mut("r:1").unwrap().push("app", "1", &moved);
    let service = world.find_service(&id).unwrap();
    let (version, mut spec) = (service.index, service.spec.value.clone());
    spec["Mode"] = json!({ "Replicated": { "Replicas": 4 } });
    world.update_service("app", ServiceUpdate { version, spec, ..ServiceUpdate::default() }).unwrap();
    pass(&mut world, 20);
    let digests: std::collections::BTreeSet<_> = world.tasks().filter_map(|task| task.runs.clone()).collect();
    assert_eq!(digests.len(), 2);
    assert!(world.find_service("app").unwrap().update.is_none());
}
