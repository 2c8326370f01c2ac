//! Tests that build worlds from scenarios.

use serde_json::{Value, json};

use super::*;
use crate::world::images::{Registry, reference};
use crate::world::model::State;
use crate::world::{PullError, time};

pub(super) const HOST: &str = "r.example:5000";

/// Builds the world of a scenario, extended by one node and one registry.
pub(super) fn world(text: &str) -> Result<World, String> {
    let text = format!("[[node]]\nname = \"a\"\nmanager = true\n[[registry]]\nname = \"{HOST}\"\n{text}");
    let text = text.replace("HOST", HOST);
    let now = time::parse("2026-11-20").unwrap();
    Scenario::read(&text).and_then(|scenario| scenario.world(now)).map(|(world, _)| world)
}

pub(super) fn registry(world: &World) -> &Registry {
    &world.registries[HOST]
}

/// Returns the state and error of a service's newest task.
fn last_task(world: &World, name: &str) -> (State, String) {
    let id = world.find_service(name).unwrap().id.clone();
    let task = world.tasks_of(&id).max_by_key(|task| task.index).unwrap();
    (task.state, task.err.clone())
}

#[test]
fn an_image_has_everything_it_was_given() {
    let text = r#"
        [[image]]
        ref = "HOST/base:12"
        oci = true
        platforms = ["linux/amd64", "linux/arm64/v8"]
        files = ["/etc/os"]
        [[image]]
        ref = "HOST/app:1"
        oci = true
        platforms = ["linux/arm64/v8"]
        base = "HOST/base:12"
        annotate_base = true
        annotate = "both"
        annotations = { a = "b" }
        labels = { c = "d" }
        files = { "/app" = "program", "/bin/app" = { link = "/app" } }
        layers = [["/conf"]]
        compression = "zstd"
        entrypoint = ["/app"]
        cmd = []
        user = "26"
        ports = ["80/tcp"]
        health = ["NONE"]
        workdir = "/"
        volumes = ["/data"]
        env = ["A=1"]
        stop_signal = "SIGINT"
        history = ["COPY app"]
        size = 20000
        claimed = 100
    "#;
    let world = world(text).unwrap();
    let found = registry(&world).find(&reference(&format!("{HOST}/app:1")).unwrap()).unwrap();
    let manifest: Value = serde_json::from_slice(&found.body).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 4, "the base's, two of its own, one only claimed");
    assert_eq!(manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    assert_eq!(manifest["annotations"]["a"], "b");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.name"], format!("{HOST}/base:12"));
    let size: u64 = manifest["layers"].as_array().unwrap().iter().map(|line| line["size"].as_u64().unwrap()).sum();
    assert!(size >= 20000);
    let config = &registry(&world).repositories["app"].blobs[manifest["config"]["digest"].as_str().unwrap()];
    let config: Value = serde_json::from_slice(config).unwrap();
    assert_eq!((&config["architecture"], &config["variant"]), (&json!("arm64"), &json!("v8")));
    for (key, value) in [
        ("Labels", json!({ "c": "d" })),
        ("Entrypoint", json!(["/app"])),
        ("Cmd", Value::Null),
        ("User", json!("26")),
        ("ExposedPorts", json!({ "80/tcp": {} })),
        ("Healthcheck", json!({ "Test": ["NONE"] })),
        ("Volumes", json!({ "/data": {} })),
        ("Env", json!(["A=1"])),
        ("StopSignal", json!("SIGINT")),
    ] {
        assert_eq!(config["config"][key], value, "{key}");
    }
}

