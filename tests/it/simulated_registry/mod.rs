//! The simulated registry checked against the OCI distribution spec, with plain requests and the product's client.

mod around;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::LookupError;
use pinnace_engine::credentials::{CredentialStore, Redacted, RegistryCredential};
use pinnace_engine::registry::{ConnectionPolicy, RegistryClient, RegistryConnectError, RegistryTransport};
use serde_json::{Value, json};
use swarm_sim::{
    Behaviour, Manifest, OCI_INDEX, OCI_MANIFEST, PlannedFault, Scenario, ServedEndpoint, Sim, connect, digest,
    parse_time, plan_fault,
};
use tokio::time::{Instant, sleep};

const OPEN: &str = "r.example:5000";
const TOKENS: &str = "t.example:5000";

fn sim() -> Arc<Sim> {
    let mut text = format!(
        "[[registry]]\nname = \"{OPEN}\"\ninsecure = true\n[[registry]]\nname = \"{TOKENS}\"\ninsecure = true\n\
         user = \"u\"\npassword = \"p?>~\"\ntokens = true\n[[image]]\nref = \"{TOKENS}/a/b:1\"\n"
    );
    text.extend((1..=5).map(|tag| format!("[[image]]\nref = \"{OPEN}/a/b:{tag}\"\noci = true\n")));
    let (world, _) = Scenario::read(&text).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    Sim::start(world, 1.0)
}

fn misbehave(sim: &Sim, how: &str, seconds: f64) {
    let planned = json!({ "kind": "registry", "host": OPEN, "how": how, "seconds": seconds });
    let planned: PlannedFault = serde_json::from_value(planned).unwrap();
    sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
}

/// A response; `body` is `None` if it broke off.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body.as_ref().unwrap()).unwrap()
    }
}

/// Makes one plain HTTP request.
async fn ask(sim: &Arc<Sim>, host: &str, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(connect(sim, ServedEndpoint::Registry(None)).unwrap()))
            .await
            .unwrap();
    tokio::spawn(connection);
    let (method, path) = line.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path).header("host", host);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = send.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
    Reply { status: head.status.as_u16(), headers: head.headers, body }
}

async fn get(sim: &Arc<Sim>, path: &str) -> Reply {
    ask(sim, OPEN, &format!("GET {path}"), &[("accept", OCI_MANIFEST)], "").await
}

/// Returns the product's registry client.
fn client(sim: &Arc<Sim>) -> RegistryClient {
    let sim = Arc::clone(sim);
    let dial = move |uri: &http::Uri| {
        let name = uri.authority().unwrap().to_string();
        connect(&sim, ServedEndpoint::Registry(Some(name.clone()))).map_err(|error| match error.kind() {
            ErrorKind::NotFound => RegistryConnectError::NoName(name),
            _ => RegistryConnectError::Refused(name, error.to_string()),
        })
    };
    let insecure = vec![OPEN.to_owned(), TOKENS.to_owned()];
    let policy = ConnectionPolicy { insecure, ..ConnectionPolicy::default() };
    RegistryClient::over(RegistryTransport::Memory(Arc::new(dial)), policy, CredentialStore::default())
}

