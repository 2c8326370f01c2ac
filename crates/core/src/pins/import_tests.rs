//! Table tests of the import: a body of pgEdge's API, and the resulting pin document.

use super::*;
use crate::pins::{PinDoc, read};
use crate::sample;
use crate::world::Observation;

const PG: &str = "ghcr.io/pgedge/pgedge-postgres";

/// The request bodies of pgEdge control-plane pull request 401, including a password.
const NODES: &str = r#""nodes": [{ "name": "n1", "host_ids": ["host-1", "host-2", "host-3"] }]"#;
const USERS: &str = r#""database_name": "storefront", "database_users": [{ "username": "admin", "password": "hunter2",
    "db_owner": true, "attributes": ["SUPERUSER", "LOGIN"] }], "postgres_version": "17.9", "spock_version": "5""#;

fn request(rest: &str) -> String {
    format!(r#"{{ "id": "storefront", "spec": {{ {USERS}, {rest} }} }}"#)
}

fn opts(image: &str) -> String {
    format!(r#""orchestrator_opts": {{ "swarm": {{ "image": "{image}" }} }}"#)
}

fn world() -> World {
    let mut services = Vec::new();
    for (name, component, member) in [
        ("pg-n1-a", "postgres", "n1"),
        ("pg-n2-b", "postgres", "n2"),
        ("mcp-a", "service", ""),
        ("mcp-b", "service", ""),
    ] {
        let mut service = sample::service(name, "r/pg:0");
        let id = if member.is_empty() { "tools" } else { "" };
        for (key, value) in [("pgedge.component", component), ("pgedge.node.name", member), (SERVICE_ID, id)] {
            service.labels.insert(key.into(), value.into());
        }
        service.labels.insert("pgedge.database.id".into(), "storefront".into());
        services.push(service);
    }
    let mut world = World::default();
    world.apply(Observation::Services(services), sample::NOW);
    world
}

fn taken(text: &str) -> PinImport {
    assert!(is_json(text), "{text}");
    let taken = import(text, &GroupKey::parse("database/storefront").unwrap(), &world()).unwrap();
    assert!(!format!("{taken:?}").contains("hunter2"), "what a spec holds besides is not kept: {taken:?}");
    taken
}

/// Imports a text and returns the document, its pins in short form, and the messages of the findings.
fn doc(text: &str) -> (PinDoc, Vec<(String, String)>, Vec<String>) {
    let taken = taken(text);
    let doc = read(&taken.text);
    assert!(doc.slips.is_empty(), "{}: {:?}", taken.text, doc.slips);
    let short = |(key, image): (&PinScope, &String)| (format!("{key:?}"), image.rsplit('/').next().unwrap().to_owned());
    let pins = doc.pins.iter().map(short).collect();
    (doc, pins, taken.remarks.into_iter().map(|remark| remark.message).collect())
}

fn pins(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(key, image)| ((*key).to_owned(), (*image).to_owned())).collect()
}

#[test]
fn the_bodies_of_the_pull_request() {
    let custom = format!("{PG}:my-custom-image");
    let manifest = format!("{PG}:17.9-spock5.0.6-standard-2");
    let (db, node) = (format!("{PG}:db-level-image"), format!("{PG}:node-level-image"));
    let both = format!(r#""nodes": [{{ "name": "n1", "host_ids": ["host-1"], {} }}], {}"#, opts(&node), opts(&db));
    for (body, wanted) in [
        (request(NODES), vec![]),
        (request(&format!("{NODES}, {}", opts(&custom))), vec![("Group", "pgedge-postgres:my-custom-image")]),
        (
            request(&both),
            vec![("Group", "pgedge-postgres:db-level-image"), ("Member(\"n1\")", "pgedge-postgres:node-level-image")],
        ),
        (
            request(&format!("{NODES}, {}", opts(&manifest))),
            vec![("Group", "pgedge-postgres:17.9-spock5.0.6-standard-2")],
        ),
    ] {
        let (doc, found, told) = doc(&body);
        assert_eq!(found, pins(&wanted), "{body}");
        assert_eq!((doc.postgres_version.as_deref(), doc.spock_version.as_deref()), (Some("17.9"), Some("5")));
        let names = "not imported, because pins only set images: database_name, database_users, nodes[].host_ids";
        assert_eq!(told, [names], "{body}");
        // The spec alone, and a response around it, give the same result.
        let spec = body.strip_prefix(r#"{ "id": "storefront", "spec": "#).unwrap().strip_suffix(" }").unwrap();
        let answer = format!(r#"{{"database": {body}, "task": {{"status": "pending"}}, "warnings": ["x"]}}"#);
        assert_eq!(taken(spec).text, taken(&body).text);
        assert_eq!(taken(&answer).text, taken(&body).text);
    }
    assert_eq!(
        taken(&request(&both)).told,
        "imported from pgEdge's spec: the images of the database, n1, and versions"
    );
    assert_eq!(
        taken(&request(&both)).text,
        format!(
            "# Image pins of database \"storefront\", imported from pgEdge's spec.\npostgres_version = \"17.9\"\nspock_version = \"5\"\nimage = \"{db}\"\n\n[node.n1]\nimage = \"{node}\"\n"
        )
    );
}

#[test]
fn options_of_a_db_node_are_taken_as_a_whole() {
    let labels = r#""orchestrator_opts": { "swarm": { "extra_labels": { "a": "b" } } }"#;
    let body = format!(r#"{{ {}, "nodes": [{{ "name": "n1", {labels} }}, {{ "name": "n2" }}] }}"#, opts("r/pg:1"));
    let (_, found, told) = doc(&body);
    assert_eq!(found, pins(&[("Group", "pg:1"), ("Member(\"n1\")", "manifest")]), "n2 has none of its own");
    assert!(told[0].starts_with("the orchestrator_opts of n1 name no image"), "{told:?}");
    assert_eq!(told[1], "not imported, because pins only set images: nodes[].orchestrator_opts.swarm.extra_labels");
    // If the database names no image, a db node has none to inherit.
    let (_, found, told) = doc(&format!(r#"{{ "nodes": [{{ "name": "n1", {labels} }}] }}"#));
    assert_eq!((found, told.len()), (vec![], 1), "{told:?}");
    let (_, found, _) =
        doc(&format!(r#"{{ {}, "nodes": [{{ "name": "n1", "orchestrator_opts": null }}] }}"#, opts("r/pg:1")));
    assert_eq!(found, pins(&[("Group", "pg:1")]));
}

#[test]
fn other_forms() {
    // The form that the control plane stores; a blank text is no image.
    let stored = r#"{ "orchestrator_opts": { "docker": { "image": " r/pg:1 ", "resolved_image": "r/pg:0" } } }"#;
    let (_, found, told) = doc(stored);
    assert_eq!(found, pins(&[("Group", "pg:1")]));
    assert_eq!(told, ["not imported, because pins only set images: orchestrator_opts.docker.resolved_image"]);
    let (_, found, told) = doc(r#"{ "orchestrator_opts": { "swarm": { "image": "  " } } }"#);
    assert_eq!((found, told), (vec![], vec![]));
    let (_, found, told) =
        doc(r#"{ "orchestrator_opts": { "swarm": { "image": "r/a:1" }, "docker": { "image": "r/a:2" } } }"#);
    assert_eq!((found, told.len()), (pins(&[("Group", "a:1")]), 1), "{told:?}");
    // Other services are pinned by their names in the swarm.
    let (_, found, told) = doc(&format!(
        r#"{{ "nodes": [], "services": [{{ "service_id": "tools", {0} }}, {{ "service_id": "gone", {0} }}] }}"#,
        opts("r/mcp:1")
    ));
    assert_eq!(found, pins(&[("Service(\"mcp-a\")", "mcp:1"), ("Service(\"mcp-b\")", "mcp:1")]));
    assert!(told[0].starts_with("the swarm has no service `gone`"), "{told:?}");
}

#[test]
fn versions_of_db_nodes() {
    let of = |database: &str, n1: &str, n2: &str| {
        let node = |name: &str, version: &str| format!(r#"{{ "name": "{name}", "postgres_version": {version} }}"#);
        let (n1, n2) = (node("n1", n1), node("n2", n2));
        let (doc, _, told) = doc(&format!(r#"{{ "postgres_version": {database}, "nodes": [{n1}, {n2}] }}"#));
        (doc.postgres_version, told.len())
    };
    assert_eq!(of("null", "\"17.9\"", "\"17.9\""), (Some("17.9".into()), 0));
    assert_eq!(of("\"17.9\"", "\"17.10\"", "null"), (Some("17.9".into()), 1));
    assert_eq!(of("null", "\"17.10\"", "null"), (None, 1));
    assert_eq!(of("17.10", "null", "null"), (None, 1), "a number has lost its last digit");
}

#[test]
fn what_makes_no_sense_is_told_and_the_rest_is_taken() {
    let body = format!(
        r#"{{ "id": "other", "spec": {{ {}, "nodes": [{{ "host_ids": [] }}, {{ "name": "n1", "orchestrator_opts": 3 }}],
        "services": 7, "\u001b[31mx": 1 }} }}"#,
        opts("r/pg:1")
    );
    let (_, found, told) = doc(&body);
    assert_eq!(found, pins(&[("Group", "pg:1")]));
    assert_eq!(
        told,
        [
            "the spec is for database `other`",
            "`nodes[0]` has no `name`: it is not imported",
            "`nodes[].orchestrator_opts` is not an object: it is not imported",
            "`services` is not a list of objects: it is not imported",
            "not imported, because pins only set images: x",
        ]
    );
    let (_, found, told) =
        doc(r#"{ "nodes": [{ "name": "n1", "orchestrator_opts": { "swarm": { "image": "r/a:1" } } },
        { "name": "n1", "orchestrator_opts": { "swarm": { "image": "r/a:2" } } }] }"#);
    assert_eq!((found, told.len()), (pins(&[("Member(\"n1\")", "a:2")]), 1));
}

#[test]
fn what_is_no_spec() {
    let (world, group) = (world(), GroupKey::parse("database/storefront").unwrap());
    let failed = |text: &str, group: &GroupKey| import(text, group, &world).unwrap_err();
    assert!(matches!(failed("{ \"nodes\": [", &group), ImportError::Syntax(why) if why.contains("line 1 column")));
    assert_eq!(failed("{ \"a\": 1 }", &group), ImportError::NoSpec);
    assert_eq!(failed("[]", &group), ImportError::NoSpec);
    let stack = GroupKey::parse("stack/shop").unwrap();
    assert_eq!(failed("{}", &stack).to_string(), "a pgEdge spec is for a database, and stack/shop is not one");
    for (text, json) in [("", false), ("image = \"{\"", false), ("{ image = 1 }", false), (" {\r\n\"a\": 1}", true)] {
        assert_eq!(is_json(text), json, "{text}");
    }
}

/// Imports the exported permanent fix again and gets the same pins.
#[test]
fn there_and_back() {
    use crate::export::of_pins;
    use crate::registry::Facts;
    let (world, group) = (world(), GroupKey::parse("database/storefront").unwrap());
    let digest = format!("@sha256:{}", "1".repeat(64));
    let text = format!(
        "image = \"{PG}:17.9-spock5.0.6-a-1{digest}\"\n[node.n2]\nimage = \"{PG}:17.9-spock5.0.6-b-1{digest}\"\n[service.mcp-a]\nimage = \"r/mcp:1{digest}\"\n[service.mcp-b]\nimage = \"r/mcp:1{digest}\"\n"
    );
    let before = read(&text);
    let fix = of_pins(&group, &before, &before, &world, &Facts::default()).unwrap();
    let back = import(&fix.text, &group, &world).unwrap();
    assert_eq!(read(&back.text).pins, before.pins);
    assert_eq!(back.remarks, []);
}
