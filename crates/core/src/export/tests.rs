//! Tests of permanent fixes: a group, its pins, and the expected text.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::image::Digest;
use crate::pins::read;
use crate::plan::{Goal, PlanOptions, plan};
use crate::registry::{Fact, FactSource, FactUpdate, LookupError, ResolvedImage};
use crate::registry::{REPOSITORY_HOST, VersionManifest, VersionManifestOrigin as From};
use crate::sample;
use crate::world::Observation;

const PG: &str = "ghcr.io/pgedge/pgedge-postgres";
const RUNS: &str = "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2";
const CUSTOM: &str = "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1";
const NEWER: &str = "ghcr.io/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1";
const MANIFEST: &str = r#"{"schema_version":1,"images":{"postgres":[
    {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-standard-2"}],
    "mcp":[{"version":"1.0.0","image":"postgres-mcp:1.0.0"}]}}"#;

fn digest(digit: char) -> Digest {
    Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn at(image: &str, digit: char) -> String {
    format!("{image}@{}", digest(digit))
}

/// Creates a database with two db nodes and a supporting service, a stack, and a single service.
fn world() -> World {
    let mut services = Vec::new();
    for (name, member) in [("pg-n1-a", "n1"), ("pg-n1-b", "n1"), ("pg-n2-c", "n2")] {
        let mut service = sample::service(name, RUNS);
        for (key, value) in [("pgedge.component", "postgres"), ("pgedge.node.name", member)] {
            service.labels.insert(key.into(), value.into());
        }
        service.labels.insert("pgedge.database.id".into(), "s".into());
        services.push(service);
    }
    for host in ["a", "b"] {
        let mut mcp = sample::service(&format!("s-mcp-{host}"), "ghcr.io/pgedge/postgres-mcp:dev");
        for (key, value) in
            [("pgedge.database.id", "s"), ("pgedge.component", "service"), ("pgedge.service.id", "tools")]
        {
            mcp.labels.insert(key.into(), value.into());
        }
        services.push(mcp);
    }
    for (name, image) in [("shop_api", &at("r.io/api:1", '1')), ("shop_on", &"r.io/on:1".to_owned())] {
        let mut service = sample::service(name, image);
        service.labels.insert("com.docker.stack.namespace".into(), "shop".into());
        services.push(service);
    }
    services.push(sample::service("lone", "r.io/lone:1"));
    let mut world = World::default();
    world.apply(Observation::Services(services), sample::NOW);
    world.apply(Observation::Slots(Vec::new()), sample::NOW);
    world
}

fn facts() -> Facts {
    let manifest = VersionManifest::parse(MANIFEST, REPOSITORY_HOST, From::BuiltIn, None).unwrap();
    let mut facts = Facts::default();
    facts.take(FactUpdate::Versions(Fact::Known {
        value: Arc::new(manifest),
        at: sample::NOW,
        via: FactSource::Curated,
    }));
    for (image, digit) in
        [(RUNS, 'a'), (CUSTOM, 'b'), (NEWER, 'c'), ("r.io/api:1", '9'), ("r.io/api:2", '2'), ("r.io/lone:2", '3')]
    {
        let fact = |via| Fact::Known { value: ResolvedImage::new(digest(digit), None), at: sample::NOW, via };
        facts.take(FactUpdate::Image(image.into(), fact(FactSource::Registry)));
        facts.take(FactUpdate::Engine(image.into(), fact(FactSource::Engine)));
        let whole = ImageRef::parse(image).unwrap().by_digest(&digest(digit));
        facts.take(FactUpdate::ImageInfo(
            whole,
            Fact::Failed { why: LookupError::Other("not asked".into()), at: sample::NOW },
        ));
    }
    facts
}

fn fix(group: &str, doc: &str, before: &str) -> Option<PermanentFix> {
    let group = GroupKey::parse(group).unwrap();
    of_pins(&group, &read(doc), &read(before), &world(), &facts())
}

fn of_database(doc: &str, before: &str) -> (Value, Vec<String>, Vec<String>) {
    let fix = fix("database/s", doc, before).unwrap();
    assert_eq!(fix.form, FixFormat::PgedgeApi);
    (serde_json::from_str(&fix.text).unwrap(), fix.holds, fix.notes)
}

fn opts(image: &str) -> Value {
    json!({ "swarm": { "image": image } })
}

fn image(image: &str) -> String {
    format!("image = '{image}'\n")
}

fn node(name: &str, image: &str) -> String {
    format!("[node.{name}]\nimage = '{image}'\n")
}

/// Adds the versions to an expected spec.
fn spec(postgres: Option<&str>, mut rest: Value) -> Value {
    if let Some(postgres) = postgres {
        rest["postgres_version"] = postgres.into();
    }
    rest["spock_version"] = "5".into();
    rest
}

fn hold(cases: &[(String, Value, &[&str])]) {
    for (doc, spec, holds) in cases {
        let (found, held, _) = of_database(doc, "");
        assert_eq!((&found, held), (spec, holds.iter().map(ToString::to_string).collect()), "{doc}");
    }
}

#[test]
fn a_database_keeps_its_pins_in_its_spec() {
    let (custom, newer) = (at(CUSTOM, 'b'), at(NEWER, 'c'));
    let n2 = json!([{ "name": "n2", "orchestrator_opts": opts(&at(RUNS, 'a')) }]);
    let whole = spec(Some("17.9"), json!({ "orchestrator_opts": opts(&custom) }));
    let both = spec(Some("17.9"), json!({ "orchestrator_opts": opts(&custom), "nodes": n2 }));
    let n1 = json!([{ "name": "n1", "postgres_version": "17.10", "orchestrator_opts": opts(&newer) }]);
    hold(&[
        (image(CUSTOM), whole.clone(), &["the database"]),
        // Pins at both levels: the db node has its own image.
        (image(CUSTOM) + &node("n2", RUNS), both.clone(), &["the database", "n2"]),
        // Without an image of its own, the db node would use the database's image instead of the manifest's.
        (image(CUSTOM) + &node("n2", "manifest"), both, &["the database", "n2"]),
        // A pin of one db node, with another version: the version is set at the db node too.
        (node("n1", NEWER), spec(None, json!({ "nodes": n1 })), &["n1"]),
        // The same pin of all db nodes is set at the database.
        (
            node("n1", NEWER) + &node("n2", NEWER),
            spec(Some("17.10"), json!({ "orchestrator_opts": opts(&newer) })),
            &["the database"],
        ),
        // The demanded versions count; Spock's is written in the API's format.
        ("postgres_version = '17.9'\nspock_version = '5.0.6'\n".to_owned() + &image(CUSTOM), whole, &["the database"]),
    ]);
}

#[test]
fn a_digest_is_kept_and_other_services_go_by_their_ids() {
    let pinned = |image: &str| spec(Some("17.9"), json!({ "orchestrator_opts": opts(image) }));
    let tools = json!({ "services": [{ "service_id": "tools", "orchestrator_opts": opts("r.io/tools:x") }] });
    let both = "[service.s-mcp-a]\nimage = 'r.io/tools:x'\n[service.s-mcp-b]\nimage = 'r.io/tools:x'\n";
    hold(&[
        (image(&at(CUSTOM, 'f')), pinned(&at(CUSTOM, 'f')), &["the database"]),
        (image(CUSTOM) + "floating = true\n", pinned(CUSTOM), &["the database"]),
        (both.to_owned(), spec(Some("17.9"), tools), &["tools"]),
    ]);
}

#[test]
fn what_a_spec_cannot_say_is_told() {
    let one_instance = format!("image = '{CUSTOM}'\n[service.pg-n1-a]\nimage = '{NEWER}'\n");
    let (spec, holds, notes) = of_database(&one_instance, "");
    assert_eq!((spec["orchestrator_opts"].clone(), holds), (opts(&at(CUSTOM, 'b')), vec!["the database".to_owned()]));
    assert!(notes[0].starts_with("n1 left out: its instances"), "{notes:?}");
    // The options of a db node replace those of the database as a whole.
    let (_, _, notes) = of_database(&format!("[node.n1]\nimage = '{CUSTOM}'\n"), "");
    assert!(notes.iter().any(|note| note.contains("replace all of the database's")), "{notes:?}");
    let (_, _, notes) = of_database(&format!("image = '{PG}:unheard-of'\n"), "");
    assert!(notes[0].starts_with("tag only, and a tag may move: pg-n1-a, pg-n1-b, pg-n2-c"), "{notes:?}");
    let (_, _, notes) = of_database(&format!("image = '{CUSTOM}'\n[node.n1]\nimage = 'r.io/A:1'\n"), "");
    assert_eq!(notes[0], "left out (not a valid image reference): pg-n1-a, pg-n1-b");
}

#[test]
fn what_falls_back_is_left_to_the_control_planes_manifest() {
    for (doc, before) in [("", format!("image = '{CUSTOM}'")), ("image = 'manifest'", String::new())] {
        let (spec, holds, notes) = of_database(doc, &before);
        assert_eq!((spec, holds), (json!({ "postgres_version": "17.9", "spock_version": "5" }), vec![]), "{doc}");
        let told = format!("the manifest here names {}", at(RUNS, 'a'));
        assert!(notes[0].starts_with("n1 has no image in the spec") && notes[0].ends_with(&told), "{notes:?}");
    }
}

#[test]
fn a_stack_keeps_them_in_its_file() {
    // The digest that runs under the tag counts, not the one that the tag names now.
    let fix = fix("stack/shop", "[service.api]\nimage = 'r.io/api:1'\n[service.on]\nimage = 'r.io/on:2'", "").unwrap();
    let wanted = format!("services:\n  api:\n    image: {}\n  \"on\":\n    image: r.io/on:2", at("r.io/api:1", '1'));
    assert_eq!((fix.form, fix.text), (FixFormat::StackFile, wanted));
    assert_eq!(
        (fix.holds, fix.notes),
        (vec!["api".into(), "on".into()], vec!["tag only, and a tag may move: shop_on".into()])
    );
    for (text, wanted) in
        [("a", "a"), ("10.0.0.1:5000/a:1", "\"10.0.0.1:5000/a:1\""), ("No", "\"No\""), ("a b", "\"a b\"")]
    {
        assert_eq!(scalar(text), wanted);
    }
}

#[test]
fn a_service_by_itself_is_a_command() {
    let fix = fix("service/lone", "image = 'r.io/lone:2'", "").unwrap();
    assert_eq!(fix.text, format!("docker service update --image {} lone", at("r.io/lone:2", '3')));
    assert_eq!(fix.describe(), "the permanent fix as a docker command: lone");
    assert_eq!(update("a'b", "x y"), "docker service update --image 'a'\\''b' 'x y'");
}

#[test]
fn nothing_pinned_is_nothing_to_keep() {
    for group in ["database/s", "stack/shop", "service/lone"] {
        assert_eq!(fix(group, "# nothing", ""), None, "{group}");
    }
    assert_eq!(fix("stack/shop", "[service.gone]\nimage = 'r.io/x:1'", ""), None);
}

#[test]
fn a_plan_keeps_what_it_brings() {
    let (world, facts) = (world(), facts());
    let group = GroupKey::parse("stack/shop").unwrap();
    let planned = |text: &str| {
        plan(
            &Goal::Pins { group: group.clone(), text: text.to_owned() },
            &PlanOptions::default(),
            &world,
            &facts,
            sample::NOW,
        )
        .plan
    };
    let mut made = planned("[service.api]\nimage = 'r.io/api:2'\n");
    let fix = of_plan(&made, &world, &facts).unwrap();
    assert_eq!(fix.text, format!("services:\n  api:\n    image: {}", at("r.io/api:2", '2')));
    // A rollback leaves no pin; the fix keeps the image that it rolls back to.
    made.pins_after = None;
    for unit in &mut made.units {
        (unit.action, unit.to.image) = (UnitAction::Rollback, "r.io/api:0".into());
    }
    assert_eq!(of_plan(&made, &world, &facts).unwrap().text, "services:\n  api:\n    image: r.io/api:0");
    for unit in &mut made.units {
        unit.action = UnitAction::Blocked;
    }
    made.pins_after = Some("[service.api]\nimage = 'r.io/api:2'\n[service.on]\nimage = 'r.io/on:1'\n".into());
    let fix = of_plan(&made, &world, &facts).unwrap();
    assert_eq!(fix.holds, ["on"]);
    assert_eq!(fix.notes[0], "left out (blocked by an error): shop_api");
}
