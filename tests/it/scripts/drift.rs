//! Drift: another client changes a pinned image. It is flagged at once, and is either reverted or becomes the pin.

use serde_json::json;

use super::keys::Desk;
use super::*;

const TWO: &str = "r.example:5000/app:2";

/// Sets a service's image, and optionally a label, from another client.
fn meddle(swarm: &Swarm, service: &str, image: &str, label: Option<&str>) {
    let label = label.map(str::to_owned);
    let fault = Fault::Meddle { service: service.to_owned(), image: Some(image.to_owned()), label, before_write: None };
    swarm.sim.with_faults(|world, faults| plan_fault(world, faults, PlannedFault { after: 0.0, fault })).unwrap();
}

/// Returns a swarm with the first service of the shop pinned and healthy.
async fn pinned() -> (Swarm, Operator) {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let pin = format!("a={TWO}");
    operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(0);
    (swarm, operator)
}

async fn image_of(swarm: &Swarm, service: &str) -> String {
    let spec: Value = serde_json::from_str(&swarm.spec(service).await).unwrap();
    spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned()
}

/// Returns the message of the drift finding, if any.
async fn told(operator: &Operator) -> Option<String> {
    let check = operator.run(&["check", "shop", "--json"]).await.json();
    let found = check["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "drifted");
    found.map(|finding| finding["message"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn drift_goes_back_to_its_pin_by_a_verb() {
    let (swarm, operator) = pinned().await;
    let (_, two) = swarm.image("app:2");
    assert_eq!(told(&operator).await, None);
    let nothing = operator.run(&["apply", "shop", "--drift", "--json"]).await.exit(0).json();
    assert_eq!(nothing["outcome"], "nothing-to-do");
    let before = swarm.spec("shop_a").await;
    let three = swarm.image("app:1").1;
    meddle(&swarm, "shop_a", &three, Some("com.docker.stack.image=r.example:5000/app:1"));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let said = told(&operator).await.unwrap();
    assert!(said.contains("pinned to 2, runs 1: likely changed by `docker stack deploy`, seen since"), "{said}");
    assert!(said.contains("last matched"), "{said}");
    // Without an edit no plan is made, with or without drift.
    let nothing = operator.run(&["apply", "shop", "--json"]).await.exit(0).json();
    assert_eq!(nothing["outcome"], "nothing-to-do");
    let done = operator.run(&["apply", "shop", "--drift", "--settle", "0", "--json"]).await.exit(0).json();
    assert_eq!((&done["plan"]["kind"], &done["plan"]["units"][0]["action"]), (&json!("back"), &json!("back")));
    assert_eq!(image_of(&swarm, "shop_a").await, two, "the digest that the pin came to");
    assert_eq!(done["plan"]["pins_before"], done["plan"]["pins_after"]);
    assert_eq!(told(&operator).await, None);
    let after: Value = serde_json::from_str(&swarm.spec("shop_a").await).unwrap();
    let before: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(after["TaskTemplate"], before["TaskTemplate"], "to the letter");
    assert_eq!(after["Labels"]["com.docker.stack.image"], "r.example:5000/app:1", "the stack's label stays");
}

#[tokio::test(start_paused = true)]
async fn what_runs_becomes_the_pin_by_a_verb() {
    let (swarm, operator) = pinned().await;
    let one = swarm.image("app:1").1;
    meddle(&swarm, "shop_a", &one, None);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(told(&operator).await.unwrap().contains("changed by another client"));
    let posted = |operator: &Operator| operator.writes().iter().filter(|call| call.service().is_some()).count();
    let before = posted(&operator);
    let done = operator.run(&["apply", "shop", "--drift=accept", "--json"]).await.exit(0).json();
    assert_eq!((&done["outcome"], &done["plan"]["units"]), (&json!("done"), &json!([])));
    assert_eq!(posted(&operator), before, "no service is touched");
    let pins = operator.run(&["pins", "shop", "--json"]).await.exit(0).json();
    assert_eq!(pins["services"][0]["image"], json!(one), "digest and all");
    assert_eq!(told(&operator).await, None);
    // The correction is a normal change in the journal; rolling it back restores the pin and touches nothing else.
    let history = operator.run(&["history", "shop", "--json"]).await.exit(0).json();
    assert_eq!(history["changes"][0]["outcome"], "done");
}

#[tokio::test(start_paused = true)]
async fn drift_is_flagged_within_two_seconds_and_settled_by_keys() {
    for (key, size) in [("=", (80, 24)), ("A", (120, 40))] {
        let (swarm, operator) = pinned().await;
        let (one, two) = (swarm.image("app:1").1, swarm.image("app:2").1);
        let mut desk = Desk::open(&operator, size);
        desk.wait("first screen", 10, |text| text.contains("shop")).await;
        desk.press("/");
        desk.type_in("shop_a");
        desk.press("enter");
        desk.wait("the service", 10, |text| text.contains("1 shown")).await;
        desk.press("g g j");
        // The footer names the target once the record is loaded.
        desk.wait("where `R` goes", 10, |text| text.contains("R roll back to")).await;
        assert!(!desk.text().contains("  drift "), "{}", desk.text());
        desk.press(key);
        desk.wait("why not", 5, |text| text.contains("nothing here differs from a pin in force")).await;
        meddle(&swarm, "shop_a", &one, None);
        desk.wait("the mark", 2, |text| text.contains("  drift ")).await;
        desk.press("D");
        desk.wait("the details", 5, |text| text.contains("drift") && text.contains("changed by another client")).await;
        desk.press("esc");
        desk.pass(30_000, |_| {}).await;
        desk.press(key);
        desk.wait("the plan", 30, |text| text.contains("plan up to date")).await;
        assert!(desk.text().contains("info drifted"), "{}", desk.text());
        desk.press("a");
        desk.wait("the outcome", 120, |text| text.contains("Done.")).await;
        assert_eq!(image_of(&swarm, "shop_a").await, if key == "=" { two } else { one });
        desk.press("esc");
        desk.wait("the fleet without the mark", 30, |text| text.contains("1 shown") && !text.contains("  drift "))
            .await;
    }
}
