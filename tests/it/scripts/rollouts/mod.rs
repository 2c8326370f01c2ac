//! Rollouts on the simulator: the rows shared with the lab, and situations that the lab cannot produce on demand:
//! failing writes, nodes that fail at a chosen moment, changes by other clients in between.

mod external_edits;
mod node_failures;
mod rollback_external;

use serde_json::json;
use swarm_sim::{Fault, PlannedFault, ServiceUpdate, World, plan_fault, reference};

use super::keys::Desk;
use super::*;
use crate::rollback::is_spliced;
use crate::rollouts::rows::{ROWS, Row};

/// Returns a scenario with three managers and a registry with `app:1`, `app:2` and an
/// `app:new` of the given behaviour.
fn world(behaviour: &str, services: &str) -> String {
    let mut text = format!("settled = 120.0\n[[registry]]\nname = \"{HUB}\"\ninsecure = true\n");
    text.extend((1..=3).map(|node| format!("[[node]]\nname = \"node-{node}\"\nmanager = true\n")));
    let image = |(tag, behaviour)| format!("[[image]]\nref = \"{HUB}/app:{tag}\"\nbehaviour = \"{behaviour}\"\n");
    text.extend([("1", "sleep"), ("2", "sleep"), ("new", behaviour)].map(image));
    text + services
}

/// Returns a service of the stack `s`, with a constraint if `node` is not empty.
fn part(name: &str, node: &str, more: &str) -> String {
    let place = if node.is_empty() { String::new() } else { format!("constraints = ['node.hostname=={node}']\n") };
    format!(
        "[[service]]\nname = 's_{name}'\nimage = '{HUB}/app:1'\npinned = true\n{place}\
         labels = {{ 'com.docker.stack.namespace' = 's', 'com.docker.stack.image' = '{HUB}/app:1' }}\n{more}"
    )
}

/// Returns an update policy, as TOML; `monitor` is in seconds.
fn policy(action: &str, monitor: u64) -> String {
    format!("[service.spec.UpdateConfig]\nParallelism = 1\nFailureAction = '{action}'\nMonitor = {monitor}000000000\n")
}

/// Changes the spec of a service, as another client.
fn meddle(swarm: &Swarm, service: &str, change: impl FnOnce(&mut Value)) {
    swarm.sim.with(|world| {
        let found = world.find_service(service).unwrap();
        let (mut spec, version, id) = (found.spec.value.clone(), found.index, found.id.to_string());
        change(&mut spec);
        world.update_service(&id, ServiceUpdate { version, spec, ..ServiceUpdate::default() }).unwrap();
    });
}

fn fault(swarm: &Swarm, fault: Fault) {
    swarm.sim.with_faults(|world, faults| plan_fault(world, faults, PlannedFault { after: 0.0, fault })).unwrap();
}

fn node(swarm: &Swarm, name: &str, to: &str) {
    fault(swarm, Fault::Node { name: name.into(), to: to.into() });
}

fn remove(world: &mut World, image: &str) {
    let named = reference(image).unwrap();
    assert!(world.registries.get_mut(HUB).unwrap().remove(&named, false), "{image}");
}

/// Returns a hook that acts once: before the first update of the named service is sent, or after it is accepted.
fn once(at: When, text: &'static str, act: impl Fn() + Send + Sync) -> impl Fn(&Call, When) -> Act + Send + Sync {
    let did = AtomicBool::new(false);
    move |call, when| {
        let named = call.service().is_some() && call.body.contains(&format!("\"{text}\""));
        if when == at && named && (at == When::Before || call.landed()) && !did.swap(true, Ordering::SeqCst) {
            act();
        }
        Act::Pass
    }
}

/// Returns a hook that acts once: before the first task list is read after an accepted update.
fn at_first_look(act: impl Fn() + Send + Sync) -> impl Fn(&Call, When) -> Act + Send + Sync {
    let posted = AtomicBool::new(false);
    let did = AtomicBool::new(false);
    move |call, when| {
        if when == When::After && call.landed() {
            posted.store(true, Ordering::SeqCst);
        } else if when == When::Before
            && call.path.ends_with("/tasks")
            && posted.load(Ordering::SeqCst)
            && !did.swap(true, Ordering::SeqCst)
        {
            act();
        }
        Act::Pass
    }
}

