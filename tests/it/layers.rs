//! The layer rules: which module may name which, and what the pure ones must not touch. The rules are one table.

use std::collections::BTreeSet;

use crate::source::{PathUse, paths, project_files, read, rust_files, tokens, without_tests};

/// What one top-level module may use besides itself.
struct Layer {
    name: &'static str,
    /// Other top-level modules.
    modules: &'static [&'static str],
    /// Crates besides `std`, or paths into them; `*` is any.
    crates: &'static [&'static str],
    /// Crates it must not use although `*` would let it.
    never: &'static [&'static str],
    /// No clock, no files, no network, no processes, no environment, no async, no printing.
    pure: bool,
}

const ALL: &[&str] = &["core", "config", "adapters", "engine", "app", "ui", "runtime", "cli", "sim"];
const TERMINAL: &[&str] = &["ratatui", "crossterm", "tui_textarea"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "core",
        modules: &[],
        // The last two are functions of texts: one finds tags by some of their letters, one matches patterns.
        crates: &["serde", "serde_json", "toml", "sha2", "jiff", "thiserror", "nucleo_matcher", "fast_glob"],
        never: &[],
        pure: true,
    },
    Layer {
        name: "config",
        modules: &["core"],
        crates: &["serde", "toml", "thiserror", "ratatui::style", "crossterm::event"],
        never: &[],
        pure: true,
    },
    Layer { name: "adapters", modules: &["core"], crates: &["*"], never: TERMINAL, pure: false },
    Layer {
        name: "engine",
        modules: &["core", "adapters"],
        crates: &["tokio", "futures_util", "uuid", "tracing", "serde_json", "thiserror", "jiff"],
        never: &[],
        pure: false,
    },
    Layer {
        name: "app",
        modules: &["core", "config"],
        crates: &["serde", "serde_json", "tui_textarea", "unicode_width", "nucleo_matcher"],
        never: &[],
        pure: true,
    },
    Layer {
        name: "ui",
        modules: &["core", "config", "app"],
        crates: &["ratatui", "unicode_width"],
        never: &[],
        pure: true,
    },
    Layer { name: "runtime", modules: ALL, crates: &["*"], never: &[], pure: false },
    Layer {
        name: "cli",
        modules: &["core", "config", "adapters", "engine", "app", "runtime", "sim"],
        crates: &["*"],
        never: &[],
        pure: false,
    },
    // Shared code would hide the simulator's own mistakes.
    Layer { name: "sim", modules: &[], crates: &["*"], never: TERMINAL, pure: false },
    Layer { name: "main", modules: &["cli"], crates: &["color_eyre", "tracing"], never: &[], pure: false },
    Layer { name: "lib", modules: &[], crates: &[], never: &[], pure: true },
];

/// What pure code must not name.
const IMPURE: &[&str] =
    &["std::time::Instant", "std::time::SystemTime", "std::fs", "std::net", "std::process", "std::env", "std::thread"];
/// Words pure code must not hold.
const IMPURE_WORDS: &[&str] = &["async", "await"];
/// Macros pure code must not call.
const IMPURE_MACROS: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];
/// Raw spec text never leaves the Docker adapter.
const SPEC: &[&str] = &["pinnace_engine::docker::spec", "pinnace_engine::docker::splice"];
/// The most lines a source file may have.
const LONGEST: usize = 400;

/// Everything wrong with one file, as `file:line: what`. Text for tests and test files may do more.
fn faults(file: &str, source: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let module = module_of(file);
    let name = module.first().map_or("lib", String::as_str);
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![format!("{file}:1: `{name}` is in no layer; add it to the table in tests/it/layers.rs")];
    };
    let (tokens, _) = without_tests(&tokens(source));
    let mut found = Vec::new();
    for used in paths(&tokens) {
        let path = absolute(&module, &used);
        let said = path.join("::");
        found.extend(
            wrong(layer, file, &path, &said, &used, crates).map(|what| format!("{file}:{}: {what}", used.line)),
        );
    }
    if layer.pure {
        for pair in tokens.windows(2) {
            let (word, next) = (pair[0].text.as_str(), pair[1].text.as_str());
            if IMPURE_WORDS.contains(&word) || (next == "!" && IMPURE_MACROS.contains(&word)) {
                found.push(format!("{file}:{}: {name} must not use `{word}`", pair[0].line));
            }
        }
    }
    found
}

