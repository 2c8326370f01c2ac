//! Edits, deployments and rollbacks by other clients in the middle of a rollout.

use super::*;

/// Edits a label in the middle of a rollout. After the engine's rollback the bad image is still in the
/// spec; pinnace detects it and rolls back.
#[tokio::test(start_paused = true)]
async fn a_label_edit_defeats_the_engines_rollback() {
    let swarm = Swarm::of(&world("exit:1", &part("a", "", &format!("replicas = 2\n{}", policy("rollback", 5)))));
    let before = swarm.spec("s_a").await;
    let other = swarm.clone();
    let label = move || meddle(&other, "s_a", |spec| spec["Labels"]["owner"] = json!("somebody"));
    let operator = swarm.behind("node-1", at_first_look(label));
    let told = apply(&operator, &["a"], &["--settle", "0"]).await.exit(1).json();
    assert_eq!((&told["outcome"], &told["units"]), (&json!("failed"), &json!(["rolled-back"])));
    assert!(why(&told).contains("the new image is still in the spec"), "{told:#}");
    // The engine's rollback also undid the label: its previous spec was pinnace's, without the label.
    assert_eq!(swarm.spec("s_a").await, before);
    assert_eq!(landed(&operator), 2, "there, and back where the engine did not go");
    until_runs(&swarm, "s_a", &swarm.image("app:1").1, 2).await;
}

/// Checks that a rollback by pinnace keeps an edit that another client made in the meantime.
#[tokio::test(start_paused = true)]
async fn a_label_edit_survives_the_way_back() {
    let swarm = Swarm::of(&world("exit:1", &part("a", "", &format!("replicas = 2\n{}", policy("pause", 5)))));
    let before = swarm.spec("s_a").await;
    let other = swarm.clone();
    let label = move || meddle(&other, "s_a", |spec| spec["Labels"]["owner"] = json!("somebody"));
    let operator = swarm.behind("node-1", at_first_look(label));
    let told = apply(&operator, &["a"], &["--settle", "0"]).await.exit(1).json();
    assert_eq!((&told["outcome"], &told["units"]), (&json!("failed"), &json!(["rolled-back"])));
    let mut wanted: Value = serde_json::from_str(&before).unwrap();
    wanted["Labels"]["owner"] = json!("somebody");
    assert_eq!(serde_json::from_str::<Value>(&swarm.spec("s_a").await).unwrap(), wanted);
    until_runs(&swarm, "s_a", &swarm.image("app:1").1, 2).await;
    all_spliced(&operator);
}

/// Checks an update to a good image with a label edit by another client: both stay, and the output mentions both.
#[tokio::test(start_paused = true)]
async fn a_label_edit_is_told_and_stays() {
    let swarm = Swarm::of(&world("sleep", &part("a", "", "replicas = 3\n")));
    let other = swarm.clone();
    let label = move || meddle(&other, "s_a", |spec| spec["Labels"]["owner"] = json!("somebody"));
    let operator = swarm.behind("node-1", at_first_look(label));
    let pin = format!("a={HUB}/app:new");
    let said = operator.run(&["apply", "s", "--pin", &pin, "--settle", "0"]).await.exit(0);
    assert!(said.out.contains("note: another client edited other parts of it meanwhile (Labels)"), "{}", said.out);
    assert!(swarm.spec("s_a").await.contains("\"owner\":\"somebody\""));
    until_runs(&swarm, "s_a", &swarm.image("app:new").1, 3).await;
}

/// Checks that a failure describes the other client's change, and that this change stays.
#[tokio::test(start_paused = true)]
async fn others_are_told_by_what_they_did() {
    for (hand, says) in [
        ("deploy", "`docker stack deploy` set"),
        ("update", "not from its stack file"),
        ("force", "forced an update"),
        ("rollback", "another client rolled it back"),
        ("back", "another client set it back"),
    ] {
        let swarm = Swarm::of(&world("healthy-after:5", &part("a", "", "")));
        let (other, (tag, image), (_, old)) = (swarm.clone(), swarm.image("app:2"), swarm.image("app:1"));
        let act = move || match hand {
            "rollback" => other.sim.with(|world| {
                let found = world.find_service("s_a").unwrap();
                let (spec, version, id) = (found.spec.value.clone(), found.index, found.id.to_string());
                world
                    .update_service(&id, ServiceUpdate { version, spec, rollback: true, ..ServiceUpdate::default() })
                    .unwrap();
            }),
            _ => meddle(&other, "s_a", |spec| match hand {
                "force" => spec["TaskTemplate"]["ForceUpdate"] = json!(7),
                "back" => {
                    spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(old);
                    spec["TaskTemplate"].as_object_mut().unwrap().remove("Placement");
                }
                _ => {
                    spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(image);
                    if hand == "deploy" {
                        spec["Labels"]["com.docker.stack.image"] = json!(tag);
                    }
                }
            }),
        };
        let operator = swarm.behind("node-1", at_first_look(act));
        let told = apply(&operator, &["a"], &["--settle", "0"]).await;
        if hand == "force" {
            // Another `ForceUpdate` counter is no conflict: the image stays pinnace's, and the unit completes.
            assert_eq!(told.exit(0).json()["units"], json!(["done"]));
            continue;
        }
        let told = told.exit(1).json();
        assert_eq!(told["units"], json!(["superseded"]), "{hand}");
        assert!(why(&told).contains(says), "{hand}: {told:#}");
        assert_eq!(landed(&operator), 1, "{hand}: what they did stands");
    }
}
