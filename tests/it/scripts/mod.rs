//! Tests of the whole program on the simulated swarm under tokio's paused clock. The verbs run in this process, over
//! connections that a hook can cut, and days of waiting take no real time.

mod custom_images;
mod demo_world;
mod drift;
mod findings;
mod follow_change;
mod jobs;
mod journal;
mod keys;
mod kills;
mod permanent;
mod plan_options;
mod random;
mod rollback_candidates;
mod rollouts;
mod run_evidence;
mod saved_plans;
mod slow;
mod unreadable_records;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pinnace::cli::{Out, TestContext, run_on};
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::CredentialStore;
use pinnace_engine::docker::Docker;
use pinnace_engine::docker::{Endpoint, EngineAddress};
use pinnace_engine::registry::{
    ConnectionPolicy, RegistryClient, RegistryConnectError, RegistryLimits, RegistryTransport,
};
use serde_json::Value;
use swarm_sim::{
    Fault, HttpRequest, Misbehaviour, PlannedFault, ResponseResult, Scenario, ServedEndpoint, Sim, answer_as_engine,
    connect, full_body, outside, plan_fault,
};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lab::{Said, raw_spec};
use crate::proxy::{Act, Call, Count, When};

const WORLD: &str = include_str!("world.toml");

/// Host of the scripts' registry.
const HUB: &str = "r.example:5000";

/// A simulated swarm with three managers.
#[derive(Clone)]
struct Swarm {
    sim: Arc<Sim>,
}

impl Swarm {
    fn start() -> Self {
        Self::of(WORLD)
    }

    /// Starts a swarm from another scenario, with its faults scheduled.
    fn of(scenario: &str) -> Self {
        let (world, faults) = Scenario::read(scenario).unwrap().world(outside()).unwrap();
        let sim = Sim::start(world, 1.0);
        for planned in faults {
            sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
        }
        Self { sim }
    }

