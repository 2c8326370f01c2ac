//! Rollouts in the lab: the shared rows, and services deployed by the `docker` command line without pinnace.

pub mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::lab::{Group, Image, Lab, Program, limit, wait_for};
use crate::proxy::{Act, Call, Proxy, When};
use crate::terminal::Terminal;
use rows::{ROWS, Row, lay};

/// Returns the task ids of the only service.
fn ids(group: &Group) -> BTreeSet<String> {
    group.tasks().remove(0).into_iter().map(|(id, _)| id).collect()
}

fn service(lab: &Lab, image: &Image, over: &Value) -> Group {
    Group::new(lab, "service", |name| {
        let mut spec = json!({ "Name": name });
        lay(&mut spec, over);
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = image.pinned().into();
        vec![spec]
    })
}

/// Pushes the image of a row; images that are deleted later get a unique name.
fn push(lab: &Lab, row: &Row, at: usize) -> Image {
    let name = if row.gone { format!("gone-{at}") } else { row.image.replace(':', "-") };
    let text = format!("it/rollouts/app:{name}");
    match row.image {
        // An image with this file alone does not contain its program.
        "no-program" => lab.push(&text, "sleep", &["--file", "/nothing=here"]),
        behaviour => lab.push(&text, behaviour, &["--label", &format!("row={name}")]),
    }
}

fn hold(lab: &Lab, row: &Row, old: &Image, new: &Image) {
    let group = service(lab, old, &row.spec());
    group.wait_until_up();
    let before = group.specs();
    let (goes, did) = (row.gone.then(|| new.clone()), AtomicBool::new(false));
    let proxy = Proxy::new(&lab.socket(1), move |call, when| {
        if let Some(image) = &goes
            && when == When::Before
            && call.service().is_some()
            && !did.swap(true, Ordering::SeqCst)
        {
            image.delete();
        }
        Act::Pass
    });
    let settle = row.settle.to_string();
    let args = ["apply", &group.name, "--pin", &new.text, "--ack", "--settle", &settle, "--json"];
    let said = Program::new(&proxy.socket()).run(&args).exit(i32::from(row.outcome != "done"));
    row.judge(&said.json());
    let landed = proxy.calls().iter().filter(|call: &&Call| call.landed()).count();
    assert_eq!(landed, row.updates, "{}", row.name);
    group.wait_until_up();
    if row.outcome == "done" {
        let tasks = group.tasks().remove(0);
        assert!(tasks.iter().all(|(_, image)| *image == new.pinned()), "{}: {tasks:?}", row.name);
    } else {
        // The number of tasks that survive varies: the engine starts the next slot before it sees a failure.
        assert_eq!(group.specs(), before, "{}: to the letter", row.name);
    }
}

#[test]
fn every_row() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/rollouts/app:1", "sleep", &[]);
    let mut pushed: BTreeMap<&str, Image> = BTreeMap::new();
    let image = |(at, row): (usize, &'static Row)| {
        let known = pushed.get(row.image).filter(|_| !row.gone).cloned();
        let image = known.unwrap_or_else(|| push(&lab, row, at));
        if !row.gone {
            pushed.insert(row.image, image.clone());
        }
        image
    };
    let images: Vec<Image> = ROWS.iter().enumerate().map(image).collect();
    std::thread::scope(|scope| {
        for (row, new) in ROWS.iter().zip(&images) {
            let (lab, old) = (&lab, &old);
            scope.spawn(move || hold(lab, row, old, new));
        }
    });
}

/// Runs the `docker` command line at node 1.
fn docker(lab: &Lab, args: &[&str]) -> String {
    let done = Command::new("docker")
        .args(args)
        .env("DOCKER_HOST", format!("unix://{}", lab.socket(1).display()))
        .output()
        .expect("docker is on the path");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "docker {args:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// Returns a compose file with one service of three tasks.
fn compose(image: &str) -> tempfile::NamedTempFile {
    let text = json!({ "version": "3.8", "services": { "web": { "image": image, "stop_signal": "SIGKILL",
        "deploy": { "replicas": 3, "endpoint_mode": "dnsrr", "restart_policy": { "condition": "any", "delay": "1s" },
            "update_config": { "monitor": "2s", "failure_action": "pause" } },
        "networks": ["out"] } },
        "networks": { "out": { "external": true, "name": "host" } } });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text.to_string()).unwrap();
    file
}