#[test]
fn what_happens_later_happens_to_what_runs() {
    let text = r#"
        [[image]]
        ref = "HOST/app:1"
        [[image]]
        ref = "HOST/app:1"
        salt = "again"
        later = true
        [[image]]
        ref = "HOST/old:1"
        [[tag]]
        ref = "HOST/old:1.0"
        of = "HOST/old:1"
        [[tag]]
        ref = "HOST/app:moved"
        of = "HOST/app:1"
        later = true
        [[gone]]
        ref = "HOST/old:1.0"
        [[service]]
        name = "app"
        image = "HOST/app:1"
        pinned = true
        [[service]]
        name = "old"
        image = "HOST/old:1"
        pinned = true
    "#;
    let world = world(text).unwrap();
    let image = |name: &str| world.find_service(name).unwrap().spec.image.clone();
    for name in ["app", "old"] {
        assert_eq!(last_task(&world, name).0, State::Running, "{name}");
    }
    let (running, old) = (reference(&image("app")).unwrap(), reference(&image("old")).unwrap());
    let by_tag = reference(&format!("{HOST}/app:1")).unwrap();
    let (now, was) = (registry(&world).find(&by_tag).unwrap(), registry(&world).find(&running).unwrap());
    assert_ne!(now.digest, was.digest, "the tag moved, and what runs is still there");
    let moved = reference(&format!("{HOST}/app:moved")).unwrap();
    assert_eq!(registry(&world).find(&moved).unwrap().digest, now.digest);
    assert!(registry(&world).find(&old).is_none(), "what runs is gone");
    assert!(registry(&world).repositories["old"].tags.is_empty(), "with all its tags");
}

#[test]
fn the_engine_may_see_something_else() {
    let text = r#"
        [[image]]
        ref = "HOST/app:1"
        [[image]]
        ref = "HOST/app:2"
        [[engine_sees]]
        ref = "HOST/app:1"
        instead = "HOST/app:2"
        [[engine_sees]]
        ref = "HOST/app:2"
        nothing = "no-credentials"
    "#;
    let world = world(text).unwrap();
    let named = |tag: &str| reference(&format!("{HOST}/app:{tag}")).unwrap();
    let shown = registry(&world).find(&named("2")).unwrap();
    assert_eq!(world.look(&named("1"), None).unwrap().digest, shown.digest);
    assert_eq!(world.look(&named("2"), None).unwrap_err(), PullError::NoLogin);
}

#[test]
fn an_image_without_a_command_does_not_start() {
    let text = r#"
        [[image]]
        ref = "HOST/ext:1"
        cmd = []
        files = ["/lib/x.so"]
        [[service]]
        name = "bare"
        image = "HOST/ext:1"
        [[service]]
        name = "told"
        image = "HOST/ext:1"
        spec = { TaskTemplate = { ContainerSpec = { Command = ["/x"] } } }
    "#;
    let world = world(text).unwrap();
    let err = |name: &str| {
        let id = world.find_service(name).unwrap().id.clone();
        world.tasks_of(&id).map(|task| task.err.clone()).find(|err| !err.is_empty()).unwrap_or_default()
    };
    assert_eq!(err("bare"), "No command specified");
    assert_eq!((err("told").as_str(), last_task(&world, "told").0), ("", State::Running));
}

#[test]
fn a_service_of_a_private_image_has_its_credentials() {
    let text = r#"
        [[registry]]
        name = "p.example"
        user = "u"
        password = "p?>~"
        [[image]]
        ref = "p.example/app:1"
        [[service]]
        name = "with"
        image = "p.example/app:1"
        pinned = true
        [[service]]
        name = "without"
        image = "p.example/app:1"
        without_credentials = true
    "#;
    let world = world(text).unwrap();
    assert_eq!(last_task(&world, "with").0, State::Running);
    assert_ne!(last_task(&world, "without").0, State::Running);
}

