//! Console messages can be recorded and replayed: they contain no handle and no secret.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, Token, member_sources};

/// Types that are handles to a resource, or that hold secrets.
const NEVER: &[&str] = &[
    "Redacted",
    "RegistryCredential",
    "Sender",
    "UnboundedSender",
    "Receiver",
    "UnboundedReceiver",
    "JoinHandle",
    "Handle",
    "Mutex",
    "RwLock",
    "RefCell",
    "Cell",
    "File",
    "TcpStream",
    "UnixStream",
    "Instant",
    "dyn",
    "fn",
];

/// A type: its crate and module, and its name.
type Place = (Vec<String>, String);

/// A type definition: the names it uses, and the source of the imported ones.
struct Definition {
    names: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
}

/// Returns the definition of each type of these crates, given by name and sources.
fn definitions(crates: &[(&str, Vec<Source>)]) -> BTreeMap<Place, Definition> {
    let mut found = BTreeMap::new();
    for (krate, sources) in crates {
        let absolute = |path: &[String]| -> Vec<String> {
            let first = if path[0] == "crate" { (*krate).to_owned() } else { path[0].clone() };
            [vec![first], path[1..].to_vec()].concat()
        };
        for source in sources {
            let module = [vec![(*krate).to_owned()], source.module.clone()].concat();
            let imports: BTreeMap<_, _> = source
                .paths
                .iter()
                .filter(|used| !used.path.iter().rev().nth(1).is_some_and(|name| name.starts_with(char::is_uppercase)))
                .map(|used| (used.name.clone(), absolute(&used.path)))
                .collect();
            for (at, pair) in source.tokens.windows(2).enumerate() {
                if matches!(pair[0].text.as_str(), "struct" | "enum" | "type") {
                    let names = body(&source.tokens[at + 2..]);
                    let definition = Definition { names, imports: imports.clone() };
                    found.insert((module.clone(), pair[1].text.clone()), definition);
                }
            }
        }
    }
    found
}

/// Returns the names up to the end of the item, its `;` or closing brace.
fn body(tokens: &[Token]) -> BTreeSet<String> {
    let (mut depth, mut names) = (0_i32, BTreeSet::new());
    for token in tokens {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token.text.as_str(), "}" | ";") {
            break;
        }
        names.insert(token.text.clone());
    }
    names
}

/// Resolves a name in a definition: to a type in the same module, else to types below the
/// path that it is imported from.
fn meant(all: &BTreeMap<Place, Definition>, from: &Place, name: &str) -> Vec<Place> {
    let beside = (from.0.clone(), name.to_owned());
    if all.contains_key(&beside) {
        return vec![beside];
    }
    let Some((name, parent)) = all[from].imports.get(name).and_then(|path| path.split_last()) else {
        return Vec::new();
    };
    all.keys().filter(|(module, known)| known == name && module.starts_with(parent)).cloned().collect()
}

/// Returns the paths from a type to a forbidden type, such as `Msg > Seen > Redacted`.
fn ways(all: &BTreeMap<Place, Definition>, from: &str) -> Vec<String> {
    let start: Vec<Place> = all.keys().filter(|(_, name)| name == from).cloned().collect();
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let mut open: Vec<Vec<Place>> = start.into_iter().map(|place| vec![place]).collect();
    while let Some(way) = open.pop() {
        let Some(last) = way.last() else { continue };
        for name in &all[last].names {
            let is_keyword = matches!(name.as_str(), "dyn" | "fn");
            if NEVER.contains(&name.as_str()) && (is_keyword || all[last].imports.contains_key(name)) {
                let names = way.iter().map(|(_, name)| name.as_str()).chain([name.as_str()]);
                found.push(names.collect::<Vec<_>>().join(" > "));
                continue;
            }
            for next in meant(all, last, name) {
                if seen.insert(next.clone()) {
                    open.push([way.clone(), vec![next]].concat());
                }
            }
        }
    }
    found
}

#[test]
fn messages_hold_no_handle_and_no_secret() {
    let crates = [("pinnace_core", member_sources("crates/core")), ("pinnace_tui", member_sources("crates/tui"))];
    let all = definitions(&crates);
    assert_eq!(ways(&all, "ArrivedMsg"), Vec::<String>::new());
    // Effects hold one secret: the password of a login is sent out, and never comes back in a message.
    assert_eq!(ways(&all, "Effect").iter().filter(|way| way.starts_with("Effect > Redacted")).count(), 1);
    let msg = (vec!["pinnace_tui".to_owned(), "msg".to_owned()], "Msg".to_owned());
    for (name, module) in
        [("Observation", "world"), ("FactUpdate", "registry"), ("ChangeEvent", "change"), ("Key", "config")]
    {
        let found = meant(&all, &msg, name);
        assert!(found.iter().any(|(path, _)| path.contains(&module.to_owned())), "{name}: {found:?}");
    }
}

#[test]
fn a_planted_secret_is_found() {
    let msg = "use crate::seen::Seen; pub enum Msg { Key(Key), Seen { seen: Vec<Seen> } } \
               use pinnace_core::redacted::Redacted; struct Other { way: Redacted }";
    let seen = "use pinnace_core::redacted::Redacted; pub struct Seen(Vec<Login>); \
                struct Login { password: Redacted, done: Option<Box<dyn Fn()>> }";
    let of = |file: &str, text: &str| Source::of("crates/x", &format!("crates/x/src/{file}.rs"), text);
    let all = definitions(&[("x", vec![of("msg", msg), of("seen", seen)])]);
    assert_eq!(ways(&all, "Msg"), ["Msg > Seen > Login > Redacted", "Msg > Seen > Login > dyn"]);
}
