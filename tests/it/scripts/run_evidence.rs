//! What is offered as the way back: only images that are proven to have run, never one that crashed here.

use serde_json::json;

use super::keys::Desk;
use super::*;

/// The time from which the lifetime of a task that was shut down proves that it ran.
const PROOF: Duration = Duration::from_secs(400);

/// Gives a service another image, as a build server does, and lets some time pass.
async fn deploy(swarm: &Swarm, tag: &str, seconds: u64) {
    let fault = Fault::Meddle {
        service: "shop_a".into(),
        image: Some(swarm.image(&format!("app:{tag}")).1),
        label: None,
        before_write: None,
    };
    swarm.sim.with_faults(|world, faults| plan_fault(world, faults, PlannedFault { after: 0.0, fault })).unwrap();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Returns the rollback candidates of the service: tag and result.
async fn candidates(operator: &Operator) -> Vec<(String, String)> {
    let view = operator.run(&["history", "shop_a", "--json"]).await.exit(0).json();
    let row = |one: &Value| {
        let image = one["image"].as_str().unwrap().to_owned();
        let tag = image.split('@').next().unwrap().rsplit(':').next().unwrap().to_owned();
        (tag, one["result"].as_str().unwrap().to_owned())
    };
    view["candidates"].as_array().unwrap().iter().map(row).collect()
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(tag, result)| ((*tag).to_owned(), (*result).to_owned())).collect()
}

/// Returns the image of the rollback plan's only unit, and the codes of its findings; no image without a unit.
fn planned(plan: &Value) -> (Option<String>, Vec<String>) {
    let image = plan["units"][0]["to"]["image"].as_str().map(str::to_owned);
    let codes = plan["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned());
    (image, codes.collect())
}

#[tokio::test(start_paused = true)]
async fn an_image_that_crashed_is_never_the_way_back() {
    let swarm = Swarm::start();
    tokio::time::sleep(PROOF).await;
    deploy(&swarm, "bad", 12).await;
    deploy(&swarm, "2", 30).await;
    let operator = swarm.at("node-1");
    assert_eq!(candidates(&operator).await, rows(&[("2", "running"), ("1", "ran"), ("bad", "failed")]));
    let back = |args: &'static [&'static str]| {
        let operator = &operator;
        async move { operator.run(&[&["rollback", "shop_a", "--dry-run", "--json"], args].concat()).await }
    };
    assert_eq!(planned(&back(&[]).await.exit(0).json()).0, Some(format!("{HUB}/app:1")));
    let said = back(&["--to", "bad"]).await;
    assert!(planned(&said.json()).1.contains(&"failed-here".to_owned()), "{said:?}");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.wait("the target, before the key", 30, |text| text.contains("shop")).await;
    desk.press("/");
    desk.type_in("shop_a");
    desk.press("enter g g j");
    desk.wait("the target in the footer", 30, |text| text.contains("roll back to 1 ")).await;
    desk.press("B");
    desk.wait("the list", 30, |text| text.contains("those that ran first") && text.contains("failed")).await;
    desk.press("enter");
    desk.wait("the plan to what ran", 30, |text| text.contains("plan up to date")).await;
    assert!(!desk.text().contains("bad"), "{}", desk.text());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_to_have_run_is_offered_with_a_warning_and_never_chosen_by_itself() {
    let swarm = Swarm::start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    deploy(&swarm, "2", 30).await;
    let operator = swarm.at("node-1");
    assert_eq!(
        candidates(&operator).await,
        rows(&[("2", "running"), ("1", "unknown")]),
        "thirty seconds prove nothing"
    );
    let plan = operator.run(&["rollback", "shop_a", "--dry-run", "--json"]).await.json();
    assert_eq!(planned(&plan), (None, vec!["no-way-back".to_owned()]));
    let said = operator.run(&["rollback", "shop_a", "--to", "1", "--settle", "0"]).await;
    assert!(said.code != Some(0) && said.out.contains("warning not-known-to-run"), "{said:?}");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.wait("the fleet", 30, |text| text.contains("shop")).await;
    desk.press("/");
    desk.type_in("shop_a");
    desk.press("enter g g j");
    desk.wait("what the key does", 30, |text| text.contains("R choose a rollback")).await;
    desk.press("R");
    desk.wait("the list", 30, |text| text.contains("not known")).await;
    desk.press("enter");
    assert!(desk.text().contains("already has this image"), "the cursor is on what runs: {}", desk.text());
    desk.press("down enter");
    desk.wait("the plan", 30, |text| text.contains("plan up to date") && text.contains("not-known-to-run")).await;
    desk.press("a");
    desk.wait("the warning holds it", 30, |text| text.contains("acknowledge")).await;
    desk.press("w a");
    desk.wait("the end", 60, |text| text.contains("Done.")).await;
    let done = operator.run(&["history", "shop_a", "--json"]).await.exit(0).json();
    assert_eq!(done["candidates"][0]["image"], json!(format!("{HUB}/app:1")));
}

#[tokio::test(start_paused = true)]
async fn what_a_console_saw_running_is_a_way_back_after_the_engine_forgot_it() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.wait("the fleet", 30, |text| text.contains("shop")).await;
    desk.press("/");
    desk.type_in("shop_a");
    desk.press("enter g g j enter");
    desk.wait("its tasks", 60, |text| text.contains("running")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    desk.press("ctrl-r");
    // A crash loop pushes the old task out of the five that the engine keeps.
    deploy(&swarm, "bad", 200).await;
    desk.press("esc");
    desk.wait("the target", 60, |text| text.contains("roll back to 1 ")).await;
}
