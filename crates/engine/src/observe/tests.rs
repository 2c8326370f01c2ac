//! Tests of the observation of a test server, under the paused clock.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::credentials::CredentialStore;
use crate::docker::test_server::{Call, Reply, TestServer, capture};
use pinnace_core::journal::{ChangeState, SlotLabels, slot_name};
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;
use pinnace_core::world::World;

/// Answers like an engine whose third node is down.
fn answer(call: &Call) -> Reply {
    let path = call.path.trim_start_matches("/v1.41");
    let file = match path {
        "/info" => "base-manager-info.json",
        "/nodes" => "70-nodes-node3-down.json",
        _ if path.starts_with("/services?") => "70-services-node3-down.json",
        _ if path.contains(r#""node":["#) => "70-tasks-by-node3-down.json",
        _ if path.contains("desired-state") => {
            return Reply::told(200, serde_json::to_string(&running()).unwrap());
        }
        _ if path.starts_with("/tasks?") => "70-tasks-node3-down.json",
        _ if path.starts_with("/configs?") => return Reply::told(200, json!([config(1, "done")]).to_string()),
        _ if path.starts_with("/configs/") => return Reply::told(200, config(2, "running").to_string()),
        _ => return Reply::told(404, r#"{"message":"page not found"}"#),
    };
    Reply::told(200, capture(file))
}

/// Returns the captured tasks that should run, which are of one service only, and made-up tasks of the other
/// services, as many as the engine counts.
fn running() -> Vec<Value> {
    let read = |file: &str| -> Vec<Value> { serde_json::from_str(&capture(file)).unwrap() };
    let mut tasks = read("70-tasks-node3-down.json");
    tasks.retain(|task| task["DesiredState"] == "running");
    let nodes = read("70-nodes-node3-down.json");
    let ready = nodes.iter().find(|node| node["Status"]["State"] == "ready").unwrap();
    for service in read("70-services-node3-down.json") {
        if tasks.iter().any(|task| task["ServiceID"] == service["ID"]) {
            continue;
        }
        for slot in 1..=service["ServiceStatus"]["RunningTasks"].as_u64().unwrap() {
            let name = service["Spec"]["Name"].as_str().unwrap();
            tasks.push(json!({
                "ID": format!("{name}-{slot}"), "ServiceID": service["ID"], "Slot": slot, "NodeID": ready["ID"],
                "CreatedAt": service["CreatedAt"], "DesiredState": "running",
                "Status": {"State": "running", "Timestamp": service["CreatedAt"]},
                "Spec": {"ContainerSpec": {"Image": service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]}},
            }));
        }
    }
    tasks
}

fn cluster(server: &TestServer) -> Cluster {
    Cluster::new(server.docker(true), CredentialStore::default())
}

fn group() -> GroupKey {
    GroupKey::parse("stack/shop").unwrap()
}

fn config(seq: u64, state: &str) -> Value {
    let labels = SlotLabels {
        group: group().to_string(),
        owner: String::new(),
        beat: 0,
        state: ChangeState::from_word(state).unwrap(),
        units: Vec::new(),
        post: None,
        by: "op\u{1b}[31m".into(),
        why: String::new(),
        at: None,
        sum: String::new(),
        home: String::new(),
        extra: BTreeMap::new(),
    };
    json!({"ID": format!("c{seq}"), "Version": {"Index": 5}, "CreatedAt": "2026-11-20T09:00:00Z", "Spec": {
        "Name": slot_name(&group(), seq), "Labels": labels.write(1, &group().hash(), "change"), "Data": "e30="}})
}

struct ObserverHarness {
    seen: Arc<Mutex<Vec<Observation>>>,
    attention: watch::Sender<OperatorAttention>,
    task: JoinHandle<()>,
}

impl ObserverHarness {
    fn start(server: &TestServer) -> Self {
        let (attention, given) = watch::channel(OperatorAttention { at_keys: true, ..OperatorAttention::default() });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let task = tokio::spawn(observe(cluster(server), given, move |one| into.lock().unwrap().push(one)));
        Self { seen, attention, task }
    }

    fn seen(&self) -> Vec<Observation> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn stop(self) {
        drop(self.attention);
        self.task.await.unwrap();
    }
}

async fn millis(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

fn links(seen: &[Observation]) -> Vec<&ConnectionState> {
    seen.iter().filter_map(|one| if let Observation::Link(link) = one { Some(link) } else { None }).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_screen_takes_five_calls() {
    let server = TestServer::new(answer);
    let watched = ObserverHarness::start(&server);
    millis(500).await;
    let calls = server.calls();
    assert_eq!(calls[0], "GET /_ping");
    let mut lists = calls[1..5].to_vec();
    lists.sort();
    let slots = r#"GET /configs?filters={"label":["pinnace.v"]}"#;
    assert_eq!(lists, [slots, "GET /info", "GET /nodes", "GET /services?status=true"]);
    assert!(calls[5..].iter().any(|call| call.starts_with("GET /events?filters=") && call.contains("&since=")));
    // Only the services with tasks on the node that is down have their histories read.
    let on_node = calls.iter().filter(|call| call.contains(r#""node":["#)).count();
    let histories = calls.iter().filter(|call| call.starts_with(r#"GET /tasks?filters={"service":["#));
    assert_eq!((on_node, histories.count()), (1, 1));

    let mut world = World::default();
    let seen = watched.seen();
    for one in seen.clone() {
        world.apply(one, Time(1_795_166_000_000));
    }
    assert!(world.is_painted() && world.knows_journal() && !world.engine.swarm.is_empty());
    assert_eq!(world.link, ConnectionState::Live);
    assert_eq!(world.history(&group()).newest().unwrap().slot.labels.by, "op");
    assert_eq!(links(&seen), [&ConnectionState::Live]);
    watched.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lists_by_the_clock() {
    let server = TestServer::new(answer);
    let watched = ObserverHarness::start(&server);
    millis(500).await;
    server.calls();
    sleep(Duration::from_secs(60)).await;
    let calls = server.calls();
    let count = |calls: &[String], what: &str| calls.iter().filter(|call| call.contains(what)).count();
    assert_eq!(count(&calls, "/services?status=true"), 6);
    assert_eq!(count(&calls, r#"/tasks?filters={"desired-state":["running"]}"#), 12);
    watched.attention.send_modify(|attention| attention.at_keys = false);
    millis(100).await;
    server.calls();
    sleep(Duration::from_secs(600)).await;
    let calls = server.calls();
    assert_eq!((count(&calls, "/services?"), count(&calls, "/tasks?")), (10, 10));
    assert_eq!(calls.len(), 20, "{calls:?}");
    watched.attention.send_modify(|attention| attention.ask += 1);
    millis(100).await;
    assert_eq!(server.calls().len(), 5);
    watched.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_gathered() {
    let server = TestServer::new(answer);
    let watched = ObserverHarness::start(&server);
    millis(1000).await;
    server.calls();
    watched.seen();
    let event = |kind: &str, action: &str, id: &str, name: &str| {
        server.tell(&json!({"Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": {"name": name}}}));
    };
    for _ in 0..20 {
        event("service", "update", "aaa", "web");
        millis(1).await;
    }
    event("service", "update", "bbb", "api");
    event("service", "remove", "gone", "old");
    event("node", "update", "n", "");
    event("config", "create", "c2", "pinnace.s.x.2");
    event("config", "create", "c3", "somebody-elses");
    event("quantum", "leap", "q", "q");
    millis(100).await;
    let mut calls = server.calls();
    calls.sort();
    let some = r#"GET /services?status=true&filters={"id":["aaa","bbb"]}"#;
    assert_eq!(calls[..3], ["GET /configs/c2", "GET /nodes", some]);
    let seen = watched.seen();
    assert!(seen.contains(&Observation::GoneServices(vec!["gone".into()])));
    assert!(seen.contains(&Observation::GoneServices(vec!["aaa".into(), "bbb".into()])), "not in the answer: gone");
    assert!(seen.iter().any(|one| matches!(one, Observation::ChangeSlot(slot) if slot.seq == 2)));
    watched.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_says_why_and_comes_back() {
    let server = TestServer::new(answer);
    let watched = ObserverHarness::start(&server);
    millis(2000).await;
    server.calls();
    watched.seen();
    server.down(io::ErrorKind::ConnectionRefused);
    sleep(Duration::from_secs(30)).await;
    let seen = watched.seen();
    let lost = links(&seen);
    assert!(matches!(lost[0], ConnectionState::Lost { why, .. } if why.contains("broke")), "{seen:?}");
    let ConnectionState::Lost { why, hint } = lost[1] else { panic!("{seen:?}") };
    assert!(why.contains("cannot be reached") && hint.contains("check that the engine runs"), "{why}: {hint}");
    assert!(links(&seen).len() < 8, "with growing pauses");
    server.up();
    sleep(Duration::from_secs(11)).await;
    let seen = watched.seen();
    assert_eq!(links(&seen).last(), Some(&&ConnectionState::Live));
    assert!(seen.iter().any(|one| matches!(one, Observation::Services(_))), "everything is listed again");
    assert!(seen.iter().any(|one| matches!(one, Observation::Slots(_))));
    watched.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_opened_again_without_a_word() {
    let server = TestServer::new(answer);
    let watched = ObserverHarness::start(&server);
    millis(2000).await;
    server.calls();
    watched.seen();
    server.end_events();
    millis(100).await;
    assert_eq!(server.calls()[0], "GET /_ping");
    let seen = watched.seen();
    assert_eq!(links(&seen), [&ConnectionState::Live]);
    watched.stop().await;
}

/// The message of engines 20.10.24 and 26.1.
const OUTSIDE: &str = r#"This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again."#;

#[tokio::test(start_paused = true)]
async fn engines_that_cannot_serve_say_so() {
    let table: [(&str, &str, &str); 4] = [
        ("60-worker-services.json", "is a worker", "promote"),
        (OUTSIDE, "not in a swarm", "docker swarm init"),
        ("60-noquorum-services-t25.json", "no leader", "more than half"),
        ("", "no answer within 10 s", "check the engine's host"),
    ];
    for (file, says, helps) in table {
        let server = TestServer::new(move |call| match call.path.trim_start_matches("/v1.41") {
            "/info" => Reply::told(200, capture("60-worker-info.json")),
            _ if file.is_empty() => Reply::Never,
            _ if file == OUTSIDE => Reply::told(503, json!({ "message": OUTSIDE }).to_string()),
            _ => Reply::told(503, capture(file)),
        });
        let watched = ObserverHarness::start(&server);
        sleep(Duration::from_secs(11)).await;
        let seen = watched.seen();
        let lost = links(&seen);
        let ConnectionState::Lost { why, hint } = lost[0] else { panic!("{file}: {seen:?}") };
        assert!(why.contains(says) && hint.contains(helps), "{file}: {why}: {hint}");
        if says == "is a worker" {
            assert!(hint.contains("managers: 10."), "{hint}");
        }
        watched.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_snapshot_for_a_verb() {
    let server = TestServer::new(answer);
    let seen = snapshot(&cluster(&server), true, |_| false).await.unwrap();
    let mut world = World::default();
    for one in seen {
        world.apply(one, Time(1_795_166_000_000));
    }
    assert!(world.is_painted() && world.knows_journal());
    let pinned = world.service_named("probe-pg-storefront-n3-689qacsi").unwrap();
    assert!(world.knows_history(&pinned.id), "counted 1/1 by the engine, on a node that is down");
    assert!(!world.knows_history(&world.service_named("web").unwrap().id));
    assert_eq!(world.health(&pinned.id).unwrap().running, 0);
    assert!(server.calls().iter().all(|call| call.starts_with("GET ")));
    // A service that vanished in between does not cost the others their history.
    let server = TestServer::new(|call| match &call.path {
        path if path.contains(r#""service":["a","b"]"#) || path.contains(r#"["a"]"#) => {
            Reply::told(404, r#"{"message":"service a not found"}"#)
        }
        _ => Reply::told(200, r#"[{"ID":"t","ServiceID":"b"}]"#),
    });
    let histories = histories_of(&server.docker(true), &["a".into(), "b".into()]).await.unwrap();
    assert_eq!(histories.keys().collect::<Vec<_>>(), ["b"]);
}
