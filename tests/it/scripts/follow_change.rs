//! Two consoles on one group: the second one follows a change live, and takes it over when its owner is gone.

use serde_json::Value;

use super::keys::{DATABASE, Desk};
use super::*;

async fn newest(operator: &Operator) -> (String, String) {
    let history = operator.run(&["history", "storefront", "--json"]).await.exit(0).json();
    let text = |key: &str| history["changes"][0][key].as_str().unwrap().to_owned();
    (text("id"), text("outcome"))
}

#[tokio::test(start_paused = true)]
async fn what_another_console_does_is_on_screen_and_taken_over_when_it_falls_silent() {
    let swarm = Swarm::start();
    let before = swarm.specs(&DATABASE).await;
    let (first, second) = (swarm.at("node-1"), swarm.at("node-2"));
    let mut mine = Desk::open(&second, (140, 40));
    mine.wait("first screen", 10, |text| text.contains("storefront")).await;
    let mut theirs = Desk::open(&first, (140, 40));
    theirs.plan("bad").await;
    theirs.press("a");
    mine.wait("that somebody changes it", 10, |text| {
        text.contains("change by ") && text.contains(": 0 of 3 units done")
    })
    .await;
    mine.press("/");
    mine.type_in("storefront");
    mine.press("enter g g");
    mine.press("h");
    mine.wait("whose it is", 10, |text| text.contains("In progress, owned by")).await;
    mine.wait("the unit in work", 10, |text| text.contains("in doubt") || text.contains("✖")).await;
    theirs.wait("the question", 60, |text| text.contains("L  keep")).await;
    mine.wait("the question", 5, |text| text.contains("It waits for an answer there: postgres-n1-a failed")).await;

    // The other console freezes: nothing from it reaches the swarm any more.
    first.wire.dead.store(true, Ordering::SeqCst);
    let frozen = Instant::now();
    mine.wait("that nothing is heard of it", 60, |text| text.contains("Owner unresponsive: ")).await;
    assert!(frozen.elapsed() >= Duration::from_secs(27), "{:?}", frozen.elapsed());
    let asked = Instant::now();
    mine.press("R enter");
    mine.wait("the outcome", 60, |text| text.contains("Rolled back: no service has the new spec")).await;
    assert!(asked.elapsed() < Duration::from_secs(25), "it was seen to be silent: {:?}", asked.elapsed());
    assert_eq!(swarm.specs(&DATABASE).await, before);
    assert_eq!(newest(&second).await.1, "rolled-back");
    let by = second.run(&["history", "storefront", "--json"]).await.json()["changes"][0]["operator"].clone();
    assert!(by.as_str().is_some_and(|by| !by.contains("begun by")), "one person: {by}");
}

/// Takes over the change from another manager and finishes it.
async fn finish(swarm: &Swarm) -> Value {
    let second = swarm.at("node-3");
    let (id, outcome) = newest(&second).await;
    assert_eq!(outcome, "detached");
    let began = Instant::now();
    let done = second.run(&["resume", &id, "--roll-back", "--settle", "0", "--json"]).await.exit(0).json();
    assert!(began.elapsed() < Duration::from_secs(25), "what was given up is not waited for");
    done
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_gone_ends_with_the_unit_in_work() {
    let swarm = Swarm::start();
    let before = swarm.specs(&DATABASE).await;
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.plan("2").await;
    desk.press("s a");
    desk.wait("the first unit in work", 10, |_| operator.calls().iter().any(Call::landed)).await;
    desk.hang_up().await;
    assert_eq!(operator.calls().iter().filter(|call| call.landed()).count(), 1, "the unit in work, and no other");
    assert_eq!(finish(&swarm).await["units"], serde_json::json!(["rolled-back", "untouched", "untouched"]));
    assert_eq!(swarm.specs(&DATABASE).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_question_nobody_can_answer_any_more_gives_the_change_up() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.plan("bad").await;
    desk.press("a");
    desk.wait("the question", 60, |text| text.contains("L  keep")).await;
    desk.hang_up().await;
    assert_eq!(finish(&swarm).await["outcome"], "rolled-back");
}
