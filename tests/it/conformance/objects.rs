//! Configs, registry lookups by the engine, events, and specs that are stored unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::Target;

/// Creates and changes configs: names are unique, data is immutable, labels change by compare-and-swap.
async fn config_claim(target: Target) {
    let name = target.name("c");
    let body = json!({ "Name": name, "Labels": { "a": "1" }, "Data": STANDARD.encode("{}") });
    let made = target.call("POST", "/configs/create", Some(&body)).await;
    let id = made.body["ID"].as_str().unwrap().to_owned();
    target.call_it(&id, "<id>");
    target.remove_later(format!("/configs/{id}"));
    target.note(format!("create: {}", made.line()));
    target.says("create again", "POST", "/configs/create", Some(&body)).await;
    let config = target.call("GET", &format!("/configs/{name}"), None).await.body;
    target.note(config["Spec"].to_string());
    let version = config["Version"]["Index"].as_u64().unwrap();
    let path = format!("/configs/{id}/update?version={version}");
    let labels = json!({ "Name": name, "Labels": { "a": "2" } });
    target.says("labels", "POST", &path, Some(&labels)).await;
    target.says("at the old version", "POST", &path, Some(&labels)).await;
    let now = target.call("GET", &format!("/configs/{id}"), None).await.body["Version"]["Index"].as_u64().unwrap();
    let path = format!("/configs/{id}/update?version={now}");
    target.says("data", "POST", &path, Some(&json!({ "Name": name, "Data": STANDARD.encode("[]") }))).await;
    target.says("name", "POST", &path, Some(&json!({ "Name": "other" }))).await;
    target.says("no version", "POST", &format!("/configs/{id}/update"), Some(&labels)).await;
    let found = target.call("GET", "/configs?filters=%7B%22label%22%3A%5B%22a%3D2%22%5D%7D", None).await.body;
    let ours = found.as_array().unwrap().iter().any(|config| config["ID"] == json!(id));
    target.note(format!("found by its label: {ours}"));
    for (what, body) in [
        ("bad name", json!({ "Name": "a b", "Data": STANDARD.encode("x") })),
        ("empty", json!({ "Name": target.name("e"), "Data": "" })),
        ("too large", json!({ "Name": target.name("l"), "Data": STANDARD.encode("x".repeat(1_024_000)) })),
    ] {
        target.says(what, "POST", "/configs/create", Some(&body)).await;
    }
    target.says("remove", "DELETE", &format!("/configs/{id}"), None).await;
    target.says("remove again", "DELETE", &format!("/configs/{id}"), None).await;
}

/// Looks up images through the engine (`/distribution`).
async fn distribution(target: Target) {
    let digest =
        |reply: &super::client::Reply| reply.body["Descriptor"]["digest"].as_str().unwrap_or_default().to_owned();
    for tag in ["v1", "index", "oci", "arm"] {
        let reply = target.call("GET", &format!("/distribution/{}/json", target.image(tag)), None).await;
        target.note(format!(
            "{tag}: {} {} {}",
            reply.status, reply.body["Descriptor"]["mediaType"], reply.body["Platforms"]
        ));
    }
    let one = digest(&target.call("GET", &format!("/distribution/{}/json", target.image("v1")), None).await);
    let other = target.call("GET", &format!("/distribution/{}@{one}/json", target.image("v2")), None).await;
    target.note(format!("a tag with another's digest: {} the digest's: {}", other.status, digest(&other) == one));
    let name = target.image("v1").rsplit_once(':').unwrap().0.to_owned();
    let zeros = "0".repeat(64);
    for (what, reference) in [
        ("missing tag", target.image("nosuch")),
        ("missing repository", name.replace("conf/app", "conf/nosuch")),
        ("missing digest", format!("{name}@sha256:{zeros}")),
        ("no tag, so latest", name.clone()),
        ("upper case", format!("{name}/UPPER:1")),
        ("an image id", zeros),
        ("nobody listens", "127.0.0.1:9/a/b:1".to_owned()),
    ] {
        target.says(what, "GET", &format!("/distribution/{reference}/json"), None).await;
    }
}