    /// Makes an Engine API request; returns status and body.
    async fn ask(&self, node: &str, method: Method, path: &str, query: &[(&str, &str)]) -> (u16, String) {
        let asked = HttpRequest {
            method,
            path: path.to_owned(),
            parts: path.split('/').skip(1).map(str::to_owned).collect(),
            query: query
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        let answer = answer_as_engine(Arc::clone(&self.sim), Some(node), asked).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Returns a service's spec, byte for byte.
    async fn spec(&self, service: &str) -> String {
        let (status, body) = self.ask("node-2", Method::GET, &format!("/services/{service}"), &[]).await;
        assert_eq!(status, 200, "{service}: {body}");
        raw_spec(&body)
    }

    async fn specs(&self, services: &[&str]) -> Vec<String> {
        let mut specs = Vec::new();
        for service in services {
            specs.push(self.spec(service).await);
        }
        specs
    }

    /// Returns the running tasks of services: service, id, image.
    async fn tasks(&self, services: &[&str]) -> Vec<(String, String, String)> {
        let mut running = Vec::new();
        for service in services {
            let filters = format!(r#"{{"service":["{service}"],"desired-state":["running"]}}"#);
            let (_, body) = self.ask("node-2", Method::GET, "/tasks", &[("filters", &filters)]).await;
            let tasks: Vec<Value> = serde_json::from_str(&body).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            for task in tasks.iter().filter(|task| task["Status"]["State"] == "running") {
                let image = text(&task["Spec"]["ContainerSpec"]["Image"]);
                running.push(((*service).to_owned(), text(&task["ID"]), image));
            }
        }
        running.sort();
        running
    }

    /// Returns the reference of a tag, without and with its digest.
    fn image(&self, path: &str) -> (String, String) {
        self.image_at(&format!("{HUB}/{path}"))
    }

    /// Returns the reference of a tag in any registry, without and with its digest.
    fn image_at(&self, text: &str) -> (String, String) {
        let text = text.to_owned();
        let named = swarm_sim::reference(&text).unwrap();
        let digest = self.sim.with(|world| world.look(&named, None).ok().map(|found| found.digest.to_string()));
        let pinned = format!("{text}@{}", digest.unwrap());
        (text, pinned)
    }

    /// Returns an operator at a manager.
    fn at(&self, node: &str) -> Operator {
        self.behind(node, |_, _| Act::Pass)
    }

    /// Returns an operator at a manager, with a hook in the connection.
    fn behind(&self, node: &str, hook: impl Fn(&Call, When) -> Act + Send + Sync + 'static) -> Operator {
        let wire = Arc::new(Wire {
            swarm: self.clone(),
            node: node.to_owned(),
            hook: Box::new(hook),
            calls: Mutex::default(),
            count: Mutex::default(),
            dead: AtomicBool::new(false),
            killed: Notify::new(),
        });
        let home = tempfile::tempdir().unwrap();
        let cluster = cluster(&wire);
        let given = TestContext { cluster, state: home.path().join("state") };
        Operator { wire, given, home }
    }
}

/// Makes a registry unreachable.
fn down(swarm: &Swarm, host: &str) {
    let fault = Fault::Registry { host: host.to_owned(), how: Misbehaviour::Down, seconds: 0.0 };
    swarm.sim.with_faults(|world, faults| plan_fault(world, faults, PlannedFault { after: 0.0, fault })).unwrap();
}

/// Returns the cluster handle, with the engine behind the wire and the registries connected directly.
fn cluster(wire: &Arc<Wire>) -> Cluster {
    let (engine, sim) = (Arc::clone(wire), Arc::clone(&wire.swarm.sim));
    let host = EngineAddress::Memory(Arc::new(move |_: &http::Uri| engine.connect()));
    let docker = Docker::new(Endpoint { name: "sim".to_owned(), host }, false).unwrap();
    let dial = dial(&sim);
    let policy = ConnectionPolicy {
        insecure: vec![HUB.to_owned()],
        limits: RegistryLimits::default(),
        user_agent: String::new(),
    };
    Cluster::over(docker, RegistryClient::over(dial, policy, CredentialStore::default()))
}

/// Returns the connector to the simulated registries.
fn dial(sim: &Arc<Sim>) -> RegistryTransport {
    let sim = Arc::clone(sim);
    RegistryTransport::Memory(Arc::new(move |uri: &http::Uri| {
        let refused = |error: io::Error| RegistryConnectError::Refused(uri.to_string(), error.to_string());
        connect(&sim, ServedEndpoint::Registry(None)).map_err(refused)
    }))
}

/// Returns the source of an update's credentials, and whether some are sent with it.
fn auth(asked: &HttpRequest) -> String {
    let from = asked.query.get("registryAuthFrom").cloned().unwrap_or_default();
    if asked.headers.contains_key("x-registry-auth") { format!("{from}, sent") } else { from }
}

type Hook = Box<dyn Fn(&Call, When) -> Act + Send + Sync>;

/// The connection between one operator's program and an engine, with a hook and a record of all calls.
struct Wire {
    swarm: Swarm,
    node: String,
    hook: Hook,
    calls: Mutex<Vec<Call>>,
    count: Mutex<Count>,
    dead: AtomicBool,
    killed: Notify,
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Wire {
    fn connect(self: &Arc<Self>) -> io::Result<DuplexStream> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(broken());
        }
        let (near, far) = tokio::io::duplex(1 << 20);
        let wire = Arc::clone(self);
        let service = service_fn(move |request| {
            let wire = Arc::clone(&wire);
            async move { wire.pass(request).await }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(far), service));
        Ok(near)
    }

    async fn pass(&self, request: http::Request<hyper::body::Incoming>) -> ResponseResult {
        let asked = HttpRequest::read(request).await?;
        let mut call = Call {
            nth: None,
            method: asked.method.to_string(),
            path: asked.path.clone(),
            body: String::from_utf8_lossy(&asked.body).into_owned(),
            auth: auth(&asked),
            was: None,
            status: 0,
            reply: String::new(),
        };
        if let Some(service) = call.service() {
            call.was = Some(self.swarm.spec(service).await);
        }
        call.nth = self.count.lock().unwrap().number(&call);
        self.act(&call, When::Before)?;
        let answer = answer_as_engine(Arc::clone(&self.swarm.sim), Some(&self.node), asked).await?;
        if call.path.ends_with("/events") || call.path.ends_with("/logs") {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        call.status = head.status.as_u16();
        call.reply = String::from_utf8_lossy(&body).into_owned();
        self.count.lock().unwrap().answered(&call);
        self.calls.lock().unwrap().push(call.clone());
        self.act(&call, When::After)?;
        Ok(http::Response::from_parts(head, full_body(body)))
    }

    fn act(&self, call: &Call, when: When) -> io::Result<()> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(broken());
        }
        match (self.hook)(call, when) {
            Act::Pass => Ok(()),
            Act::Cut => Err(broken()),
            Act::Stop => {
                panic!("a program within this process cannot be stopped; `random/line.rs` holds what it sends")
            }
            Act::Kill => {
                self.dead.store(true, Ordering::SeqCst);
                self.killed.notify_one();
                Err(broken())
            }
        }
    }
}

/// An operator with a program and a home folder.
struct Operator {
    wire: Arc<Wire>,
    given: TestContext,
    home: TempDir,
}

impl Operator {
    /// Runs a verb until it ends or the hook kills it; after that nothing from it reaches the swarm.
    async fn run(&self, args: &[&str]) -> Said {
        let kept = Arc::default();
        let words = [&["pinnace"], args].concat();
        let began = Instant::now();
        let verb = run_on(&words, Out::Kept(Arc::clone(&kept)), self.given.clone());
        let code = tokio::select! {
            biased;
            () = self.wire.killed.notified() => None,
            exit = verb => Some(exit as i32),
            () = tokio::time::sleep(Duration::from_secs(3600)) => panic!("{} does not end", args.join(" ")),
        };
        let (out, err) = kept.lock().unwrap().clone();
        Said { code, out, err, args: args.join(" "), took: began.elapsed() }
    }

    /// Returns the writes without heartbeats.
    fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.nth.is_some()).collect()
    }

    fn calls(&self) -> Vec<Call> {
        self.wire.calls.lock().unwrap().clone()
    }

    fn home(&self) -> &Path {
        self.home.path()
    }
}
