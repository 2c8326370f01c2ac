//! Conformance of the simulator: a client observes the same as with a real engine.
//!
//! Each scenario is a script against an engine that writes a transcript: status codes and messages, update states,
//! task states and errors, specs and events, by sequence and not by time. Each scenario has one committed
//! expectation in `expected/`. The simulator (always) and the lab's swarm (if it is up) must match it. The
//! expectations come from the lab's engine: `PINNACE_BLESS=1` writes them again. `INDEX.md` lists which scenario
//! covers which known engine behaviour.

mod captures;
mod client;
mod objects;
mod refusals;
mod rollbacks;
mod rollouts;
mod setup;
mod tasks;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use client::Target;

type Script = fn(Target) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns all scenarios by name.
fn scenarios() -> BTreeMap<&'static str, Script> {
    let mut all: BTreeMap<&'static str, Script> = BTreeMap::new();
    for part in [refusals::all(), rollouts::all(), rollbacks::all(), tasks::all(), objects::all()] {
        for (name, script) in part {
            assert!(all.insert(name, script).is_none(), "{name} twice");
        }
    }
    all
}

/// Defines `all()`, which returns the listed scripts by name.
macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        pub(super) fn all() -> Vec<(&'static str, super::Script)> {
            vec![$((stringify!($name), |target| Box::pin($name(target)))),*]
        }
    };
}
use scripts;

fn expected(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance/expected").join(format!("{name}.txt"))
}

/// Compares a transcript with its expectation; returns the differences, or `None`.
fn compare(name: &str, seen: &str) -> Option<String> {
    let wanted = std::fs::read_to_string(expected(name)).unwrap_or_default();
    if wanted == seen {
        return None;
    }
    let (wanted, seen): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), seen.lines().collect());
    let mut text = format!("== {name}\n");
    for at in 0..wanted.len().max(seen.len()) {
        match (wanted.get(at), seen.get(at)) {
            (Some(one), Some(other)) if one == other => text.extend([format!("    {one}\n")]),
            (one, other) => {
                text.extend(one.map(|line| format!("  - {line}\n")));
                text.extend(other.map(|line| format!("  + {line}\n")));
            }
        }
    }
    Some(text)
}

fn chosen(name: &str) -> bool {
    std::env::var("PINNACE_SCENARIO").map_or(true, |part| name.contains(&part))
}

#[test]
fn the_simulator_conforms() {
    let mut wrong = Vec::new();
    for (name, script) in scenarios().into_iter().filter(|(name, _)| chosen(name)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let seen = runtime.block_on(async {
            let target = Target::simulated();
            script(target.clone()).await;
            target.seen()
        });
        wrong.extend(compare(name, &seen));
    }
    assert!(wrong.is_empty(), "the simulator differs (+) from what is expected (-):\n{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_conforms() {
    let Some(lab) = setup::LabTarget::find() else { return };
    let bless = std::env::var("PINNACE_BLESS").is_ok();
    let names: Vec<_> = scenarios().into_iter().filter(|(name, _)| chosen(name)).collect();
    let lab = std::sync::Arc::new(lab);
    let mut wrong = Vec::new();
    // Several scripts run in parallel, because most of the time is spent waiting for the engine.
    for some in names.chunks(6) {
        let running: Vec<_> = some
            .iter()
            .map(|(name, script)| {
                let (name, target, script) = (*name, Target::real(&lab), *script);
                tokio::spawn(async move {
                    let done = tokio::spawn(script(target.clone())).await;
                    target.clean_up().await;
                    (name, target.seen(), done)
                })
            })
            .collect();
        for one in running {
            let (name, seen, done) = one.await.unwrap();
            if let Err(error) = done {
                wrong.push(format!("== {name} did not end: {error}\n{seen}"));
            } else if bless {
                std::fs::write(expected(name), seen).unwrap();
            } else {
                wrong.extend(compare(name, &seen));
            }
        }
    }
    assert!(wrong.is_empty(), "the lab differs (+) from what is expected (-):\n{}", wrong.join("\n"));
}

/// Checks that the index names every scenario and no unknown one.
#[test]
fn the_index_is_whole() {
    let text = include_str!("INDEX.md");
    let known = scenarios();
    for name in known.keys() {
        assert!(text.contains(&format!("`{name}`")), "{name} is not in INDEX.md");
        assert!(expected(name).exists(), "{name} has no expectation");
    }
    for word in text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('_') && !word.starts_with('_') && !word.contains([' ', '.', '=']))
    {
        assert!(known.contains_key(word), "INDEX.md names `{word}`, which is no scenario");
    }
}