/// Returns the number of accepted service updates.
fn landed(operator: &Operator) -> usize {
    operator.calls().iter().filter(|call| call.landed()).count()
}

/// Checks that each update was the engine's own text except for the edits.
fn all_spliced(operator: &Operator) {
    let calls = operator.calls();
    for call in calls.iter().filter(|call| call.landed()) {
        is_spliced(call, &calls);
    }
}

/// Waits until exactly `count` tasks run in a service, all with this image; returns their ids.
async fn until_runs(swarm: &Swarm, service: &str, image: &str, count: usize) -> Vec<String> {
    for _ in 0..600 {
        let tasks = swarm.tasks(&[service]).await;
        if tasks.len() == count && tasks.iter().all(|(.., text)| text == image) {
            return tasks.into_iter().map(|(_, id, _)| id).collect();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{service} has not {count} tasks of {image} in 60 s: {:?}", swarm.tasks(&[service]).await);
}

async fn row(row: &Row) {
    let spec = toml::to_string(&json!({ "spec": row.spec() })).unwrap();
    // The members go into the service's table.
    let spec = spec.replace("[spec", "[service.spec").replace("[service.spec]\n", "");
    let text =
        format!("[[service]]\nname = 'row'\nimage = '{HUB}/app:1'\npinned = true\nreplicas = {}\n{spec}", row.replicas);
    let swarm = Swarm::of(&world(row.image, &text));
    let (before, (_, old), (_, new)) = (swarm.spec("row").await, swarm.image("app:1"), swarm.image("app:new"));
    let count = usize::try_from(row.replicas).unwrap();
    let first = until_runs(&swarm, "row", &old, count).await;
    let (other, gone) = (swarm.clone(), row.gone);
    let operator = swarm.behind(
        "node-1",
        once(When::Before, "row", move || {
            if gone {
                other.sim.with(|world| remove(world, &format!("{HUB}/app:new")));
            }
        }),
    );
    let (pin, settle) = (format!("{HUB}/app:new"), row.settle.to_string());
    let said = operator.run(&["apply", "row", "--pin", &pin, "--ack", "--settle", &settle, "--json"]).await;
    let said = said.exit(i32::from(row.outcome != "done"));
    assert!(said.took < Duration::from_secs(row.within), "{}: {:?}", row.name, said.took);
    row.judge(&said.json());
    assert_eq!(landed(&operator), row.updates, "{}", row.name);
    all_spliced(&operator);
    if row.outcome == "done" {
        until_runs(&swarm, "row", &new, count).await;
        let spec: Value = serde_json::from_str(&swarm.spec("row").await).unwrap();
        let platforms = &spec["TaskTemplate"]["Placement"]["Platforms"];
        assert_eq!(*platforms, json!([{"Architecture": "amd64", "OS": "linux"}]), "{}: the digest's", row.name);
    } else {
        assert_eq!(swarm.spec("row").await, before, "{}: to the letter", row.name);
        let after = until_runs(&swarm, "row", &old, count).await;
        let stay = first.iter().filter(|id| after.contains(id)).count();
        assert!(stay >= row.stay, "{}: {stay} tasks stayed", row.name);
    }
}

#[tokio::test(start_paused = true)]
async fn every_row() {
    for one in ROWS {
        row(one).await;
    }
}

/// Applies `app:new` to the named services of the stack `s`.
async fn apply(operator: &Operator, parts: &[&str], more: &[&str]) -> Said {
    let pins: Vec<String> = parts.iter().map(|part| format!("{part}={HUB}/app:new")).collect();
    let mut args = vec!["apply", "s", "--ack", "--json"];
    args.extend(pins.iter().flat_map(|pin| ["--pin", pin]));
    args.extend(more);
    operator.run(&args).await
}

fn why(told: &Value) -> String {
    format!("{} {}", told["failures"][0]["why"].as_str().unwrap(), told["failures"][0]["hint"].as_str().unwrap())
}

/// Checks that a change survives version indexes that move without a client, and conflicts reported with status 500.
#[tokio::test(start_paused = true)]
async fn an_index_that_moves_by_itself() {
    let swarm = Swarm::of(&world("sleep", &part("a", "", "")));
    let other = swarm.clone();
    let operator = swarm.behind("node-1", once(When::Before, "s_a", move || meddle(&other, "s_a", |_| ())));
    let told = apply(&operator, &["a"], &["--settle", "0"]).await.exit(0).json();
    assert_eq!(told["units"], json!(["done"]));
    let updates: Vec<u16> =
        operator.writes().iter().filter(|call| call.service().is_some()).map(|it| it.status).collect();
    assert_eq!(updates, [500, 200]);
}

/// Checks that an update that fails with 500 and is applied later is not made twice.
#[tokio::test(start_paused = true)]
async fn a_write_that_fails_and_lands_later() {
    for late in [Some(0.5), Some(25.0), None] {
        let swarm = Swarm::of(&world("sleep", &part("a", "", "")));
        let other = swarm.clone();
        let hang = Fault::WritesHang { seconds: 20.0, applied_after: late, count: Some(1) };
        let operator = swarm.behind("node-1", once(When::Before, "s_a", move || fault(&other, hang.clone())));
        let told = apply(&operator, &["a"], &["--settle", "0"]).await.exit(0).json();
        assert_eq!(told["units"], json!(["done"]), "{late:?}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (_, new) = swarm.image("app:new");
        let first = until_runs(&swarm, "s_a", &new, 1).await;
        let made = swarm.sim.with(|world| {
            let id = world.find_service("s_a").unwrap().id.clone();
            world.tasks().filter(|task| task.service == id).count()
        });
        assert_eq!((first.len(), made), (1, 2), "{late:?}: one task of the old image, one of the new");
    }
}

/// Checks that a hanging write is reported while it hangs.
#[tokio::test(start_paused = true)]
async fn reads_work_and_writes_do_not() {
    let swarm = Swarm::of(&world("sleep", &part("a", "", "")));
    let other = swarm.clone();
    let hang = Fault::WritesHang { seconds: 15.0, applied_after: None, count: Some(1) };
    let operator = swarm.behind("node-1", once(When::Before, "s_a", move || fault(&other, hang.clone())));
    let pin = format!("a={HUB}/app:new");
    let said = operator.run(&["apply", "s", "--pin", &pin, "--settle", "0"]).await.exit(0);
    assert!(said.out.contains("problem: the swarm answers reads but accepts no writes"), "{}", said.out);
}

/// Checks that the cause is reported: a node's error is always `No such image`, whatever the reason.
#[tokio::test(start_paused = true)]
async fn the_cause_behind_no_such_image() {
    let down = || Fault::Registry { host: HUB.into(), how: swarm_sim::Misbehaviour::Down, seconds: 0.0 };
    for (cause, says) in
        [("gone", "has no `sha256:"), ("down", "cannot be reached"), ("login", "the service has none that work")]
    {
        let swarm = Swarm::of(&world("sleep", &part("a", "", "")));
        let (_, old) = swarm.image("app:1");
        let operator = match cause {
            "gone" | "down" => {
                let other = swarm.clone();
                swarm.behind(
                    "node-1",
                    once(When::Before, "s_a", move || match cause {
                        "gone" => other.sim.with(|world| remove(world, &format!("{HUB}/app:new"))),
                        _ => fault(&other, down()),
                    }),
                )
            }
            _ => {
                let login = Some(("ops".to_owned(), "secret".to_owned()));
                swarm.sim.with(|world| world.registries.get_mut(HUB).unwrap().login = login);
                let operator = swarm.at("node-1");
                let secret = pinnace_engine::credentials::Redacted::new("secret");
                operator.given.cluster.login(HUB, "ops".into(), secret).await;
                operator
            }
        };
        let told = apply(&operator, &["a"], &["--settle", "0"]).await.exit(1).json();
        let why = why(&told);
        assert!(why.contains("No such image") && why.contains(says), "{cause}: {why}");
        until_runs(&swarm, "s_a", &old, 1).await;
    }
}

/// Checks that the image is verified again before each unit, and that an unreachable registry is only noted then.
#[tokio::test(start_paused = true)]
async fn the_image_is_verified_before_each_unit() {
    let swarm = Swarm::of(&world("sleep", &(part("a", "", "") + &part("b", "", ""))));
    let before = swarm.specs(&["s_a", "s_b"]).await;
    let other = swarm.clone();
    let operator = swarm.behind("node-1", move |call, when| {
        if when == When::After && call.what() == "slot running d- " {
            other.sim.with(|world| remove(world, &format!("{HUB}/app:new")));
        }
        Act::Pass
    });
    let told = apply(&operator, &["a", "b"], &["--settle", "0"]).await.exit(1).json();
    assert_eq!(told["units"], json!(["rolled-back", "rolled-back"]));
    assert!(why(&told).starts_with(&format!("not started: {HUB} has no `sha256:")), "{told:#}");
    assert_eq!(landed(&operator), 2, "the first there and back, the second never");
    assert_eq!(swarm.specs(&["s_a", "s_b"]).await, before);

    let swarm = Swarm::of(&world("sleep", &(part("a", "", "") + &part("b", "", ""))));
    let other = swarm.clone();
    let hangs = Fault::Registry { host: HUB.into(), how: swarm_sim::Misbehaviour::Hang, seconds: 0.0 };
    let operator = swarm.behind("node-1", once(When::After, "s_a", move || fault(&other, hangs.clone())));
    let pins = ["a", "b"].map(|part| format!("{part}={HUB}/app:new"));
    let said = operator.run(&["apply", "s", "--pin", &pins[0], "--pin", &pins[1], "--settle", "0"]).await.exit(0);
    assert!(said.out.contains("s_b: note: its image could not be verified again"), "{}", said.out);
}

/// Tries services whose tasks exit, and global services.
#[tokio::test(start_paused = true)]
async fn one_shots_and_global_services() {
    let once = "[service.spec.TaskTemplate.RestartPolicy]\nCondition = 'none'\n";
    let swarm = Swarm::of(&world("oneshot", &part("a", "", once)));
    let told = apply(&swarm.at("node-1"), &["a"], &["--settle", "1"]).await.exit(0).json();
    assert_eq!(
        told["units"],
        json!(["done"]),
        "its end within the monitor time counts as a failure to the engine only"
    );
    // The same image in a service whose task should keep running.
    let swarm = Swarm::of(&world("oneshot", &part("a", "", "")));
    let told = apply(&swarm.at("node-1"), &["a"], &["--settle", "1"]).await.exit(1).json();
    assert!(why(&told).contains("exited with code 0"), "{told:#}");
    let swarm = Swarm::of(&world("sleep", &part("a", "", "global = true\n")));
    apply(&swarm.at("node-1"), &["a"], &["--settle", "0"]).await.exit(0);
    until_runs(&swarm, "s_a", &swarm.image("app:new").1, 3).await;
    // A paused node keeps the old image forever, and the engine reports `completed`.
    let swarm = Swarm::of(&world("sleep", &part("a", "", "global = true\n")));
    node(&swarm, "node-3", "pause");
    let told = apply(&swarm.at("node-1"), &["a"], &["--settle", "0", "--stuck", "10"]).await.exit(5).json();
    assert!(why(&told).contains("node-3 (ready, pause) accepts no new tasks, and still has the old one"), "{told:#}");
}

/// Moves to the fleet screen with the cursor on a service.
async fn desk_at(desk: &mut Desk, service: &str) {
    desk.wait("the first screen", 10, |text| text.contains("SERVICES")).await;
    desk.press("/");
    desk.type_in(service);
    desk.press("enter");
    desk.wait("the service alone", 10, |text| text.contains("1 shown")).await;
    desk.press("g g G");
}
