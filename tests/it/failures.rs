//! Images that fail to start, and other clients that change the same services.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::lab::{Group, Lab, Program, instance, part};
use crate::proxy::{Act, Proxy, When};

#[test]
fn a_database_whose_new_image_exits() {
    let Some(lab) = Lab::get() else { return };
    let (old, bad) = (lab.push("it/exits/pg:1", "sleep", &[]), lab.push("it/exits/pg:2", "exit:3", &[]));
    let group =
        Group::new(&lab, "database", |name| [1, 2, 3].map(|host| instance(&lab, name, "n1", host, &old.text)).into());
    group.wait_until_up();
    let (specs, tasks) = (group.specs(), group.tasks());
    let indexes = || group.services.iter().map(|service| lab.engine(1).index(service)).collect::<Vec<_>>();
    let before = indexes();
    let said = lab.program(1).run(&["apply", &group.name, "--pin", &bad.text, "--json"]).exit(1);
    let told = said.json();
    assert_eq!(told["outcome"], "failed");
    assert_eq!(told["units"], serde_json::json!(["rolled-back", "untouched", "untouched"]));
    let failure = &told["failures"][0];
    assert_eq!(failure["service"], group.services[0].as_str());
    assert!(failure["why"].as_str().unwrap().contains("non-zero exit (3)"), "{failure}");
    assert_eq!(group.specs(), specs, "back on the old text");
    assert_eq!((&group.tasks()[1..], &indexes()[1..]), (&tasks[1..], &before[1..]), "the others were left alone");
    group.wait_until_up();
    let history = lab.program(2).run(&["history", &group.name, "--json"]).exit(0).json();
    assert_eq!(history["changes"][0]["outcome"], "failed");
}

#[test]
fn a_stack_whose_second_new_image_exits() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/half/app:1", "sleep", &[]), lab.push("it/half/app:2", "sleep", &[]));
    let bad = lab.push("it/half/app:3", "exit:3", &[]);
    let group = Group::stack(&lab, &[("a", &old.text), ("b", &old.text)]);
    let specs = group.specs();
    let pins = [format!("a={}", new.text), format!("b={}", bad.text)];
    let args = ["apply", &group.name, "--pin", &pins[0], "--pin", &pins[1], "--settle", "0"];
    let said = lab.program(1).run(&args).exit(1);
    assert!(said.out.contains("non-zero exit (3)"), "{}", said.out);
    assert_eq!(group.specs(), specs, "all are put back");
    assert_eq!(group.slots(), [("failed".to_owned(), "UU".to_owned(), String::new())]);
    group.wait_until_up();
}

#[test]
fn a_service_that_somebody_changes_before_the_claim() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/stale/app:1", "sleep", &[]), lab.push("it/stale/app:2", "sleep", &[]));
    let group = Group::new(&lab, "stack", |name| vec![part(name, "a", &old.text, 0)]);
    let (service, engine, did) = (group.services[0].clone(), lab.engine(3), AtomicBool::new(false));
    let id = engine.get(&format!("/services/{service}"))["ID"].as_str().unwrap().to_owned();
    // The plan is made from the service list; before the change starts, each service is read individually.
    let proxy = Proxy::new(&lab.socket(1), move |call, when| {
        let first = call.method == "GET" && when == When::Before && call.path.contains(&format!("/services/{id}"));
        if first && !did.swap(true, Ordering::SeqCst) {
            engine.set_image(&service, "somebody/elses:1");
        }
        Act::Pass
    });
    let pin = format!("a={}", new.text);
    let said = Program::new(&proxy.socket()).run(&["apply", &group.name, "--pin", &pin, "--settle", "0"]).exit(3);
    assert!(said.err.contains("stale") && said.err.contains("somebody/elses:1"), "{}", said.err);
    assert!(proxy.calls().iter().all(|call| !call.is_write()) && group.slots().is_empty());
}

