//! A program that is killed at every write of a change, before or after the engine receives
//! it; another manager takes over.
//!
//! An undisturbed change of two services makes these writes:
//!
//! | # | write | killed before it | killed after it |
//! | --- | --- | --- | --- |
//! | 1 | the record | never started | never started |
//! | 2 | the claim | never started | unfinished, nothing touched |
//! | 3 | slot: first unit will be posted | as above | unfinished, an update announced but not sent |
//! | 4 | update of the first service | as above | unfinished, updated but not recorded |
//! | 5 | slot: first unit is done | as above | unfinished, one of two done |
//! | 6–8 | the same for the second | | unfinished, both done |
//! | 9 | slot: the change is done | as above | done |
//! | 10 | the log | done | done |
//!
//! A change that never started is applied again. An unfinished change is continued (odd numbers) or rolled back (even
//! numbers). Afterwards every service has the right spec, and no update was made twice or without need. A write that
//! was in flight when the program was killed arrives after the end and has no effect.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::lab::{Group, Image, Lab, Program};
use crate::proxy::{Act, Call, Proxy, When};

/// Number of groups tested in parallel.
const AT_ONCE: usize = 5;

/// The progress of the change when the program was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    NeverStarted,
    Unfinished,
    Done,
}

/// A run: the write, and whether the program is killed before or after it.
#[derive(Clone, Copy, Debug)]
struct Kill {
    nth: usize,
    when: When,
}

struct Images {
    old: Image,
    new: Image,
}

impl Images {
    fn pins(&self) -> [String; 4] {
        ["a", "b"]
            .map(|member| ["--pin".to_owned(), format!("{member}={}", self.new.text)])
            .concat()
            .try_into()
            .unwrap()
    }

    fn group(&self, lab: &Lab) -> Group {
        Group::stack(lab, &[("a", &self.old.text), ("b", &self.old.text)])
    }
}

/// Applies the change through a proxy, which may kill the program.
fn apply(proxy: &Proxy, group: &Group, images: &Images) -> Option<i32> {
    let pins = images.pins();
    let mut args = vec!["apply", &group.name, "--settle", "0"];
    args.extend(pins.iter().map(String::as_str));
    let program = Program::new(&proxy.socket());
    let running = program.start(&args);
    proxy.may_kill(&running);
    running.end().code
}

/// Returns the services whose update was accepted, in order, with the image of each update.
fn landed(calls: &[Call]) -> Vec<(String, String)> {
    let image = |call: &Call| {
        let spec: Value = serde_json::from_str(&call.body).unwrap();
        (
            spec["Name"].as_str().unwrap().to_owned(),
            spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned(),
        )
    };
    calls.iter().filter(|call| call.landed()).map(image).collect()
}

