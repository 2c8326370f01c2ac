//! Rollbacks, and edits that interfere with them.

use serde_json::{Value, json};

use super::client::Target;

const SECOND: u64 = 1_000_000_000;

fn policies(action: &str, monitor: u64) -> Value {
    let policy = |action: &str| {
        json!({ "Parallelism": 1, "FailureAction": action, "Monitor": monitor * SECOND,
        "MaxFailureRatio": 0, "Order": "stop-first" })
    };
    json!({ "UpdateConfig": policy(action), "RollbackConfig": policy("pause") })
}

async fn previous(target: &Target, id: &str, body: impl Fn(&mut Value)) {
    let reply = target.post(id, "&rollback=previous", body).await;
    target.note(format!("rollback: {}", reply.line()));
}

/// Rolls back twice: the posted spec is ignored, and the second rollback goes forward again.
async fn toggles(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 1, policies("pause", 1))).await;
    target.until_runs(&id, "v1", 1).await;
    target.post_image(&id, "v2").await;
    target.follow(&id, &["completed"]).await;
    previous(&target, &id, |spec| spec["Labels"] = json!({ "ignored": "yes" })).await;
    target.follow(&id, &["rollback_completed"]).await;
    target.end(&id).await;
    target.note(format!("labels: {}", target.service(&id).await["Spec"]["Labels"]));
    previous(&target, &id, |_| ()).await;
    target.follow(&id, &["rollback_completed"]).await;
    target.end(&id).await;
}

/// Makes changes that start no rollout and set no `UpdateStatus`: a label, the number of replicas, no change at all.
async fn no_status(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 1, json!({}))).await;
    target.until_runs(&id, "v1", 1).await;
    let first = target.tasks(&id).await[0]["ID"].clone();
    let look = async |what: &str, reply: super::client::Reply| {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let service = target.service(&id).await;
        let same =
            target.tasks(&id).await.iter().any(|task| task["ID"] == first && task["Status"]["State"] == "running");
        let previous = service.get("PreviousSpec").is_some();
        target.note(format!(
            "{what}: {} UpdateStatus {}, the first task runs on: {same}, PreviousSpec there: {previous}",
            reply.line(),
            service.get("UpdateStatus").map_or("absent", |_| "there")
        ));
    };
    let reply = target.post(&id, "", |_| ()).await;
    look("the same spec", reply).await;
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    look("a label", reply).await;
    let reply = target.post(&id, "", |spec| spec["Mode"] = json!({ "Replicated": { "Replicas": 2 } })).await;
    look("one more", reply).await;
    let reply = target.post(&id, "", |spec| spec["Mode"] = json!({ "Replicated": { "Replicas": 0 } })).await;
    target.note(format!("none: {}", reply.line()));
    target.until("no tasks", &id, |_, tasks| tasks.is_empty()).await;
    target.post_image(&id, "v2").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    target.note(format!("UpdateStatus: {}", target.service(&id).await["UpdateStatus"]));
}

/// Edits a label while a rollout is paused: the rollout resumes.
async fn label_on_paused(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 4, policies("pause", 5))).await;
    target.until_runs(&id, "v1", 4).await;
    target.post_image(&id, "nosuch").await;
    target.follow(&id, &["paused"]).await;
    let old = |tasks: &[Value]| {
        tasks.iter().filter(|task| task["DesiredState"] == "running" && task["Status"]["State"] == "running").count()
    };
    let before = old(&target.tasks(&id).await);
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    target.note(format!("label: {}", reply.line()));
    target.follow(&id, &["updating"]).await;
    target.follow(&id, &["paused"]).await;
    target.until("another one is gone", &id, |_, tasks| old(tasks) < before).await;
    let service = target.service(&id).await;
    let previous =
        service["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or("absent").to_owned();
    target.note(format!("another healthy task is gone; previous: {previous}"));
}

