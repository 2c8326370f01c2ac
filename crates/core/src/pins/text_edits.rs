//! Edits of pin documents as text: setting and clearing one pin, and the initial document of a group.

use super::{PinScope, key_by, read};
use crate::swarm::{GroupKey, GroupKind, member_of};
use crate::world::World;

/// Returns the document with this pin set; the rest of the text stays unchanged.
pub fn set(text: &str, key: &PinScope, image: &str) -> String {
    let doc = read(text);
    let value = toml::Value::from(image).to_string();
    if let Some(at) = doc.place.get(key) {
        return format!("{}{value}{}", &text[..at.start], &text[at.end..]);
    }
    if let Some(at) = doc.headers.get(key) {
        let end = text[at.end..].find('\n').map_or(text.len(), |line| at.end + line + 1);
        let gap = if text[..end].ends_with('\n') { "" } else { "\n" };
        return format!("{}{gap}image = {value}\n{}", &text[..end], &text[end..]);
    }
    let name = |name: &str| -> String {
        let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if bare { name.to_owned() } else { toml::Value::from(name).to_string() }
    };
    let section = match key {
        PinScope::Group => {
            let at = first_section(text);
            return format!("{}image = {value}\n{}", &text[..at], &text[at..]);
        }
        PinScope::Member(member) => format!("[node.{}]", name(member)),
        PinScope::Service(service) => format!("[service.{}]", name(service)),
    };
    let gap = if text.is_empty() || text.ends_with("\n\n") {
        ""
    } else if text.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    format!("{text}{gap}{section}\nimage = {value}\n")
}

/// Returns the byte offset of the first section, before which a top-level key must stand.
fn first_section(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            return at;
        }
        at += line.len();
    }
    text.len()
}

/// Returns the document without this pin: its line is removed, its section stays.
pub fn clear(text: &str, key: &PinScope) -> String {
    let doc = read(text);
    let Some(at) = doc.place.get(key) else { return text.to_owned() };
    let start = text[..at.start].rfind('\n').map_or(0, |line| line + 1);
    let end = text[at.end..].find('\n').map_or(text.len(), |line| at.end + line + 1);
    format!("{}{}", &text[..start], &text[end..])
}

/// Returns the initial document of a group without pins in force: comments that show what runs, and no pin.
pub fn template(world: &World, group: &GroupKey) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let what = match group.kind {
        GroupKind::Database => "database",
        GroupKind::Stack => "stack",
        GroupKind::Service => "service",
    };
    let _ = writeln!(text, "# Image pins of {what} \"{}\".", group.name);
    match group.kind {
        GroupKind::Database => text.push_str("# A service's pin overrides its db node's, which overrides the database's.\n# image = \"…\"   pins every db node\n"),
        GroupKind::Stack => text.push_str("# Pin a stack's services by name.\n"),
        GroupKind::Service => {}
    }
    let mut seen: Vec<(PinScope, Vec<String>)> = Vec::new();
    for service in world.members(group) {
        let key = key_by(group, service, &member_of(service));
        // Members are adjacent, so an equal key can only be the last one.
        match seen.last_mut().filter(|(known, _)| *known == key) {
            Some((_, images)) if images.iter().any(|image| image == service.image()) => {}
            Some((_, images)) => images.push(service.image().to_owned()),
            None => seen.push((key, vec![service.image().to_owned()])),
        }
    }
    for (key, images) in seen {
        let pinned = set("", &key, images.first().map_or("", String::as_str));
        let _ = writeln!(text);
        for line in pinned.lines() {
            match line.strip_prefix("image = ") {
                Some(image) => {
                    let _ = writeln!(text, "# image = {image}");
                }
                None => {
                    let _ = writeln!(text, "{line}");
                }
            }
        }
        for image in images.iter().skip(1) {
            let _ = writeln!(text, "# another service has: {image}");
        }
    }
    text
}
