//! A program that is killed, or stopped and continued later, at each write of a change of three services. The write
//! is lost, its answer is lost, or it arrives later; another manager continues the change or rolls it back.
//!
//! A stopped program is not dead: the next operator waits 30 s for a heartbeat. Once continued, it must make no
//! update, change nothing, and exit. Each run covers a part of the cases, selected by a printed number:
//! `PINNACE_STOPS=all` runs all of them, `PINNACE_STOPS=7` the part with that number.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lab::{Group, Image, Lab, Program, part, wait_for};
use crate::proxy::{Act, Call, Proxy, When};

/// Number of groups tested in parallel; they mostly wait.
const AT_ONCE: usize = 12;
/// Number of parts; each run covers one.
const PARTS: usize = 12;

/// The fault of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Cut,
    AnswerLost,
    /// The write arrives before the takeover.
    Late,
    /// The write arrives after the end, while the program is still stopped.
    VeryLate,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    nth: usize,
    fate: Fate,
    strike: Act,
    goes_on: bool,
}

struct Images {
    old: Image,
    new: Image,
}

const MEMBERS: [&str; 3] = ["a", "b", "c"];

fn start(proxy: &Proxy, group: &Group, images: &Images) -> crate::lab::Running {
    let pins = MEMBERS.map(|member| format!("{member}={}", images.new.text));
    let pinned = pins.iter().flat_map(|pin| ["--pin", pin]);
    let args: Vec<&str> = ["apply", &group.name, "--settle", "0"].into_iter().chain(pinned).collect();
    let running = Program::new(&proxy.socket()).start(&args);
    proxy.may_kill(&running);
    running
}

/// Creates three services. Only `a` has a task to be replaced, so that a change takes seconds.
fn group(lab: &Lab, images: &Images) -> Group {
    let group = Group::new(lab, "stack", |name| {
        [("a", 1), ("b", 0), ("c", 0)].map(|(member, replicas)| part(name, member, &images.old.text, replicas)).into()
    });
    group.wait_until_up();
    group
}

/// Delivers a write that had not reached the engine.
fn arrives(lab: &Lab, write: &Call) {
    lab.engine(1).ask(&write.method, &write.path, &write.body);
}

fn images_of(lab: &Lab, group: &Group) -> Vec<String> {
    group.services.iter().map(|service| lab.engine(3).image(service)).collect()
}

/// Returns the number of accepted service updates through these proxies.
fn landed(proxies: &[&Proxy]) -> usize {
    proxies.iter().flat_map(|proxy| proxy.calls()).filter(Call::landed).count()
}

/// The choices of the other manager: the flag of `resume`, the outcome it prints, and the state in the slot.
const CONTINUES: (&str, &str, &str) = ("--continue", "done", "done");
const ROLLS_BACK: (&str, &str, &str) = ("--roll-back", "rolled-back", "undone");

