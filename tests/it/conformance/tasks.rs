//! Tasks that stay pending, that a node rejects, or that end.

use serde_json::{Value, json};

use super::client::{Target, image_of};

const SECOND: u64 = 1_000_000_000;

/// Creates a service and adds the reason why its tasks are pending.
async fn waits(target: &Target, what: &str, replicas: u64, over: Value) {
    let id = target.create(&target.spec(&target.name(what), "v1", replicas, over)).await;
    target.until("it says why", &id, |_, tasks| tasks.iter().any(|task| task["Status"]["Err"].is_string())).await;
    let tasks = target.tasks(&id).await;
    let task = tasks.iter().find(|task| task["Status"]["Err"].is_string()).unwrap();
    let word = |pointer: &str| task.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    target.note(format!(
        "{what}: {} / {} / {} / desired {}, node {}",
        word("/Status/State"),
        word("/Status/Message"),
        word("/Status/Err"),
        word("/DesiredState"),
        task.get("NodeID").map_or("none", |_| "some")
    ));
}

async fn unplaceable(target: Target) {
    let placed = |placement: Value| json!({ "TaskTemplate": { "Placement": placement } });
    waits(&target, "constraint", 1, placed(json!({ "Constraints": ["node.labels.nowhere==1"] }))).await;
    let arm = json!({ "Platforms": [{ "Architecture": "arm64", "OS": "linux" }] });
    waits(&target, "platform", 1, placed(arm)).await;
    waits(&target, "max-replicas", 4, placed(json!({ "MaxReplicas": 1 }))).await;
    let much = json!({ "TaskTemplate": { "Resources": { "Reservations": { "NanoCPUs": 1000 * SECOND } } } });
    waits(&target, "resources", 1, much).await;
    let both = json!({ "TaskTemplate": { "Resources": { "Reservations": { "NanoCPUs": 1000 * SECOND } },
        "Placement": { "Constraints": ["node.labels.nowhere==1"] } } });
    waits(&target, "resources-first", 1, both).await;
    let plugin = json!({ "TaskTemplate": { "ContainerSpec": { "Mounts": [{ "Type": "volume", "Source": "v", "Target": "/v",
        "VolumeOptions": { "DriverConfig": { "Name": "nosuchdriver" } } }] } } });
    waits(&target, "plugin", 1, plugin).await;
    let ports =
        json!({ "EndpointSpec": { "Ports": [{ "TargetPort": 80, "PublishedPort": 28_471, "PublishMode": "host" }] } });
    waits(&target, "host-port", 4, ports).await;
}

/// Creates a service and adds the way its first task ended.
async fn ends(target: &Target, what: &str, tag: &str, over: Value) {
    let id = target.create(&target.spec(&target.name(what), tag, 1, over)).await;
    let over = |task: &Value| ["complete", "failed", "rejected"].contains(&task["Status"]["State"].as_str().unwrap());
    target.until("it ends", &id, |_, tasks| tasks.iter().any(over)).await;
    let tasks = target.tasks(&id).await;
    let task = tasks.iter().find(|task| over(task)).unwrap();
    let word = |pointer: &str| task.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    target.note(format!(
        "{what}: {} / {} / {} / {}, container {}",
        word("/Status/State"),
        word("/Status/Message"),
        word("/Status/Err"),
        task["Status"]["ContainerStatus"]["ExitCode"],
        if word("/Status/ContainerStatus/ContainerID").is_empty() { "none" } else { "some" }
    ));
}

async fn ended(target: Target) {
    let container = |members: Value| json!({ "TaskTemplate": { "ContainerSpec": members } });
    ends(&target, "exit", "late", json!({})).await;
    ends(&target, "exit-0", "oneshot", json!({})).await;
    ends(&target, "missing-tag", "nosuch", json!({})).await;
    ends(&target, "bad-command", "v1", container(json!({ "Command": ["/nonexistent"] }))).await;
    ends(&target, "bad-user", "v1", container(json!({ "User": "nosuchuser" }))).await;
    let bind = json!({ "Mounts": [{ "Type": "bind", "Source": "/nosuch/dir", "Target": "/d" }] });
    ends(&target, "bind-source", "v1", container(bind)).await;
    ends(&target, "other-platform", "arm", json!({})).await;
    let health = json!({ "Healthcheck": { "Test": ["CMD-SHELL", "curl -f http://localhost/"], "Interval": SECOND / 2,
        "Timeout": 60 * SECOND, "Retries": 1 } });
    ends(&target, "unhealthy", "unhealthy", container(health)).await;
}

