//! Rollbacks of images that other clients deployed.

use super::*;

/// Deploys a missing tag as `docker stack deploy` does: a paused rollout with one of three tasks down.
async fn badly_deployed() -> (Swarm, Vec<String>) {
    let swarm = Swarm::of(&world("sleep", &part("a", "", &format!("replicas = 3\n{}", policy("pause", 2)))));
    let (before, (_, old)) = (swarm.spec("s_a").await, swarm.image("app:1"));
    let tasks = until_runs(&swarm, "s_a", &old, 3).await;
    meddle(&swarm, "s_a", |spec| {
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(format!("{HUB}/app:nosuch"));
        spec["Labels"]["com.docker.stack.image"] = json!(format!("{HUB}/app:nosuch"));
    });
    until_state(&swarm, "paused").await;
    assert_eq!(swarm.tasks(&["s_a"]).await.len(), 2);
    assert_ne!(swarm.spec("s_a").await, before);
    (swarm, tasks)
}

/// Waits until the rollout of `s_a` has this state.
async fn until_state(swarm: &Swarm, state: &str) {
    for _ in 0..600 {
        let (_, body) = swarm.ask("node-1", Method::GET, "/services/s_a", &[]).await;
        let service: Value = serde_json::from_str(&body).unwrap();
        if service["UpdateStatus"]["State"] == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not {state} in 60 s");
}

/// Checks that the spec is exactly the old one and that tasks that still match it survived.
async fn is_back(swarm: &Swarm, before: &[String]) {
    let (_, old) = swarm.image("app:1");
    let after = until_runs(swarm, "s_a", &old, 3).await;
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 2, "two stay");
    let spec: Value = serde_json::from_str(&swarm.spec("s_a").await).unwrap();
    assert_eq!(spec["TaskTemplate"]["ContainerSpec"]["Image"], old.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_bad_deploy_that_pinnace_never_saw_goes_back() {
    let (swarm, tasks) = badly_deployed().await;
    let operator = swarm.at("node-2");
    let plan = operator.run(&["rollback", "s", "--dry-run", "--json"]).await.exit(0).json();
    assert_eq!(plan["units"][0]["effect"], json!({ "restarts": 1, "stays": 2 }), "{plan:#}");
    let said = operator.run(&["rollback", "s", "--settle", "1"]).await.exit(0);
    assert!(said.out.contains("1 restarts, 2 stay"), "{}", said.out);
    is_back(&swarm, &tasks).await;
    all_spliced(&operator);

    let (swarm, tasks) = badly_deployed().await;
    let operator = swarm.at("node-3");
    let mut desk = Desk::open(&operator, (80, 24));
    desk_at(&mut desk, "s_a").await;
    desk.press("R");
    desk.wait("the plan back", 10, |text| text.contains("plan up to date") && text.contains("2 stay")).await;
    desk.press("a");
    desk.wait("the outcome", 60, |text| text.contains("Done.")).await;
    is_back(&swarm, &tasks).await;
}

/// Rolls back an update from 16 to 17 by a build server, to the image that ran right before.
#[tokio::test(start_paused = true)]
async fn an_update_by_a_build_server_goes_back() {
    let swarm = Swarm::of(&world("sleep", &part("a", "", "replicas = 3\n")));
    let (before, (_, new)) = (swarm.spec("s_a").await, swarm.image("app:new"));
    // The lifetime of the tasks proves that their image ran.
    tokio::time::sleep(Duration::from_secs(400)).await;
    meddle(&swarm, "s_a", |spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(new));
    until_runs(&swarm, "s_a", &new, 3).await;
    until_state(&swarm, "completed").await;
    let operator = swarm.at("node-2");
    let told = operator.run(&["rollback", "s", "--settle", "1", "--json"]).await.exit(0).json();
    assert_eq!(told["plan"]["units"][0]["effect"], json!({ "restarts": 3, "stays": 0 }));
    assert_eq!(swarm.spec("s_a").await, before);
    until_runs(&swarm, "s_a", &swarm.image("app:1").1, 3).await;
}
