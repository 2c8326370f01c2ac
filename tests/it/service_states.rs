//! Service states in `status`.

use serde_json::{Value, json};

use crate::lab::{Group, Lab, Second, part, wait_for};

/// Returns the rows of a group: state, running, desired, error.
fn rows(lab: &Lab, group: &str, exit: i32) -> Vec<(String, u64, u64, String)> {
    let status = lab.program(2).run(&["status", group, "--json"]).exit(exit).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        (text(&row["state"]), row["running"].as_u64().unwrap(), row["desired"].as_u64().unwrap(), text(&row["error"]))
    };
    status["services"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn what_rests_is_no_trouble() {
    let Some(lab) = Lab::get() else { return };
    let row = |state: &str, running, desired| vec![(state.to_owned(), running, desired, String::new())];
    assert_eq!(rows(&lab, "parked", 0), row("stopped", 0, 0));
    assert_eq!(rows(&lab, "cron-box", 0), row("ok", 1, 1));
    let oneshot = rows(&lab, "oneshot-migrate", 0);
    assert_eq!(oneshot[0].0, "finished", "{oneshot:?}");
}

/// Creates a single service with this restart policy.
fn alone(lab: &Lab, behaviour: &str, path: &str, restart: &Value) -> Group {
    let image = lab.push(path, behaviour, &[]);
    Group::new(lab, "service", |name| {
        let mut spec = part(name, "x", &image.text, 1);
        spec["Name"] = name.into();
        spec["Labels"] = json!({});
        spec["TaskTemplate"]["RestartPolicy"] = restart.clone();
        vec![spec]
    })
}

#[test]
fn one_that_cannot_start_says_why() {
    let Some(lab) = Lab::get() else { return };
    let group = alone(&lab, "exit:7", "it/states/exits:1", &json!({"Condition": "any", "Delay": 2_000_000_000_u64}));
    let row = wait_for("it to fail", 30, || {
        let failed = lab.engine(1).list("tasks", &[("service", &group.name)]);
        failed.iter().any(|task| task["Status"]["State"] == "failed").then(|| rows(&lab, &group.name, 1).remove(0))
    });
    assert!(["failing", "crash-loop"].contains(&row.0.as_str()) && row.3.contains("non-zero exit (7)"), "{row:?}");
}

fn state(lab: &Lab, group: &Group) -> String {
    let status = lab.program(1).run(&["status", &group.name, "--json"]).json();
    status["services"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn one_that_runs_a_while_and_ends_again_is_looping() {
    let Some(lab) = Lab::get() else { return };
    let restart = json!({"Condition": "any", "Delay": 500_000_000});
    let group = alone(&lab, "exit-after:11:1", "it/states/loops:1", &restart);
    wait_for("it to be called looping", 60, || (state(&lab, &group) == "crash-loop").then_some(()));
}

/// Runs a service that exits soon after each start: most polls find it running, but it must never be `ok`.
#[test]
fn one_that_ends_soon_after_each_start_is_never_ok() {
    let Some(lab) = Lab::get() else { return };
    let restart = json!({"Condition": "any", "Delay": 500_000_000});
    let group = alone(&lab, "exit-after:3:1", "it/states/short:1", &restart);
    let failed = || {
        let tasks = lab.engine(1).list("tasks", &[("service", &group.name)]);
        tasks.iter().filter(|task| task["Status"]["State"] == "failed").count()
    };
    wait_for("its second end", 30, || (failed() >= 2).then_some(()));
    let mut seen = std::collections::BTreeSet::new();
    wait_for("its fourth end", 30, || {
        seen.insert(state(&lab, &group));
        (failed() >= 4).then_some(())
    });
    assert!(seen.iter().all(|state| ["failing", "crash-loop"].contains(&state.as_str())), "{seen:?}");
}

/// Checks that a service on a failed node is not `ok`, although the engine still counts its task as running. The test
/// uses its own lab, because a node goes down.
#[test]
fn one_on_a_node_that_is_down_is_not_ok() {
    if Lab::get().is_none() {
        return;
    }
    let second = Second::up("a node that is down");
    let lab = &second.lab;
    let group = Group::new(lab, "stack", |name| {
        let mut spec = part(name, "a", &format!("{}/tools/cron:1", lab.registry), 1);
        spec["TaskTemplate"]["Placement"] = json!({"Constraints": ["node.hostname==node-3"]});
        vec![spec]
    });
    group.wait_until_up();
    assert_eq!(rows(lab, &group.name, 0)[0].0, "ok");
    second.node(3, "kill");
    wait_for("the swarm to call the node down", 60, || {
        let nodes = lab.engine(1).get("/nodes");
        nodes.as_array().unwrap().iter().any(|node| node["Status"]["State"] == "down").then_some(())
    });
    let counts = lab.engine(1).get("/services?status=true");
    let ours = counts.as_array().unwrap().iter().find(|service| service["Spec"]["Name"] == group.services[0].as_str());
    println!("the engine counts: {}", ours.unwrap()["ServiceStatus"]);
    for _ in 0..5 {
        let rows = rows(lab, &group.name, 1);
        assert!(["node-down", "pending"].contains(&rows[0].0.as_str()) && rows[0].1 == 0, "{rows:?}");
    }
    let back = format!("a={}/shop/agent:0.5", lab.registry);
    let plan = lab.program(1).run(&["plan", &group.name, "--pin", &back, "--json"]).exit(1).json();
    assert!(plan["findings"].to_string().contains("node-not-ready"), "{:#}", plan["findings"]);
    second.node(3, "start");
    wait_for("it to be well again", 60, || (state(lab, &group) == "ok").then_some(()));
}
