//! Nodes that fail before, during and after a rollout: no useless update is made, a unit that waits forever leads to
//! a question, and nothing is rolled back only because time has passed.

use std::sync::atomic::AtomicUsize;

use super::*;

/// Checks that a node without capacity for tasks keeps its old task: no update is made.
#[tokio::test(start_paused = true)]
async fn a_node_that_goes_before_its_unit() {
    for to in ["pause", "down"] {
        let swarm = Swarm::of(&world("sleep", &part("a", "node-3", "")));
        let (before, tasks) = (swarm.spec("s_a").await, swarm.tasks(&["s_a"]).await);
        let (other, did) = (swarm.clone(), AtomicBool::new(false));
        // The plan is made from lists; the single service is read right before the change starts.
        let operator = swarm.behind("node-1", move |call, when| {
            let first = when == When::Before && call.method == "GET" && call.path.contains("/services/");
            if first && !did.swap(true, Ordering::SeqCst) {
                node(&other, "node-3", to);
                other.sim.with(World::touch);
            }
            Act::Pass
        });
        let wait = if to == "down" { "30" } else { "0" };
        let said = apply(&operator, &["a"], &["--settle", "0", "--stuck", wait]).await;
        if to == "down" && said.code == Some(5) {
            // The swarm had not noticed the failed node yet: the unit gets stuck and stays.
            assert!(why(&said.json()).contains("stuck"), "{}", said.out);
            continue;
        }
        let told = said.exit(1).json();
        assert!(why(&told).contains("not started: node-3") && why(&told).contains("accepts no new tasks"), "{told:#}");
        assert_eq!((landed(&operator), swarm.spec("s_a").await), (0, before));
        assert_eq!(swarm.tasks(&["s_a"]).await, tasks);
    }
}

/// Checks that a rollout that stays `updating` is reported as stuck with the scheduler's reason, and not rolled back.
#[tokio::test(start_paused = true)]
async fn what_no_node_takes_is_left_and_not_undone() {
    let swarm = Swarm::of(&world("sleep", &(part("a", "node-3", &policy("rollback", 2)) + &part("b", "", ""))));
    let other = swarm.clone();
    let operator = swarm.behind("node-1", once(When::Before, "s_a", move || node(&other, "node-3", "pause")));
    let said = apply(&operator, &["a", "b"], &["--settle", "0", "--stuck", "20"]).await.exit(5);
    let told = said.json();
    assert_eq!((&told["outcome"], &told["units"]), (&json!("partial"), &json!(["failed", "untouched"])));
    assert!(why(&told).contains("stuck: no suitable node") && why(&told).contains("--availability active"), "{told:#}");
    assert!(said.err.contains("pinnace rollback stack/s"), "{}", said.err);
    assert!(swarm.spec("s_a").await.contains("app:new"));
}

/// Checks that a unit does not complete if its node fails while it settles, although the
/// engine still counts its task.
#[tokio::test(start_paused = true)]
async fn a_node_that_goes_down_while_it_settles() {
    let swarm = Swarm::of(&world("sleep", &part("a", "node-3", &policy("pause", 1))));
    let (other, ups) = (swarm.clone(), AtomicUsize::new(0));
    let operator = swarm.behind("node-1", move |call, when| {
        let runs =
            call.path.ends_with("/tasks") && call.reply.contains("app:new") && call.reply.contains("\"running\"");
        if when == When::After && runs && ups.fetch_add(1, Ordering::SeqCst) == 40 {
            node(&other, "node-3", "down");
        }
        Act::Pass
    });
    let told = apply(&operator, &["a"], &["--settle", "60", "--stuck", "20"]).await.exit(5).json();
    assert_eq!(told["outcome"], "partial");
    let why = why(&told);
    assert!(why.contains("does not respond") || why.contains("no suitable node"), "{why}");
}

/// Checks that a unit that cannot be rolled back is reported, and that the others continue.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_named_and_the_others_go_on() {
    let parts = part("a", "", "") + &part("b", "node-3", "") + &part("c", "", "");
    let swarm =
        Swarm::of(&(world("sleep", &parts) + &format!("[[image]]\nref = '{HUB}/app:bad'\nbehaviour = 'exit:3'\n")));
    let before = swarm.specs(&["s_a", "s_b", "s_c"]).await;
    let other = swarm.clone();
    let operator = swarm.behind("node-1", once(When::Before, "s_c", move || node(&other, "node-3", "pause")));
    let pins = [format!("a={HUB}/app:new"), format!("b={HUB}/app:new"), format!("c={HUB}/app:bad")];
    let mut args = vec!["apply", "s", "--ack", "--json", "--settle", "0", "--stuck", "10"];
    args.extend(pins.iter().flat_map(|pin| ["--pin", pin]));
    let told = operator.run(&args).await.exit(5).json();
    assert_eq!(
        (&told["outcome"], &told["units"]),
        (&json!("partial"), &json!(["rolled-back", "failed", "rolled-back"]))
    );
    let failed: Vec<&str> =
        told["failures"].as_array().unwrap().iter().map(|it| it["service"].as_str().unwrap()).collect();
    assert_eq!(failed, ["s_b", "s_c"]);
    let names = operator.calls().into_iter().filter(Call::landed).map(|call| {
        let body: Value = serde_json::from_str(&call.body).unwrap();
        body["Name"].as_str().unwrap().to_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["s_a", "s_b", "s_c", "s_c", "s_b", "s_a"], "back in reverse");
    assert_eq!(swarm.specs(&["s_a", "s_b", "s_c"]).await, before, "every spec is back; one waits for its node");
    node(&swarm, "node-3", "active");
    until_runs(&swarm, "s_b", &swarm.image("app:1").1, 1).await;
}

