//! The five test cases of pgEdge control-plane pull request 401, which lets an image be named for a
//! database or a db node, with the results in pinnace. Database `storefront-no-image` exists beside
//! `storefront`: names must match completely.

use serde_json::json;

use super::keys::Desk;
use super::*;
use swarm_sim::{Fault, PlannedFault, plan_fault};

const CUSTOM: &str = include_str!("custom_images.toml");
const PG: &str = "ghcr.io/pgedge/pgedge-postgres";
const MANIFEST: &str = "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2";

/// The services of the database under test; `THEIRS` are those of the other one.
const OURS: [&str; 3] =
    ["postgres-storefront-n1-689qacsi", "postgres-storefront-n1-9ptayhma", "postgres-storefront-n1-ant97dj4"];
const THEIRS: [&str; 3] = [
    "postgres-storefront-no-image-n1-689qacsi",
    "postgres-storefront-no-image-n1-9ptayhma",
    "postgres-storefront-no-image-n1-ant97dj4",
];

/// Returns a request body that names these images; nodes and versions are always the same.
fn body(opts: Option<&str>, node: Option<&str>) -> String {
    let swarm = |image: &str| json!({ "swarm": { "image": image } });
    let mut n1 = json!({ "name": "n1", "host_ids": ["host-1", "host-2", "host-3"] });
    let mut spec = json!({ "database_name": "storefront", "postgres_version": "17.9", "spock_version": "5",
        "database_users": [{ "username": "admin", "password": "hunter2", "db_owner": true }] });
    if let Some(image) = node {
        n1["orchestrator_opts"] = swarm(image);
    }
    if let Some(image) = opts {
        spec["orchestrator_opts"] = swarm(image);
    }
    spec["nodes"] = json!([n1]);
    json!({ "id": "storefront", "spec": spec }).to_string()
}

/// A swarm with both databases, an operator, and the initial state of the other database.
struct Script {
    swarm: Swarm,
    operator: Operator,
    theirs: (Vec<String>, Vec<(String, String, String)>),
}

impl Script {
    async fn start(more: &str) -> Self {
        let swarm = Swarm::of(&format!("{CUSTOM}\n{more}"));
        let operator = swarm.at("host-1");
        let theirs = (swarm.specs(&THEIRS).await, swarm.tasks(&THEIRS).await);
        Self { swarm, operator, theirs }
    }

    /// Writes a file with pins or a request body; returns its path.
    fn file(&self, text: &str) -> String {
        let file = self.operator.home().join("given");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    async fn json(&self, args: &[&str], code: i32) -> Value {
        let said = self.operator.run(&[args, &["--json"]].concat()).await.exit(code);
        assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said:?}");
        said.json()
    }

    /// Returns the findings of a check: severity, code, subject.
    async fn found(&self, args: &[&str], code: i32) -> Vec<String> {
        let told = self.json(&[&["check"], args].concat(), code).await;
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let findings = told["findings"].as_array().unwrap().iter();
        let line = |one: &Value| format!("{} {}: {}", text(one, "severity"), text(one, "code"), text(one, "subject"));
        findings.map(line).collect()
    }

