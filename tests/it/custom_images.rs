//! The five test cases of pgEdge control-plane pull request 401 on a real swarm: images named for a database or for a
//! db node. The simulated version covers more: `scripts/custom_images.rs`.

use serde_json::{Value, json};

use crate::lab::{Group, Image, Lab, Program, instance, name, wait_for};
use crate::proxy::Proxy;

const TAG: &str = "17.9-spock5.0.6-standard-2";

/// A database on three hosts, another one whose name starts with the same text, and an operator
/// with a version manifest in a file.
struct Script {
    lab: Lab,
    /// The image repository, `HOST:PORT/path/pgedge-postgres`.
    repository: String,
    manifest: Image,
    ours: Group,
    beside: Group,
    theirs: (Vec<String>, Vec<Vec<(String, String)>>),
    proxy: Proxy,
    program: Program,
}

impl Script {
    fn start() -> Option<Self> {
        let lab = Lab::get()?;
        let folder = format!("it/custom/{}", name("pg"));
        let manifest = lab.push(&format!("{folder}/pgedge-postgres:{TAG}"), "sleep", &[]);
        let database = |name: String, hosts: &[usize]| {
            let group = Group::named(&lab, "database", name, |name| {
                hosts.iter().map(|host| instance(&lab, name, "n1", *host, &manifest.text)).collect()
            });
            group.wait_until_up();
            group
        };
        let ours = database(name("database"), &[1, 2, 3]);
        let beside = database(format!("{}-no-image", ours.name), &[1]);
        let proxy = Proxy::watching(&lab.socket(1));
        let program = Program::new(&proxy.socket());
        let versions = json!({ "schema_version": 1, "images": { "postgres": [
            { "postgres_version": "17.9", "spock_version": "5", "image": format!("pgedge-postgres:{TAG}") }] } });
        program.configure("versions.json", &versions.to_string());
        let host = format!("{}/{folder}", lab.registry);
        let config = format!("[manifest]\nfile = \"versions.json\"\nimage_repository_host = \"{host}\"\n");
        program.configure("config.toml", &config);
        let theirs = (beside.specs(), beside.tasks());
        Some(Self {
            repository: format!("{host}/pgedge-postgres"),
            lab,
            manifest,
            ours,
            beside,
            theirs,
            proxy,
            program,
        })
    }

    fn push(&self, tag: &str) -> Image {
        Image::push(&format!("{}:{tag}", self.repository), "sleep", &["--label", &format!("tag={tag}")])
    }

    /// Writes a request body that names these images; nodes and versions are always the same.
    fn body(&self, of_database: Option<&str>, of_node: Option<&str>) -> String {
        let opts = |image: &str| json!({ "swarm": { "image": image } });
        let mut spec = json!({ "database_name": "storefront", "postgres_version": "17.9", "spock_version": "5",
            "nodes": [{ "name": "n1", "host_ids": ["host-1", "host-2", "host-3"] }] });
        if let Some(image) = of_database {
            spec["orchestrator_opts"] = opts(image);
        }
        if let Some(image) = of_node {
            spec["nodes"][0]["orchestrator_opts"] = opts(image);
        }
        self.program.file(&json!({ "id": self.ours.name, "spec": spec }).to_string())
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        self.program.run(&[args, &["--json"]].concat()).exit(code).json()
    }

    /// Returns the findings of a check: severity, code, subject.
    fn found(&self, edit: &[&str], code: i32) -> Vec<String> {
        let told = self.json(&[&["check", &self.ours.name], edit].concat(), code);
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let line = |one: &Value| format!("{} {}: {}", text(one, "severity"), text(one, "code"), text(one, "subject"));
        told["findings"].as_array().unwrap().iter().map(line).collect()
    }

    /// Returns images and replicas, as in `docker service ls`.
    fn listed(&self, group: &Group) -> Vec<(String, String)> {
        let status = self.program.run(&["status", &group.name, "--json"]).json();
        let rows = status["services"].as_array().unwrap();
        let mut found: Vec<_> = rows
            .iter()
            .map(|row| {
                assert!(group.services.iter().any(|service| row["name"] == service.as_str()), "{row}");
                (row["image"].as_str().unwrap().to_owned(), format!("{}/{}", row["running"], row["desired"]))
            })
            .collect();
        found.sort();
        found
    }

    fn ids(&self) -> Vec<Value> {
        let read = |service: &String| self.lab.engine(1).get(&format!("/services/{service}"))["ID"].clone();
        self.ours.services.iter().map(read).collect()
    }