/// Moves from the service's row to the plan of another image for a service of the stack `s`.
async fn desk_plans(desk: &mut Desk, tag: &str) {
    desk_at(desk, "s_a").await;
    desk.press("p");
    desk.wait("the pins", 10, |text| text.contains("[service.a]")).await;
    desk.press("ctrl-u");
    desk.type_in(&format!("image = \"{HUB}/app:{tag}\""));
    desk.wait("the registry's answer", 10, |text| text.contains("● a on")).await;
    desk.press("esc P");
    desk.wait("the plan", 10, |text| text.contains("plan up to date")).await;
}

/// Checks that the console asks about a stuck unit, and that the question closes when the node is back.
#[tokio::test(start_paused = true)]
async fn a_question_that_goes_by_itself() {
    for answer in ["", "C enter", "L", "R"] {
        let swarm = Swarm::of(&world("healthy-after:5", &part("a", "node-3", "")));
        let other = swarm.clone();
        let operator = swarm.behind("node-1", once(When::Before, "s_a", move || node(&other, "node-3", "pause")));
        let mut desk = Desk::configured(&operator.given, (80, 24), "settle_seconds = 0\nstuck_seconds = 60\n");
        desk_plans(&mut desk, "new").await;
        desk.press("a");
        tokio::time::sleep(Duration::from_secs(60)).await;
        desk.wait("the question", 60, |text| {
            text.contains("neither fails nor progresses")
                && text.contains("no suitable node")
                && text.contains("L  keep")
        })
        .await;
        assert!(desk.text().contains("hint: activate a node"), "{}", desk.text());
        match answer {
            "" => {
                node(&swarm, "node-3", "active");
                let went = |text: &str| !text.contains("neither fails") && !text.contains("Done.");
                desk.wait("the question to go while it goes on", 60, went).await;
                desk.wait("it to be done", 60, |text| text.contains("Done.") && !text.contains("neither fails")).await;
            }
            "R" => {
                desk.press("R");
                tokio::time::sleep(Duration::from_secs(2)).await;
                node(&swarm, "node-3", "active");
                desk.wait("it to be back", 60, |text| text.contains("Rolled back: no service has the new spec")).await;
                until_runs(&swarm, "s_a", &swarm.image("app:1").1, 1).await;
            }
            keys => {
                desk.press(keys);
                desk.wait("it to be left", 30, |text| text.contains("Partial: the service may have the new spec"))
                    .await;
                assert!(swarm.spec("s_a").await.contains("app:new"), "{keys}: nothing is undone for it");
            }
        }
    }
}

/// Checks that console and verbs wait as configured, by default 120 s; `--stuck` takes precedence.
#[tokio::test(start_paused = true)]
async fn how_long_something_waits_is_a_setting_of_console_and_verbs() {
    // A unit that no node accepts once its update was made.
    let stuck = || {
        let swarm = Swarm::of(&world("sleep", &part("a", "node-3", "")));
        let other = swarm.clone();
        swarm.behind("node-1", once(When::Before, "s_a", move || node(&other, "node-3", "pause")))
    };
    for (text, flag, seconds) in
        [("", None, 120), ("stuck_seconds = 20\n", None, 20), ("stuck_seconds = 300\n", Some("20"), 20)]
    {
        let text = format!("settle_seconds = 0\n{text}");
        // The unit starts to wait within this time after the update, in simulated time.
        let wanted = Duration::from_secs(seconds)..Duration::from_secs(seconds + 15);
        let operator = stuck();
        let file = operator.home().join("config.toml");
        std::fs::write(&file, &text).unwrap();
        let mut more = vec!["--config", file.to_str().unwrap()];
        more.extend(flag.iter().flat_map(|flag| ["--stuck", flag]));
        let said = apply(&operator, &["a"], &more).await.exit(5);
        assert!(why(&said.json()).contains("stuck: no suitable node"), "{text}{flag:?}: {}", said.out);
        assert!(wanted.contains(&said.took), "{text}{flag:?}: {:?}", said.took);
        if flag.is_some() {
            continue;
        }
        let operator = stuck();
        let mut desk = Desk::configured(&operator.given, (80, 24), &text);
        desk_plans(&mut desk, "new").await;
        let began = Instant::now();
        desk.press("a");
        desk.wait("the question", seconds + 60, |text| text.contains("neither fails nor progresses")).await;
        assert!(wanted.contains(&began.elapsed()), "{text}: {:?}", began.elapsed());
        desk.press("L");
        desk.wait("it to be left", 30, |text| text.contains("Partial: the service may have the new spec")).await;
    }
}
