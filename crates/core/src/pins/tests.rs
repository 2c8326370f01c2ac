//! Tests of pin documents as text.

use super::*;
use crate::finding::Code;
use crate::sample;
use crate::world::Observation;

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
    world.apply(Observation::Services(services), sample::NOW);
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
    assert_eq!(doc.pins.get(&PinScope::Group).map(String::as_str), Some("r/pg:1"));
    assert_eq!(doc.pins.get(&PinScope::Member("n2".into())).map(String::as_str), Some("r/pg:4"));
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
    let n1 = PinScope::Member("n1".into());
    assert_eq!(set(DOC, &n1, "r/pg:9"), DOC.replace("r/pg:2", "r/pg:9"));
    let n2 = PinScope::Member("n2".into());
    let more = set(DOC, &n2, "r/pg:9");
    assert!(more.starts_with(DOC) && read(&more).pins[&n2] == "r/pg:9");
    assert_eq!(read(&clear(&more, &n2)).pins, read(DOC).pins);
    let top = set("# c\n[node.n1]\n", &PinScope::Group, "r/pg:9");
    assert_eq!(read(&top).pins[&PinScope::Group], "r/pg:9");
    let under = set("[node.n1]\n[node.n2]\n", &n1, "r/pg:9");
    assert_eq!(under, "[node.n1]\nimage = \"r/pg:9\"\n[node.n2]\n");
    let odd = PinScope::Service("a.b c".into());
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
