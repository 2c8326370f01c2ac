//! Tests of templates, compact entries, placeholders and included files.

use serde_json::{Value, json};

use super::tests::{HOST, registry, world};
use super::*;

/// Two compact entries that expand to two images and two services.
const COMPACT: &str = r#"
        [values]
        hub = "HOST"
        [image_template.plain]
        oci = true
        user = "{name}"
        labels = { of = "{repository}:{tag}", title = "{title}", made = "{created}", kept = "{nobody} {" }
        [image_template.app]
        like = "plain"
        cmd = ["serve", "-a"]
        history = ["CMD {cmd}"]
        [[image]]
        like = "app"
        repository = "{hub}/shop/web"
        values = { title = "Front" }
        [image.tags]
        "1" = "2026-11-02"
        "2" = { created = "1d ago", also = ["2-{date}", "latest"], user = "root" }
        [service_template.web]
        image = "{hub}/shop/web:1"
        stack = "shop"
        container_labels = true
        spec = { UpdateConfig = { Parallelism = 3 } }
        [[service]]
        like = "web"
        on_node = "a"
        values = { which = "x" }
        each = [
            { name = "shop_{which}" },
            { name = "shop_{which}", values = { which = "y" }, image = "{hub}/shop/web:2", replicas = 2 },
        ]
    "#;

#[test]
fn compact_entries_become_many() {
    let world = world(COMPACT).unwrap();
    let repository = &registry(&world).repositories["shop/web"];
    assert_eq!(repository.tags.keys().collect::<Vec<_>>(), ["1", "2", "2-20261119", "latest"]);
    assert_eq!(repository.tags["2"], repository.tags["latest"]);
    let config = |tag: &str| {
        let manifest: Value = serde_json::from_slice(&repository.manifests[&repository.tags[tag]].body).unwrap();
        let config = &repository.blobs[manifest["config"]["digest"].as_str().unwrap()];
        serde_json::from_slice::<Value>(config).unwrap()
    };
    let labels = |tag: &str, made: &str| {
        json!({ "of": format!("shop/web:{tag}"), "title": "Front", "made": made,
        "kept": "{nobody} {" })
    };
    assert_eq!(config("1")["config"]["Labels"], labels("1", "2026-11-02T00:00:00Z"));
    assert_eq!(config("2")["config"]["Labels"], labels("2", "2026-11-19T00:00:00Z"));
    assert_eq!((&config("1")["config"]["User"], &config("2")["config"]["User"]), (&json!("web"), &json!("root")));
    assert_eq!(config("1")["history"][0]["created_by"], r#"CMD ["serve", "-a"]"#);
    let node = world.find_node("a").unwrap().id.to_string();
    for (name, tag, replicas) in [("shop_x", "1", 1), ("shop_y", "2", 2)] {
        let spec = &world.find_service(name).unwrap().spec.value;
        let image = format!("{HOST}/shop/web:{tag}");
        let labels = json!({ "com.docker.stack.namespace": "shop", "com.docker.stack.image": image });
        assert_eq!((&spec["Labels"], &spec["TaskTemplate"]["ContainerSpec"]["Labels"]), (&labels, &labels));
        assert_eq!(spec["TaskTemplate"]["ContainerSpec"]["Image"], image);
        assert_eq!(spec["TaskTemplate"]["Placement"]["Constraints"], json!([format!("node.id=={node}")]));
        assert_eq!(
            (&spec["Mode"]["Replicated"]["Replicas"], &spec["UpdateConfig"]["Parallelism"]),
            (&json!(replicas), &json!(3))
        );
    }
}

#[test]
fn files_beside_a_scenario_are_included() {
    let files = |name: &str| match name {
        "nodes.toml" => {
            Ok("seed = 1\n[values]\na = \"x\"\nb = \"y\"\n[[node]]\nname = \"{a}\"\nmanager = true".to_owned())
        }
        "circle.toml" => Ok("include = [\"circle.toml\"]".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let text = "seed = 2\ninclude = [\"nodes.toml\"]\n[values]\na = \"z\"\n[[node]]\nname = \"{b}\"";
    let scenario = Scenario::read_with(text, &files).unwrap();
    let names: Vec<&str> = scenario.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!((scenario.seed, names), (2, vec!["z", "y"]));
    for (name, why) in [("circle.toml", "circle"), ("other.toml", "cannot read other.toml: no such file")] {
        let error = Scenario::read_with(&format!("include = [\"{name}\"]"), &files).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    assert!(Scenario::read("include = [\"nodes.toml\"]").unwrap_err().contains("only a file can include"));
}