    /// Removes an image: the registry deletes it, its tasks end, and the nodes remove it.
    fn lose(&self, image: &Image) {
        image.delete();
        for node in [1, 2, 3] {
            let engine = self.lab.engine(node);
            let all = engine.get("/images/json");
            let is_it = |name: &Value| name.as_str().is_some_and(|name| name.ends_with(&image.digest));
            let held = |one: &&Value| one["RepoDigests"].as_array().is_some_and(|names| names.iter().any(is_it));
            let id = all.as_array().unwrap().iter().find(held).unwrap()["Id"].as_str().unwrap().to_owned();
            for container in engine.list("containers/json", &[("ancestor", &id)]) {
                engine.ask("POST", &format!("/containers/{}/kill", container["Id"].as_str().unwrap()), "");
            }
            // A container that has just ended may still be reported as running.
            wait_for("the image to go from its node", 10, || {
                let (status, _) = engine.ask("DELETE", &format!("/images/{id}?force=1"), "");
                (status == 200 || status == 404).then_some(())
            });
        }
    }

    /// Checks that the other database did not change, and that no request concerned it.
    fn end(self) {
        assert_eq!((self.beside.specs(), self.beside.tasks()), self.theirs);
        let beside =
            |id: &str| self.lab.engine(1).get(&format!("/services/{id}"))["Spec"]["Name"] == *self.beside.services[0];
        assert!(!self.proxy.writes().iter().filter_map(|call| call.service()).any(beside));
    }
}

fn heavy(found: &[String]) -> Vec<&String> {
    found.iter().filter(|line| !line.starts_with("info ")).collect()
}

const N1: &str = "n1 on node-1, node-2, node-3";

/// Cases 1 and 4: no image is named, or the manifest's. It runs in three services on three hosts, without warnings.
#[test]
fn the_manifests_image_named_or_not_is_nothing_to_warn_of() {
    let Some(script) = Script::start() else { return };
    let image = script.manifest.text.clone();
    assert_eq!(script.listed(&script.ours), vec![(image.clone(), "1/1".to_owned()); 3]);
    for edit in [script.body(None, None), script.program.file("image = 'manifest'\n")] {
        assert_eq!(heavy(&script.found(&["--pins", &edit], 0)), Vec::<&String>::new());
    }
    let plan = script.json(&["plan", &script.ours.name, "--pin", "manifest"], 0);
    let units = plan["units"].as_array().unwrap();
    assert!(units.len() == 3 && units.iter().all(|unit| unit["action"] == "none"), "{units:#?}");
    let why = units[0]["reasons"][0].as_str().unwrap();
    assert!(why.starts_with("by the group's pin: the manifest's image for 17.9_5 (file "), "{why}");
    let file = script.body(Some(&image), None);
    let found = script.found(&["--pins", &file], 0);
    assert_eq!(heavy(&found), Vec::<&String>::new());
    assert!(found.contains(&format!("info equals-manifest: {N1}")), "{found:?}");
    let tasks = script.ours.tasks();
    assert_eq!(script.json(&["apply", &script.ours.name, "--pins", &file], 0)["outcome"], "done");
    assert_eq!(script.ours.tasks(), tasks, "no task is touched");
    script.end();
}

/// Case 2: a missing image is refused with one finding; if another client deployed it, a single step rolls back.
#[test]
fn an_image_that_is_not_there_is_refused_and_undone() {
    let Some(script) = Script::start() else { return };
    let image = format!("{}:my-custom-image", script.repository);
    let file = script.body(Some(&image), None);
    let found = script.found(&["--pins", &file], 1);
    assert_eq!(heavy(&found), [&format!("error image-not-found: {N1}")]);
    assert_eq!(found.iter().filter(|line| line.contains("differs-from-manifest")).count(), 1, "{found:?}");
    let applied = script.json(&["apply", &script.ours.name, "--pins", &file, "--ack"], 1);
    assert_eq!(applied["outcome"], "not-started");
    assert!(script.proxy.calls().iter().all(|call| !call.is_write()), "nothing is posted");

    let (specs, ids) = (script.ours.specs(), script.ids());
    script.lab.engine(2).set_image(&script.ours.services[0], &image);
    let row = wait_for("the update to stop at its first failure", 60, || {
        let status = script.program.run(&["status", &script.ours.name, "--json"]).json();
        let row = status["services"][0].clone();
        (row["state"] == "paused" && row["running"] == 0).then_some(row)
    });
    assert_eq!((&row["name"], &row["image"]), (&json!(script.ours.services[0]), &json!(image)), "trouble comes first");
    assert_eq!(row["error"], format!("No such image: {image}"));
    let back = script.json(&["rollback", &script.ours.name, "--settle", "0"], 0);
    assert_eq!((&back["outcome"], &back["units"]), (&json!("done"), &json!(["done"])));
    assert_eq!((script.ours.specs(), script.ids()), (specs, ids), "to the letter, and in place");
    assert_eq!(script.listed(&script.ours), vec![(script.manifest.text.clone(), "1/1".to_owned()); 3]);
    script.end();
}