/// Edits a label in the middle of a rollout. The automatic rollback then "completes" with the bad image.
async fn label_mid_rollout(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 3, policies("rollback", 10))).await;
    target.until_runs(&id, "v1", 3).await;
    target.post_image(&id, "late").await;
    target.follow(&id, &["updating"]).await;
    let image = target.image("late");
    target
        .until("the first new task runs", &id, |_, tasks| {
            tasks.iter().any(|task| super::client::image_of(task) == image && task["Status"]["State"] == "running")
        })
        .await;
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    target.note(format!("label: {}", reply.line()));
    target.follow(&id, &["rollback_completed"]).await;
    // The rollback ends as soon as it starts, so `rollback_started` may not be observed.
    target.forget("update: rollback_started");
    let service = target.service(&id).await;
    target.note(format!("spec: {}", service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap()));
    target.note(format!("PreviousSpec: {}", service.get("PreviousSpec").map_or("absent", |_| "there")));
    target.note(format!("labels: {}", service["Spec"]["Labels"]));
}

/// Updates from a paused rollout to a good image: the failed spec becomes the previous one.
async fn fix_forward(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 2, policies("pause", 1))).await;
    target.until_runs(&id, "v1", 2).await;
    target.post_image(&id, "nosuch").await;
    target.follow(&id, &["paused"]).await;
    target.post_image(&id, "v2").await;
    target.follow(&id, &["completed"]).await;
    target.until_runs(&id, "v2", 2).await;
    let service = target.service(&id).await;
    let image =
        |key: &str| service[key]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or("absent").to_owned();
    target.note(format!("spec: {}", image("Spec")));
    target.note(format!("previous: {}", image("PreviousSpec")));
}

/// Rolls back to an image that fails: the rollback is paused.
async fn rollback_paused(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "nosuch", 1, policies("pause", 2))).await;
    target.until("it fails", &id, |_, tasks| tasks.iter().any(|task| task["Status"]["State"] == "rejected")).await;
    target.post_image(&id, "v1").await;
    target.follow(&id, &["completed"]).await;
    previous(&target, &id, |_| ()).await;
    target.follow(&id, &["rollback_paused"]).await;
    let service = target.service(&id).await;
    let image =
        |key: &str| service[key]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or("absent").to_owned();
    target.note(format!("spec: {}, previous: {}", image("Spec"), image("PreviousSpec")));
}

/// Posts the exact old spec again: tasks that still match it keep running.
async fn back_to_the_letter(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 3, policies("pause", 5))).await;
    target.until_runs(&id, "v1", 3).await;
    let first: Vec<Value> = target.tasks(&id).await.iter().map(|task| task["ID"].clone()).collect();
    target.post_image(&id, "nosuch").await;
    target.follow(&id, &["paused"]).await;
    target.post_image(&id, "v1").await;
    target.follow(&id, &["completed"]).await;
    target.until_runs(&id, "v1", 3).await;
    let kept = target
        .tasks(&id)
        .await
        .iter()
        .filter(|task| task["DesiredState"] == "running" && first.contains(&task["ID"]))
        .count();
    target.note(format!("at least one of three stayed: {}", kept >= 1));
}

/// Replaces the whole spec: members that are not posted are removed.
async fn whole_spec(target: Target) {
    let more = json!({ "Labels": { "a": "b" }, "TaskTemplate": { "ContainerSpec": { "Env": ["A=1"] }, "Resources": { "Limits": { "Pids": 10 } } },
        "UpdateConfig": { "Parallelism": 2 } });
    let name = target.name("s");
    let id = target.create(&target.spec(&name, "v1", 2, more)).await;
    target.until_runs(&id, "v1", 2).await;
    let image = target.image("v1");
    let reply = target
        .post(&id, "", |spec| {
            *spec = json!({ "Name": name, "TaskTemplate": { "ContainerSpec": { "Image": image } } });
        })
        .await;
    target.note(format!("post: {}", reply.line()));
    target.note(target.service(&id).await["Spec"].to_string());
}

super::scripts![
    toggles,
    no_status,
    label_on_paused,
    label_mid_rollout,
    fix_forward,
    rollback_paused,
    back_to_the_letter,
    whole_spec,
];
