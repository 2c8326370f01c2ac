//! Layer rules that neither Cargo nor clippy can check: the dependencies of each crate, what pure code must not use,
//! and where the terminal crates may be named. The rules are one table.

use std::collections::BTreeSet;

use crate::source::{Source, member_sources, project_files, read, rust_files, tokens};

/// The dependencies that one crate of the workspace may use.
struct Layer {
    /// Folder of the crate.
    folder: &'static str,
    /// Allowed crates of this workspace.
    ours: &'static [&'static str],
    /// Allowed other dependencies; `*` is any.
    crates: &'static [&'static str],
    /// Forbidden dependencies, in spite of `*`.
    never: &'static [&'static str],
    /// True for pure code: no clock, files, network, processes, environment, async or printing.
    pure: bool,
}

const TERMINAL: &[&str] = &["ratatui", "crossterm", "tui-textarea", "color-eyre"];

const LAYERS: &[Layer] = &[
    Layer {
        folder: "crates/core",
        ours: &[],
        // The last two crates are pure functions of text: fuzzy tag search and pattern matching.
        crates: &[
            "serde",
            "serde_json",
            "toml",
            "sha2",
            "jiff",
            "thiserror",
            "nucleo-matcher",
            "fast-glob",
            "unicode-width",
        ],
        never: &[],
        pure: true,
    },
    Layer { folder: "crates/engine", ours: &["pinnace-core"], crates: &["*"], never: TERMINAL, pure: false },
    Layer {
        folder: "crates/tui",
        ours: &["pinnace-core"],
        crates: &[
            "ratatui",
            "crossterm",
            "tui-textarea",
            "unicode-width",
            "strsim",
            "serde",
            "serde_json",
            "toml",
            "thiserror",
        ],
        never: &[],
        pure: true,
    },
    // Shared code would hide the simulator's own mistakes.
    Layer { folder: "crates/swarm-sim", ours: &[], crates: &["*"], never: TERMINAL, pure: false },
    Layer {
        folder: ".",
        ours: &["pinnace-core", "pinnace-engine", "pinnace-tui", "swarm-sim"],
        crates: &["*"],
        never: &[],
        pure: false,
    },
];

/// Path prefixes that pure code must not name.
const IMPURE: &[&str] =
    &["std::time::Instant", "std::time::SystemTime", "std::fs", "std::net", "std::process", "std::env", "std::thread"];
/// Keywords that pure code must not contain.
const IMPURE_WORDS: &[&str] = &["async", "await"];
/// Macros that pure code must not call.
const IMPURE_MACROS: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];
/// Restricted paths: the crate, the path, and the files that may name it.
const ONLY_IN: &[(&str, &str, &[&str])] = &[
    // Raw spec text stays inside the Docker adapter.
    ("crates/engine", "crate::docker::spec", &["docker"]),
    ("crates/engine", "crate::docker::splice", &["docker"]),
    // Outside of views and widgets the console handles plain values: colours, keys and the editor's text.
    ("crates/tui", "ratatui", &["ratatui::style", "view", "widgets", "dialogs/view"]),
    ("crates/tui", "crossterm", &["crossterm::event"]),
];
/// The maximum number of lines of a source file without a reason in [`LONG`].
const LONGEST: usize = 400;
/// Longer files, each with its reason.
const LONG: &[(&str, &str)] = &[
    ("crates/tui/tests/it/fixture.rs", "the test swarms, with the builder of their services"),
    ("crates/tui/tests/it/running_change.rs", "a change by keys from its plan to its end"),
    ("tests/it/source.rs", "one reader of Rust source: words, paths, and where they lead"),
];

/// Returns everything wrong with a source, as `file:line: what`.
fn faults(layer: &Layer, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for used in &source.paths {
        let said = used.path.join("::");
        let wrong = impure(layer, &said, used.imported).or_else(|| misplaced(layer, source, &said));
        found.extend(wrong.map(|what| format!("{}:{}: {what}", source.file, used.line)));
    }
    if layer.pure {
        for pair in source.tokens.windows(2) {
            let (word, next) = (pair[0].text.as_str(), pair[1].text.as_str());
            if IMPURE_WORDS.contains(&word) || (next == "!" && IMPURE_MACROS.contains(&word)) {
                found.push(format!("{}:{}: {} must not use `{word}`", source.file, pair[0].line, layer.folder));
            }
        }
    }
    found
}

/// Returns the forbidden name if pure code uses one here.
fn impure(layer: &Layer, said: &str, imported: bool) -> Option<String> {
    if !layer.pure || !is_under(said, "std") {
        return None;
    }
    // Importing the parent module would hide which of its items are used.
    let parent =
        |bad: &str| imported && bad.rsplit_once("::").is_some_and(|(up, _)| said == up || said == format!("{up}::*"));
    let bad = IMPURE.iter().find(|bad| is_under(said, bad) || parent(bad))?;
    Some(format!("{} must not use `{bad}` (`{said}`)", layer.folder))
}