/// Case 3: one image for the database and one for its db node. The latter counts, and only it has to exist.
#[test]
fn the_db_nodes_image_wins() {
    let Some(script) = Script::start() else { return };
    let (db, node) = (format!("{}:db-level-image", script.repository), script.push("node-level-image"));
    let file = script.body(Some(&db), Some(&node.text));
    assert_eq!(heavy(&script.found(&["--pins", &file], 0)), Vec::<&String>::new());
    let done = script.json(&["apply", &script.ours.name, "--pins", &file, "--settle", "0"], 0);
    assert_eq!(done["units"], json!(["done", "done", "done"]));
    assert_eq!(script.listed(&script.ours), vec![(node.pinned(), "1/1".to_owned()); 3]);
    let pins = script.json(&["pins", &script.ours.name], 0);
    for service in pins["services"].as_array().unwrap() {
        assert_eq!((&service["image"], &service["from"]), (&json!(node.text), &json!("pin n1")));
        assert_eq!(service["shadowed"], json!([{ "key": "the group's pin", "image": db }]));
    }
    // Pins become permanent from what was applied; taking them over again changes no service.
    let fix = script.json(&["pins", &script.ours.name, "--permanent"], 0);
    let spec: Value = serde_json::from_str(fix["text"].as_str().unwrap()).unwrap();
    assert_eq!(spec["orchestrator_opts"]["swarm"]["image"], node.pinned(), "all db nodes share it: {spec:#}");
    let file = script.program.file(fix["text"].as_str().unwrap());
    let plan = script.json(&["plan", &script.ours.name, "--pins", &file], 0);
    assert!(plan["units"].as_array().unwrap().iter().all(|unit| unit["action"] == "none"), "{plan:#}");
    script.end();
}

/// Case 5: an update drops a failing image; the services fall back to the manifest's image in place, as planned.
#[test]
fn dropping_a_failing_image_mends_the_services_in_place() {
    let Some(script) = Script::start() else { return };
    let custom = script.push("my-custom-image");
    let ids = script.ids();
    script.json(&["apply", &script.ours.name, "--pin", &custom.text, "--settle", "0"], 0);
    script.lose(&custom);
    wait_for("all three to fail for want of their image", 60, || {
        let status = script.program.run(&["status", &script.ours.name, "--json"]).json();
        let failing = |row: &Value| {
            let error = row["error"].as_str().unwrap_or_default();
            row["state"] == "failing" && row["running"] == 0 && error.starts_with("No such image: ")
        };
        status["services"].as_array().unwrap().iter().all(failing).then_some(())
    });
    let plan = script.json(&["plan", &script.ours.name, "--unpin", "."], 0);
    let units = plan["units"].as_array().unwrap();
    assert_eq!(units.len(), 3, "{plan:#}");
    for unit in units {
        assert_eq!(unit["to"]["image"], script.manifest.pinned());
        let why = unit["reasons"][0].as_str().unwrap();
        assert!(why.starts_with("no longer pinned: falls back to the manifest's image for 17.9_5 (file "), "{why}");
    }
    let falls = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "falls-back").unwrap();
    assert_eq!(falls["subject"], N1, "{falls}");
    let done = script.json(&["apply", &script.ours.name, "--unpin", ".", "--settle", "0"], 0);
    assert_eq!((&done["outcome"], &done["units"]), (&json!("done"), &json!(["done", "done", "done"])));
    assert_eq!(script.listed(&script.ours), vec![(script.manifest.pinned(), "1/1".to_owned()); 3]);
    assert_eq!(script.ids(), ids, "updated in place");
    script.end();
}

/// Checks that a cleared pin without a manifest image keeps the running image, and that the console says so.
#[test]
fn a_cleared_pin_of_a_stack_keeps_what_runs() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/cleared/web:1.0.0", "sleep", &[]);
    let new = lab.push("it/cleared/web:1.1.0", "sleep", &["--label", "new=yes"]);
    let group = Group::stack(&lab, &[("web", &old.text)]);
    let program = lab.program(1);
    let run = |args: &[&str]| program.run(&[args, &["--json"]].concat()).exit(0).json();
    run(&["apply", &group.name, "--pin", &format!("web={}", new.text), "--settle", "0"]);
    let (specs, tasks) = (group.specs(), group.tasks());
    let told = run(&["check", &group.name, "--unpin", "web"]);
    let falls = told["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "falls-back").unwrap();
    let message = falls["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("its pin is cleared: keeps what it runs, {}", new.pinned())), "{message}");
    assert_eq!(run(&["apply", &group.name, "--unpin", "web"])["outcome"], "done");
    assert_eq!((group.specs(), group.tasks()), (specs, tasks));
}
