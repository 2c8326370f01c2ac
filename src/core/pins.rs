//! Pin documents: the TOML text in which an operator says which image a group, a member or a service should run.
//!
//! Reading never fails: what cannot be read is a [`Slip`] with its place, and everything else still counts.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::finding::Code;
use super::group::{GroupKey, GroupKind, is_postgres, member_of};
use super::swarm::Service;
use super::world::World;

/// What a pin is for; ordered by precedence, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinKey {
    /// The whole group: `image = …`.
    Group,
    /// A db node: `[node.n1]`.
    Member(String),
    /// One service: `[service.api]`.
    Service(String),
}

impl std::fmt::Display for PinKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group => f.write_str("the group's pin"),
            Self::Member(name) => write!(f, "pin {name}"),
            Self::Service(name) => write!(f, "pin of {name}"),
        }
    }
}

/// A place in the document that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The bytes it concerns.
    pub at: Range<usize>,
    /// Which kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A pin document, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinDoc {
    /// The pins: image texts, blank ones left out.
    pub pins: BTreeMap<PinKey, String>,
    /// Where each pin's image stands in the text, quotes included.
    pub place: BTreeMap<PinKey, Range<usize>>,
    /// Where each section's name stands in the text.
    pub headers: BTreeMap<PinKey, Range<usize>>,
    /// What could not be used.
    pub slips: Vec<Slip>,
    /// The PostgreSQL version asked for.
    pub postgres_version: Option<String>,
    /// The Spock version asked for.
    pub spock_version: Option<String>,
}

/// Reads a pin document; never fails.
pub fn read(text: &str) -> PinDoc {
    let mut doc = PinDoc::default();
    let text = &without_bare_keys(text, &mut doc);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        doc.slip(at, Code::PinSyntax, error.message().trim().to_owned(), "");
    }
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        match (name, value.get_ref()) {
            ("image", DeValue::String(image)) => doc.pin(PinKey::Group, image, value.span()),
            ("postgres_version", DeValue::String(version)) => doc.postgres_version = filled(version),
            ("spock_version", DeValue::String(version)) => doc.spock_version = filled(version),
            ("image" | "postgres_version" | "spock_version", _) => {
                doc.slip(value.span(), Code::PinSyntax, format!("`{name}` is a text in quotes"), "");
            }
            ("node", DeValue::Table(members)) => doc.section(members, PinKey::Member),
            ("service", DeValue::Table(services)) => doc.section(services, PinKey::Service),
            _ => {
                let hint = "a pin document has `image`, `postgres_version`, `spock_version`, `[node.NAME]` and `[service.NAME]`";
                doc.slip(key.span(), Code::PinUnknown, format!("`{name}` means nothing here"), hint);
            }
        }
    }
    doc.slips.sort_by_key(|slip| slip.at.start);
    doc
}