/// Runs a crash loop: five tasks of a slot are kept, the first failures are removed.
async fn history(target: Target) {
    let over = json!({ "TaskTemplate": { "RestartPolicy": { "Condition": "any", "Delay": SECOND / 2 } } });
    let id = target.create(&target.spec(&target.name("s"), "crash", 1, over)).await;
    target.until("it fails", &id, |_, tasks| tasks.iter().any(|task| task["Status"]["State"] == "failed")).await;
    let first = target.tasks(&id).await.iter().find(|task| task["Status"]["State"] == "failed").unwrap()["ID"].clone();
    target.until("the first is gone", &id, |_, tasks| tasks.iter().all(|task| task["ID"] != first)).await;
    // A sixth task exists for a moment: the engine removes the oldest one after creating the next.
    target.until("five are left", &id, |_, tasks| tasks.len() == 5).await;
    target.note("tasks: 5".to_owned());
}

/// Tries restart conditions and maximum attempts.
async fn restarts(target: Target) {
    let policy = |policy: Value| json!({ "TaskTemplate": { "RestartPolicy": policy } });
    let delay = SECOND / 2;
    for (what, tag, over) in [
        ("none", "crash", json!({ "Condition": "none", "Delay": delay })),
        ("on-failure-of-0", "oneshot", json!({ "Condition": "on-failure", "Delay": delay })),
        ("two-attempts", "crash", json!({ "Condition": "any", "Delay": delay, "MaxAttempts": 2 })),
    ] {
        let id = target.create(&target.spec(&target.name(what), tag, 1, policy(over))).await;
        target
            .until("it stands still", &id, |_, tasks| {
                !tasks.is_empty() && tasks.iter().all(|task| task["DesiredState"] == "shutdown")
            })
            .await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let mut states: Vec<String> = target
            .tasks(&id)
            .await
            .iter()
            .map(|task| format!("{} desired {}", task["Status"]["State"], task["DesiredState"]).replace('"', ""))
            .collect();
        states.sort();
        let filters = format!("/services?status=true&filters=%7B%22id%22%3A%5B%22{id}%22%5D%7D");
        let service = target.call("GET", &filters, None).await.body[0].clone();
        target.note(format!("{what}: {}; {}", states.join(", "), service["ServiceStatus"]));
    }
}

/// Runs a job to completion, and again after an update.
async fn job(target: Target) {
    let mut spec = target.spec(&target.name("s"), "oneshot", 1, json!({}));
    spec["Mode"] = json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 2 } });
    let id = target.create(&spec).await;
    let done = |run: Value| {
        move |_: &Value, tasks: &[Value]| {
            let of_run = tasks.iter().filter(|task| task["JobIteration"] == run);
            of_run.filter(|task| task["Status"]["State"] == "complete").count() == 2
        }
    };
    target.until("it is done", &id, done(json!({}))).await;
    let look = async || {
        let path = format!("/services?status=true&filters=%7B%22id%22%3A%5B%22{id}%22%5D%7D");
        let service = target.call("GET", &path, None).await.body[0].clone();
        target.note(format!(
            "{} {} UpdateStatus {}",
            service["ServiceStatus"],
            service["JobStatus"]["JobIteration"],
            service.get("UpdateStatus").map_or("absent", |_| "there")
        ));
        let line = |task: &Value| {
            let (state, desired, run) = (&task["Status"]["State"], &task["DesiredState"], &task["JobIteration"]);
            format!("{state} desired {desired} run {run} slot {} of {}", task["Slot"], image_of(task))
        };
        let mut lines: Vec<String> = target.tasks(&id).await.iter().map(line).collect();
        lines.sort();
        for line in lines {
            target.note(line);
        }
    };
    look().await;
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    target.note(format!("label: {}", reply.line()));
    target.until("it is done again", &id, done(json!({ "Index": 1 }))).await;
    look().await;
}

super::scripts![unplaceable, ended, history, restarts, job];
