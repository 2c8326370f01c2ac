//! Kills of the program before or after any of its writes, and lost answers; another manager finishes the change.

use serde_json::json;

use super::*;

const SERVICES: [&str; 2] = ["shop_a", "shop_b"];

/// Applies the change under test: both services of a stack get another image.
async fn apply(operator: &Operator) -> Said {
    let pins = ["a", "b"].map(|member| format!("{member}={HUB}/app:2"));
    operator.run(&["apply", "shop", "--pin", &pins[0], "--pin", &pins[1], "--settle", "0", "--json"]).await
}

/// Returns the writes of an undisturbed change.
async fn writes() -> Vec<String> {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    apply(&operator).await.exit(0);
    let writes: Vec<String> = operator.writes().iter().map(Call::what).collect();
    assert_eq!((writes[0].as_str(), writes[1].as_str()), ("record", "claim"));
    writes
}

/// Returns how many updates of each service were accepted.
fn landed(operators: &[&Operator]) -> Vec<usize> {
    let calls: Vec<Call> = operators.iter().flat_map(|operator| operator.calls()).filter(Call::landed).collect();
    let name = |call: &Call| serde_json::from_str::<Value>(&call.body).unwrap()["Name"].as_str().unwrap().to_owned();
    SERVICES.map(|service| calls.iter().filter(|call| name(call) == service).count()).to_vec()
}

async fn changes(operator: &Operator) -> Vec<(String, String)> {
    let history = operator.run(&["history", "shop", "--json"]).await.exit(0).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    history["changes"].as_array().unwrap().iter().map(|it| (text(&it["id"]), text(&it["outcome"]))).collect()
}

/// Kills the program once, and finishes the change with another operator at another manager.
async fn killed(nth: usize, at: When, writes: &[String]) {
    let swarm = Swarm::start();
    let before = swarm.specs(&SERVICES).await;
    let first = swarm.behind(
        "node-1",
        move |call, when| {
            if call.nth == Some(nth) && when == at { Act::Kill } else { Act::Pass }
        },
    );
    assert_eq!(apply(&first).await.code, None, "{nth} {at:?}");
    let known = if at == When::After { nth } else { nth - 1 };
    let place = |what: &str| writes.iter().position(|write| write.starts_with(what)).unwrap() + 1;
    let second = swarm.at("node-2");
    let told = changes(&second).await;
    let words: Vec<&str> = told.iter().map(|(_, outcome)| outcome.as_str()).collect();
    let context = format!("killed {at:?} write {nth} ({})", writes[nth - 1]);
    if known < place("claim") {
        assert!(words.is_empty() && swarm.specs(&SERVICES).await == before, "{context}: {words:?}");
        apply(&second).await.exit(0);
        assert_eq!(landed(&[&first, &second]), [1, 1], "{context}");
    } else if known >= place("slot done") {
        assert_eq!((words, landed(&[&first])), (vec!["done"], vec![1, 1]), "{context}");
    } else {
        assert_eq!(words, ["running"], "{context}");
        let goes_on = nth % 2 == 1;
        let choice = if goes_on { "--continue" } else { "--roll-back" };
        let ended = second.run(&["resume", &told[0].0, choice, "--settle", "0", "--json"]).await.exit(0).json();
        assert_eq!(ended["outcome"], if goes_on { "done" } else { "rolled-back" }, "{context}");
        let counts = landed(&[&first, &second]);
        if goes_on {
            assert_eq!(counts, [1, 1], "{context}");
        } else {
            assert!(counts.iter().all(|count| [0, 2].contains(count)), "{context}: {counts:?}");
            assert_eq!(swarm.specs(&SERVICES).await, before, "{context}: to the letter");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_write() {
    let writes = writes().await;
    assert!(writes.len() >= 9, "{writes:?}");
    for nth in 1..=writes.len() {
        for at in [When::Before, When::After] {
            killed(nth, at, &writes).await;
        }
    }
}

/// Checks that a change survives a cut connection before or after any write, with each update made once.
#[tokio::test(start_paused = true)]
async fn cut_once_at_every_write() {
    let writes = writes().await;
    for nth in 1..=writes.len() {
        for at in [When::Before, When::After] {
            let swarm = Swarm::start();
            let cut = std::sync::atomic::AtomicBool::new(false);
            let operator = swarm.behind("node-1", move |call, when| {
                let now = call.nth == Some(nth) && when == at && !cut.swap(true, Ordering::SeqCst);
                if now { Act::Cut } else { Act::Pass }
            });
            let said = apply(&operator).await;
            let context = format!("cut {at:?} write {nth} ({}): {} {}", writes[nth - 1], said.out, said.err);
            // A write of the record that fails prevents the start; then no update was made.
            if nth == 1 && said.code == Some(4) {
                assert_eq!(landed(&[&operator]), [0, 0], "{context}");
                continue;
            }
            assert_eq!(said.code, Some(0), "{context}");
            assert_eq!(landed(&[&operator]), [1, 1], "{context}");
            assert_eq!(said.json()["units"], json!(["done", "done"]), "{context}");
        }
    }
}

/// Checks that a running change is not taken over: the same command elsewhere reports its owner.
#[tokio::test(start_paused = true)]
async fn one_change_at_a_time() {
    let swarm = Swarm::start();
    let first = Arc::new(swarm.at("node-1"));
    let running = tokio::spawn({
        let first = Arc::clone(&first);
        async move {
            let pin = format!("a={HUB}/app:slow");
            first.run(&["apply", "shop", "--pin", &pin, "--json"]).await
        }
    });
    while landed(&[&first]) == [0, 0] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = swarm.at("node-2");
    let told = apply(&second).await;
    assert!(matches!(told.code, Some(1 | 3)), "{told:?}");
    let id = changes(&second).await[0].0.clone();
    let refused = second.run(&["resume", &id, "--roll-back"]).await.exit(3);
    assert!(refused.err.contains("is still running"), "{}", refused.err);
    assert!(second.calls().iter().all(|call| !call.is_write()));
    assert_eq!(running.await.unwrap().exit(0).json()["outcome"], "done");
}
