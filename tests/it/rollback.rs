//! Changes and rollbacks, checked in the requests and in the swarm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Engine, Group, Lab, Program};
use crate::proxy::{Call, Proxy};

/// The spec members that a change of images may edit.
const ALLOWED: [&str; 2] = ["/TaskTemplate/ContainerSpec/Image", "/TaskTemplate/Placement/Platforms"];

/// A sampler that records every 100 ms which of these services have no running task.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(usize, BTreeSet<Vec<String>>)>,
}

impl Sampler {
    fn start(engine: Engine, services: Vec<String>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut looks, mut missing) = (0, BTreeSet::new());
            while !over.load(Ordering::SeqCst) {
                let without = services.iter().filter(|service| engine.running(service).is_empty());
                missing.insert(without.cloned().collect::<Vec<_>>());
                looks += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            (looks, missing)
        });
        Self { stop, thread }
    }

    /// Returns the number of samples, and the distinct sets of services without a task.
    fn end(self) -> (usize, BTreeSet<Vec<String>>) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// Checks that the posted text is the spec as the program read it, except for the editable fields.
pub fn is_spliced(call: &Call, calls: &[Call]) {
    let id = call.service().unwrap();
    let was = call.was.as_ref().unwrap();
    let read = calls.iter().any(|read| read.method == "GET" && read.path.contains(id) && read.reply.contains(was));
    assert!(read, "what was posted over was read before");
    let (mut before, mut after): (Value, Value) =
        (serde_json::from_str(was).unwrap(), serde_json::from_str(&call.body).unwrap());
    for spec in [&mut before, &mut after] {
        for path in ALLOWED {
            let (parent, key) = path.rsplit_once('/').unwrap();
            spec.pointer_mut(parent).and_then(Value::as_object_mut).map(|parent| parent.remove(key));
        }
        // A new placement may only hold the platforms.
        let template = spec["TaskTemplate"].as_object_mut().unwrap();
        if template
            .get("Placement")
            .is_some_and(|placement| placement.as_object().is_some_and(serde_json::Map::is_empty))
        {
            template.remove("Placement");
        }
    }
    assert_eq!(before, after);
    assert_eq!(without_edits(was), without_edits(&call.body), "the engine's own bytes");
}