/// What is wrong with one path, if anything is.
fn wrong(
    layer: &Layer,
    file: &str,
    path: &[String],
    said: &str,
    used: &PathUse,
    crates: &BTreeSet<String>,
) -> Option<String> {
    let name = layer.name;
    let first = path.first()?.as_str();
    if first == "crate" {
        if let Some(place) = SPEC.iter().find(|place| is_under(said, place))
            && !file.starts_with("src/adapters/docker")
        {
            return Some(format!("`{place}` may be named only within adapters/docker (`{said}`)"));
        }
        let other = path.get(1).map_or("*", String::as_str);
        let within = other == name || layer.modules.contains(&other);
        let known = ALL.contains(&other) || other == "*";
        return (known && !within && name != "lib").then(|| format!("{name} must not use {other} (`{said}`)"));
    }
    if layer.pure && first == "std" {
        // Importing the parent would hide what is taken from it.
        let parent = |bad: &str| {
            used.imported && bad.rsplit_once("::").is_some_and(|(up, _)| said == up || said == format!("{up}::*"))
        };
        return IMPURE
            .iter()
            .find(|bad| is_under(said, bad) || parent(bad))
            .map(|bad| format!("{name} must not use `{bad}` (`{said}`)"));
    }
    if !crates.contains(first) {
        return None;
    }
    let listed = layer.crates.iter().any(|allowed| *allowed == "*" || is_under(said, allowed));
    (!listed || layer.never.contains(&first)).then(|| format!("{name} must not use `{said}`"))
}

fn is_under(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module a file is: `src/core/wire/v1.rs` is `core`, `wire`, `v1`.
fn module_of(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || (last == "lib" && parts.len() == 1)) {
        parts.pop();
    }
    parts
}

/// A path from the crate's root, or as it is where it goes elsewhere.
fn absolute(module: &[String], used: &PathUse) -> Vec<String> {
    let mut here: Vec<String> = module.iter().chain(&used.within).cloned().collect();
    let mut rest = used.segments.as_slice();
    match rest.first().map(String::as_str) {
        // The binary names the library.
        Some("pinnace") => here.clear(),
        Some("self") => {}
        Some("super") => {
            while let Some((word, more)) = rest.split_first()
                && word == "super"
            {
                here.pop();
                rest = more;
            }
            let root = ["crate".to_owned()];
            return root.iter().chain(&here).chain(rest).cloned().collect();
        }
        _ => return rest.to_vec(),
    }
    let root = ["crate".to_owned()];
    root.iter().chain(&here).chain(rest.iter().skip(1)).cloned().collect()
}

/// The names of all dependencies as source writes them, with whether they are only for tests.
fn dependencies() -> Vec<(String, bool)> {
    let manifest: toml::Table = read("Cargo.toml").unwrap().parse().unwrap();
    let names = |section: &str| -> Vec<String> {
        let table = manifest.get(section).and_then(toml::Value::as_table);
        table.into_iter().flat_map(|table| table.keys().map(|name| name.replace('-', "_"))).collect()
    };
    let mut all: Vec<_> = names("dependencies").into_iter().map(|name| (name, false)).collect();
    all.extend(names("dev-dependencies").into_iter().map(|name| (name, true)));
    all
}

/// Files that are compiled for tests only: by their name, or declared so where they are included.
fn test_files(files: &[String]) -> BTreeSet<String> {
    let mut places: Vec<String> = Vec::new();
    for file in files {
        let (_, modules) = without_tests(&tokens(&read(file).unwrap_or_default()));
        let folder = format!("src/{}", module_of(file).join("/"));
        places.extend(modules.iter().map(|module| format!("{}/{module}", folder.trim_end_matches('/'))));
    }
    let is_test = |file: &String| {
        let stem = file.trim_end_matches(".rs");
        stem.ends_with("/tests")
            || stem.ends_with("_tests")
            || stem.contains("/tests/")
            || places.iter().any(|place| stem == place || stem.starts_with(&format!("{place}/")))
    };
    files.iter().filter(|file| is_test(file)).cloned().collect()
}

#[test]
fn modules_use_only_what_their_layer_may() {
    let crates: BTreeSet<String> = dependencies().into_iter().map(|(name, _)| name).collect();
    let files = rust_files("src");
    let tests = test_files(&files);
    assert!(files.len() > 50, "src/ was found");
    let found: Vec<String> = files
        .iter()
        .filter(|file| !tests.contains(*file))
        .flat_map(|file| faults(file, &read(file).unwrap(), &crates))
        .collect();
    assert!(found.is_empty(), "the layers are broken:\n{}", found.join("\n"));
}

