//! Rollouts with different update policies and images.

use serde_json::{Value, json};

use super::client::Target;

const SECOND: u64 = 1_000_000_000;

/// Returns an update policy, `more` merged over it.
fn policy(action: &str, monitor: u64, more: Value) -> Value {
    let mut policy = json!({ "Parallelism": 1, "FailureAction": action, "Monitor": monitor * SECOND,
        "MaxFailureRatio": 0, "Order": "stop-first" });
    super::client::lay(&mut policy, more);
    json!({ "UpdateConfig": policy, "RollbackConfig": { "Parallelism": 1, "FailureAction": "pause",
        "Monitor": SECOND, "MaxFailureRatio": 0, "Order": "stop-first" } })
}

async fn rollout(target: &Target, tag: &str, replicas: u64, over: Value, ends: &[&str]) -> String {
    let id = target.create(&target.spec(&target.name("s"), "v1", replicas, over)).await;
    target.until_runs(&id, "v1", usize::try_from(replicas).unwrap()).await;
    target.post_image(&id, tag).await;
    target.follow(&id, ends).await;
    id
}

async fn stop_first(target: Target) {
    let id = rollout(&target, "v2", 3, policy("pause", 1, json!({})), &["completed"]).await;
    target.end(&id).await;
}

async fn start_first(target: Target) {
    let id = rollout(&target, "v2", 2, policy("pause", 1, json!({ "Order": "start-first" })), &["completed"]).await;
    target.until_runs(&id, "v2", 2).await;
    target
        .until("the old have stopped", &id, |_, tasks| {
            tasks.iter().filter(|task| task["Status"]["State"] == "shutdown").count() == 2
        })
        .await;
    target.end(&id).await;
}

/// Updates all slots at once.
async fn parallelism_zero(target: Target) {
    let id = rollout(&target, "v2", 3, policy("pause", 1, json!({ "Parallelism": 0 })), &["completed"]).await;
    target.end(&id).await;
}

/// Updates with a delay, which also applies after the last slot.
async fn delay(target: Target) {
    let more = json!({ "Parallelism": 2, "Delay": SECOND });
    let id = rollout(&target, "v2", 4, policy("pause", 1, more), &["completed"]).await;
    target.end(&id).await;
}

/// Pauses a failed rollout: one slot failed after it ran, the next one was already
/// stopped. Both slots keep restarting.
async fn fails_pause(target: Target) {
    let id = rollout(&target, "late", 3, policy("pause", 5, json!({})), &["paused"]).await;
    target
        .until("another restart", &id, |_, tasks| {
            tasks.iter().filter(|task| task["Status"]["State"] == "failed").count() >= 2
        })
        .await;
    target.end(&id).await;
}

/// Updates to a failing image with `continue`: the rollout completes, but no task runs.
async fn fails_continue(target: Target) {
    let id = rollout(&target, "crash", 2, policy("continue", 1, json!({})), &["completed"]).await;
    target.end(&id).await;
}

/// Rolls back a failed update. The restart and the rollback race for the next task; if the rollback wins, no slot is
/// left to be rolled back, and `rollback_started` cannot be observed.
async fn fails_rollback(target: Target) {
    let id = rollout(&target, "late", 1, policy("rollback", 5, json!({})), &["rollback_completed"]).await;
    target.until_runs(&id, "v1", 1).await;
    target.end(&id).await;
    target.forget("update: rollback_started");
    target.forget("app:late shutdown");
    let spec = target.service(&id).await["Spec"].clone();
    let version = target.service(&id).await["Version"]["Index"].clone();
    let path = format!("/services/{id}/update?version={version}&rollback=previous");
    target.says("rollback=previous after an automatic one", "POST", &path, Some(&spec)).await;
}

async fn no_image_pause(target: Target) {
    let id = rollout(&target, "nosuch", 2, policy("pause", 2, json!({})), &["paused"]).await;
    target.end_of_first_failure(&id).await;
}

async fn no_image_rollback(target: Target) {
    let id = rollout(&target, "nosuch", 2, policy("rollback", 2, json!({})), &["rollback_completed"]).await;
    target.until_runs(&id, "v1", 2).await;
    target.end_of_first_failure(&id).await;
}