/// Returns a restricted path if the source may not name it.
fn misplaced(layer: &Layer, source: &Source, said: &str) -> Option<String> {
    let (_, place, allowed) =
        ONLY_IN.iter().find(|(folder, place, _)| *folder == layer.folder && is_under(said, place))?;
    let inner = source.file.strip_prefix(layer.folder)?.strip_prefix("/src/")?.trim_end_matches(".rs");
    let may = |allowed: &&&str| {
        let by_path = allowed.contains("::") && is_under(said, allowed);
        let by_file = inner.split('/').any(|part| part == **allowed || part.ends_with(&format!("_{allowed}")))
            || inner.starts_with(**allowed);
        by_path || by_file
    };
    allowed.iter().find(may).is_none().then(|| format!("`{place}` is left to {} (`{said}`)", allowed.join(", ")))
}

fn is_under(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns the names of a crate's dependencies and of its dev-dependencies.
fn dependencies(folder: &str) -> (Vec<String>, Vec<String>) {
    let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).unwrap().parse().unwrap();
    let names = |section: &str| -> Vec<String> {
        let table = manifest.get(section).and_then(toml::Value::as_table);
        table.into_iter().flat_map(|table| table.keys().cloned()).collect()
    };
    (names("dependencies"), names("dev-dependencies"))
}

const OURS: &[&str] = &["pinnace-core", "pinnace-engine", "pinnace-tui", "swarm-sim"];

/// Returns the dependencies in a manifest that its layer forbids.
fn manifest_faults(layer: &Layer, dependencies: &[String]) -> Vec<String> {
    let wrong = |name: &&String| {
        let name = name.as_str();
        if OURS.contains(&name) {
            !layer.ours.contains(&name)
        } else {
            !(layer.crates.contains(&"*") || layer.crates.contains(&name)) || layer.never.contains(&name)
        }
    };
    dependencies.iter().filter(wrong).map(|name| format!("{} must not depend on {name}", layer.folder)).collect()
}