/// Sets another image from another client while a unit is updating. `second`: after a first unit is done.
fn overtaken(lab: &Lab, second: bool) {
    let old = lab.push("it/overtaken/app:1", "sleep", &[]);
    let slow = lab.push("it/overtaken/app:2", "healthy-after:4", &[]);
    let parts = if second { &["a", "b"][..] } else { &["b"] };
    let group = Group::stack(lab, &parts.iter().map(|it| (*it, old.text.as_str())).collect::<Vec<_>>());
    let target = group.services.last().unwrap().clone();
    let pins: Vec<String> = parts.iter().map(|it| format!("{it}={}", slow.text)).collect();
    let mut args = vec!["apply", &group.name, "--settle", "0", "--json"];
    args.extend(pins.iter().flat_map(|pin| ["--pin", pin]));
    let (service, engine, did, image) = (target.clone(), lab.engine(3), AtomicBool::new(false), old.pinned());
    let proxy = Proxy::new(&lab.socket(1), move |call, when| {
        let ours = when == When::Before && call.method == "GET" && did.load(Ordering::SeqCst);
        if when == When::After && call.landed() && call.body.contains(&service) {
            did.store(true, Ordering::SeqCst);
        } else if ours && call.path.contains("/tasks") && did.swap(false, Ordering::SeqCst) {
            engine.set_image(&service, &image);
        }
        Act::Pass
    });
    let said = Program::new(&proxy.socket()).run(&args).exit(if second { 5 } else { 1 });
    let units = if second { vec!["done", "superseded"] } else { vec!["superseded"] };
    assert_eq!(said.json()["units"], serde_json::json!(units));
    assert_eq!(said.json()["outcome"], if second { "partial" } else { "failed" });
    assert_eq!(lab.engine(2).image(&target), old.pinned(), "what somebody else did stands");
    assert_eq!(lab.engine(2).image(&group.services[0]) == slow.pinned(), second);
}

#[test]
fn a_service_that_somebody_changes_meanwhile() {
    let Some(lab) = Lab::get() else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| overtaken(&lab, false));
        scope.spawn(|| overtaken(&lab, true));
    });
}

/// Checks that a second operator learns whose change is running, and that a signal finishes the
/// current unit and leaves the rest.
#[test]
fn one_change_at_a_time_and_a_signal_leaves_it_resumable() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/busy/app:1", "sleep", &[]), lab.push("it/busy/app:2", "healthy-after:2", &[]));
    let group = Group::stack(&lab, &[("a", &old.text), ("b", &old.text)]);
    let specs = group.specs();
    let pins = ["a", "b"].map(|it| format!("{it}={}", new.text));
    let args = ["apply", &group.name, "--pin", &pins[0], "--pin", &pins[1], "--settle", "0"];
    let first = lab.program(1).start(&args);
    crate::lab::wait_for("the first unit's post", 20, || (group.specs() != specs).then_some(()));
    let second = lab.program(2).run(&args);
    assert!(second.out.contains("is not finished"), "{} {}", second.out, second.err);
    assert!(matches!(second.code, Some(1 | 3)), "{:?}", second.code);
    rustix::process::kill_process(rustix::process::Pid::from_raw(first.pid()).unwrap(), rustix::process::Signal::TERM)
        .unwrap();
    let first = first.end().exit(5);
    assert!(first.err.contains("pinnace resume"), "{}", first.err);
    assert_eq!(group.slots(), [("detached".to_owned(), "d-".to_owned(), String::new())]);
    let history = lab.program(3).run(&["history", &group.name, "--json"]).exit(0).json();
    let change = history["changes"][0]["id"].as_str().unwrap();
    assert_eq!(history["changes"][0]["outcome"], "detached");
    let offer = lab.program(3).run(&["resume", change]).exit(3);
    assert!(["--continue", "--roll-back", "--keep"].iter().all(|choice| offer.out.contains(choice)), "{}", offer.out);
    lab.program(3).run(&["resume", change, "--roll-back", "--settle", "0"]).exit(0);
    assert_eq!(group.specs(), specs);
}