async fn unhealthy_rollback(target: Target) {
    let health = json!({ "TaskTemplate": { "ContainerSpec": { "Healthcheck": { "Test": ["CMD-SHELL", "curl -f http://localhost/"],
        "Interval": SECOND / 2, "Timeout": 60 * SECOND, "Retries": 2 } } } });
    let mut over = policy("rollback", 8, json!({}));
    super::client::lay(&mut over, health);
    let id = rollout(&target, "unhealthy", 1, over, &["rollback_completed"]).await;
    target.until_runs(&id, "v1", 1).await;
    target.end(&id).await;
    target.forget("update: rollback_started");
    target.forget("app:unhealthy shutdown");
}

/// Updates to an image with a health check: tasks are running only once they are healthy.
async fn healthy_later(target: Target) {
    let health = json!({ "TaskTemplate": { "ContainerSpec": { "Healthcheck": { "Test": ["CMD-SHELL", "curl -f http://localhost/"],
        "Interval": SECOND / 2, "Timeout": 60 * SECOND, "Retries": 120 } } } });
    let mut over = policy("pause", 1, json!({}));
    super::client::lay(&mut over, health);
    let id = rollout(&target, "healthy", 1, over, &["completed"]).await;
    target.end(&id).await;
}

/// Exceeds the failure ratio: the third failure of four slots is more than half.
async fn failure_ratio(target: Target) {
    let more = json!({ "MaxFailureRatio": 0.5 });
    let id = rollout(&target, "crash", 4, policy("pause", 3, more), &["paused"]).await;
    let service = target.service(&id).await;
    target.note(format!("spec: {}", service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap()));
    let image = target.image("crash");
    let tasks = target.tasks(&id).await;
    let begun: std::collections::BTreeSet<_> = tasks
        .iter()
        .filter(|task| super::client::image_of(task) == image)
        .filter_map(|task| task["Slot"].as_u64())
        .collect();
    target.note(format!("at least three of four slots begun: {}", begun.len() >= 3));
}

/// Updates with a monitor period shorter than the time to the crash: the rollout completes, and a crash loop follows.
async fn monitor_too_short(target: Target) {
    let mut over = policy("pause", 1, json!({}));
    over["UpdateConfig"]["Monitor"] = json!(SECOND / 5);
    let id = rollout(&target, "late", 1, over, &["completed"]).await;
    target.until("the crash", &id, |_, tasks| tasks.iter().any(|task| task["Status"]["State"] == "failed")).await;
    target.end(&id).await;
}

/// Updates to a spec that no node can run. This is not a failure: the old task is stopped,
/// and the state stays `updating`.
async fn unschedulable(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 2, policy("rollback", 1, json!({})))).await;
    target.until_runs(&id, "v1", 2).await;
    let image = target.image("v2");
    let reply = target
        .post(&id, "", |spec| {
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image.as_str());
            spec["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.labels.nowhere==1"] });
        })
        .await;
    target.note(format!("post: {}", reply.line()));
    target
        .until("the old one has stopped", &id, |_, tasks| {
            tasks.iter().any(|task| task["Status"]["State"] == "shutdown")
                && tasks.iter().any(|task| task["Status"]["State"] == "pending" && task["DesiredState"] == "running")
        })
        .await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    target.follow(&id, &["updating"]).await;
    for task in target.tasks(&id).await.iter().filter(|task| task["Status"]["State"] == "pending") {
        target.note(format!("pending: {}: {}", task["Status"]["Message"], task["Status"]["Err"]));
    }
    target.end(&id).await;
}

