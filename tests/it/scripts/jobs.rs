//! Checks, plans, changes and rollbacks, with the output of failures.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::rollback::is_spliced;

const N1: [&str; 3] = ["postgres-n1-a", "postgres-n1-b", "postgres-n1-c"];
const ALL: [&str; 5] = ["postgres-n1-a", "postgres-n1-b", "postgres-n1-c", "postgres-n2-a", "mcp-storefront"];

fn errors(plan: &Value) -> Vec<(String, String)> {
    let findings = plan["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|finding| (text(&finding["code"]), text(&finding["subject"]))).collect()
}

async fn outcomes(operator: &Operator, group: &str) -> Vec<String> {
    let history = operator.run(&["history", group, "--json"]).await.exit(0).json();
    let changes = history["changes"].as_array().unwrap().iter();
    changes
        .map(|change| format!("{} {}", change["kind"].as_str().unwrap(), change["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_state_has_its_word() {
    let operator = Swarm::start().at("node-1");
    let status = operator.run(&["status", "--json"]).await.exit(1).json();
    let state = |name: &str| {
        let rows = status["services"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["state"].as_str().unwrap().to_owned()
    };
    let words = ["postgres-n1-a", "parked", "oneshot", "loops", "failing"].map(state);
    assert_eq!(words, ["ok", "stopped", "finished", "crash-loop", "failing"]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_cannot_be_posts_nothing() {
    let swarm = Swarm::start();
    for (tag, code) in [("pg:none", "image-not-found"), ("pg:arm", "platform-missing")] {
        let operator = swarm.at("node-1");
        let pin = format!("n1={HUB}/{tag}");
        let plan = operator.run(&["plan", "storefront", "--pin", &pin, "--json"]).await.exit(1).json();
        assert_eq!(errors(&plan), [(code.to_owned(), "n1 on node-1, node-2, node-3".to_owned())]);
        let applied = operator.run(&["apply", "storefront", "--pin", &pin, "--json"]).await.exit(1).json();
        assert_eq!(applied["outcome"], "not-started");
        assert!(operator.calls().iter().all(|call| !call.is_write()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_edit_is_nothing_to_do() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    for group in ["storefront", "shop", "cron-box", "parked", "failing", "loops", "oneshot", "whole"] {
        let applied = operator.run(&["apply", group, "--json"]).await.exit(0).json();
        assert_eq!((&applied["outcome"], &applied["plan"]["units"]), (&json!("nothing-to-do"), &json!([])), "{group}");
    }
    assert!(operator.calls().iter().all(|call| !call.is_write()));
    assert!(!operator.home().join("state").exists());
}

/// Records every 100 ms which of these services have no running task.
fn sample(swarm: &Swarm, services: &'static [&'static str]) -> tokio::task::JoinHandle<()> {
    let swarm = swarm.clone();
    tokio::spawn(async move {
        loop {
            let running = swarm.tasks(services).await;
            let up: BTreeSet<&str> = running.iter().map(|(service, ..)| service.as_str()).collect();
            assert!(up.len() + 1 >= services.len(), "two at once are without a task: only {up:?} have one");
            sleep(Duration::from_millis(100)).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_member_goes_to_a_new_image_and_back_from_another_manager() {
    let swarm = Swarm::start();
    let (_, new) = swarm.image("pg:2");
    let (specs, tasks) = (swarm.specs(&ALL).await, swarm.tasks(&ALL[3..]).await);
    let first = swarm.at("node-1");
    let sampler = sample(&swarm, &N1);
    let pin = format!("n1={HUB}/pg:2");
    let done = first.run(&["apply", "storefront", "--pin", &pin, "--json"]).await.exit(0).json();
    assert!(!sampler.is_finished(), "{:?}", sampler.await);
    sampler.abort();
    assert_eq!((&done["outcome"], &done["units"]), (&json!("done"), &json!(["done", "done", "done"])));
    assert_eq!(swarm.tasks(&ALL[3..]).await, tasks, "the others kept their tasks");
    assert!(swarm.tasks(&N1).await.iter().all(|(.., image)| *image == new));
    let updates: Vec<Call> = first.writes().into_iter().filter(|call| call.service().is_some()).collect();
    assert_eq!(updates.len(), 3);
    for call in &updates {
        is_spliced(call, &first.calls());
    }
    let second = swarm.at("node-2");
    let back = second.run(&["rollback", "storefront", "--json"]).await.exit(0).json();
    assert_eq!(back["outcome"], "done");
    assert_eq!(swarm.specs(&ALL).await, specs, "to the letter");
    let third = swarm.at("node-3");
    let nothing = third.run(&["rollback", "storefront", "--json"]).await.exit(0).json();
    assert_eq!(nothing["outcome"], "nothing-to-do");
    assert!(third.calls().iter().all(|call| !call.is_write()));
    for operator in [first, second, third] {
        assert_eq!(outcomes(&operator, "storefront").await, ["rollback done", "pin done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_field_survives_a_change_and_its_way_back() {
    let swarm = Swarm::start();
    let before = swarm.spec("whole").await;
    let operator = swarm.at("node-1");
    let pin = format!("{HUB}/app:2");
    operator.run(&["apply", "whole", "--pin", &pin, "--ack", "--json"]).await.exit(0);
    assert_ne!(swarm.spec("whole").await, before);
    operator.run(&["rollback", "whole", "--ack"]).await.exit(0);
    assert_eq!(swarm.spec("whole").await, before, "to the letter");
    for call in operator.writes().iter().filter(|call| call.service().is_some()) {
        is_spliced(call, &operator.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_exits_is_put_back_and_the_others_are_left_alone() {
    let swarm = Swarm::start();
    let (specs, tasks) = (swarm.specs(&ALL).await, swarm.tasks(&ALL[1..]).await);
    let operator = swarm.at("node-1");
    let pin = format!("n1={HUB}/pg:bad");
    let said = operator.run(&["apply", "storefront", "--pin", &pin, "--json"]).await.exit(1);
    assert!(said.took < Duration::from_secs(30), "{:?}", said.took);
    let told = said.json();
    assert_eq!(told["units"], json!(["rolled-back", "untouched", "untouched"]));
    assert!(told["failures"][0]["why"].as_str().unwrap().contains("non-zero exit (3)"), "{told:#}");
    assert_eq!(swarm.specs(&ALL).await, specs);
    assert_eq!(swarm.tasks(&ALL[1..]).await, tasks);
    assert_eq!(outcomes(&swarm.at("node-3"), "storefront").await, ["pin failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_stack_puts_all_back() {
    let swarm = Swarm::start();
    let services = ["shop_a", "shop_b"];
    let specs = swarm.specs(&services).await;
    let pins = [format!("a={HUB}/app:2"), format!("b={HUB}/app:bad")];
    let operator = swarm.at("node-1");
    let told = operator.run(&["apply", "shop", "--pin", &pins[0], "--pin", &pins[1], "--json"]).await.exit(1).json();
    assert_eq!(told["units"], json!(["rolled-back", "rolled-back"]));
    assert_eq!(swarm.specs(&services).await, specs);
}

/// Changes the image from another client while the first new task is starting: that image stays.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_does_stands() {
    let swarm = Swarm::start();
    let (other, posted) = (swarm.clone(), AtomicBool::new(false));
    let (_, theirs) = swarm.image("app:2");
    let image = theirs.clone();
    let operator = swarm.behind("node-1", move |call, when| {
        if when == When::After && call.landed() {
            posted.store(true, Ordering::SeqCst);
        } else if call.path.ends_with("/tasks") && posted.swap(false, Ordering::SeqCst) {
            let edited = other.sim.with(|world| swarm_sim::edit_service(world, "shop_a", Some(&image), None));
            assert!(edited.is_ok());
        }
        Act::Pass
    });
    let pin = format!("a={HUB}/app:slow");
    let told = operator.run(&["apply", "shop", "--pin", &pin, "--json"]).await.exit(1).json();
    assert_eq!((&told["outcome"], &told["units"]), (&json!("failed"), &json!(["superseded"])));
    assert!(swarm.spec("shop_a").await.contains(&theirs));
}