#[test]
fn what_makes_no_sense_is_named() {
    for (text, why) in [
        ("[[image]]\nref = \"HOST/app:1\"\nbase = \"HOST/no:1\"", "its base r.example:5000/no:1 is not there"),
        (
            "[[image]]\nref = \"HOST/a:1\"\n[[image]]\nref = \"HOST/b:1\"\nbase = \"HOST/a:1\"\nplatforms = [\"linux/arm64\"]",
            "image r.example:5000/b:1: its base is not for linux/arm64",
        ),
        ("[[image]]\nref = \"HOST/app:1\"\nfiles = [\"/a/../b\"]", "`/a/../b` is no path of a layer"),
        ("[[image]]\nref = \"HOST/app:1\"\nannotate = \"nowhere\"", "annotate"),
        ("[[tag]]\nref = \"HOST/app:1\"\nof = \"HOST/app:2\"", "what it points to is not there"),
        ("[[tag]]\nref = \"HOST/app:1\"\nof = \"HOST/b:2\"", "in another repository"),
        ("[[gone]]\nref = \"HOST/app:1\"", "gone r.example:5000/app:1: it is not there"),
        ("[[engine_sees]]\nref = \"HOST/app:1\"", "either `instead` or `nothing`"),
        ("[[image]]\nlike = \"no\"\nref = \"HOST/app:1\"", "no image_template is called"),
        (
            "[service_template]\na = { like = \"b\" }\nb = { like = \"a\" }\n[[service]]\nlike = \"a\"",
            "templates are like each other in a circle",
        ),
        ("[[image]]\ntags = { 1 = \"1d ago\" }", "`tags` need a `repository`"),
        ("[[image]]\nref = \"HOST/app:1\"\ncreated = \"once\"", "image r.example:5000/app:1: once is no moment"),
        ("[[image]]\nref = \"HOST/app:1\"\nat = \"9d ago\"", "image r.example:5000/app:1: its `at` is not within"),
        ("[[change]]\nservice = \"no\"\nlabel = \"a=b\"", "change no: "),
        ("[[change]]\nnode = \"a\"", "either a `service`"),
        ("[[service]]\nname = \"a\"\nvalues = { b = 1 }", "`values` is no table of texts"),
        ("[[registry]]\nname = \"x\"\nallowance = \"many\"", "registry x: `many` is not like 100;w=21600"),
    ] {
        let told = world(text).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
    }
}

/// A history: a moved tag, a rebuilt base image, a drained node and two service changes.
const PAST: &str = r#"
        [[node]]
        name = "b"
        [[image]]
        ref = "HOST/app:1"
        base = "HOST/base:1"
        created = "3d ago"
        annotate_base = true
        oci = true
        [[image]]
        ref = "HOST/base:1"
        salt = "rebuilt"
        created = "2d ago"
        [[image]]
        ref = "HOST/base:1"
        created = "4d ago"
        [[image]]
        ref = "HOST/app:1"
        salt = "again"
        at = "20m ago"
        [[tag]]
        ref = "HOST/app:old"
        of = "HOST/app:1"
        at = "30m ago"
        [[service]]
        name = "app"
        image = "HOST/app:1"
        pinned = true
        replicas = 4
        [[change]]
        service = "app"
        image = "HOST/app:1"
        pinned = true
        at = "10m ago"
        [[change]]
        service = "app"
        label = "k=v"
        [[change]]
        node = "b"
        availability = "drain"
        at = "40m ago"
    "#;

#[test]
fn a_world_has_a_past() {
    let text =
        format!("settled = \"1h\"\n[[node]]\nname = \"a\"\nmanager = true\n[[registry]]\nname = \"{HOST}\"\n{PAST}");
    let now = time::parse("2026-11-20").unwrap();
    let (world, _) = Scenario::read(&text.replace("HOST", HOST)).unwrap().world(now).unwrap();
    let named = |text: &str| reference(&format!("{HOST}/{text}")).unwrap();
    let (first, now) =
        (registry(&world).find(&named("app:old")).unwrap(), registry(&world).find(&named("app:1")).unwrap());
    assert_ne!(first.digest, now.digest);
    let service = world.find_service("app").unwrap();
    assert!(service.spec.image.ends_with(&*now.digest), "{}", service.spec.image);
    assert_eq!(service.spec.value["Labels"], json!({ "k": "v" }));
    let manifest: Value = serde_json::from_slice(&first.body).unwrap();
    let rebuilt = registry(&world).find(&named("base:1")).unwrap().digest.to_string();
    assert_ne!(manifest["annotations"]["org.opencontainers.image.base.digest"], rebuilt, "its base is older");
    let drained = world.find_node("b").unwrap();
    assert_eq!(drained.availability, "drain");
    let there: Vec<State> = world
        .tasks_of(&service.id)
        .filter(|task| task.node.as_ref() == Some(&drained.id))
        .map(|task| task.state)
        .collect();
    assert!(!there.is_empty() && !there.contains(&State::Running), "it had tasks before: {there:?}");
}