/// Creates a service with every field set: the spec is stored unchanged, and shown with defaults on request.
async fn kitchen_sink(target: Target) {
    let text = include_str!("../../captures/kitchen-sink-service.json");
    let mut spec = serde_json::from_str::<Value>(text).unwrap()["Spec"].clone();
    spec["Name"] = Value::from(target.name("s"));
    spec["Mode"] = json!({ "Replicated": { "Replicas": 0 } });
    let container = spec["TaskTemplate"]["ContainerSpec"].as_object_mut().unwrap();
    container.remove("Secrets");
    container.remove("Configs");
    container["Image"] = Value::from(target.image("v1"));
    spec["TaskTemplate"].as_object_mut().unwrap().remove("Networks");
    spec["EndpointSpec"].as_object_mut().unwrap().remove("Ports");
    let id = target.create(&spec).await;
    let raw = target.call("GET", &format!("/services/{id}"), None).await.text;
    target.note(part(&raw));
    let reply = target.post(&id, "", |_| ()).await;
    target.note(format!("post as read: {}", reply.line()));
    target.note(format!("kept: {}", target.service(&id).await["Spec"] == spec));
    let plain = target.create(&target.spec(&target.name("t"), "v1", 0, json!({}))).await;
    let raw = target.call("GET", &format!("/services/{plain}?insertDefaults=true"), None).await.text;
    target.note(part(&raw));
    for older in ["v1.40", "v1.39"] {
        let raw = target.call("GET", &format!("/{older}/services/{id}"), None).await.text;
        target.note(format!("{older}: {}", part(&raw)));
        let seen: Value = serde_json::from_str(&raw).unwrap();
        let version = target.service(&id).await["Version"]["Index"].clone();
        let path = format!("/{older}/services/{id}/update?version={version}");
        target.says(older, "POST", &path, Some(&seen["Spec"])).await;
        let now = target.call("GET", &format!("/services/{id}"), None).await.text;
        target.note(format!("now: {}", part(&now)));
    }
}

/// Returns the spec as the engine wrote it.
fn part(raw: &str) -> String {
    let start = raw.find("\"Spec\":").unwrap();
    let end = raw.find(",\"PreviousSpec\"").or_else(|| raw.find(",\"Endpoint\":{")).unwrap();
    raw[start..end].to_owned()
}

/// Collects the events of a service from creation to removal.
async fn events(target: Target) {
    let since = target.now().await;
    let policy = json!({ "UpdateConfig": { "Parallelism": 0, "Monitor": 500_000_000, "FailureAction": "pause" } });
    let id = target.create(&target.spec(&target.name("s"), "v1", 1, policy)).await;
    target.until_runs(&id, "v1", 1).await;
    // The engine keeps its newest 256 events only, of whatever tests run beside this one.
    let mut events = target.events(&id, &since).await;
    target.post_image(&id, "v2").await;
    target.follow(&id, &["completed"]).await;
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    target.note(format!("label: {}", reply.line()));
    let reply = target.post(&id, "", |spec| spec["Mode"] = json!({ "Replicated": { "Replicas": 0 } })).await;
    target.note(format!("replicas: {}", reply.line()));
    target.says("remove", "DELETE", &format!("/services/{id}"), None).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let newest = target.events(&id, &since).await;
    events.retain(|line| !newest.contains(line));
    events.extend(newest);
    for line in events {
        target.note(line);
    }
}

/// Waits for the version index, which moves without a client's write right after a service was created.
async fn index_moves(target: Target) {
    let id = target.create(&target.spec(&target.name("s"), "v1", 0, json!({}))).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let service = target.service(&id).await;
    target.note(format!("without a network: {}", service["UpdatedAt"] != service["CreatedAt"]));
    let over = json!({ "TaskTemplate": { "Networks": [{ "Target": "host" }] } });
    let id = target.create(&target.spec(&target.name("u"), "v1", 0, over)).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let service = target.service(&id).await;
    target.note(format!("written once more after it was made: {}", service["UpdatedAt"] != service["CreatedAt"]));
    let over = json!({ "EndpointSpec": { "Mode": "dnsrr" } });
    let id = target.create(&target.spec(&target.name("t"), "v1", 0, over)).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let service = target.service(&id).await;
    target.note(format!("with dnsrr: {}", service["UpdatedAt"] != service["CreatedAt"]));
    target.note(format!("endpoint: {}", service["Endpoint"]));
}