fn image(text: &str) -> ImageRef {
    ImageRef::parse(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_and_runs_out() {
    let sim = sim();
    let path = "GET /v2/a/b/tags/list";
    let turned_away = ask(&sim, TOKENS, path, &[], "").await;
    assert_eq!(turned_away.status, 401);
    assert_eq!(turned_away.json()["errors"][0]["code"], "UNAUTHORIZED");
    let wanted =
        "Bearer realm=\"http://t.example:5000/token\",service=\"t.example:5000\",scope=\"repository:a/b:pull\"";
    assert_eq!(turned_away.header("www-authenticate"), wanted);

    let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("u:{password}")));
    let asks = "GET /token?service=t.example:5000&scope=repository:a/b:pull";
    assert_eq!(ask(&sim, TOKENS, asks, &[], "").await.status, 401);
    assert_eq!(ask(&sim, TOKENS, asks, &[("authorization", &basic("wrong"))], "").await.status, 401);
    let told = ask(&sim, TOKENS, asks, &[("authorization", &basic("p?>~"))], "").await.json();
    assert_eq!((&told["token"], &told["refresh_token"]), (&told["access_token"], &Value::Null));
    let bearer = format!("Bearer {}", told["token"].as_str().unwrap());
    let let_in = async || ask(&sim, TOKENS, path, &[("authorization", &bearer)], "").await.status;
    assert_eq!(let_in().await, 200);
    sleep(Duration::from_secs(told["expires_in"].as_u64().unwrap() - 1)).await;
    assert_eq!(let_in().await, 200, "it is good for as long as it says");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(let_in().await, 401, "and no longer");
    assert_eq!(ask(&sim, TOKENS, path, &[("authorization", "Bearer anything")], "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_takes_the_password_s_place() {
    let sim = sim();
    let first = "grant_type=password&client_id=it&username=u&password=p%3F%3E~&scope=repository:a/b:pull";
    let told = ask(&sim, TOKENS, "POST /token", &[], first).await.json();
    let refresh = told["refresh_token"].as_str().unwrap().to_owned();
    sleep(Duration::from_secs(3600)).await;
    let again = format!("grant_type=refresh_token&client_id=it&refresh_token={refresh}&scope=repository:a/b:pull");
    let told = ask(&sim, TOKENS, "POST /token", &[], &again).await.json();
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let let_in = ask(&sim, TOKENS, "GET /v2/a/b/tags/list", &[("authorization", &bearer)], "").await;
    assert_eq!(let_in.status, 200);
    let other = ask(&sim, TOKENS, "POST /token", &[], "grant_type=refresh_token&refresh_token=other").await;
    assert_eq!(other.status, 401);
    assert_eq!(ask(&sim, TOKENS, "POST /token", &[], "grant_type=nothing").await.status, 400);

    let wanted = image(&format!("{TOKENS}/a/b:1"));
    for (secret, good) in [(refresh.as_str(), true), ("other", false)] {
        let client = client(&sim);
        client.login(TOKENS, RegistryCredential::Identity(Redacted::new(secret)));
        assert_eq!(client.look(&wanted).await.is_ok(), good, "{secret}");
        // The client's token has expired in the meantime.
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(client.look(&wanted).await.err(), (!good).then_some(LookupError::Denied));
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_logs_in_by_password() {
    let sim = sim();
    let wanted = image(&format!("{TOKENS}/a/b:1"));
    let client = client(&sim);
    assert_eq!(client.look(&wanted).await.err(), Some(LookupError::NoCredentials));
    let basic = |password: &str| RegistryCredential::Basic { user: "u".into(), password: Redacted::new(password) };
    client.login(TOKENS, basic("wrong"));
    assert_eq!(client.look(&wanted).await.err(), Some(LookupError::Denied));
    client.login(TOKENS, basic("p?>~"));
    client.look(&wanted).await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    client.look(&wanted).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tags_come_by_the_page() {
    let sim = sim();
    let (mut path, mut tags, mut pages) = ("/v2/a/b/tags/list?n=2".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = get(&sim, &path).await;
        assert_eq!((page.status, page.json()["name"].as_str()), (200, Some("a/b")));
        let some: Vec<String> = serde_json::from_value(page.json()["tags"].clone()).unwrap();
        pages.push(some.len());
        tags.extend(some);
        let link = page.header("link").to_owned();
        let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
            assert_eq!(link, "", "the last page names none");
            break;
        };
        next.clone_into(&mut path);
    }
    assert_eq!((pages, tags.concat().as_str()), (vec![2, 2, 1], "12345"));
    let of = async |query: &str| get(&sim, &format!("/v2/a/b/tags/list{query}")).await;
    assert_eq!(of("?last=3").await.json()["tags"], json!(["4", "5"]));
    assert_eq!(of("?n=5").await.header("link"), "", "all of them, and no more");
    let none = of("?n=0").await;
    assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), ""));
    let missing = get(&sim, "/v2/no/such/tags/list").await;
    assert_eq!((missing.status, missing.json()["errors"][0]["code"].as_str()), (404, Some("NAME_UNKNOWN")));
}

#[tokio::test(start_paused = true)]
async fn manifests_and_blobs_are_what_their_digests_say() {
    let sim = sim();
    let by_tag = get(&sim, "/v2/a/b/manifests/1").await;
    let body = by_tag.body.clone().unwrap();
    assert_eq!((by_tag.status, by_tag.header("content-type")), (200, OCI_MANIFEST));
    assert_eq!(by_tag.header("docker-content-digest"), digest(&body));
    let head = ask(&sim, OPEN, "HEAD /v2/a/b/manifests/1", &[("accept", OCI_MANIFEST)], "").await;
    assert_eq!(head.body, Some(Bytes::new()));
    for name in ["content-length", "content-type", "docker-content-digest"] {
        assert_eq!(head.header(name), by_tag.header(name), "{name}");
    }
    let config = by_tag.json()["config"]["digest"].as_str().unwrap().to_owned();
    let blob = get(&sim, &format!("/v2/a/b/blobs/{config}")).await;
    assert_eq!((blob.status, digest(&blob.body.unwrap())), (200, config));
    for (path, code) in [("manifests/9", "MANIFEST_UNKNOWN"), ("blobs/sha256:00", "BLOB_UNKNOWN")] {
        let missing = get(&sim, &format!("/v2/a/b/{path}")).await;
        assert_eq!((missing.status, missing.json()["errors"][0]["code"].as_str()), (404, Some(code)));
    }
    assert_eq!(ask(&sim, OPEN, "PUT /v2/a/b/manifests/1", &[], "{}").await.status, 405);
    assert_eq!(get(&sim, "/v2/").await.header("docker-distribution-api-version"), "registry/2.0");
}

#[tokio::test(start_paused = true)]
async fn referrers_by_type() {
    let sim = sim();
    let about = get(&sim, "/v2/a/b/manifests/1").await.header("docker-content-digest").to_owned();
    let refer = |kind: Value, annotations: Value| {
        let mut body = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "subject": { "digest": about },
            "config": { "mediaType": "application/x.config" }, "layers": [], "annotations": annotations });
        if kind != Value::Null {
            body["artifactType"] = kind;
        }
        let body = body.to_string().into_bytes();
        let name: Arc<str> = digest(&body).into();
        let subject = Some(about.clone());
        let (platforms, runs_on, behaviour) = (None, Vec::new(), Behaviour::default());
        let manifest = Manifest {
            digest: Arc::clone(&name),
            media_type: OCI_MANIFEST,
            body,
            platforms,
            runs_on,
            behaviour,
            has_command: false,
            subject,
        };
        sim.with(|world| {
            let repository = world.registries.get_mut(OPEN).unwrap().repositories.get_mut("a/b").unwrap();
            repository.manifests.insert(name, manifest);
        });
    };
    refer(json!("application/x.sbom"), json!({ "made": "today" }));
    refer(Value::Null, json!({}));

    let all = get(&sim, &format!("/v2/a/b/referrers/{about}")).await;
    assert_eq!((all.status, all.header("content-type"), all.header("oci-filters-applied")), (200, OCI_INDEX, ""));
    assert_eq!(all.json()["manifests"].as_array().unwrap().len(), 2);
    let some = get(&sim, &format!("/v2/a/b/referrers/{about}?artifactType=application%2Fx.sbom")).await;
    assert_eq!(some.header("oci-filters-applied"), "artifactType");
    let some = some.json()["manifests"].clone();
    assert_eq!((some[0]["annotations"]["made"].as_str(), some.as_array().unwrap().len()), (Some("today"), 1));
    let fallback = get(&sim, &format!("/v2/a/b/referrers/{about}?artifactType=application/x.config")).await.json();
    assert_eq!(
        fallback["manifests"].as_array().unwrap().len(),
        1,
        "the type of the configuration, where there is no other"
    );
    let path = format!("/v2/a/b/manifests/{}", some[0]["digest"].as_str().unwrap());
    assert_eq!(get(&sim, &path).await.json()["subject"]["digest"], about.as_str());
    let none = get(&sim, &format!("/v2/a/b/referrers/sha256:{}", "0".repeat(64))).await;
    assert_eq!((none.status, none.json()["manifests"].clone()), (200, json!([])), "no referrers is no error");
}

