//! The options of a plan on a real swarm: credentials for a new registry, start-first, saved plans, redeploys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::lab::{Group, Image, Lab, Program, part};

/// Returns a program with a login at the private registry.
fn logged_in(lab: &Lab, node: usize) -> Program {
    let var = |name: &str| std::env::var(name).unwrap();
    let program = lab.program(node);
    program.login(&lab.auth_registry, &var("PINNACE_LAB_AUTH_USER"), &var("PINNACE_LAB_AUTH_PASSWORD"));
    program
}

#[test]
fn a_service_moves_to_a_private_registry_and_back_by_whom_has_no_credentials() {
    let Some(lab) = Lab::get() else { return };
    let open = lab.push("it/ways/open:1", "sleep", &[]);
    let private = Image::push(&format!("{}/it/ways/private:1", lab.auth_registry), "sleep", &[]);
    let group = Group::stack(&lab, &[("app", &open.text)]);
    group.record(&lab);
    let before = group.specs();
    let pin = format!("app={}", private.text);
    let apply = ["apply", group.name.as_str(), "--pin", pin.as_str(), "--settle", "0", "--json"];
    let operator = logged_in(&lab, 1);
    // With the old credentials the nodes cannot pull: the update fails, and the cause is reported.
    let failed = operator.run(&[&apply[..], &["--keep-credentials"]].concat()).exit(1).json();
    assert_eq!(failed["outcome"], "failed");
    let told = failed["failures"].to_string();
    assert!(told.contains("No such image"), "{told}");
    assert_eq!(group.specs(), before);
    let done = operator.run(&[&apply[..], &["--ack"]].concat()).exit(0).json();
    assert_eq!(done["plan"]["units"][0]["credentials"], "operator");
    // An operator without credentials can roll back to the exact old spec, with the credentials that the engine kept.
    let nobody = lab.program(2);
    let back = nobody.run(&["rollback", &group.name, "--settle", "0", "--json"]).exit(0).json();
    assert_eq!((&back["outcome"], &back["plan"]["units"][0]["credentials"]), (&json!("done"), &json!("previous")));
    assert_eq!(group.specs(), before);
}

#[test]
fn start_first_keeps_the_old_tasks_until_the_new_ones_serve() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/ways/old:1", "sleep", &[]);
    let new = lab.push("it/ways/new:1", "sleep", &[]);
    let group = Group::new(&lab, "stack", |name| vec![part(name, "app", &old.text, 2)]);
    group.wait_until_up();
    group.record(&lab);
    let before = group.specs();
    let (least, over) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::new(AtomicBool::new(false)));
    let watcher = std::thread::spawn({
        let (engine, service) = (lab.engine(3), group.services[0].clone());
        let (least, over) = (Arc::clone(&least), Arc::clone(&over));
        move || {
            while !over.load(Ordering::SeqCst) {
                least.fetch_min(engine.running(&service).len(), Ordering::SeqCst);
            }
        }
    });
    let program = lab.program(1);
    let pin = format!("app={}", new.text);
    program.run(&["apply", &group.name, "--pin", &pin, "--settle", "0", "--start-first", "--json"]).exit(0);
    over.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    assert_eq!(least.load(Ordering::SeqCst), 2, "never fewer than both");
    let spec: Value = serde_json::from_str(&group.specs()[0]).unwrap();
    assert_eq!(spec["UpdateConfig"]["Order"], "start-first");
    lab.program(2).run(&["rollback", &group.name, "--settle", "0"]).exit(0);
    assert_eq!(group.specs(), before, "the policy went back with it");
}

#[test]
fn a_saved_plan_runs_once_and_tasks_start_anew() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/ways/saved:1", "sleep", &[]);
    let new = lab.push("it/ways/saved:2", "sleep", &[]);
    let group = Group::stack(&lab, &[("app", &old.text)]);
    let program = lab.program(1);
    let file = program.file("");
    let file = format!("{file}.plan");
    let pin = format!("app={}", new.text);
    program.run(&["plan", &group.name, "--pin", &pin, "--out", &file]).exit(0);
    let other = lab.program(2);
    other.run(&["apply", &file, "--settle", "0"]).exit(0);
    let stale = other.run(&["apply", &file]).exit(3);
    assert!(stale.err.contains("is stale: change 1 by"), "{}", stale.err);
    let before = group.tasks();
    assert_eq!(before[0][0].1, new.pinned());
    let again = other.run(&["redeploy", &group.name, "--settle", "0", "--json"]).exit(0).json();
    assert_eq!(again["outcome"], "done");
    let after = group.tasks();
    assert!(after[0][0].1 == new.pinned() && after[0][0].0 != before[0][0].0, "{before:?} {after:?}");
}
