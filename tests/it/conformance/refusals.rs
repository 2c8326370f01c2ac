//! Requests that an engine refuses, with its error messages.

use serde_json::{Value, json};

use super::client::Target;

/// Collects the error replies of a service update.
async fn update_refused(target: Target) {
    let name = target.name("s");
    let id = target.create(&target.spec(&name, "v1", 1, json!({}))).await;
    target.until_runs(&id, "v1", 1).await;
    let service = target.service(&id).await;
    let (spec, version) = (service["Spec"].clone(), service["Version"]["Index"].as_u64().unwrap());
    let path = format!("/services/{id}/update?version={version}");
    let says = async |what: &str, path: &str, body: &Value| drop(target.says(what, "POST", path, Some(body)).await);
    let with = |pointer: &str, value: Value| {
        let mut spec = spec.clone();
        *spec.pointer_mut(pointer).unwrap() = value;
        spec
    };
    says("stale version", &format!("/services/{id}/update?version={}", version - 1), &spec).await;
    says("future version", &format!("/services/{id}/update?version={}", version + 10), &spec).await;
    says("no version", &format!("/services/{id}/update"), &spec).await;
    says("bad version", &format!("/services/{id}/update?version=abc"), &spec).await;
    says("unknown service", "/services/nosuchservice/update?version=1", &spec).await;
    says("rename", &path, &with("/Name", json!("other"))).await;
    says("mode change", &path, &with("/Mode", json!({ "Global": {} }))).await;
    says("empty image", &path, &with("/TaskTemplate/ContainerSpec/Image", json!(""))).await;
    says("invalid reference", &path, &with("/TaskTemplate/ContainerSpec/Image", json!("UPPER CASE!!"))).await;
    says("empty body", &path, &json!({})).await;
    says("only a name", &path, &json!({ "Name": name })).await;
    says("bad rollback", &format!("{path}&rollback=bogus"), &spec).await;
    says("rollback with nothing before", &format!("{path}&rollback=previous"), &spec).await;
    says("bad registryAuthFrom", &format!("{path}&registryAuthFrom=bogus"), &spec).await;
    says("previous-spec with nothing before", &format!("{path}&registryAuthFrom=previous-spec"), &spec).await;
    let mut bad = spec.clone();
    bad["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.role"] });
    says("bad constraint", &path, &bad).await;
    target.says("no body", "POST", &path, None).await;
    let reply = target.call_with("POST", &path, "{bad".to_owned(), &[]).await;
    target.note(format!("bad JSON: {}", reply.line()));
    let mut odd = spec.clone();
    odd["Bogus"] = json!(1);
    says("unknown member", &path, &odd).await;
    says("the same version again", &path, &spec).await;
    let bogus = target.service(&id).await["Spec"].get("Bogus").is_some();
    target.note(format!("the unknown member is kept: {bogus}"));
}

async fn create_refused(target: Target) {
    let name = target.name("s");
    target.create(&target.spec(&name, "v1", 0, json!({}))).await;
    let other = target.name("t");
    let says = async |what: &str, spec: &Value| {
        let reply = target.call("POST", "/services/create", Some(spec)).await;
        if let Some(id) = reply.body["ID"].as_str() {
            target.remove_later(format!("/services/{id}"));
            target.call_it(id, "<id>");
        }
        target.note(format!("{what}: {}", reply.line()));
    };
    says("name taken", &target.spec(&name, "v1", 0, json!({}))).await;
    says("no name", &target.spec("", "v1", 0, json!({}))).await;
    says("bad name", &target.spec("a b", "v1", 0, json!({}))).await;
    let mut image = target.spec(&other, "v1", 0, json!({}));
    image["TaskTemplate"]["ContainerSpec"]["Image"] = json!("UPPER CASE!!");
    says("invalid reference", &image).await;
    let placed = |text: &str| json!({ "TaskTemplate": { "Placement": { "Constraints": [text] } } });
    says("constraint without operator", &target.spec(&other, "v1", 0, placed("node.role"))).await;
    says("constraint with a bad key", &target.spec(&other, "v1", 0, placed("no de==x"))).await;
    says(
        "missing network",
        &target.spec(&other, "v1", 0, json!({ "TaskTemplate": { "Networks": [{ "Target": "nosuchnet" }] } })),
    )
    .await;
    let secret = json!({ "TaskTemplate": { "ContainerSpec": { "Secrets": [{ "SecretID": "s", "SecretName": "s",
        "File": { "Name": "s", "UID": "0", "GID": "0", "Mode": 292 } }] } } });
    says("missing secret", &target.spec(&other, "v1", 0, secret)).await;
    let mut job = target.spec(&other, "v1", 1, json!({ "UpdateConfig": { "Parallelism": 1 } }));
    job["Mode"] = json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 1 } });
    says("a job with an update policy", &job).await;
}

/// Reads lists with filters, and single objects that do not exist.
async fn reads_refused(target: Target) {
    for (what, path) in [
        ("service", "/services/nosuchservice"),
        ("task", "/tasks/nosuchtask"),
        ("node", "/nodes/nosuchnode"),
        ("config", "/configs/nosuchconfig"),
        ("services by a bad filter", "/services?filters=%7B%22bogus%22%3A%5B%22a%22%5D%7D"),
        ("services by bad JSON", "/services?filters=%7Bbad"),
        ("tasks by up-to-date", "/tasks?filters=%7B%22up-to-date%22%3A%5B%22true%22%5D%7D"),
        ("tasks by a bad desired state", "/tasks?filters=%7B%22desired-state%22%3A%5B%22bogus%22%5D%7D"),
        ("tasks of a missing service", "/tasks?filters=%7B%22service%22%3A%5B%22nosuchservice%22%5D%7D"),
        ("tasks of a missing node", "/tasks?filters=%7B%22node%22%3A%5B%22nosuchnode%22%5D%7D"),
        ("nodes by a bad filter", "/nodes?filters=%7B%22bogus%22%3A%5B%22a%22%5D%7D"),
        ("configs by a bad filter", "/configs?filters=%7B%22bogus%22%3A%5B%22a%22%5D%7D"),
        ("no such path", "/bogus"),
        ("logs without a stream", "/tasks/nosuchtask/logs"),
        ("too new a client", "/v1.42/services"),
        ("too old a client", "/v1.11/services"),
    ] {
        target.says(what, "GET", path, None).await;
    }
}

async fn nodes_refused(target: Target) {
    let nodes = target.call("GET", "/nodes", None).await.body;
    let node = nodes[0].clone();
    let id = node["ID"].as_str().unwrap();
    target.call_it(id, "<node>");
    let version = node["Version"]["Index"].as_u64().unwrap();
    let path = format!("/nodes/{id}/update?version={version}");
    let mut bad = node["Spec"].clone();
    bad["Availability"] = json!("bogus");
    target.says("bad availability", "POST", &path, Some(&bad)).await;
    let mut bad = node["Spec"].clone();
    bad.as_object_mut().unwrap().remove("Role");
    target.says("no role", "POST", &path, Some(&bad)).await;
    let stale = format!("/nodes/{id}/update?version={}", version - 1);
    target.says("stale version", "POST", &stale, Some(&node["Spec"])).await;
    target.says("unknown node", "POST", "/nodes/nosuchnode/update?version=1", Some(&node["Spec"])).await;
    target.says("removing one that is up", "DELETE", &format!("/nodes/{id}"), None).await;
}

super::scripts![update_refused, create_refused, reads_refused, nodes_refused];