#[tokio::test(start_paused = true)]
async fn a_limit_with_its_end() {
    let sim = sim();
    misbehave(&sim, "limited", 0.0);
    let limited = get(&sim, "/v2/a/b/tags/list").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "30"));
    assert_eq!(limited.json()["errors"][0]["code"], "TOOMANYREQUESTS");
    let (client, wanted) = (client(&sim), image(&format!("{OPEN}/a/b:1")));
    assert_eq!(client.look(&wanted).await.err(), Some(LookupError::RateLimited));
    misbehave(&sim, "fine", 0.0);
    client.look(&wanted).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slow_and_cut_off() {
    let sim = sim();
    let (client, wanted) = (client(&sim), image(&format!("{OPEN}/a/b:1")));
    for (seconds, good) in [(2.0, true), (60.0, false)] {
        misbehave(&sim, "slow", seconds);
        let began = Instant::now();
        let looked = client.look(&wanted).await;
        assert_eq!(looked.is_ok(), good, "{looked:?} after {:?}", began.elapsed());
        assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    }
    misbehave(&sim, "cut", 0.0);
    let cut = get(&sim, "/v2/a/b/manifests/1").await;
    assert_eq!((cut.status, cut.body), (200, None), "a head, and a body that breaks off");
    let other = self::client(&sim);
    assert!(matches!(other.look(&wanted).await, Err(LookupError::Unreachable(_))), "{:?}", other.look(&wanted).await);
    misbehave(&sim, "down", 0.0);
    assert_eq!(
        connect(&sim, ServedEndpoint::Registry(Some(OPEN.to_owned()))).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert!(
        matches!(other.look(&wanted).await, Err(LookupError::Unreachable(_))),
        "a connection that was there breaks"
    );
    let Err(LookupError::Unreachable(why)) = self::client(&sim).look(&wanted).await else { panic!() };
    assert!(why.starts_with("cannot connect to r.example:5000"), "{why}");
    misbehave(&sim, "hang", 0.0);
    let began = Instant::now();
    assert!(matches!(self::client(&sim).look(&wanted).await, Err(LookupError::Unreachable(_))));
    assert!(began.elapsed() > Duration::from_secs(1), "it took the request, and said nothing");
    misbehave(&sim, "broken", 0.0);
    // The client does not contact an unreachable registry again for a while.
    sleep(Duration::from_secs(6)).await;
    assert!(matches!(other.look(&wanted).await, Err(LookupError::Other(_))));
    misbehave(&sim, "denied", 0.0);
    assert_eq!(other.look(&wanted).await.err(), Some(LookupError::Denied));
    misbehave(&sim, "fine", 0.0);
    other.look(&wanted).await.unwrap();
}
