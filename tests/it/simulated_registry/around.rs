//! Token scopes, rate limits, other hosts, and the engine's own view of a registry.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinnace_engine::docker::Docker;
use pinnace_engine::docker::{Endpoint, EngineAddress};
use serde_json::json;
use swarm_sim::{OCI_INDEX, PlannedFault, Scenario, ServedEndpoint, Sim, connect, digest, parse_time, plan_fault};
use tokio::time::{Instant, sleep};

use super::{Reply, ask, image};

const SCENARIO: &str = r#"
[[node]]
name = "node-1"
manager = true
[[registry]]
name = "t.example"
user = "u"
password = "p"
tokens = true
[[registry]]
name = "docker.io"
allowance = "3;w=600"
[[registry]]
name = "r.example"
blobs_at = "cdn.example"
[[registry]]
name = "r.example:5000"
insecure = true
[[image]]
ref = "t.example/a/b:1"
[[image]]
ref = "t.example/a/c:1"
[[image]]
ref = "redis:7"
index = "oci"
[[image]]
ref = "r.example/app:1"
[[image]]
ref = "r.example:5000/app:1"
[[image]]
ref = "r.example:5000/app:2"
[[engine_sees]]
ref = "r.example:5000/app:1"
instead = "r.example:5000/app:2"
[[engine_sees]]
ref = "r.example:5000/app:2"
nothing = "not-found"
[[document]]
host = "files.example"
path = "/manifest.json"
body = "{}"
"#;

fn sim() -> Arc<Sim> {
    let (world, _) = Scenario::read(SCENARIO).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    Sim::start(world, 1.0)
}