fn tried(lab: &Lab, images: &Images, case: Case) -> String {
    let group = group(lab, images);
    let specs = group.specs();
    let when = if case.fate == Fate::AnswerLost { When::After } else { When::Before };
    let strike = case.strike;
    let proxy = Proxy::new(
        &lab.socket(1),
        move |call, at| {
            if call.nth == Some(case.nth) && at == when { strike } else { Act::Pass }
        },
    );
    let running = start(&proxy, &group, images);
    wait_for(&format!("{case:?}"), 120, || proxy.struck().then_some(()));
    let write = wait_for("the write", 10, || proxy.writes().into_iter().find(|call| call.nth == Some(case.nth)));
    let indexes = || group.services.iter().map(|service| lab.engine(2).index(service)).sum::<u64>();
    let before = indexes();
    let late = case.fate == Fate::Late && {
        arrives(lab, &write);
        write.service().is_some() && indexes() != before
    };
    let other = Proxy::watching(&lab.socket(2));
    let slot = group.slots().pop();
    let open = slot.as_ref().is_some_and(|(state, ..)| ["running", "detached"].contains(&state.as_str()));
    let (choice, word, stored) = if case.goes_on { CONTINUES } else { ROLLS_BACK };
    if open {
        let history = lab.program(3).run(&["history", &group.name, "--json"]).exit(0).json();
        let change = history["changes"][0]["id"].as_str().unwrap().to_owned();
        let said = Program::new(&other.socket()).run(&["resume", &change, choice, "--settle", "0"]).exit(0);
        assert!(said.out.contains(word), "{case:?}: {}", said.out);
    }
    if case.fate == Fate::VeryLate {
        arrives(lab, &write);
    }
    let settled = (group.specs(), group.slots());
    let sent = proxy.writes().len();
    if case.strike == Act::Stop {
        proxy.go_on();
    }
    let context = format!("{case:?} ({}), {:?}", write.what(), running.end().code);
    let posted: Vec<String> = proxy.writes().split_off(sent).iter().map(Call::what).collect();
    let end = group.slots();
    if open {
        assert_eq!((group.specs(), end.clone()), settled, "{context}: it changed something: {posted:?}");
        assert!(!posted.iter().any(|what| what.starts_with("update")), "{context}: it posts: {posted:?}");
        assert_eq!(end.last().map(|(state, ..)| state.as_str()), Some(stored), "{context}");
    }
    let total = landed(&[&proxy, &other]) + usize::from(late);
    match end.last().map(|(state, ..)| state.as_str()) {
        None => assert_eq!((group.specs(), total), (specs, 0), "{context}: never began"),
        Some("done") => {
            assert_eq!(images_of(lab, &group), vec![images.new.pinned(); 3], "{context}");
            assert_eq!(total, 3, "{context}: each update once");
        }
        Some("undone") => {
            assert_eq!(group.specs(), specs, "{context}: to the letter");
            assert!(total.is_multiple_of(2), "{context}: {total}");
        }
        // The claim arrived late, when no program was running any more.
        Some("running") if case.fate == Fate::VeryLate && case.nth <= 2 => assert_eq!(total, 0, "{context}"),
        Some(other) => panic!("{context}: {other}"),
    }
    format!("{:>2} {case:?} → {:?}, {total} landed", case.nth, end.last().map(|(state, ..)| state.clone()))
}

fn cases(writes: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for nth in 1..=writes {
        for fate in [Fate::Cut, Fate::AnswerLost, Fate::Late, Fate::VeryLate] {
            for strike in [Act::Kill, Act::Stop] {
                for goes_on in [true, false] {
                    cases.push(Case { nth, fate, strike, goes_on });
                }
            }
        }
    }
    cases
}

#[test]
fn killed_or_stopped_at_every_write() {
    let Some(lab) = Lab::get() else { return };
    let images =
        Images { old: lab.push("it/stops/app:1", "sleep", &[]), new: lab.push("it/stops/app:2", "sleep", &[]) };
    let undisturbed = group(&lab, &images);
    let proxy = Proxy::watching(&lab.socket(1));
    assert_eq!(start(&proxy, &undisturbed, &images).end().code, Some(0));
    let all = cases(proxy.writes().len());
    drop(undisturbed);
    let wanted = std::env::var("PINNACE_STOPS").unwrap_or_default();
    let minutes = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() / 60;
    let number = wanted.parse().unwrap_or_else(|_| usize::try_from(minutes).unwrap());
    let of_part = |at: &usize| wanted == "all" || (at + at / PARTS) % PARTS == number % PARTS;
    let chosen: Vec<Case> = (0..all.len()).filter(of_part).map(|at| all[at]).collect();
    println!(
        "PINNACE_STOPS={}: {} of {} cases",
        if wanted == "all" { wanted } else { number.to_string() },
        chosen.len(),
        all.len()
    );
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let line = tried(&lab, &images, *case);
                    told.lock().unwrap().push(line);
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    println!("{}", told.join("\n"));
    assert_eq!(told.len(), chosen.len());
}
