//! Documents that are generated from the code. `UPDATE=1 cargo test --test it docs` rewrites them.

use std::fmt::Write as _;

use pinnace_core::export::{FixFormat, PermanentFix};
use pinnace_core::finding::{Code, Finding};
use pinnace_core::wire::v1;
use pinnace_tui::action::{Action, KeyContext};
use pinnace_tui::config::Keymap;

use crate::source::{read, root};

/// Returns the key table: each action once for each set of keys, with the contexts of those keys.
fn keys() -> String {
    let (keymap, warnings) = Keymap::load("default", &[]);
    assert_eq!(warnings, []);
    let mut rows: Vec<(Action, String, Vec<&str>)> = Vec::new();
    for context in KeyContext::ALL {
        for (action, _) in keymap.actions_for(*context) {
            let own = keymap.bindings_for(*context).into_iter();
            let own = own.filter(|binding| binding.action == action && binding.context == *context);
            let keys: Vec<String> = own.map(|binding| format!("`{}`", binding.keys)).collect();
            let keys = keys.join(" ");
            if keys.is_empty() {
                continue;
            }
            match rows.iter_mut().find(|(known, same, _)| *known == action && *same == keys) {
                Some((.., places)) => places.push(context.name()),
                None => rows.push((action, keys, vec![context.name()])),
            }
        }
    }
    let place = |action: Action| Action::ALL.iter().position(|one| *one == action);
    rows.sort_by_key(|(action, ..)| place(*action));
    let mut text = "| keys | where | what |\n|---|---|---|\n".to_owned();
    for (action, keys, places) in rows {
        let _ = writeln!(text, "| {keys} | {} | {} |", places.join(", "), action.help());
    }
    text
}

/// Checks the block between two markers of a document, or rewrites it.
fn block(file: &str, name: &str, made: &str) {
    let text = read(file).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("{file} has no {open}")) + open.len();
    let end = start + text[start..].find(&close).unwrap_or_else(|| panic!("{file} has no {close}"));
    if text[start..end] == *made {
        return;
    }
    assert!(
        std::env::var_os("UPDATE").is_some(),
        "{file}: the block `{name}` is old; run UPDATE=1 cargo test --test it docs"
    );
    std::fs::write(root().join(file), format!("{}{made}{}", &text[..start], &text[end..])).unwrap();
}

#[test]
fn the_key_reference_lists_every_key() {
    block("docs/keys.md", "keys", &keys());
}

/// Returns the reference of all findings.
fn findings() -> String {
    let mut text = String::new();
    for code in Code::ALL {
        let _ = writeln!(text, "## `{}`\n\n{}\n", code.name(), code.meaning());
        let _ = writeln!(text, "- severity: {}\n- example: {}", code.weight(), code.example());
        let _ = writeln!(text, "- remedy: {}\n- source: {}\n", code.remedy(), code.source());
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

#[test]
fn the_reference_tells_every_finding() {
    block("docs/findings.md", "findings", &findings());
}

/// Returns the JSON block after an example's marker.
fn example<'t>(text: &'t str, name: &str) -> &'t str {
    let marker = format!("<!-- example: {name} -->\n```json\n");
    let start = text.find(&marker).unwrap_or_else(|| panic!("docs/json.md has no example `{name}`")) + marker.len();
    text[start..].split_once("```").unwrap().0
}

/// Parses an example and serializes it again: nothing may be missing, added or renamed.
fn holds<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str, name: &str) {
    let shown: serde_json::Value = serde_json::from_str(example(text, name)).unwrap();
    let read: T = serde_json::from_value(shown.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_value(read).unwrap(), shown, "{name}");
}

#[test]
fn the_json_shown_is_the_json_printed() {
    let text = read("docs/json.md").unwrap();
    holds::<v1::StatusView>(&text, "status");
    holds::<v1::Plan>(&text, "plan");
    holds::<v1::HistoryView>(&text, "history");
    holds::<v1::ExternalDeployReport>(&text, "record");
    holds::<v1::InspectView>(&text, "inspect");
    let plan: v1::Plan = serde_json::from_str(example(&text, "plan")).unwrap();
    assert!(plan.extra.is_empty() && plan.units.iter().all(|unit| unit.extra.is_empty()));
    let check: serde_json::Value = serde_json::from_str(example(&text, "check")).unwrap();
    let findings: Vec<Finding> = serde_json::from_value(check["findings"].clone()).unwrap();
    assert_eq!(serde_json::to_value(&findings).unwrap(), check["findings"]);
    for finding in plan.findings.iter().chain(&findings) {
        assert!(Code::ALL.iter().any(|code| finding.is(*code)), "{}", finding.code);
    }
    serde_json::from_str::<serde_json::Value>(example(&text, "pins")).unwrap();
    let mut shown: serde_json::Value = serde_json::from_str(example(&text, "permanent")).unwrap();
    shown.as_object_mut().unwrap().remove("group");
    let fix =
        PermanentFix { form: FixFormat::StackFile, holds: vec!["api".into()], text: String::new(), notes: Vec::new() };
    let mut printed = serde_json::to_value(&fix).unwrap();
    printed["text"] = shown["text"].clone();
    assert_eq!(printed, shown);
}

#[test]
fn the_contract_shown_is_one() {
    let text = read("docs/contracts.md").unwrap();
    let shown = text.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let contract = pinnace_core::contract::read("shown", shown).unwrap();
    assert!(contract.wants_files() && contract.immutable && contract.most == Some(10_000_000));
}