/// Returns the digest of a tag in the world.
fn held(sim: &Sim, reference: &str) -> String {
    let named = swarm_sim::reference(reference).unwrap();
    sim.with(|world| world.registries[&named.host].find(&named).unwrap().digest.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_what_it_was_asked_for() {
    let sim = sim();
    let basic = format!("Basic {}", STANDARD.encode("u:p"));
    let token = async |scope: &str| {
        let asks = format!("GET /token?service=t.example{scope}");
        let told = ask(&sim, "t.example", &asks, &[("authorization", &basic)], "").await.json();
        format!("Bearer {}", told["token"].as_str().unwrap())
    };
    let opens = async |token: &str, path: &str| {
        let reply: Reply = ask(&sim, "t.example", &format!("GET {path}"), &[("authorization", token)], "").await;
        let how = reply.header("www-authenticate");
        (reply.status, how.rsplit_once("error=").map(|(_, why)| why.trim_matches('"').to_owned()))
    };
    let narrow = Some("insufficient_scope".to_owned());
    let (one, other) = ("/v2/a/b/tags/list", "/v2/a/c/tags/list");
    let of_one = token("&scope=repository:a/b:pull").await;
    assert_eq!((opens(&of_one, one).await, opens(&of_one, other).await), ((200, None), (401, narrow.clone())));
    assert_eq!(opens(&of_one, "/v2/").await, (200, None));
    let of_both = token("&scope=repository:a/b:pull%20repository:a/c:pull,push").await;
    assert_eq!((opens(&of_both, one).await, opens(&of_both, other).await), ((200, None), (200, None)));
    for scope in ["", "&scope=registry:catalog:*", "&scope=repository:a/b:push"] {
        assert_eq!(opens(&token(scope).await, one).await, (401, narrow.clone()), "{scope}");
    }
    let widened = of_one.replace("a/b", "a/c");
    assert_eq!(opens(&widened, other).await, (401, Some("invalid_token".to_owned())), "nobody widens a token");
}

#[tokio::test(start_paused = true)]
async fn an_allowance_counts_down_by_get_and_comes_back() {
    let sim = sim();
    let asks = async |method: &str| {
        let line = format!("{method} /v2/library/redis/manifests/7");
        ask(&sim, "registry-1.docker.io", &line, &[("accept", OCI_INDEX)], "").await
    };
    let mut told = Vec::new();
    for method in ["HEAD", "GET", "GET", "HEAD", "GET", "GET", "HEAD"] {
        let reply = asks(method).await;
        assert_eq!(reply.header("ratelimit-limit"), "3;w=600");
        told.push((method, reply.status, reply.header("ratelimit-remaining").to_owned()));
    }
    let left = |count: u32| format!("{count};w=600");
    let wanted = [
        ("HEAD", 200, left(3)),
        ("GET", 200, left(2)),
        ("GET", 200, left(1)),
        ("HEAD", 200, left(1)),
        ("GET", 200, left(0)),
        ("GET", 429, left(0)),
        ("HEAD", 200, left(0)),
    ];
    assert_eq!(told, wanted);
    sleep(Duration::from_secs(600)).await;
    let again = asks("GET").await;
    assert_eq!((again.status, again.header("ratelimit-remaining")), (200, "2;w=600"));
}

#[tokio::test(start_paused = true)]
async fn blobs_may_be_held_elsewhere() {
    let sim = sim();
    let accept = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = ask(&sim, "r.example", "GET /v2/app/manifests/1", &[("accept", accept)], "").await.json();
    let wanted = manifest["layers"][0]["digest"].as_str().unwrap();
    let sent_on = ask(&sim, "r.example", &format!("GET /v2/app/blobs/{wanted}"), &[], "").await;
    assert_eq!(sent_on.status, 307);
    let to = sent_on.header("location").strip_prefix("http://cdn.example").unwrap();
    let there = ask(&sim, "cdn.example", &format!("GET {to}"), &[], "").await;
    assert_eq!((there.status, digest(&there.body.unwrap()).as_str()), (200, wanted));
    let both = ask(&sim, "cdn.example", &format!("GET {to}"), &[("authorization", "Basic eDp5")], "").await;
    assert_eq!(both.status, 400, "a registry's credentials are not for this host");
    let unsigned = ask(&sim, "cdn.example", &format!("GET {}", to.split('?').next().unwrap()), &[], "").await;
    assert_eq!(unsigned.status, 403);
}

#[tokio::test(start_paused = true)]
async fn hosts_serve_files_and_fail_like_registries() {
    let sim = sim();
    let path = "GET /manifest.json";
    let first = ask(&sim, "files.example", path, &[], "").await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    let tag = first.header("etag").to_owned();
    assert_eq!(first.body.as_deref(), Some(&b"{}"[..]));
    let same = ask(&sim, "files.example", path, &[("if-none-match", &tag)], "").await;
    assert_eq!((same.status, same.body.as_deref()), (304, Some(&b""[..])));
    assert_eq!(ask(&sim, "files.example", "GET /other", &[], "").await.status, 404);
    let fault = json!({ "kind": "registry", "host": "files.example", "how": "slow", "seconds": 5 });
    let planned: PlannedFault = serde_json::from_value(fault).unwrap();
    sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
    let began = Instant::now();
    assert_eq!((ask(&sim, "files.example", path, &[], "").await.status, began.elapsed().as_secs()), (200, 5));
    sim.with(|world| {
        let document = world.documents.values_mut().next().unwrap();
        document.body = "{\"new\":1}".to_owned();
    });
    let changed = ask(&sim, "files.example", path, &[("if-none-match", &tag)], "").await;
    assert_eq!(changed.status, 200);
}

#[tokio::test(start_paused = true)]
async fn who_is_there_and_who_is_not() {
    let sim = sim();
    let reach = |name: &str| {
        connect(&sim, ServedEndpoint::Registry(Some(name.to_owned()))).map(drop).map_err(|error| error.kind())
    };
    for name in ["r.example", "registry-1.docker.io", "cdn.example", "files.example"] {
        assert_eq!(reach(name), Ok(()), "{name}");
    }
    assert_eq!(reach("nowhere.example"), Err(ErrorKind::NotFound));
    assert_eq!(reach("10.9.9.9:5000"), Err(ErrorKind::ConnectionRefused));
    let planned: PlannedFault = serde_json::from_value(json!({ "kind": "unresolvable", "host": "r.example" })).unwrap();
    sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
    assert_eq!(reach("r.example"), Err(ErrorKind::NotFound));
}

#[tokio::test(start_paused = true)]
async fn the_engine_may_see_something_else_than_we_do() {
    let sim = sim();
    let engine = Arc::clone(&sim);
    let host = EngineAddress::Memory(Arc::new(move |_: &http::Uri| connect(&engine, ServedEndpoint::Engine(None))));
    let docker = Docker::new(Endpoint { name: "sim".to_owned(), host }, false).unwrap();
    let (one, two) = ("r.example:5000/app:1", "r.example:5000/app:2");
    let seen = docker.distribution(one, None).await.unwrap();
    assert_eq!(seen.digest.as_str(), held(&sim, two));
    let ours = super::client(&sim).look(&image(one)).await.unwrap();
    assert_eq!(ours.digest.as_str(), held(&sim, one));
    assert!(docker.distribution(two, None).await.unwrap_err().is_not_found());
    let planned = json!({ "kind": "registry", "host": "r.example:5000", "how": "hang" });
    let planned: PlannedFault = serde_json::from_value(planned).unwrap();
    sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
    let began = Instant::now();
    let told = docker.distribution(one, None).await.unwrap_err().to_string();
    assert!(told.contains("Client.Timeout exceeded"), "{told}");
    assert_eq!(began.elapsed().as_secs(), 15, "the engine waits so long and no longer");
}
