//! Tests of the requests and answers on the wire, against the test server.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::logs::{LogSource, LogStream, LogTarget};
use super::read::TaskFilter;
use super::service_update::RegistryAuthFrom;
use super::service_update::SpecEditState;
use super::test_server::{Reply, TestServer, capture, capture_bytes};
use super::{Docker, DockerError};
use crate::credentials::{Redacted, RegistryCredential};
use pinnace_core::journal::Direction;
use pinnace_core::plan::SpecEdit;

const SINK: &str = "kitchen-sink-service.json";

fn told(status: u16, message: &str) -> Reply {
    Reply::told(status, json!({ "message": message }).to_string())
}

fn login() -> Redacted {
    RegistryCredential::Basic { user: "u".into(), password: Redacted::new("s3cret~pass?>x~~~???") }.header("reg:5000")
}

/// Returns the spec of a captured service, as the engine wrote it.
fn spec_text(service: &str) -> &str {
    let start = service.find(r#""Spec":{"#).unwrap() + 7;
    let mut stream = serde_json::Deserializer::from_str(&service[start..]).into_iter::<Value>();
    stream.next().unwrap().unwrap();
    &service[start..start + stream.byte_offset()]
}

fn edits() -> Vec<SpecEdit> {
    let platforms = json!([{"Architecture": "amd64", "OS": "linux"}]);
    let edit =
        |path: &str, before: Value, after: Option<Value>| SpecEdit { path: path.into(), before: Some(before), after };
    vec![
        edit(
            "/TaskTemplate/ContainerSpec/Image",
            serde_json::from_str::<Value>(&capture(SINK)).unwrap()["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
                .clone(),
            Some(json!("reg:5000/tools/sink:2@sha256:00")),
        ),
        edit("/TaskTemplate/Placement/Platforms", platforms, None),
        edit("/TaskTemplate/ForceUpdate", json!(3), Some(json!(4))),
    ]
}

/// The posted body is the engine's own text, byte for byte, except for the edits.
#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_post() {
    let server = TestServer::new(|call| match call.method.as_str() {
        "GET" => Reply::told(200, capture(SINK)),
        _ => Reply::told(200, r#"{"Warnings":["mind \u001b[1mthe gap"]}"#),
    });
    let docker = server.docker(false);
    let revision = docker.get_for_update("kitchen-sink").await.unwrap();
    let edits = edits();
    assert_eq!(revision.edit_state(&edits), SpecEditState::Before);
    assert_eq!(revision.rest_before(&edits), revision.service.rest);
    assert!(!format!("{revision:?}").contains("SINK"), "no environment in what may be logged");
    let reply = docker.post(&revision, &edits, Direction::Forward, &RegistryAuthFrom::Operator(login())).await.unwrap();
    assert_eq!(reply.warnings, ["mind the gap"]);
    docker.post_as_read(&revision).await.unwrap();
    let calls = server.whole_calls();
    let (post, fence) = (&calls[2], &calls[3]);
    let service = capture(SINK);
    let image = edits[0].before.as_ref().unwrap().to_string();
    let wanted = spec_text(&service)
        .replacen(&image, r#""reg:5000/tools/sink:2@sha256:00""#, 1)
        .replacen(r#","Platforms":[{"Architecture":"amd64","OS":"linux"}]"#, "", 1)
        .replacen(r#""ForceUpdate":3"#, r#""ForceUpdate":4"#, 1);
    assert_eq!(post.body, wanted);
    assert_eq!(fence.body, spec_text(&service));
    let (id, index) = (&revision.service.id, revision.index());
    assert_eq!(post.path, format!("/v1.41/services/{id}/update?version={index}&registryAuthFrom=spec"));
    assert_eq!(post.path, fence.path);
    let header = post.headers["x-registry-auth"].to_str().unwrap();
    assert!(header.contains(['-', '_']) && !header.contains(['+', '/']) && header.len().is_multiple_of(4), "{header}");
    assert!(!fence.headers.contains_key("x-registry-auth"));
    let wrong = docker.post(&revision, &edits, Direction::Back, &RegistryAuthFrom::Stored).await.unwrap_err();
    assert!(wrong.to_string().contains("the spec has another value at"), "{wrong}");
    assert!(server.calls().is_empty(), "and nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn where_a_service_stands() {
    let server = TestServer::new(|_| Reply::told(200, capture(SINK)));
    let revision = server.docker(true).get_for_update("x").await.unwrap();
    let swapped: Vec<SpecEdit> =
        edits().into_iter().map(|edit| SpecEdit { before: edit.after, after: edit.before, ..edit }).collect();
    assert_eq!(revision.edit_state(&swapped), SpecEditState::After);
    let mut other = edits();
    other[2].before = Some(json!(2));
    assert_eq!(revision.edit_state(&other), SpecEditState::Diverged);
    assert_eq!(revision.edit_state(&[]), SpecEditState::After);
}

#[tokio::test(start_paused = true)]
async fn read_only_sends_no_write() {
    let server = TestServer::new(|_| Reply::told(200, capture(SINK)));
    let docker = server.docker(true);
    let revision = docker.get_for_update("x").await.unwrap();
    server.calls();
    assert!(matches!(docker.post_as_read(&revision).await, Err(DockerError::ReadOnly { .. })));
    assert!(matches!(docker.create_config("n", &BTreeMap::new(), b"x").await, Err(DockerError::ReadOnly { .. })));
    assert!(matches!(
        docker.update_config_labels("i", 1, "n", &BTreeMap::new()).await,
        Err(DockerError::ReadOnly { .. })
    ));
    assert!(matches!(docker.remove_config("i").await, Err(DockerError::ReadOnly { .. })));
    assert!(server.calls().is_empty());
}

/// A started POST continues when the future that waits for it is dropped.
#[tokio::test(start_paused = true)]
async fn a_started_post_is_never_cancelled() {
    let server = TestServer::new(|call| match call.method.as_str() {
        "GET" => Reply::told(200, capture(SINK)),
        _ => Reply::told(200, "{}"),
    });
    let docker = server.docker(false);
    let revision = docker.get_for_update("x").await.unwrap();
    server.calls();
    // Polled once, then dropped: at that point the request has only been started.
    assert!(tokio::time::timeout(Duration::ZERO, docker.post_as_read(&revision)).await.is_err());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_and_breaks() {
    let server = TestServer::new(|call| match call.path.as_str() {
        "/v1.41/nodes" => Reply::Never,
        "/v1.41/info" => Reply::Hangup,
        path if path.contains("/update?") => Reply::Never,
        _ => Reply::told(200, capture(SINK)),
    });
    let docker = server.docker(false);
    let late = docker.nodes().await.unwrap_err();
    assert_eq!(late.to_string(), "reading the nodes: no answer within 10 s");
    assert!(matches!(docker.info().await.unwrap_err(), DockerError::Broken { .. }));
    let revision = docker.get_for_update("x").await.unwrap();
    let late = docker.post_as_read(&revision).await.unwrap_err();
    assert!(matches!(late, DockerError::Timeout { after, .. } if after == Duration::from_secs(30)) && !late.is_final());
    server.down(io::ErrorKind::PermissionDenied);
    let denied = docker.nodes().await.unwrap_err();
    assert!(!denied.is_final() && denied.hint().contains("group that owns"), "{denied}");
}

/// bollard's requests carry the engine's own API version and credentials that it can read.
#[tokio::test(start_paused = true)]
async fn what_bollard_asks() {
    let server = TestServer::new(|call| match call.path.as_str() {
        "/v1.41/version" => Reply::told(200, capture("base-manager-version.json")),
        path if path.contains(":att/") => Reply::told(200, capture("40-dist-multi-oci-with-attestation.json")),
        path if path.contains(":oci/") => Reply::told(200, capture("40-dist-oci-single.json")),
        path if path.contains(":gone/") => Reply::told(404, capture("40-dist-missing-tag.json")),
        _ => told(500, "Get \"https://10.77.0.1:5999/v2/\": dial tcp 10.77.0.1:5999: connect: connection refused"),
    });
    let docker = server.docker(true);
    let version = docker.version().await.unwrap();
    assert!(version.engine.starts_with("20.10.24") && version.api == "1.41" && version.platform.is_some());
    let index = docker.distribution("reg:5000/a/b:att", Some(&login())).await.unwrap();
    let platforms = index.platforms.unwrap();
    assert!(platforms.len() == 2 && platforms.iter().all(|platform| !platform.is_unknown()), "{platforms:?}");
    let calls = server.whole_calls();
    assert_eq!(calls.last().unwrap().path, "/v1.41/distribution/reg:5000/a/b:att/json");
    assert_eq!(calls.last().unwrap().headers["x-registry-auth"], login().reveal());
    assert_eq!(docker.distribution("reg:5000/a/b:oci", None).await.unwrap().platforms, None);
    assert!(!server.whole_calls().last().unwrap().headers.contains_key("x-registry-auth"));
    assert!(docker.distribution("reg:5000/a/b:gone", None).await.unwrap_err().is_not_found());
    let refused = docker.distribution("10.77.0.1:5999/x:1", None).await.unwrap_err();
    assert!(refused.status() == Some(500) && refused.to_string().contains("connection refused"), "{refused}");
    server.calls();
    assert_eq!(docker.distribution("../../services?x", None).await.unwrap_err().status(), Some(400));
    assert!(server.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn configs_are_read_and_written() {
    let server = TestServer::new(|call| match (call.method.as_str(), call.path.as_str()) {
        ("GET", path) if path.contains("/configs?") => Reply::told(
            200,
            r#"[{"ID":"c","Version":{"Index":7},"CreatedAt":"2026-11-20T09:00:00Z","Spec":{"Name":"n","Labels":null,"Data":"aGk="}},{"odd":1}]"#,
        ),
        ("POST", path) if path.ends_with("/create") && call.body.contains("taken") => {
            told(409, "rpc error: code = AlreadyExists desc = config taken already exists")
        }
        ("POST", path) if path.ends_with("/create") => Reply::told(201, r#"{"ID":"new"}"#),
        ("POST", _) => told(500, "rpc error: code = Unknown desc = update out of sequence"),
        _ => told(404, "config x not found"),
    });
    let docker = server.docker(false);
    let configs = docker.configs(&["pinnace.v", "pinnace.group=g"]).await.unwrap();
    assert_eq!((configs.len(), configs[0].index, configs[0].data.as_slice()), (1, 7, &b"hi"[..]));
    let labels = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    assert_eq!(docker.create_config("fresh", &labels, b"hi").await.unwrap(), "new");
    assert!(docker.create_config("taken", &labels, b"hi").await.unwrap_err().is_name_conflict());
    let moved = docker.update_config_labels("c", 7, "n", &labels).await.unwrap_err();
    assert!(moved.is_out_of_sequence() && !moved.is_final());
    assert!(docker.remove_config("x").await.is_ok(), "gone is gone");
    let calls = server.whole_calls();
    assert_eq!(calls[1].path, r#"/v1.41/configs?filters={"label":["pinnace.v","pinnace.group=g"]}"#);
    assert_eq!(calls[2].body, r#"{"Data":"aGk=","Labels":{"k":"v"},"Name":"fresh"}"#);
    assert_eq!(calls[4].path, "/v1.41/configs/c/update?version=7");
    assert!(docker.config("x").await.unwrap_err().is_not_found());
}

async fn lines(mut logs: LogStream) -> Vec<super::logs::LogLine> {
    let mut lines = Vec::new();
    while let Some(line) = logs.next().await {
        lines.push(line.unwrap());
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn logs_with_and_without_frames() {
    let server = TestServer::new(|call| {
        let file = match call.path.as_str() {
            path if path.contains("/down/") => "engine-26.1/E0-logs-node-down.json",
            path if path.contains("/tty/") => "engine-26.1/E0-logs-tty.json",
            _ => "engine-26.1/E0-logs-details.json",
        };
        Reply::Told(200, capture_bytes(file))
    });
    let docker = server.docker(true);
    let down = lines(docker.logs(LogTarget::Service("down"), 10, false).await.unwrap()).await;
    assert!(down[0].source == LogSource::Engine && down[0].text.contains("incomplete log stream"), "{down:?}");
    let framed = lines(docker.logs(LogTarget::Service("x"), 10, false).await.unwrap()).await;
    assert!(framed.iter().all(|line| line.at.is_some() && line.task.is_some() && line.node.is_some()), "{framed:?}");
    assert!(framed.iter().any(|line| line.source == LogSource::Err) && framed.iter().any(|line| line.text == "out 3"));
    let tty = lines(docker.logs(LogTarget::Task("tty"), 10, false).await.unwrap()).await;
    assert!(!tty.is_empty() && tty.iter().all(|line| line.source == LogSource::Out), "{tty:?}");
}

/// Reads the answers of a swarm of a thousand services, and prints the time it takes.
#[tokio::test(start_paused = true)]
async fn a_large_swarm() {
    let task: Value = serde_json::from_str::<Vec<Value>>(&capture("24-tasks-example.json")).unwrap().remove(0);
    let tasks = serde_json::to_string(&vec![task; 10_000]).unwrap();
    let service: Value = serde_json::from_str(&capture(SINK)).unwrap();
    let services = serde_json::to_string(&vec![service; 1000]).unwrap();
    let server = TestServer::new(move |call| {
        Reply::told(200, if call.path.contains("/tasks") { tasks.clone() } else { services.clone() })
    });
    let docker: Docker = server.docker(true);
    let began = std::time::Instant::now();
    assert_eq!(docker.services(None).await.unwrap().len(), 1000);
    let services = began.elapsed();
    assert_eq!(docker.tasks(TaskFilter::Running).await.unwrap().len(), 10_000);
    println!("1,000 services {services:?}, with 10,000 tasks {:?}", began.elapsed());
}
