//! What the console is told can be written down and played again: messages hold no handle and no secret.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, Token, member_sources};

/// Types that are a way to something, or keep what nobody may read.
const NEVER: &[&str] = &[
    "Hidden",
    "Secret",
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

/// The names in the definition of each type: of all types of one name together, so that none is missed.
fn definitions(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        for (at, pair) in source.tokens.windows(2).enumerate() {
            if matches!(pair[0].text.as_str(), "struct" | "enum" | "type") {
                let names = body(&source.tokens[at + 2..]);
                found.entry(pair[1].text.clone()).or_default().extend(names);
            }
        }
    }
    found
}

/// The names from here to the end of the item: its `;`, or the end of its braces.
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

/// How a type leads to one it never may, as `Msg > Seen > Hidden`.
fn ways(definitions: &BTreeMap<String, BTreeSet<String>>, from: &str) -> Vec<String> {
    let (mut seen, mut open, mut found) = (BTreeSet::new(), vec![vec![from.to_owned()]], Vec::new());
    while let Some(way) = open.pop() {
        let Some(names) = way.last().and_then(|last| definitions.get(last)) else { continue };
        for name in names {
            let way = [way.clone(), vec![name.clone()]].concat();
            if NEVER.contains(&name.as_str()) {
                found.push(way.join(" > "));
            } else if seen.insert(name.clone()) {
                open.push(way);
            }
        }
    }
    found
}

#[test]
fn messages_hold_no_handle_and_no_secret() {
    let sources = [member_sources("crates/core"), member_sources("crates/tui")].concat();
    let definitions = definitions(&sources);
    assert!(definitions["Msg"].contains("Seen") && definitions["Msg"].contains("Key"), "{:?}", definitions["Msg"]);
    assert_eq!(ways(&definitions, "Stamped"), Vec::<String>::new());
    // The wishes do hold one: the password of a login goes out, and never comes in.
    assert_eq!(ways(&definitions, "Effect"), ["Effect > Hidden"]);
}

#[test]
fn a_planted_secret_is_found() {
    let text = "pub enum Msg { Key(Key), Seen { seen: Vec<Seen> } } pub struct Seen(Vec<Login>); \
                struct Login { password: Hidden, done: Option<Box<dyn Fn()>> } struct Other { way: Handle }";
    let source = Source::of("crates/x", "crates/x/src/msg.rs", text);
    let found = ways(&definitions(&[source]), "Msg");
    assert_eq!(found, ["Msg > Seen > Login > Hidden", "Msg > Seen > Login > dyn"]);
}