/// Returns a spec's text with the edited fields cut out.
fn without_edits(text: &str) -> String {
    let image = text.find(r#""Image":""#).unwrap();
    let end = image + 9 + text[image + 9..].find('"').unwrap();
    let mut rest = format!("{}{}", &text[..image], &text[end..]);
    for start in [r#","Placement":{"Platforms":["#, r#","Platforms":["#, r#""Platforms":["#] {
        if let Some(at) = rest.find(start) {
            let brace = usize::from(start.contains("Placement"));
            let end = at + rest[at..].find(']').unwrap() + 1 + brace;
            rest.replace_range(at..end, "");
        }
    }
    rest
}

/// Returns the changes in a history: id, kind, outcome and the units' outcomes.
fn outline(program: &Program, group: &str) -> Vec<(String, String, String, Vec<String>)> {
    let history = program.run(&["history", group, "--json"]).exit(0).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let units =
        |change: &Value| change["units"].as_array().unwrap().iter().map(|unit| text(&unit["outcome"])).collect();
    let line = |change: &Value| (text(&change["id"]), text(&change["kind"]), text(&change["outcome"]), units(change));
    history["changes"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_database_member_goes_to_a_new_image_and_back() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/back/pg:1", "sleep", &[]);
    let new = lab.push("it/back/pg:2", "sleep", &[]);
    let group = Group::database(&lab, &old.text);
    group.record(&lab);
    let n1 = group.services[..3].to_vec();
    let (specs, tasks) = (group.specs(), group.tasks());
    let pin = format!("n1={}", new.text);
    let plan = lab.program(1).run(&["plan", &group.name, "--pin", &pin, "--json"]).exit(0).json();
    let units = plan["units"].as_array().unwrap();
    assert_eq!(units.iter().map(|unit| unit["service"].as_str().unwrap()).collect::<Vec<_>>(), n1);
    assert!(units.iter().all(|unit| unit["to"]["image"] == new.pinned() && unit["action"] == "new"), "{plan:#}");

    let proxy = Proxy::watching(&lab.socket(1));
    let sampler = Sampler::start(lab.engine(3), n1.clone());
    let done = Program::new(&proxy.socket()).run(&["apply", &group.name, "--pin", &pin, "--settle", "0", "--json"]);
    let (looks, missing) = sampler.end();
    let done = done.exit(0).json();
    assert_eq!((&done["outcome"], &done["units"]), (&"done".into(), &serde_json::json!(["done", "done", "done"])));
    assert!(looks > 10 && missing.iter().all(|services| services.len() < 2), "{looks} looks, without: {missing:?}");
    let updates: Vec<Call> = proxy.writes().into_iter().filter(|call| call.service().is_some()).collect();
    assert_eq!(updates.len(), 3, "{:?}", proxy.writes().iter().map(Call::what).collect::<Vec<_>>());
    for call in &updates {
        is_spliced(call, &proxy.calls());
    }
    for service in &n1 {
        let images: Vec<String> = lab.engine(2).running(service).into_iter().map(|(_, image)| image).collect();
        assert_eq!(images, [new.pinned()], "{service}");
    }
    assert_eq!(group.tasks()[3..], tasks[3..], "the others kept their tasks");

    let back = lab.program(2).run(&["rollback", &group.name, "--settle", "0", "--json"]).exit(0).json();
    assert_eq!(back["outcome"], "done");
    assert_eq!(group.specs(), specs, "to the letter");
    let again = Proxy::watching(&lab.socket(3));
    let nothing = Program::new(&again.socket()).run(&["rollback", &group.name]).exit(0);
    assert!(nothing.out.contains("nothing to do") || nothing.out.contains("nothing-to-do"), "{}", nothing.out);
    assert!(again.calls().iter().all(|call| !call.is_write()));
    let first = outline(&lab.program(1), &group.name);
    assert_eq!(
        first.iter().map(|(_, kind, outcome, _)| format!("{kind} {outcome}")).collect::<Vec<_>>(),
        ["rollback done", "pin done"]
    );
    assert!(first.iter().all(|(.., units)| *units == ["done", "done", "done"]));
    for node in [2, 3] {
        assert_eq!(outline(&lab.program(node), &group.name), first);
    }
}

/// Creates a service with every field that the engine stores, except its own ports and without a placement on a rack.
fn kitchen_sink(lab: &Lab, image: &str) -> Group {
    let mut spec: Value = serde_json::from_str(&lab.engine(1).spec("kitchen-sink")).unwrap();
    let port = 20_000 + u64::from(std::process::id() % 10_000);
    let ports = spec["EndpointSpec"]["Ports"].as_array_mut().unwrap();
    for (it, port) in ports.iter_mut().zip(port..) {
        it["PublishedPort"] = port.into();
    }
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = image.into();
    let group = Group::new(lab, "service", |name| {
        spec["Name"] = name.into();
        vec![spec]
    });
    group.wait_until_up();
    group
}

#[test]
fn every_field_of_a_service_survives_a_change_and_its_way_back() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/sink/app:1", "sleep:143", &[]);
    let new = lab.push("it/sink/app:2", "sleep:143", &["--platform", "linux/amd64", "--platform", "linux/arm64/v8"]);
    let group = kitchen_sink(&lab, &old.text);
    group.record(&lab);
    let specs = group.specs();
    let (there, back) = (Proxy::watching(&lab.socket(2)), Proxy::watching(&lab.socket(3)));
    let args = ["apply", &group.name, "--pin", &new.text, "--settle", "0", "--json"];
    let stopped = Program::new(&there.socket()).run(&args).exit(3).json();
    assert_eq!(stopped["outcome"], "not-started", "its update policy is to be acknowledged");
    assert!(there.calls().iter().all(|call| !call.is_write()));
    Program::new(&there.socket()).run(&[&args[..], &["--ack"]].concat()).exit(0);
    assert_eq!(lab.engine(1).image(&group.name), new.pinned());
    Program::new(&back.socket()).run(&["rollback", &group.name, "--settle", "0", "--ack"]).exit(0);
    assert_eq!(group.specs(), specs, "to the letter");
    for proxy in [there, back] {
        let updates: Vec<Call> = proxy.writes().into_iter().filter(|call| call.service().is_some()).collect();
        assert_eq!(updates.len(), 1);
        for call in &updates {
            is_spliced(call, &proxy.calls());
        }
    }
}