    /// Returns images and replicas of the database's services, as in `docker service ls`.
    async fn listed(&self) -> Vec<(String, String)> {
        let status = self.operator.run(&["status", "storefront", "--json"]).await.json();
        let rows = status["services"].as_array().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, OURS, "only the services of this database");
        let mut found: Vec<_> = rows
            .iter()
            .map(|row| (row["image"].as_str().unwrap().to_owned(), format!("{}/{}", row["running"], row["desired"])))
            .collect();
        found.sort();
        found
    }

    async fn ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for service in OURS {
            let (_, body) = self.swarm.ask("host-2", Method::GET, &format!("/services/{service}"), &[]).await;
            ids.push(serde_json::from_str::<Value>(&body).unwrap()["ID"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// Sets an image from another client, as `docker service update` does.
    async fn meddle(&self, service: &str, image: &str) {
        let (service, image) = (service.to_owned(), Some(image.to_owned()));
        let fault = Fault::Meddle { service, image, label: None, before_write: None };
        let planned = PlannedFault { after: 0.0, fault };
        self.swarm.sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    }

    /// Removes an image: the registry deletes it, the nodes prune it, and its tasks end.
    async fn lose(&self, image: &str) {
        let reference = swarm_sim::reference(image).unwrap();
        let (_, pinned) = self.swarm.image_at(image);
        let digest = pinned.split_once('@').unwrap().1;
        self.swarm.sim.with(|world| {
            assert!(world.registries.get_mut(&reference.host).unwrap().remove(&reference, false));
            world.prune(&reference, digest);
            assert!(OURS.iter().all(|service| world.end_a_task(service)));
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
    }

    /// Opens the console on the pins of the database.
    async fn pins(&self, size: (u16, u16)) -> Desk {
        let mut desk = Desk::open(&self.operator, size);
        desk.wait("the first screen", 10, |text| text.contains("storefront-no-image")).await;
        desk.press("/");
        desk.type_in("postgres-storefront-n1");
        desk.press("enter g g p");
        desk.wait("the pins", 10, |text| text.contains("pins · database storefront ")).await;
        desk
    }

    /// Checks that the other database was neither updated nor changed.
    async fn end(self) {
        assert_eq!((self.swarm.specs(&THEIRS).await, self.swarm.tasks(&THEIRS).await), self.theirs);
        let ids: Vec<String> = self.ids().await;
        let written = self.operator.writes().into_iter().filter_map(|call| call.service().map(str::to_owned));
        let others: Vec<String> = written.filter(|id| !ids.contains(id)).collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

fn heavy(found: &[String]) -> Vec<&String> {
    found.iter().filter(|line| !line.starts_with("info ")).collect()
}

const N1: &str = "n1 on host-1, host-2, host-3";

/// Case 1: no image is named. The manifest's image runs in three services on three hosts, without warnings.
#[tokio::test(start_paused = true)]
async fn no_image_is_the_manifests() {
    let script = Script::start("").await;
    assert_eq!(script.listed().await, vec![(MANIFEST.to_owned(), "1/1".to_owned()); 3]);
    for pins in ["", "image = 'manifest'\n", "postgres_version = '17.9'\nspock_version = '5'\nimage = 'manifest'\n"] {
        let file = script.file(pins);
        let found = script.found(&["storefront", "--pins", &file], 0).await;
        assert_eq!(heavy(&found), Vec::<&String>::new(), "{pins}");
    }
    let file = script.file(&body(None, None));
    let found = script.found(&["storefront", "--pins", &file], 0).await;
    assert_eq!(heavy(&found), Vec::<&String>::new());
    let plan = script.json(&["plan", "storefront", "--pins", &script.file("image = 'manifest'\n")], 0).await;
    let units: Vec<_> =
        plan["units"].as_array().unwrap().iter().map(|unit| (&unit["service"], &unit["action"])).collect();
    assert_eq!(units.len(), 3);
    for (unit, service) in plan["units"].as_array().unwrap().iter().zip(OURS) {
        assert_eq!(
            (&unit["service"], &unit["action"], &unit["from"]["image"]),
            (&json!(service), &json!("none"), &json!(MANIFEST))
        );
        assert_eq!(unit["reasons"][0], "by the group's pin: the manifest's image for 17.9_5 (built in)");
    }
    // No warning is shown, neither for the running images nor for the pin `manifest`.
    let mut desk = script.pins((200, 40)).await;
    assert!(!desk.text().contains("acknowledge") && !desk.text().contains("error"), "{}", desk.text());
    desk.press("ctrl-home ctrl-k ctrl-k ctrl-k ctrl-k ctrl-k ctrl-k");
    desk.type_in("image = \"manifest\"\n");
    desk.wait("the manifest's image for each", 10, |text| text.matches("manifest 17.9_5").count() >= 3).await;
    assert!(!desk.text().contains("acknowledge") && !desk.text().contains("error"), "{}", desk.text());
    script.end().await;
}

/// Case 2: a missing image is named for the database. In the pull request it was deployed with one warning per host,
/// and one of three services ended at 0/1. Here it is refused with one finding.
#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_is_refused_with_one_finding() {
    let script = Script::start("").await;
    let image = format!("{PG}:my-custom-image");
    let file = script.file(&body(Some(&image), None));
    let args = ["storefront", "--pins", &file];
    let found = script.found(&args, 1).await;
    assert_eq!(heavy(&found), [&format!("error image-not-found: {N1}")]);
    let differs: Vec<_> = found.iter().filter(|line| line.contains("differs-from-manifest")).collect();
    assert_eq!(differs, [&format!("info differs-from-manifest: {N1}")], "once, and not once a host");
    let plan = script.json(&[&["plan"], &args[..]].concat(), 1).await;
    let messages: Vec<&str> =
        plan["findings"].as_array().unwrap().iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    for told in [
        format!(
            "image \"{image}\" could not be verified: ghcr.io has no `my-custom-image` of `pgedge/pgedge-postgres`"
        ),
        format!("image \"{image}\" is not the manifest image for version 17.9_5 (manifest image: {MANIFEST})"),
    ] {
        assert_eq!(messages.iter().filter(|message| **message == told).count(), 1, "{told}: {messages:#?}");
    }
    let units = plan["units"].as_array().unwrap();
    assert!(units.len() == 3 && units.iter().all(|unit| unit["action"] == "blocked"), "{units:#?}");
    let applied = script.json(&[&["apply"], &args[..], &["--ack"]].concat(), 1).await;
    assert_eq!(applied["outcome"], "not-started");
    assert!(script.operator.calls().iter().all(|call| !call.is_write()), "nothing is posted");
    // The console shows the same: one error below its line, and the apply key only reports it.
    let mut desk = script.pins((120, 40)).await;
    desk.press("ctrl-home");
    desk.type_in(&body(Some(&image), None));
    desk.wait("the error under its line", 10, |text| text.contains("draft, not applied · 1 error")).await;
    assert_eq!(desk.text().matches("error image-not-found").count(), 1);
    desk.press("esc P");
    desk.wait("the blocked plan", 10, |text| text.contains("nothing to apply: errors block 3 units")).await;
    desk.press("a");
    assert!(desk.text().contains("apply: errors block every unit"), "{}", desk.text());
    assert!(script.operator.calls().iter().all(|call| !call.is_write()), "nothing is posted");
    script.end().await;
}

/// Case 2, deployed by another client: one service is at 0/1, its cause is shown, and a single step rolls back.
#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_and_was_deployed_is_told_and_undone() {
    let script = Script::start("").await;
    let (specs, ids) = (script.swarm.specs(&OURS).await, script.ids().await);
    let image = format!("{PG}:my-custom-image");
    script.meddle(OURS[0], &image).await;
    let listed = script.listed().await;
    assert_eq!(listed.iter().filter(|(_, replicas)| replicas == "1/1").count(), 2);
    assert!(listed.contains(&(image.clone(), "0/1".to_owned())), "{listed:?}");
    let status = script.json(&["status", "storefront"], 1).await;
    let failing = &status["services"][0];
    // pgEdge's services pause an update at the first failure.
    assert_eq!((&failing["name"], &failing["state"]), (&json!(OURS[0]), &json!("paused")), "trouble comes first");
    assert_eq!(failing["error"], format!("No such image: {image}"));
    let mut desk = Desk::open(&script.operator, (120, 40));
    desk.wait("the cause", 30, |text| {
        text.contains("0/1") && text.contains("ghcr.io has no such image, so no node can pull it")
    })
    .await;
    desk.press("/");
    desk.type_in(OURS[0]);
    desk.press("enter g g R");
    desk.wait("the plan back", 10, |text| text.contains("plan up to date")).await;
    assert!(desk.text().contains("1 service · 1 task to start"), "{}", desk.text());
    let back = script.json(&["rollback", "storefront"], 0).await;
    assert_eq!((&back["outcome"], &back["units"]), (&json!("done"), &json!(["done"])));
    assert_eq!(script.listed().await, vec![(MANIFEST.to_owned(), "1/1".to_owned()); 3]);
    assert_eq!((script.swarm.specs(&OURS).await, script.ids().await), (specs, ids), "to the letter, and in place");
    script.end().await;
}

/// Cases 2 and 5 as in the pull request: the service was created with a missing image. No rollback is possible,
/// because no image ran, but an update to the manifest's image is.
#[tokio::test(start_paused = true)]
async fn a_service_made_with_an_image_that_is_not_there_takes_the_manifests() {
    let image = format!("{PG}:my-custom-image");
    let name = "postgres-storefront-new-n1-689qacsi";
    let labels =
        r#"{ "pgedge.component" = "postgres", "pgedge.database.id" = "storefront-new", "pgedge.node.name" = "n1" }"#;
    let script = Script::start(&format!("[[service]]\nname = '{name}'\nimage = '{image}'\nlabels = {labels}\n")).await;
    let status = script.json(&["status", "storefront-new"], 1).await;
    let row = &status["services"][0];
    assert_eq!((&row["state"], &row["running"], &row["desired"]), (&json!("failing"), &json!(0), &json!(1)));
    assert_eq!(row["error"], format!("No such image: {image}"));
    let back = script.json(&["rollback", "storefront-new", "--dry-run"], 0).await;
    assert_eq!(back["findings"][0]["code"], "no-way-back", "{back:#}");
    // The version cannot be determined, so the user must give it.
    let found = script.found(&["storefront-new", "--pin", "manifest"], 1).await;
    assert_eq!(heavy(&found), ["error version-unknown: n1", "warning digest-gone: n1"]);
    let file = script.file("postgres_version = '17.9'\nspock_version = '5'\nimage = 'manifest'\n");
    let (_, before) = script.swarm.ask("host-2", Method::GET, &format!("/services/{name}"), &[]).await;
    let done = script.json(&["apply", "storefront-new", "--pins", &file, "--settle", "0"], 0).await;
    assert_eq!(done["units"], json!(["done"]));
    let status = script.json(&["status", "storefront-new"], 0).await;
    let (_, manifest) = script.swarm.image_at(MANIFEST);
    assert_eq!((&status["services"][0]["image"], &status["services"][0]["running"]), (&json!(manifest), &json!(1)));
    let (_, after) = script.swarm.ask("host-2", Method::GET, &format!("/services/{name}"), &[]).await;
    let id = |body: &str| serde_json::from_str::<Value>(body).unwrap()["ID"].clone();
    assert_eq!(id(&before), id(&after), "updated in place");
}

/// Case 3: one image for the database and one for its db node. The latter counts, and only it is looked up.
#[tokio::test(start_paused = true)]
async fn the_db_nodes_image_wins_and_only_that_is_looked_up() {
    let script = Script::start("").await;
    let (db, node) = (format!("{PG}:db-level-image"), format!("{PG}:node-level-image"));
    let file = script.file(&body(Some(&db), Some(&node)));
    let found = script.found(&["storefront", "--pins", &file], 0).await;
    assert_eq!(heavy(&found), Vec::<&String>::new(), "of the other there is none in the registry, and nobody asks");
    let plan = script.json(&["plan", "storefront", "--pins", &file], 0).await;
    assert!(!plan["findings"].to_string().contains("db-level-image"), "{plan:#}");
    let done = script.json(&["apply", "storefront", "--pins", &file, "--settle", "0"], 0).await;
    assert_eq!(done["units"], json!(["done", "done", "done"]));
    let (_, pinned) = script.swarm.image_at(&node);
    assert_eq!(script.listed().await, vec![(pinned, "1/1".to_owned()); 3]);
    let pins = script.json(&["pins", "storefront"], 0).await;
    let services = pins["services"].as_array().unwrap();
    assert_eq!(services.len(), 3);
    for service in services {
        assert_eq!((&service["image"], &service["from"]), (&json!(node), &json!("pin n1")));
        assert_eq!(service["shadowed"], json!([{ "key": "the group's pin", "image": db }]));
    }
    let desk = script.pins((140, 40)).await;
    let text = desk.text();
    assert_eq!(text.matches("shadowed, database pin").count(), 3, "{text}");
    // The other way round, an error names only the image that counts.
    let file = script.file(&body(Some(&node), Some(&db)));
    let found = script.found(&["storefront", "--pins", &file], 1).await;
    assert_eq!(heavy(&found), [&format!("error image-not-found: {N1}")]);
    script.end().await;
}

/// Case 4: the manifest's image is named. It changes nothing today; an info says so, without a warning.
#[tokio::test(start_paused = true)]
async fn naming_the_manifests_image_is_told_and_no_warning() {
    let script = Script::start("").await;
    let file = script.file(&body(Some(MANIFEST), None));
    let found = script.found(&["storefront", "--pins", &file], 0).await;
    assert_eq!(heavy(&found), Vec::<&String>::new());
    assert!(found.contains(&format!("info equals-manifest: {N1}")), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("differs-from-manifest")), "{found:?}");
    let tasks = script.swarm.tasks(&OURS).await;
    let done = script.json(&["apply", "storefront", "--pins", &file], 0).await;
    assert_eq!(done["outcome"], "done");
    assert_eq!(script.swarm.tasks(&OURS).await, tasks, "no task is touched");
    script.end().await;
}

/// Case 5: an update drops a failing image. The plan shows the image that it falls back to and its source, and
/// applying it repairs the services in place.
#[tokio::test(start_paused = true)]
async fn dropping_a_failing_image_falls_back_to_the_manifests() {
    let custom = format!("{PG}:my-custom-image");
    for versions in ["postgres_version = '17.9'\nspock_version = '5'\n", ""] {
        // If the document has no versions, those of the last image that ran well are used.
        let script = Script::start(&format!("[[image]]\nref = '{custom}'\nsalt = 'ours'\n")).await;
        let ids = script.ids().await;
        let file = script.file(&format!("{versions}image = '{custom}'\n"));
        script.json(&["apply", "storefront", "--pins", &file, "--settle", "0"], 0).await;
        script.lose(&custom).await;
        let status = script.json(&["status", "storefront"], 1).await;
        for row in status["services"].as_array().unwrap() {
            assert_eq!((&row["state"], &row["running"]), (&json!("failing"), &json!(0)), "{row}");
            assert!(row["error"].as_str().unwrap().starts_with("No such image: "), "{row}");
        }
        let file = script.file(versions);
        let edit: &[&str] = if versions.is_empty() { &["--unpin", "."] } else { &["--pins", &file] };
        let plan = script.json(&[&["plan", "storefront"], edit].concat(), 0).await;
        let (_, manifest) = script.swarm.image_at(MANIFEST);
        for (unit, service) in plan["units"].as_array().unwrap().iter().zip(OURS) {
            assert_eq!((&unit["service"], &unit["to"]["image"]), (&json!(service), &json!(manifest)));
            let reason = "no longer pinned: falls back to the manifest's image for 17.9_5 (built in)";
            assert_eq!(unit["reasons"], json!([reason]));
        }
        let told = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "falls-back").unwrap();
        let message = format!("its pin is cleared: falls back to {MANIFEST}, the manifest image for 17.9_5 (built in)");
        assert_eq!((&told["message"], &told["subject"]), (&json!(message), &json!(N1)));
        // The console shows the same while the user types, before any plan.
        let mut desk = script.pins((200, 40)).await;
        desk.press("ctrl-home");
        desk.press(&"ctrl-k ".repeat(10));
        desk.type_in(versions);
        let falls = |text: &str| text.matches("no pin: falls back to manifest 17.9_5").count() == 3;
        desk.wait("what they fall back to", 10, falls).await;
        desk.press(&"ctrl-z ".repeat(20));
        let done = script.json(&[&["apply", "storefront"], edit, &["--settle", "0"]].concat(), 0).await;
        assert_eq!((&done["outcome"], &done["units"]), (&json!("done"), &json!(["done", "done", "done"])));
        assert_eq!(script.listed().await, vec![(manifest, "1/1".to_owned()); 3]);
        assert_eq!(script.ids().await, ids, "updated in place");
        assert_eq!(script.json(&["pins", "storefront"], 0).await["pins"], json!([]));
        script.end().await;
    }
}

/// Checks that a cleared pin without a manifest image keeps the running image, and that the finding says so.
#[tokio::test(start_paused = true)]
async fn a_cleared_pin_of_a_stack_keeps_what_runs() {
    let script = Script::start("").await;
    let pin = "web=ghcr.io/acme/web:1.1.0";
    script.json(&["apply", "shop", "--pin", pin, "--settle", "0"], 0).await;
    let (_, runs) = script.swarm.image_at("ghcr.io/acme/web:1.1.0");
    let told = script.json(&["check", "shop", "--unpin", "web"], 0).await;
    let falls = told["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "falls-back").unwrap();
    let message = falls["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("its pin is cleared: keeps what it runs, {runs} (")), "{message}");
    let (spec, tasks) = (script.swarm.spec("shop_web").await, script.swarm.tasks(&["shop_web"]).await);
    let plan = script.json(&["plan", "shop", "--unpin", "web"], 0).await;
    let unit = &plan["units"][0];
    assert_eq!((&unit["action"], &unit["reasons"]), (&json!("none"), &json!(["no longer pinned: keeps its image"])));
    let done = script.json(&["apply", "shop", "--unpin", "web"], 0).await;
    assert_eq!(done["outcome"], "done");
    assert_eq!((script.swarm.spec("shop_web").await, script.swarm.tasks(&["shop_web"]).await), (spec, tasks));
}
