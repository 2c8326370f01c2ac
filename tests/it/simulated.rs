//! The product's Docker client against the simulator, under tokio's paused clock: failures and their messages.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pinnace_core::journal::Direction;
use pinnace_core::plan::SpecEdit;
use pinnace_core::swarm::UpdateState;
use pinnace_engine::docker::{Docker, DockerError, Endpoint, EngineAddress, RegistryAuthFrom, SpecEditState};
use serde_json::{Value, json};
use swarm_sim::{PlannedFault, Scenario, ServedEndpoint, Sim, connect, parse_time, plan_fault};
use tokio::time::{Instant, sleep};

const SCENARIO: &str = r#"
start = "2026-11-20T08:00:00Z"
[[node]]
name = "node-1"
manager = true
[[node]]
name = "node-2"
manager = true
[[node]]
name = "node-3"
[[registry]]
name = "r.example:5000"
insecure = true
[[image]]
ref = "r.example:5000/app:1"
[[image]]
ref = "r.example:5000/app:2"
[[service]]
name = "app"
image = "r.example:5000/app:1"
replicas = 2
"#;

fn sim() -> Arc<Sim> {
    let (world, _) = Scenario::read(SCENARIO).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    Sim::start(world, 1.0)
}

fn docker_on(sim: &Arc<Sim>, node: Option<&str>) -> Docker {
    let (sim, node) = (Arc::clone(sim), node.map(str::to_owned));
    let opener =
        Arc::new(move |_: &http::Uri| -> io::Result<_> { connect(&sim, ServedEndpoint::Engine(node.clone())) });
    Docker::new(Endpoint { name: "sim".to_owned(), host: EngineAddress::Memory(opener) }, false).unwrap()
}

fn fault(sim: &Sim, given: Value) {
    let planned: PlannedFault = serde_json::from_value(given).unwrap();
    sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
}

fn to_two() -> Vec<SpecEdit> {
    let image = |tag: &str| Some(json!(format!("r.example:5000/app:{tag}")));
    vec![SpecEdit { path: "/TaskTemplate/ContainerSpec/Image".to_owned(), before: image("1"), after: image("2") }]
}

#[tokio::test(start_paused = true)]
async fn a_change_lands() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    let revision = docker.get_for_update("app").await.unwrap();
    docker.post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap();
    assert!(
        docker
            .post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored)
            .await
            .unwrap_err()
            .is_out_of_sequence()
    );
    assert_eq!(docker.service("app").await.unwrap().update, None, "null for a moment");
    sleep(Duration::from_secs(30)).await;
    let service = docker.service("app").await.unwrap();
    assert_eq!(service.update.unwrap().state, UpdateState::Completed);
    assert_eq!(docker.get_for_update("app").await.unwrap().edit_state(&to_two()), SpecEditState::After);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_gone_and_comes_back() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    docker.ping().await.unwrap();
    let mut events = docker.events(None).await.unwrap();
    fault(&sim, json!({ "kind": "daemon-gone" }));
    assert!(!matches!(events.next().await, Some(Ok(_))), "the stream is over");
    assert!(matches!(docker.nodes().await.unwrap_err(), DockerError::Unreachable { .. } | DockerError::Broken { .. }));
    fault(&sim, json!({ "kind": "daemon-back" }));
    assert_eq!(docker.nodes().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_500_whose_write_is_applied_later() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "kind": "writes-hang", "seconds": 20, "applied_after": 11, "count": 1 }));
    let revision = docker.get_for_update("app").await.unwrap();
    let began = Instant::now();
    let refused = docker.post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap_err();
    assert_eq!((refused.status(), began.elapsed().as_secs()), (Some(500), 20));
    assert!(refused.to_string().contains("context deadline exceeded"));
    assert_eq!(
        docker.get_for_update("app").await.unwrap().edit_state(&to_two()),
        SpecEditState::Before,
        "reads are green all the while"
    );
    sleep(Duration::from_secs(12)).await;
    assert_eq!(docker.get_for_update("app").await.unwrap().edit_state(&to_two()), SpecEditState::After);
}

#[tokio::test(start_paused = true)]
async fn a_fence_keeps_a_late_write_out() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "kind": "writes-hang", "seconds": 20, "applied_after": 11, "count": 1 }));
    let revision = docker.get_for_update("app").await.unwrap();
    docker.post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap_err();
    docker.post_as_read(&revision).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(docker.get_for_update("app").await.unwrap().edit_state(&to_two()), SpecEditState::Before);
}

#[tokio::test(start_paused = true)]
async fn no_majority_and_other_parts() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "kind": "quorum-lost" }));
    assert!(docker.services(None).await.unwrap_err().to_string().contains("The swarm does not have a leader"));
    assert!(docker.info().await.unwrap().error.contains("leader"));
    fault(&sim, json!({ "kind": "quorum-back" }));
    fault(&sim, json!({ "kind": "locked" }));
    assert_eq!(docker.info().await.unwrap().state, "locked");
    fault(&sim, json!({ "kind": "manager" }));
    let worker = docker_on(&sim, Some("node-3"));
    assert!(worker.services(None).await.unwrap_err().is_not_manager());
    assert_eq!(worker.info().await.unwrap().managers.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_in_the_middle() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "kind": "stall", "path": "/nodes" }));
    assert!(matches!(docker.nodes().await.unwrap_err(), DockerError::Timeout { .. }));
    docker.services(None).await.unwrap();
    fault(&sim, json!({ "kind": "stall", "path": "" }));
    docker.nodes().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn somebody_else_is_quicker() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    let revision = docker.get_for_update("app").await.unwrap();
    fault(&sim, json!({ "kind": "meddle", "service": "app", "label": "by=somebody", "before_write": 0 }));
    assert!(
        docker
            .post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored)
            .await
            .unwrap_err()
            .is_out_of_sequence()
    );
    let revision = docker.get_for_update("app").await.unwrap();
    assert_eq!(revision.service.label("by"), Some("somebody"));
    docker.post(&revision, &to_two(), Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn events_that_are_silent_or_cut() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    let mut events = docker.events(None).await.unwrap();
    fault(&sim, json!({ "kind": "meddle", "service": "app", "label": "a=1" }));
    assert_eq!(events.next().await.unwrap().unwrap().name, "app");
    fault(&sim, json!({ "kind": "events-silent" }));
    fault(&sim, json!({ "kind": "meddle", "service": "app", "label": "a=2" }));
    assert!(tokio::time::timeout(Duration::from_secs(60), events.next()).await.is_err());
    fault(&sim, json!({ "kind": "events-fine" }));
    fault(&sim, json!({ "kind": "events-cut" }));
    assert!(events.next().await.is_none(), "a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_holds_up_the_others() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "kind": "unresolvable", "host": "nowhere.example" }));
    let bad = {
        let docker = docker.clone();
        tokio::spawn(async move { docker.distribution("nowhere.example/a:1", None).await })
    };
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    docker.distribution("r.example:5000/app:1", None).await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(bad.await.unwrap().unwrap_err().to_string().contains("i/o timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_a_moment() {
    let sim = sim();
    let docker = docker_on(&sim, None);
    fault(&sim, json!({ "after": 10, "kind": "node", "name": "node-3", "to": "drain" }));
    sleep(Duration::from_secs(9)).await;
    let drained = async || docker.nodes().await.unwrap().iter().any(|node| node.availability.to_string() == "drain");
    assert!(!drained().await);
    sleep(Duration::from_secs(2)).await;
    assert!(drained().await);
}