#[test]
fn planted_faults_are_reported() {
    let crates: BTreeSet<String> = ["tokio", "ratatui", "crossterm", "bollard"].map(str::to_owned).into();
    for (file, source, expected) in [
        ("src/core/plan/mod.rs", "use pinnace_tui::ui::view;", "src/core/plan/mod.rs:1: core must not use ui"),
        ("src/core/pins.rs", "\nfn f() { super::super::ui::view(); }", "src/core/pins.rs:2: core must not use ui"),
        ("src/core/pins.rs", "use std::time::Instant;", "`std::time::Instant`"),
        ("src/core/pins.rs", "use std::{fmt, time::{Duration, Instant as Now}};", "`std::time::Instant`"),
        ("src/core/pins.rs", "use std::time;", "core must not use `std::time::Instant` (`std::time`)"),
        ("src/core/pins.rs", "fn f() { let _ = std::env::var(\"X\"); }", "`std::env`"),
        ("src/core/pins.rs", "async fn f() {}", "core must not use `async`"),
        ("src/core/pins.rs", "fn f() { println!(\"{}\", 1); }", "core must not use `println`"),
        ("src/core/pins.rs", "mod inner { fn f() { super::super::super::ui::x(); } }", "core must not use ui"),
        ("src/core/pins.rs", "use crate::*;", "core must not use *"),
        ("src/app/mod.rs", "use crate::{core, runtime};", "src/app/mod.rs:1: app must not use runtime"),
        ("src/app/mod.rs", "fn f() { ::tokio::spawn(g()); }", "app must not use `tokio::spawn`"),
        ("src/ui/fleet.rs", "use pinnace_engine::docker::Docker;", "ui must not use adapters"),
        ("src/config/key.rs", "use ratatui::Frame;", "config must not use `ratatui::Frame`"),
        ("src/adapters/mod.rs", "use crossterm::event::Event;", "adapters must not use `crossterm::event::Event`"),
        ("src/engine/run.rs", "use pinnace_engine::docker::spec::Raw;", "only within adapters/docker"),
        ("src/engine/run.rs", "use bollard::Docker;", "engine must not use `bollard::Docker`"),
        ("src/cli/mod.rs", "use pinnace_tui::ui::fleet;", "cli must not use ui"),
        ("src/main.rs", "fn main() { pinnace_engine::go(); }", "main must not use engine"),
        ("src/web/mod.rs", "", "`web` is in no layer"),
    ] {
        let found = faults(file, source, &crates);
        assert!(found.len() == 1 && found[0].contains(expected), "{source}\n{found:?}\nshould say {expected}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let crates: BTreeSet<String> = ["tokio", "ratatui", "crossterm"].map(str::to_owned).into();
    for (file, source) in [
        ("src/core/pins.rs", "use std::{fmt, time::Duration}; use super::{image::ImageRef, world};"),
        ("src/core/pins.rs", "// pinnace_tui::ui\n/* std::fs /* tokio::x */ */ const A: &str = \"pinnace_tui::ui\";"),
        (
            "src/core/pins.rs",
            "const A: &str = r#\"std::fs \" pinnace_tui::ui\"#; const B: char = '\"'; const C: &[u8] = b\"\\\"\";",
        ),
        (
            "src/core/pins.rs",
            "#[cfg(test)] mod tests { use std::fs; fn f() { pinnace_tui::ui::view(); } } fn g<'a>(x: &'a str) {}",
        ),
        ("src/core/pins.rs", "#[cfg(test)]\nuse std::fs;\n#[cfg(test)]\nfn f(a: [u8; 2]) { std::env::args(); }"),
        ("src/core/pins.rs", "fn f(x: X) { x.tokio::<u8>(); Vec::<u8>::new(); }"),
        (
            "src/config/key.rs",
            "use ratatui::style::{Color, Style}; use crossterm::event::KeyCode; use pinnace_core::text;",
        ),
        ("src/adapters/docker/read.rs", "use super::spec::Raw; use tokio::time::Instant; use std::fs;"),
        ("src/main.rs", "fn main() -> std::process::ExitCode { pinnace::cli::run() }"),
        ("src/lib.rs", "pub mod core; pub mod ui;"),
    ] {
        assert_eq!(faults(file, source, &crates), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn no_source_file_is_too_long() {
    let files = rust_files("src").into_iter().chain(rust_files("tests"));
    let long: Vec<String> = files
        .map(|file| (read(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, file)| format!("{file}: {lines} lines, and {LONGEST} is the most: a question of design"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_file_names_a_place_outside_the_project() {
    // Put together here, so that this file does not hold them.
    let words = [concat!("/wo", "rk/"), concat!("../", "shared")];
    let mut found = Vec::new();
    for file in project_files() {
        let Some(text) = read(&file) else { continue };
        for (at, line) in text.lines().enumerate() {
            for word in words {
                // `lib/x/work/` is part of a longer path and names no place of ours.
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
    let mut words = BTreeSet::new();
    for file in rust_files("src") {
        words.extend(tokens(&read(&file).unwrap()).into_iter().map(|token| token.text));
    }
    let unused: Vec<String> = dependencies()
        .into_iter()
        .filter(|(name, tests)| !tests && !words.contains(name))
        .map(|(name, _)| name)
        .collect();
    assert!(unused.is_empty(), "in Cargo.toml and nowhere in src/: {}", unused.join(", "));
}