/// Removes the constraint that no node meets: the pending task is replaced.
async fn unschedulable_mended(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 1, policy("pause", 1, json!({})))).await;
    target.until_runs(&id, "v1", 1).await;
    let place = |constraints: Value| {
        let image = target.image("v2");
        move |spec: &mut Value| {
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image.as_str());
            spec["TaskTemplate"]["Placement"] = json!({ "Constraints": constraints });
        }
    };
    target.post(&id, "", place(json!(["node.labels.nowhere==1"]))).await;
    target
        .until("it waits", &id, |_, tasks| {
            tasks.iter().any(|task| task["Status"]["State"] == "pending" && task["DesiredState"] == "running")
        })
        .await;
    let reply = target.post(&id, "", place(json!([]))).await;
    target.note(format!("post: {}", reply.line()));
    let began: f64 = target.now().await.parse().unwrap();
    target.follow(&id, &["completed"]).await;
    let took = target.now().await.parse::<f64>().unwrap() - began;
    target.note(format!("within 30 s: {}", took < 30.0));
    target.end(&id).await;
}

/// Sets an empty policy. The engine stores parallelism 0, so all tasks restart at once.
async fn empty_policy(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 3, json!({}))).await;
    target.until_runs(&id, "v1", 3).await;
    let image = target.image("v2");
    let reply = target
        .post(&id, "", |spec| {
            spec["UpdateConfig"] = json!({});
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image.as_str());
        })
        .await;
    target.note(format!("post: {}", reply.line()));
    target
        .until("three new tasks at once", &id, |_, tasks| {
            tasks.iter().filter(|task| super::client::image_of(task) == image).count() == 3
        })
        .await;
    let running = target
        .tasks(&id)
        .await
        .iter()
        .filter(|task| super::client::image_of(task) == image && task["Status"]["State"] == "running")
        .count();
    target.note(format!("of which run already: {running}"));
    target.note(format!("kept: {}", target.service(&id).await["Spec"]["UpdateConfig"]));
    target.follow(&id, &["completed"]).await;
}

async fn global_update(target: Target) {
    let mut spec = target.spec(&target.name("s"), "v1", 1, policy("pause", 1, json!({})));
    spec["Mode"] = json!({ "Global": {} });
    let id = target.create(&spec).await;
    target.until_runs(&id, "v1", 3).await;
    target.post_image(&id, "v2").await;
    target.follow(&id, &["completed"]).await;
    target.end(&id).await;
    let slots = target.tasks(&id).await.iter().filter(|task| task.get("Slot").is_some()).count();
    target.note(format!("tasks with a slot: {slots}"));
}

/// Runs a service that exits with 0, then updates it: the second exit counts as a failure.
async fn oneshot(target: Target) {
    let mut over = policy("pause", 5, json!({}));
    super::client::lay(&mut over, json!({ "TaskTemplate": { "RestartPolicy": { "Condition": "none" } } }));
    let id = target.create(&target.spec(&target.name("s"), "oneshot", 1, over)).await;
    let complete = |many: usize| {
        move |_: &Value, tasks: &[Value]| {
            tasks.iter().filter(|task| task["Status"]["State"] == "complete").count() == many
        }
    };
    target.until("it has run", &id, complete(1)).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let reply = target.post(&id, "", |spec| spec["TaskTemplate"]["ForceUpdate"] = json!(1)).await;
    target.note(format!("force: {}", reply.line()));
    target.follow(&id, &["paused"]).await;
    target.until("it has run again", &id, complete(2)).await;
    target.end(&id).await;
}

impl Target {
    /// Adds a shorter final state than `end` to the transcript, for rollouts whose later tasks vary:
    /// the images and the rejected tasks.
    async fn end_of_first_failure(&self, id: &str) {
        let service = self.service(id).await;
        let image = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).unwrap_or("absent").to_owned();
        self.note(format!("spec: {}", image("/Spec/TaskTemplate/ContainerSpec/Image")));
        self.note(format!("previous: {}", image("/PreviousSpec/TaskTemplate/ContainerSpec/Image")));
        for line in super::client::ends_of(&self.tasks(id).await).into_iter().filter(|line| line.contains("rejected")) {
            self.note(line);
        }
    }
}

super::scripts![
    stop_first,
    start_first,
    parallelism_zero,
    delay,
    fails_pause,
    fails_continue,
    fails_rollback,
    no_image_pause,
    no_image_rollback,
    unhealthy_rollback,
    healthy_later,
    failure_ratio,
    monitor_too_short,
    unschedulable,
    unschedulable_mended,
    empty_policy,
    global_update,
    oneshot,
];