/// Blanks out the lines that are a key and no more, as every line is while it is typed: after one of them the parser
/// takes in nothing else.
fn without_bare_keys(text: &str, doc: &mut PinDoc) -> String {
    let mut text = text.to_owned();
    for _ in 0..text.lines().count() {
        let (_, errors) = DeTable::parse_recoverable(&text);
        let Some(error) = errors.into_iter().find(|error| error.message().starts_with("key with no value")) else {
            break;
        };
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
        let end = text[at..].find('\n').map_or(text.len(), |line| at + line);
        if start == end {
            break;
        }
        doc.slip(start..end, Code::PinSyntax, "a key without a value: `=` is missing".into(), "");
        text.replace_range(start..end, &" ".repeat(end - start));
    }
    text
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl PinDoc {
    fn slip(&mut self, at: Range<usize>, code: Code, message: String, hint: &str) {
        self.slips.push(Slip { at, code, message, hint: hint.to_owned() });
    }

    fn pin(&mut self, key: PinKey, image: &str, at: Range<usize>) {
        self.place.insert(key.clone(), at);
        if let Some(image) = filled(image) {
            self.pins.insert(key, image);
        }
    }

    fn section(&mut self, table: &DeTable<'_>, make: fn(String) -> PinKey) {
        for (name, value) in table {
            let key = make(name.get_ref().to_string());
            self.headers.insert(key.clone(), name.span());
            let DeValue::Table(inner) = value.get_ref() else {
                self.slip(
                    value.span(),
                    Code::PinSyntax,
                    format!("`{}` is a section with an `image`", name.get_ref()),
                    "",
                );
                continue;
            };
            for (field, value) in inner {
                match (field.get_ref().as_ref(), value.get_ref()) {
                    ("image", DeValue::String(image)) => self.pin(key.clone(), image, value.span()),
                    ("image", _) => {
                        self.slip(value.span(), Code::PinSyntax, "`image` is a text in quotes".into(), "");
                    }
                    (other, _) => {
                        self.slip(
                            field.span(),
                            Code::PinUnknown,
                            format!("`{other}` means nothing here"),
                            "a section has an `image`",
                        );
                    }
                }
            }
        }
    }

    /// The pins that concern a service, the strongest first: the first is in force, the others are shadowed.
    pub fn covering(&self, group: &GroupKey, service: &Service) -> Vec<(&PinKey, &str)> {
        let found = self.pins.iter().filter(|(key, _)| covers(key, group, service));
        let mut found: Vec<_> = found.map(|(key, image)| (key, image.as_str())).collect();
        found.reverse();
        found
    }

    /// The pin in force for a service.
    pub fn effective(&self, group: &GroupKey, service: &Service) -> Option<(&PinKey, &str)> {
        self.covering(group, service).into_iter().next()
    }
}

/// Whether a pin concerns a service.
pub fn covers(key: &PinKey, group: &GroupKey, service: &Service) -> bool {
    match key {
        PinKey::Group => match group.kind {
            GroupKind::Database => is_postgres(service),
            GroupKind::Service => true,
            GroupKind::Stack => false,
        },
        PinKey::Member(name) => {
            group.kind == GroupKind::Database && is_postgres(service) && member_of(service) == *name
        }
        PinKey::Service(name) => {
            service.name == *name || (group.kind == GroupKind::Stack && member_of(service) == *name)
        }
    }
}

/// The key under which `--pin MEMBER=REF` and the console pin a member: a db node, else the service.
pub fn key_for(world: &World, group: &GroupKey, member: &str) -> Option<PinKey> {
    let mut services = world.members(group);
    let found = services.find(|service| member_of(service) == member || service.name == member)?;
    Some(match group.kind {
        GroupKind::Database if is_postgres(found) && found.name != member => PinKey::Member(member.to_owned()),
        GroupKind::Service => PinKey::Group,
        _ => PinKey::Service(member.to_owned()),
    })
}

/// The document with this pin set; the rest of the text stays as it is.
pub fn set(text: &str, key: &PinKey, image: &str) -> String {
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
        PinKey::Group => {
            let at = first_section(text);
            return format!("{}image = {value}\n{}", &text[..at], &text[at..]);
        }
        PinKey::Member(member) => format!("[node.{}]", name(member)),
        PinKey::Service(service) => format!("[service.{}]", name(service)),
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

/// Where the first section starts, so that a top-level key can stand before it.
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

/// The document without this pin; its line goes, the section stays.
pub fn clear(text: &str, key: &PinKey) -> String {
    let doc = read(text);
    let Some(at) = doc.place.get(key) else { return text.to_owned() };
    let start = text[..at.start].rfind('\n').map_or(0, |line| line + 1);
    let end = text[at.end..].find('\n').map_or(text.len(), |line| at.end + line + 1);
    format!("{}{}", &text[..start], &text[end..])
}

/// The document a group is opened with when none is in force: comments that say what runs, and no pin.
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
        GroupKind::Database => text.push_str("# A service's pin wins over its db node's, that over the database's.\n# image = \"…\"   would pin every db node\n"),
        GroupKind::Stack => text.push_str("# A stack's services are pinned by name.\n"),
        GroupKind::Service => {}
    }
    let mut seen: Vec<(PinKey, Vec<String>)> = Vec::new();
    for service in world.members(group) {
        let member = member_of(service);
        let Some(key) = key_for(world, group, &member) else { continue };
        match seen.iter_mut().find(|(known, _)| *known == key) {
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
            let _ = writeln!(text, "# runs too: {image}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sample;
    use crate::core::world::Seen;

    const DOC: &str = "# pins\npostgres_version = \"17.9\"\nimage = \"r/pg:1\"\n\n[node.n1]\nimage = \"r/pg:2\" # why\n\n[service.\"postgres-s-n1-a\"]\nimage = \"  \"\n";

    fn storefront() -> World {
        let mut world = World::default();
        let mut services = Vec::new();
        for (name, member) in [("postgres-s-n1-a", "n1"), ("postgres-s-n1-b", "n1"), ("postgres-s-n2-c", "n2")] {
            let mut service = sample::service(name, "r/pg:0");
            for (key, value) in
                [("pgedge.database.id", "s"), ("pgedge.component", "postgres"), ("pgedge.node.name", member)]
            {
                service.labels.insert(key.into(), value.into());
            }
            services.push(service);
        }
        let mut support = sample::service("s-mcp-x", "r/mcp:0");
        support.labels.insert("pgedge.database.id".into(), "s".into());
        support.labels.insert("pgedge.component".into(), "service".into());
        services.push(support);
        world.apply(Seen::Services(services), sample::NOW);
        world
    }

    #[test]
    fn precedence_and_shadows() {
        let world = storefront();
        let group = GroupKey::parse("database/s").unwrap();
        let doc = read(&DOC.replace("\"  \"", "\"r/pg:3\""));
        let effective = |name: &str| doc.effective(&group, world.service_named(name).unwrap()).map(|(_, image)| image);
        assert_eq!(effective("postgres-s-n1-a"), Some("r/pg:3"));
        assert_eq!(effective("postgres-s-n1-b"), Some("r/pg:2"));
        assert_eq!(effective("postgres-s-n2-c"), Some("r/pg:1"));
        assert_eq!(effective("s-mcp-x"), None, "a database pin does not cover support services");
        assert_eq!(doc.covering(&group, world.service_named("postgres-s-n1-a").unwrap()).len(), 3);
        assert_eq!(
            read(DOC).effective(&group, world.service_named("postgres-s-n1-a").unwrap()).unwrap().1,
            "r/pg:2",
            "a blank image is no pin"
        );
    }

    #[test]
    fn a_broken_line_loses_only_itself() {
        let doc = read(
            "image = \"r/pg:1\"\nbogus = 3\n[node.n1]\nimage = \"r/pg:2\nx = 1\n[node.n2]\nimage = \"r/pg:4\"\n[service.a]\nimage = 7\n",
        );
        assert_eq!(doc.pins.get(&PinKey::Group).map(String::as_str), Some("r/pg:1"));
        assert_eq!(doc.pins.get(&PinKey::Member("n2".into())).map(String::as_str), Some("r/pg:4"));
        let codes: Vec<_> = doc.slips.iter().map(|slip| slip.code).collect();
        assert!(codes.contains(&Code::PinSyntax) && codes.contains(&Code::PinUnknown), "{:?}", doc.slips);
        assert!(doc.slips.iter().all(|slip| slip.at.start > 0));
    }

    #[test]
    fn a_key_being_typed_loses_only_its_line() {
        let doc = read("image = \"r/pg:1\"\ni\n[node.n1]\nima\n\n[node.n2]\nimage = \"r/pg:4\"\nx");
        assert_eq!(doc.pins.len(), 2, "{doc:?}");
        let at: Vec<_> = doc.slips.iter().map(|slip| slip.at.clone()).collect();
        assert_eq!(at, [17..18, 29..32, 61..62]);
    }

    #[test]
    fn editing_keeps_the_rest_of_the_text() {
        let n1 = PinKey::Member("n1".into());
        assert_eq!(set(DOC, &n1, "r/pg:9"), DOC.replace("r/pg:2", "r/pg:9"));
        let n2 = PinKey::Member("n2".into());
        let more = set(DOC, &n2, "r/pg:9");
        assert!(more.starts_with(DOC) && read(&more).pins[&n2] == "r/pg:9");
        assert_eq!(read(&clear(&more, &n2)).pins, read(DOC).pins);
        let top = set("# c\n[node.n1]\n", &PinKey::Group, "r/pg:9");
        assert_eq!(read(&top).pins[&PinKey::Group], "r/pg:9");
        let under = set("[node.n1]\n[node.n2]\n", &n1, "r/pg:9");
        assert_eq!(under, "[node.n1]\nimage = \"r/pg:9\"\n[node.n2]\n");
        let odd = PinKey::Service("a.b c".into());
        assert_eq!(read(&set("", &odd, "r/a:1")).pins[&odd], "r/a:1");
    }

    #[test]
    fn the_template_pins_nothing() {
        let world = storefront();
        let text = template(&world, &GroupKey::parse("database/s").unwrap());
        let doc = read(&text);
        assert!(doc.pins.is_empty() && doc.slips.is_empty(), "{text}");
        assert!(text.contains("[node.n1]\n# image = \"r/pg:0\""), "{text}");
    }
}