/// Deploys a stack with `docker stack deploy`; pinnace has never changed it.
fn deployed(lab: &Lab, image: &str) -> Group {
    let name = crate::lab::name("stack");
    let deploy = |text: &str| docker(lab, &["stack", "deploy", "-c", compose(text).path().to_str().unwrap(), &name]);
    deploy(image);
    let group = Group::known(lab, "stack", &name, vec![format!("{name}_web")]);
    group.wait_until_up();
    group.record(lab);
    group
}

fn state(lab: &Lab, group: &Group) -> String {
    let service = lab.engine(1).get(&format!("/services/{}", group.services[0]));
    service["UpdateStatus"]["State"].as_str().unwrap_or_default().to_owned()
}

/// Deploys a bad tag: the rollout pauses with one of three tasks down.
fn badly(lab: &Lab, old: &Image) -> (Group, String, BTreeSet<String>) {
    let group = deployed(lab, &old.text);
    let (before, tasks) = (lab.engine(1).image(&group.services[0]), ids(&group));
    let file = compose(&format!("{}/it/rollouts/app:nosuch", lab.registry));
    docker(lab, &["stack", "deploy", "-c", file.path().to_str().unwrap(), &group.name]);
    wait_for("the rollout to be paused", 60, || (state(lab, &group) == "paused").then_some(()));
    wait_for("two of three to be left", 20, || (ids(&group).len() == 2).then_some(()));
    (group, before, tasks)
}

fn is_back(lab: &Lab, group: &Group, before: &str, tasks: &BTreeSet<String>) {
    group.wait_until_up();
    assert_eq!(lab.engine(2).image(&group.services[0]), before);
    assert_eq!(tasks.intersection(&ids(group)).count(), 2, "two of three are the same");
}

fn back_by_verb(lab: &Lab, old: &Image) {
    let (group, before, tasks) = badly(lab, old);
    let plan = lab.program(2).run(&["rollback", &group.name, "--dry-run", "--json"]).exit(0).json();
    assert_eq!(plan["units"][0]["effect"], json!({ "restarts": 1, "stays": 2 }), "{plan:#}");
    let said = lab.program(2).run(&["rollback", &group.name, "--settle", "2"]).exit(0);
    assert!(said.out.contains("1 restarts, 2 stay"), "{}", said.out);
    is_back(lab, &group, &before, &tasks);
}

fn back_by_keys(lab: &Lab, old: &Image) {
    let (group, before, tasks) = badly(lab, old);
    let (mut terminal, _folder) = Terminal::console(lab, (80, 24), "settle_seconds = 2\n");
    let soon = limit(20);
    terminal.wait("first screen", soon, |text| text.contains("SERVICES"));
    terminal.press("/");
    terminal.press(&group.services[0]);
    terminal.press("\r");
    terminal.wait("the service alone", soon, |text| text.contains("1 shown"));
    terminal.press("ggG");
    terminal.press("R");
    terminal.wait("the plan back", soon, |text| text.contains("plan up to date") && text.contains("2 stay"));
    terminal.press("a");
    terminal.wait("the outcome", limit(60), |text| text.contains("Done."));
    is_back(lab, &group, &before, &tasks);
    terminal.press("q");
    terminal.end(soon);
}

/// Rolls back an update from 16 to 17 that a build server made.
fn back_from_an_update(lab: &Lab, old: &Image, new: &Image) {
    let group = deployed(lab, &old.text);
    let before = lab.engine(1).image(&group.services[0]);
    docker(lab, &["service", "update", "--detach", "--image", &new.text, &group.services[0]]);
    wait_for("it to be completed", 60, || (state(lab, &group) == "completed").then_some(()));
    let said = lab.program(3).run(&["rollback", &group.name, "--settle", "2", "--json"]).exit(0).json();
    assert_eq!(said["plan"]["units"][0]["effect"], json!({ "restarts": 3, "stays": 0 }));
    is_back_all(lab, &group, &before);
}

fn is_back_all(lab: &Lab, group: &Group, before: &str) {
    group.wait_until_up();
    assert!(group.tasks()[0].iter().all(|(_, image)| image == before));
    assert_eq!(lab.engine(1).image(&group.services[0]), before);
}

#[test]
fn what_the_command_line_did_goes_back() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/rollouts/app:16", "sleep", &[]), lab.push("it/rollouts/app:17", "sleep", &[]));
    std::thread::scope(|scope| {
        scope.spawn(|| back_by_verb(&lab, &old));
        scope.spawn(|| back_by_keys(&lab, &old));
        scope.spawn(|| back_from_an_update(&lab, &old, &new));
    });
}
