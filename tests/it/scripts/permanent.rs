//! Permanent pins: the output of the verbs that make pins permanent outside of pinnace.

use serde_json::json;

use super::*;

async fn pinned(operator: &Operator, group: &str, pin: &str) {
    operator.run(&["apply", group, "--pin", pin, "--ack", "--settle", "0"]).await.exit(0);
}

#[tokio::test(start_paused = true)]
async fn each_owner_gets_its_own_form() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let permanent = async |group: &str| operator.run(&["pins", group, "--permanent"]).await;
    let nothing = permanent("shop").await.exit(0);
    assert_eq!(nothing.out, "");
    assert_eq!(nothing.err, "no pin is in force in stack/shop: nothing to make permanent\n");

    let (_, app) = swarm.image("app:2");
    pinned(&operator, "shop", &format!("b={HUB}/app:2")).await;
    let stack = permanent("shop").await.exit(0);
    assert_eq!((stack.out, stack.err), (format!("services:\n  b:\n    image: {app}\n"), String::new()));
    pinned(&operator, "cron-box", &format!("{HUB}/app:2")).await;
    let lone = permanent("cron-box").await.exit(0);
    assert_eq!(lone.out, format!("docker service update --image {app} cron-box\n"));

    // The tag moves after it was applied; the applied digest is kept.
    let (_, pg) = swarm.image("pg:2");
    pinned(&operator, "storefront", &format!("n1={HUB}/pg:2")).await;
    let named = swarm_sim::reference(&format!("{HUB}/pg:1")).unwrap();
    swarm.sim.with(|world| world.registries.get_mut(HUB).unwrap().tag("2", &named, None)).unwrap();
    let database = permanent("storefront").await.exit(0);
    let spec: Value = serde_json::from_str(&database.out).unwrap();
    let n1 = json!({ "name": "n1", "orchestrator_opts": { "swarm": { "image": pg } } });
    assert_eq!(spec, json!({ "nodes": [n1] }));
    assert!(database.err.contains("replace all of the database's"), "{}", database.err);
    let told = operator.run(&["pins", "storefront", "--permanent", "--json"]).await.exit(0).json();
    assert_eq!((&told["form"], &told["holds"]), (&json!("pgedge-api"), &json!(["n1"])));
    assert_eq!(told["text"].as_str().unwrap(), database.out.trim_end());
    operator.run(&["pins", "--permanent"]).await.exit(2);
}

#[tokio::test(start_paused = true)]
async fn a_spec_is_taken_over_from_a_file_or_refused_as_a_whole() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let file = operator.home().join("spec.json");
    let file = file.to_str().unwrap();
    let spec = json!({ "id": "other", "spec": { "port": 5432, "database_users": [{ "password": "hunter2" }],
        "orchestrator_opts": { "swarm": { "image": format!("{HUB}/pg:2") } },
        "nodes": [{ "name": "n1" }, { "name": "n9", "orchestrator_opts": { "swarm": { "image": format!("{HUB}/pg:1") } } }] } });
    std::fs::write(file, spec.to_string()).unwrap();
    let checked = operator.run(&["check", "storefront", "--pins", file, "--json"]).await.exit(1).json();
    let remarks = |told: &Value| -> Vec<String> {
        let findings = told["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "pin-unknown");
        findings.map(|finding| format!("{}: {}", finding["severity"], finding["message"]).replace('"', "")).collect()
    };
    let wanted = [
        "error: database/storefront has no db node `n9`",
        "info: the spec is for database `other`",
        "info: not imported, because pins only set images: database_users, port",
    ];
    assert_eq!(remarks(&checked), wanted);
    let planned = operator.run(&["plan", "storefront", "--pins", file, "--json"]).await.exit(1);
    assert_eq!(remarks(&planned.json()), wanted);
    let after = planned.json()["pins_after"].as_str().unwrap().to_owned();
    assert!(after.contains("[node.n9]") && !planned.out.contains("hunter2"), "{after}");
    // After the change, the record holds the imported pins and nothing else of the spec.
    let mut spec = spec;
    spec["spec"]["nodes"].as_array_mut().unwrap().pop();
    std::fs::write(file, spec.to_string()).unwrap();
    operator.run(&["apply", "storefront", "--pins", file, "--ack", "--settle", "0"]).await.exit(0);
    let (_, pg) = swarm.image("pg:2");
    let databases = ["postgres-n1-a", "postgres-n1-b", "postgres-n1-c", "postgres-n2-a"];
    assert!(swarm.tasks(&databases).await.iter().all(|(.., image)| *image == pg));
    assert!(operator.calls().iter().all(|call| !call.body.contains("hunter2")), "no password is posted anywhere");
    // An incomplete spec, or another kind of document, is not accepted as pins.
    for (text, group, why) in [
        ("{ \"nodes\": [", "storefront", "it is not JSON: "),
        ("{ \"a\": 1 }", "storefront", "it is not a pgEdge spec"),
        ("{ \"nodes\": [] }", "shop", "a pgEdge spec is for a database, and stack/shop is not one"),
    ] {
        std::fs::write(file, text).unwrap();
        let said = operator.run(&["plan", group, "--pins", file]).await.exit(2);
        assert!(said.err.contains(why) && said.err.contains("hint: "), "{}", said.err);
    }
}
