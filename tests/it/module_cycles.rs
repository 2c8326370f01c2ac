//! Module dependencies without cycles: in core and engine no two modules use each other, except parent and child.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, member_sources};

/// A module's path within its crate; empty for the crate root.
type Module = Vec<String>;

/// Re-exports (`pub use`) by module and name, with the path that each name refers to.
type Exports = BTreeMap<Module, BTreeMap<String, Module>>;

/// Returns the crate's modules, each with the modules it uses, except its parents and children.
fn uses(sources: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeSet<Module> = sources.iter().map(|source| source.module.clone()).collect();
    let mut exports = Exports::new();
    for source in sources {
        for used in source.paths.iter().filter(|used| used.exported && used.path[0] == "crate") {
            let name = used.name.clone();
            exports.entry(source.module.clone()).or_default().insert(name, used.path[1..].to_vec());
        }
    }
    let mut graph = BTreeMap::new();
    for source in sources {
        let targets = source.paths.iter().filter(|used| used.path[0] == "crate" && !used.exported);
        let targets = targets.map(|used| owner(used.path[1..].to_vec(), &modules, &exports));
        let others = targets.filter(|target| !is_related(target, &source.module));
        graph.entry(source.module.clone()).or_insert_with(BTreeSet::new).extend(others);
    }
    graph
}

/// Returns the module that a path leads to; re-exports are followed.
fn owner(mut path: Module, modules: &BTreeSet<Module>, exports: &Exports) -> Module {
    // At most eight re-exports of re-exports are followed.
    for _ in 0..8 {
        let mut place = path.clone();
        while !place.is_empty() && !modules.contains(&place) {
            place.pop();
        }
        let Some((name, rest)) = path[place.len()..].split_first() else { return place };
        let Some(leads_to) = exports.get(&place).and_then(|names| names.get(name)) else { return place };
        path = leads_to.iter().chain(rest).cloned().collect();
    }
    path
}

fn is_related(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Finds a cycle: a list of modules in which each one uses the next, and the last one the first.
fn circle(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| search(start, graph, &mut Vec::new(), &mut done))
}

fn search(
    at: &Module,
    graph: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = way.iter().position(|module| module == at) {
        return Some(way[start..].to_vec());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.clone());
    let found = graph.get(at).into_iter().flatten().find_map(|next| search(next, graph, way, done));
    way.pop();
    done.insert(at.clone());
    found
}

fn described(circle: &[Module]) -> String {
    circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" → ")
}

#[test]
fn core_and_engine_have_no_circles_of_modules() {
    for folder in ["crates/core", "crates/engine"] {
        let graph = uses(&member_sources(folder));
        assert!(graph.len() > 20 && graph.values().any(|targets| targets.len() > 3), "{folder} was read");
        let found = circle(&graph);
        assert!(found.is_none(), "{folder} has a circle: {}", described(&found.unwrap_or_default()));
    }
}

#[test]
fn planted_circles_are_found() {
    let crate_of = |files: &[(&str, &str)]| -> Option<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(name, text)| Source::of("crates/core", &format!("crates/core/src/{name}.rs"), text))
            .collect();
        circle(&uses(&sources)).map(|found| described(&found))
    };
    let two = crate_of(&[("a", "use crate::b::X;"), ("b", "fn f() { super::a::g(); }")]);
    assert_eq!(two.as_deref(), Some("a → b"));
    let hidden = crate_of(&[
        ("room/mod", "mod inner; pub use inner::{X, Y as Z};"),
        ("room/inner", "use crate::far::F;"),
        ("far", "use crate::room::Z;"),
    ]);
    assert_eq!(hidden.as_deref(), Some("far → room::inner"), "through what the room re-exports");
    let family = crate_of(&[
        ("room/mod", "mod inner; use inner::X;"),
        ("room/inner", "use super::Y; use crate::low::L;"),
        ("low", ""),
    ]);
    assert_eq!(family, None, "parent and child are one thing");
}