#[test]
fn crates_depend_only_on_what_their_layer_may() {
    let found: Vec<String> =
        LAYERS.iter().flat_map(|layer| manifest_faults(layer, &dependencies(layer.folder).0)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let members: BTreeSet<String> =
        rust_files("crates").iter().filter_map(|file| Some(file.split('/').nth(1)?.to_owned())).collect();
    let known: BTreeSet<String> =
        LAYERS.iter().filter_map(|layer| Some(layer.folder.strip_prefix("crates/")?.to_owned())).collect();
    assert_eq!(members, known, "every crate below crates/ is in the table");
}

#[test]
fn sources_use_only_what_their_layer_may() {
    let found: Vec<String> = LAYERS
        .iter()
        .flat_map(|layer| member_sources(layer.folder).into_iter().map(move |source| (layer, source)))
        .flat_map(|(layer, source)| faults(layer, &source))
        .collect();
    assert!(found.is_empty(), "the layers are broken:\n{}", found.join("\n"));
}

/// Returns true if the source of a screen with its own state names the state of the whole
/// console, which is forbidden.
fn names_the_whole_state(source: &Source) -> bool {
    let is_state = source.file.contains("/screens/") && source.file.ends_with("/state.rs");
    is_state && source.paths.iter().any(|used| used.path == ["crate", "state", "State"])
}

#[test]
fn the_state_of_a_screen_never_names_the_whole_state() {
    let sources = member_sources("crates/tui");
    assert!(sources.iter().filter(|source| source.file.ends_with("/state.rs")).count() > 8);
    let found: Vec<_> = sources.iter().filter(|source| names_the_whole_state(source)).map(|one| &one.file).collect();
    assert!(found.is_empty(), "what a screen reads from the whole state is in its selectors.rs: {found:?}");
    let planted = "use crate::state::{Cluster, State}; fn of(state: &State) {}";
    let file = "crates/tui/src/screens/pins/state.rs";
    assert!(names_the_whole_state(&Source::of("crates/tui", file, planted)));
}

#[test]
fn planted_faults_are_reported() {
    for (file, source, expected) in [
        ("crates/core/src/pins.rs", "use std::time::Instant;", "`std::time::Instant`"),
        ("crates/core/src/pins.rs", "use std::{fmt, time::{Duration, Instant as Now}};", "`std::time::Instant`"),
        ("crates/core/src/pins.rs", "use std::time;", "crates/core must not use `std::time::Instant` (`std::time`)"),
        ("crates/core/src/pins.rs", "fn f() { let _ = std::env::var(\"X\"); }", "`std::env`"),
        ("crates/core/src/pins.rs", "async fn f() {}", "crates/core must not use `async`"),
        (
            "crates/core/src/pins.rs",
            "\nfn f() { println!(\"{}\", 1); }",
            "pins.rs:2: crates/core must not use `println`",
        ),
        ("crates/tui/src/state.rs", "use std::fs;", "crates/tui must not use `std::fs`"),
        ("crates/tui/src/config/key.rs", "use ratatui::Frame;", "`ratatui` is left to"),
        ("crates/tui/src/state.rs", "fn f(x: crossterm::terminal::X) {}", "`crossterm` is left to"),
        (
            "crates/engine/src/execute/run.rs",
            "use crate::docker::spec::Raw;",
            "`crate::docker::spec` is left to docker",
        ),
        ("crates/engine/src/execute/run.rs", "use super::super::docker::splice;", "`crate::docker::splice` is left to"),
    ] {
        let layer = LAYERS.iter().find(|layer| file.starts_with(layer.folder)).unwrap();
        let found = faults(layer, &Source::of(layer.folder, file, source));
        assert!(found.len() == 1 && found[0].contains(expected), "{source}\n{found:?}\nshould say {expected}");
    }
    let [core, .., root] = LAYERS else { panic!("two layers") };
    let has = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(manifest_faults(core, &has(&["serde", "tokio"])), ["crates/core must not depend on tokio"]);
    assert_eq!(manifest_faults(core, &has(&["swarm-sim"])), ["crates/core must not depend on swarm-sim"]);
    assert_eq!(manifest_faults(root, &has(&["tokio", "swarm-sim"])), Vec::<String>::new());
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (file, source) in [
        ("crates/core/src/pins.rs", "use std::{fmt, time::Duration}; use super::{image::ImageRef, world};"),
        ("crates/core/src/pins.rs", "// std::env\n/* std::fs /* tokio::x */ */ const A: &str = \"std::net\";"),
        (
            "crates/core/src/pins.rs",
            "const A: &str = r#\"std::fs \" std::env\"#; const B: char = '\"'; const C: &[u8] = b\"\\\"\";",
        ),
        (
            "crates/core/src/pins.rs",
            "#[cfg(test)] mod tests { use std::fs; fn f() { std::env::args(); } } fn g<'a>(x: &'a str) {}",
        ),
        ("crates/core/src/pins.rs", "#[cfg(test)]\nuse std::fs;\n#[cfg(test)]\nfn f(a: [u8; 2]) { std::env::args(); }"),
        ("crates/core/src/pins.rs", "fn f(x: X) { x.std::<u8>(); Vec::<u8>::new(); }"),
        ("crates/tui/src/config/key.rs", "use ratatui::style::{Color, Style}; use crossterm::event::KeyCode;"),
        ("crates/tui/src/screens/plan/view.rs", "use ratatui::Frame;"),
        ("crates/engine/src/docker/read.rs", "use super::spec::Raw; use tokio::time::Instant; use std::fs;"),
    ] {
        let layer = LAYERS.iter().find(|layer| file.starts_with(layer.folder)).unwrap();
        assert_eq!(faults(layer, &Source::of(layer.folder, file, source)), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn long_files_have_a_reason() {
    let mut found = Vec::new();
    for file in ["src", "crates", "tests"].into_iter().flat_map(rust_files) {
        let lines = read(&file).unwrap().lines().count();
        let reasoned = LONG.iter().any(|(long, reason)| *long == file && !reason.is_empty());
        if lines > LONGEST && !reasoned {
            found.push(format!(
                "{file}: {lines} lines, and {LONGEST} is the most without a reason: a question of design"
            ));
        }
        if lines <= LONGEST && reasoned {
            found.push(format!("{file}: {lines} lines need no reason"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_names_a_place_outside_the_project() {
    // The words are concatenated, so that this file does not contain them.
    let words = [concat!("/wo", "rk/"), concat!("../", "shared")];
    let mut found = Vec::new();
    for file in project_files() {
        let Some(text) = read(&file) else { continue };
        for (at, line) in text.lines().enumerate() {
            for word in words {
                // `lib/x/work/` is part of a longer path and no match.
                let named = line
                    .match_indices(word)
                    .any(|(start, _)| !line[..start].ends_with(|c: char| c.is_alphanumeric() || "._-}>".contains(c)));
                if named {
                    found.push(format!("{file}:{}: holds `{word}`", at + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    for layer in LAYERS {
        let words = |folders: &[&str]| -> BTreeSet<String> {
            let files = folders.iter().flat_map(|folder| rust_files(&format!("{}/{folder}", layer.folder)));
            files.flat_map(|file| tokens(&read(&file).unwrap())).map(|token| token.text).collect()
        };
        let (product, tests) = dependencies(layer.folder);
        let (in_product, in_tests) = (words(&["src"]), words(&["src", "tests", "examples"]));
        let missing = |names: Vec<String>, words: &BTreeSet<String>, section: &str| {
            let unused = names.into_iter().filter(|name| !words.contains(&name.replace('-', "_")));
            unused.map(|name| format!("{}: {section} {name}", layer.folder)).collect::<Vec<_>>()
        };
        unused.extend(missing(product, &in_product, "dependency"));
        unused.extend(missing(tests, &in_tests, "dev-dependency"));
    }
    assert!(unused.is_empty(), "in Cargo.toml and in no source:\n{}", unused.join("\n"));
}