/// Uses the undocumented filter `_up-to-date`, and reads the task counts.
async fn up_to_date(target: Target) {
    let over = json!({ "UpdateConfig": { "Parallelism": 1, "Monitor": 500_000_000 } });
    let id = target.create(&target.spec(&target.name("s"), "v1", 2, over)).await;
    target.until_runs(&id, "v1", 2).await;
    let count = async || {
        let filters = format!(
            "%7B%22service%22%3A%5B%22{id}%22%5D%2C%22_up-to-date%22%3A%5B%22true%22%5D%2C%22desired-state%22%3A%5B%22running%22%5D%7D"
        );
        let tasks = target.call("GET", &format!("/tasks?filters={filters}"), None).await.body;
        tasks.as_array().unwrap().len()
    };
    target.note(format!("before: {}", count().await));
    let reply = target.post(&id, "", |spec| spec["Labels"] = json!({ "a": "b" })).await;
    target.note(format!("label: {}, then: {}", reply.line(), count().await));
    target.post_image(&id, "v2").await;
    target.follow(&id, &["completed"]).await;
    target.note(format!("after: {}", count().await));
}

/// Updates with kept, new and previous credentials; without credentials the image cannot be pulled.
async fn credentials(target: Target) {
    let private = target.private.clone();
    let header = |password: &str| {
        let text = json!({ "username": private.user, "password": password, "serveraddress": private.host }).to_string();
        base64::engine::general_purpose::URL_SAFE.encode(text)
    };
    let (good, wrong) = (header(&private.password), header("wrong"));
    let (one, two, three) = (target.push_private("a"), target.push_private("b"), target.push_private("c"));
    for (what, header) in
        [("none", None), ("malformed", Some("?")), ("wrong", Some(wrong.as_str())), ("good", Some(good.as_str()))]
    {
        let headers: Vec<(&str, &str)> = header.map(|header| ("x-registry-auth", header)).into_iter().collect();
        let reply = target.call_with("GET", &format!("/distribution/{one}/json"), String::new(), &headers).await;
        let digest = reply.body["Descriptor"]["digest"].is_string();
        target.note(format!("{what}: {}", if digest { "200".to_owned() } else { reply.line() }));
    }
    let policy = json!({ "Parallelism": 1, "FailureAction": "pause", "Monitor": 1_000_000_000 });
    let mut spec = target.spec(&target.name("s"), "v1", 1, json!({ "UpdateConfig": policy }));
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(one.as_str());
    let id = target.create(&spec).await;
    target
        .until("it is rejected", &id, |_, tasks| tasks.iter().any(|task| task["Status"]["State"] == "rejected"))
        .await;
    target.note(super::client::ends_of(&target.tasks(&id).await).join("; "));
    let step = async |what: &str, image: &str, query: &str, header: Option<&str>, end: &str| {
        let reply = target.post_with(&id, image, query, header).await;
        target.note(format!("{what}: {}", reply.line()));
        target.follow(&id, &[end]).await;
    };
    step("good ones, same image", &one, "", Some(&good), "completed").await;
    step("none given, another image", &two, "", None, "completed").await;
    step("wrong ones", &three, "", Some(&wrong), "paused").await;
    step("those of before", &three, "&registryAuthFrom=previous-spec", None, "completed").await;
    let service = target.call("GET", &format!("/services/{id}"), None).await.text;
    target.note(format!("told of in its JSON: {}", service.contains(&good) || service.contains(&wrong)));
}

super::scripts![credentials, config_claim, distribution, kitchen_sink, events, index_moves, up_to_date];