fn outcomes(lab: &Lab, node: usize, group: &Group) -> Vec<(String, String)> {
    let history = lab.program(node).run(&["history", &group.name, "--json"]).exit(0).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    history["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (text(&change["id"]), text(&change["outcome"])))
        .collect()
}

/// Kills the program once, checks the state, and finishes the change from another manager.
fn disturbed(lab: &Lab, images: &Images, writes: &[String], kill: Kill) -> String {
    let group = images.group(lab);
    let specs = group.specs();
    let proxy =
        Proxy::new(
            &lab.socket(1),
            move |call, when| {
                if call.nth == Some(kill.nth) && when == kill.when { Act::Kill } else { Act::Pass }
            },
        );
    let code = apply(&proxy, &group, images);
    let did = proxy.writes().iter().map(Call::what).collect::<Vec<_>>();
    assert_eq!((code, did.len()), (None, kill.nth), "{kill:?}: {did:?}");
    let known = if kill.when == When::After { kill.nth } else { kill.nth - 1 };
    let place = |what: &str| writes.iter().position(|write| write.starts_with(what)).unwrap() + 1;
    let stage = match known {
        known if known < place("claim") => Stage::NeverStarted,
        known if known >= place("slot done") => Stage::Done,
        _ => Stage::Unfinished,
    };
    let changes = outcomes(lab, 2, &group);
    let words: Vec<&str> = changes.iter().map(|(_, outcome)| outcome.as_str()).collect();
    let first = landed(&proxy.calls());
    for (service, spec) in group.services.iter().zip(&specs) {
        let posted = first.iter().any(|(name, _)| name == service);
        assert_eq!(lab.engine(2).spec(service) != *spec, posted, "{kill:?}: {service} stands where the wire says");
    }
    let other = Proxy::watching(&lab.socket(2));
    let told = match stage {
        Stage::NeverStarted => {
            assert!(words.is_empty() && first.is_empty() && group.specs() == specs, "{kill:?}: {changes:?}");
            assert_eq!(apply(&other, &group, images), Some(0), "{kill:?}");
            end(lab, &group, images, &specs, &[first, landed(&other.calls())].concat(), "done")
        }
        Stage::Unfinished => {
            assert_eq!(words, ["running"], "{kill:?}");
            let (choice, outcome) =
                if kill.nth % 2 == 1 { ("--continue", "done") } else { ("--roll-back", "rolled-back") };
            let resumed =
                Program::new(&other.socket()).run(&["resume", &changes[0].0, choice, "--settle", "0"]).exit(0);
            assert!(resumed.out.contains(outcome), "{}", resumed.out);
            end(lab, &group, images, &specs, &[first, landed(&other.calls())].concat(), outcome)
        }
        Stage::Done => {
            assert_eq!(words, ["done"], "{kill:?}");
            end(lab, &group, images, &specs, &first, "done")
        }
    };
    late(lab, &group, &proxy);
    format!("{:>2} {:?} {}: {stage:?} → {told}", kill.nth, kill.when, did.last().unwrap())
}

/// Sends the updates that the engine has not seen because of the kill, now that the change is over.
fn late(lab: &Lab, group: &Group, proxy: &Proxy) {
    let before = (group.specs(), group.slots());
    for call in proxy.writes().iter().filter(|call| call.status == 0 && call.path.contains("/update?version=")) {
        let (status, said) = lab.engine(1).ask("POST", &call.path, &call.body);
        assert!(status == 500 && said.contains("out of sequence"), "{}: {status} {said}", call.what());
    }
    assert_eq!((group.specs(), group.slots()), before);
}

/// Checks the final state: specs, tasks, journal, and the number of updates of each service.
fn end(
    lab: &Lab,
    group: &Group,
    images: &Images,
    specs: &[String],
    landed: &[(String, String)],
    outcome: &str,
) -> String {
    let words: Vec<String> = outcomes(lab, 3, group).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(words, [outcome]);
    let slots = group.slots();
    let stored = if outcome == "rolled-back" { "undone" } else { outcome };
    assert!(slots.iter().all(|(state, _, post)| state == stored && post.is_empty()), "{slots:?}");
    for (service, spec) in group.services.iter().zip(specs) {
        let updates: Vec<&str> =
            landed.iter().filter(|(name, _)| name == service).map(|(_, image)| image.as_str()).collect();
        let (old, new) = (images.old.text.as_str(), images.new.pinned());
        let image = if outcome == "done" {
            assert_eq!(updates, [new.as_str()], "{service}");
            new.as_str()
        } else {
            assert!(updates.is_empty() || updates == [new.as_str(), old], "{service}: {updates:?}");
            assert_eq!(lab.engine(3).spec(service), *spec, "to the letter");
            old
        };
        let running: Vec<String> = lab.engine(3).running(service).into_iter().map(|(_, image)| image).collect();
        assert_eq!((lab.engine(3).image(service).as_str(), running), (image, vec![image.to_owned()]), "{service}");
    }
    format!("{outcome}, {} landed", landed.len())
}

#[test]
fn killed_at_every_write() {
    let Some(lab) = Lab::get() else { return };
    let images =
        Images { old: lab.push("it/kills/app:1", "sleep", &[]), new: lab.push("it/kills/app:2", "sleep", &[]) };
    let group = images.group(&lab);
    let proxy = Proxy::watching(&lab.socket(1));
    assert_eq!(apply(&proxy, &group, &images), Some(0));
    let writes: Vec<String> = proxy.writes().iter().map(Call::what).collect();
    println!("undisturbed: {writes:#?}");
    drop(group);
    let kills: Vec<Kill> =
        (1..=writes.len()).flat_map(|nth| [When::Before, When::After].map(|when| Kill { nth, when })).collect();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(kill) = kills.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let line = disturbed(&lab, &images, &writes, *kill);
                    told.lock().unwrap().push(line);
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    println!("{}", told.join("\n"));
    assert_eq!(told.len(), 2 * writes.len());
}

/// Checks that a change survives when every other request or answer is lost: the program
/// reads the state and continues.
#[test]
fn cut_off_at_every_other_write() {
    let Some(lab) = Lab::get() else { return };
    let images = Images { old: lab.push("it/cuts/app:1", "sleep", &[]), new: lab.push("it/cuts/app:2", "sleep", &[]) };
    std::thread::scope(|scope| {
        for (cut, odd) in [(When::Before, 0), (When::Before, 1), (When::After, 0), (When::After, 1)] {
            let (lab, images) = (&lab, &images);
            scope.spawn(move || {
                let group = images.group(lab);
                let specs = group.specs();
                let proxy = Proxy::new(&lab.socket(1), move |call, when| {
                    let hit = when == cut && call.nth.is_some_and(|nth| nth % 2 == odd);
                    if hit { Act::Cut } else { Act::Pass }
                });
                let code = apply(&proxy, &group, images);
                let did = proxy.writes().iter().map(Call::what).collect::<Vec<_>>();
                if code == Some(4) || code == Some(3) {
                    assert!(landed(&proxy.calls()).is_empty() && group.specs() == specs, "{did:#?}");
                    println!("cut {cut:?} {odd}: not started: {did:?}");
                    return;
                }
                assert_eq!(code, Some(0), "cut {cut:?} {odd}: {did:#?}");
                end(lab, &group, images, &specs, &landed(&proxy.calls()), "done");
            });
        }
    });
}
