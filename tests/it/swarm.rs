//! The Docker client on the lab's swarm; the tests run if `tests/lab` is up and its environment is set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pinnace_core::journal::Direction;
use pinnace_core::plan::SpecEdit;
use pinnace_core::swarm::{EditableFields, Service, TaskState};
use pinnace_core::time::Time;
use pinnace_core::world::{ConnectionState, Observation, World};
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::{CredentialStore, Redacted, RegistryCredential};
use pinnace_engine::docker::{
    Docker, DockerError, EndpointInputs, LogTarget, RegistryAuthFrom, SpecEditState, TaskFilter,
};
use pinnace_engine::observe::{OperatorAttention, observe, snapshot};
use serde_json::json;
use tokio::sync::watch;

/// Returns a lab setting; `None`, with a printed message, if there is no lab.
fn lab(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("left out: {name} is not set, the lab is not up");
    }
    value
}

fn sockets() -> Option<Vec<String>> {
    Some(lab("PINNACE_LAB_SOCKETS")?.split(':').map(str::to_owned).collect())
}

fn docker(socket: &str, read_only: bool) -> Docker {
    let given = EndpointInputs { host_flag: Some(format!("unix://{socket}")), ..EndpointInputs::default() };
    Docker::new(given.endpoint().unwrap(), read_only).unwrap()
}

fn now() -> Time {
    Time(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

/// Returns a unique name.
fn unique(what: &str) -> String {
    format!("it-{what}-{}", uuid::Uuid::now_v7().simple())
}

/// A service created with `curl`, outside of pinnace; removed when dropped.
struct Made {
    socket: String,
    id: String,
}

impl Made {
    fn new(socket: &str, spec: &serde_json::Value) -> Self {
        let answer = curl(socket, "POST", "/v1.41/services/create", Some(spec));
        let id = answer["ID"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { socket: socket.to_owned(), id }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        curl(&self.socket, "DELETE", &format!("/v1.41/services/{}", self.id), None);
    }
}

fn curl(socket: &str, method: &str, path: &str, body: Option<&serde_json::Value>) -> serde_json::Value {
    let mut command = std::process::Command::new("curl");
    command.args(["-s", "--max-time", "40", "--unix-socket", socket, "-X", method, &format!("http://d{path}")]);
    if let Some(body) = body {
        command.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
    }
    let done = command.output().unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_default()
}

/// Returns the spec of a service with one task that stops at once.
fn spec(name: &str, image: &str) -> serde_json::Value {
    json!({"Name": name, "Labels": {"it": "yes"}, "TaskTemplate": {
        "ContainerSpec": {"Image": image, "Env": ["SECRET=<&>"], "StopSignal": "SIGKILL"},
        "RestartPolicy": {"Condition": "any", "Delay": 500_000_000}},
        "Mode": {"Replicated": {"Replicas": 1}}})
}

/// Returns the image of a healthy service in the lab.
async fn good_image(docker: &Docker) -> String {
    docker.service("shop_api").await.unwrap().places.image
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within 60 s")
}

/// Returns the fields that determine what ran, without the update policy.
fn ran(places: &EditableFields) -> EditableFields {
    EditableFields { update: None, ..places.clone() }
}

#[tokio::test]
async fn every_manager_tells_the_same_swarm() {
    let Some(sockets) = sockets() else { return };
    let mut names: Vec<BTreeSet<String>> = Vec::new();
    for socket in &sockets {
        let docker = docker(socket, true);
        let info = docker.info().await.unwrap();
        let Ok(services) = docker.services(None).await else {
            assert!(!info.is_manager);
            continue;
        };
        assert!(info.is_manager && info.state == "active" && !info.engine.insecure.is_empty(), "{info:?}");
        let version = docker.version().await.unwrap();
        assert_eq!((version.api.as_str(), &version.engine), (info.engine.api.as_str(), &info.engine.version));
        assert!(docker.nodes().await.unwrap().iter().any(|node| node.leader && node.takes_tasks()));
        // Other tests make and remove theirs at the same time.
        let is_lasting = |service: &Service| service.label("it").is_none() && !service.name.starts_with("it-");
        let lasting = services.into_iter().filter(is_lasting);
        names.push(lasting.map(|service| service.name).collect());
    }
    assert!(names.len() > 1 && names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
    assert!(names[0].contains("kitchen-sink"));
}

/// Checks that a task's spec equals its service's template, unless another client edited the service.
#[tokio::test]
async fn tasks_match_the_templates_they_were_made_from() {
    let Some(sockets) = sockets() else { return };
    let docker = docker(&sockets[0], true);
    let services: Vec<Service> = docker.services(None).await.unwrap();
    let mut compared = BTreeSet::new();
    for service in services.iter().filter(|service| service.previous.is_none() && service.label("it").is_none()) {
        for task in docker.tasks(TaskFilter::History(std::slice::from_ref(&service.id))).await.unwrap() {
            assert_eq!(task.rest.as_ref(), Some(&service.template), "{}", service.name);
            assert_eq!(task.places, ran(&service.places), "{}", service.name);
            compared.insert(service.name.clone());
        }
    }
    assert!(compared.contains("kitchen-sink") && compared.len() > 5, "{compared:?}");
}

/// Changes a service and changes it back: the stored spec is what was posted, and finally the original.
#[tokio::test]
async fn a_change_and_its_way_back() {
    let Some(sockets) = sockets() else { return };
    let (one, other) = (docker(&sockets[0], false), docker(&sockets[1], false));
    let image = good_image(&one).await;
    let name = unique("change");
    let made = Made::new(&sockets[0], &spec(&name, &image));
    let raw = || curl(&sockets[0], "GET", &format!("/v1.41/services/{}", made.id), None)["Spec"].clone();
    let before = raw();
    // The engine moves the index right after a service was created, without a client's
    // write: wait until it stops moving.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let revision = one.get_for_update(&name).await.unwrap();
    let places = revision.service.places.clone();
    assert_eq!(places.platforms.path, "/TaskTemplate/Placement");
    let platforms = json!({"Platforms": [{"Architecture": "amd64", "OS": "linux"}]});
    let edit = |path: &str, before, after| SpecEdit { path: path.to_owned(), before, after: Some(after) };
    let edits = [
        edit("/TaskTemplate/Placement", None, platforms),
        edit("/TaskTemplate/ForceUpdate", places.force.value.clone(), json!(7)),
    ];
    assert_eq!(revision.edit_state(&edits), SpecEditState::Before);
    one.post(&revision, &edits, Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap();
    let again = one.post(&revision, &edits, Direction::Forward, &RegistryAuthFrom::Stored).await.unwrap_err();
    assert!(again.is_out_of_sequence() && !again.is_final(), "{again}");
    let there = until("the change on the other manager", async || {
        other.get_for_update(&made.id).await.ok().filter(|revision| revision.edit_state(&edits) == SpecEditState::After)
    })
    .await;
    assert_eq!(there.service.rest, revision.service.rest);
    assert_eq!(there.service.previous, Some(ran(&places)));
    until("the rollout", async || {
        let service = other.services(Some(std::slice::from_ref(&made.id))).await.ok()?.pop()?;
        (service.update?.state.as_str() == "completed").then_some(())
    })
    .await;
    let back = until("the way back", async || {
        let revision = other.get_for_update(&made.id).await.ok()?;
        other.post(&revision, &edits, Direction::Back, &RegistryAuthFrom::Stored).await.ok()
    })
    .await;
    assert!(back.warnings.is_empty());
    let after = until("the old spec", async || Some(raw()).filter(|spec| *spec == before)).await;
    assert_eq!(after["TaskTemplate"]["ContainerSpec"]["Env"][0], "SECRET=<&>");
}

/// Posts an unchanged spec as a fence: no task restarts, the index moves, and other updates at the old index fail.
#[tokio::test]
async fn the_fence() {
    let Some(sockets) = sockets() else { return };
    let docker = docker(&sockets[0], false);
    let name = unique("fence");
    let made = Made::new(&sockets[0], &spec(&name, &good_image(&docker).await));
    let ids = [made.id.clone()];
    let running = async || {
        let tasks = docker.tasks(TaskFilter::RunningOf(&ids)).await.ok()?;
        tasks.into_iter().find(|task| task.state == TaskState::Running)
    };
    let first = until("a task", running).await;
    let revision = docker.get_for_update(&name).await.unwrap();
    docker.post_as_read(&revision).await.unwrap();
    let late = docker.post_as_read(&revision).await.unwrap_err();
    assert!(late.is_out_of_sequence(), "{late}");
    let fenced = docker.get_for_update(&name).await.unwrap();
    assert!(fenced.index() > revision.index() && fenced.service.rest == revision.service.rest);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(running().await.map(|task| task.id), Some(first.id));
    let read_only = self::docker(&sockets[0], true);
    assert!(matches!(read_only.post_as_read(&fenced).await, Err(DockerError::ReadOnly { .. })));
}

#[tokio::test]
async fn a_config_is_a_claim() {
    let Some(sockets) = sockets() else { return };
    let (one, other) = (docker(&sockets[0], false), docker(&sockets[1], false));
    let name = unique("config");
    let mut labels = BTreeMap::from([("it.claim".to_owned(), name.clone())]);
    let id = one.create_config(&name, &labels, b"{}").await.unwrap();
    assert!(other.create_config(&name, &labels, b"[]").await.unwrap_err().is_name_conflict());
    let filter = format!("it.claim={name}");
    let found = until("the config", async || other.configs(&[&filter]).await.ok()?.pop()).await;
    assert_eq!((found.id.as_str(), found.data.as_slice()), (id.as_str(), &b"{}"[..]));
    labels.insert("beat".into(), "1".into());
    other.update_config_labels(&id, found.index, &name, &labels).await.unwrap();
    let late = one.update_config_labels(&id, found.index, &name, &labels).await.unwrap_err();
    assert!(late.is_out_of_sequence(), "{late}");
    assert_eq!(one.config(&name).await.unwrap().labels["beat"], "1");
    one.remove_config(&id).await.unwrap();
    other.remove_config(&id).await.unwrap();
    assert!(one.config(&name).await.unwrap_err().is_not_found());
}

/// Looks up images through the engine. The password's standard base64 differs from the URL-safe
/// form, which older clients get wrong.
#[tokio::test]
async fn a_registry_by_the_engine() {
    let (Some(sockets), Some(server)) = (sockets(), lab("PINNACE_LAB_AUTH_REGISTRY")) else { return };
    let docker = docker(&sockets[0], true);
    let image = good_image(&docker).await;
    let told = docker.distribution(&image, None).await.unwrap();
    assert!(image.contains(told.digest.as_str()) || !image.contains('@'));
    let (name, _) = image.split_once('@').unwrap_or((&image, ""));
    let missing = format!("{}:nothing-there", name.rsplit_once(':').unwrap().0);
    assert!(docker.distribution(&missing, None).await.unwrap_err().is_not_found());
    let password = Redacted::new(lab("PINNACE_LAB_AUTH_PASSWORD").unwrap());
    let login = RegistryCredential::Basic { user: lab("PINNACE_LAB_AUTH_USER").unwrap(), password }.header(&server);
    let secret = format!("{server}/nothing/there:1");
    let refused = docker.distribution(&secret, None).await.unwrap_err();
    assert!(refused.to_string().contains("no basic auth credentials"), "{refused}");
    assert!(docker.distribution(&secret, Some(&login)).await.unwrap_err().is_not_found(), "let in, and not there");
}

#[tokio::test]
async fn logs_of_a_service() {
    let Some(sockets) = sockets() else { return };
    let docker = docker(&sockets[0], true);
    let service = docker.service("shop_api").await.unwrap();
    let mut logs = docker.logs(LogTarget::Service(&service.id), 5, false).await.unwrap();
    while let Some(line) = logs.next().await {
        let line = line.unwrap();
        assert!(line.task.is_some() && line.at.is_some(), "{line:?}");
    }
}

fn cluster(socket: &str) -> Cluster {
    Cluster::new(docker(socket, true), CredentialStore::default())
}

/// Follows the observer: the initial state, a change by another client, a failure, and the end.
#[tokio::test(flavor = "multi_thread")]
async fn observing() {
    let Some(sockets) = sockets() else { return };
    let world = Arc::new(Mutex::new(World::default()));
    let (attention, given) = watch::channel(OperatorAttention { at_keys: true, ..OperatorAttention::default() });
    let into = Arc::clone(&world);
    let began = Instant::now();
    let observer = tokio::spawn(observe(cluster(&sockets[1]), given, move |seen| {
        into.lock().unwrap().apply(seen, now());
    }));
    until("the first screen", async || world.lock().unwrap().is_painted().then_some(())).await;
    println!("first screen after {:?}", began.elapsed());
    until("the link", async || (world.lock().unwrap().link == ConnectionState::Live).then_some(())).await;
    let name = unique("seen");
    let made = Made::new(&sockets[0], &spec(&name, "10.255.255.1:1/no/such:image"));
    let made_at = Instant::now();
    until("the row", async || world.lock().unwrap().service_named(&name).map(drop)).await;
    println!("a new service after {:?}", made_at.elapsed());
    assert!(made_at.elapsed() < Duration::from_secs(2));
    let error = until("the task's error", async || {
        let world = world.lock().unwrap();
        world.health(&made.id).and_then(|health| health.error.clone())
    })
    .await;
    assert!(error.text.starts_with("No such image"), "{error:?}");
    assert!(world.lock().unwrap().knows_history(&made.id));
    let gone = made.id.clone();
    drop(made);
    until("the row's end", async || (!world.lock().unwrap().services.contains_key(&gone)).then_some(())).await;
    drop(attention);
    observer.await.unwrap();
}

#[tokio::test]
async fn one_look() {
    let Some(sockets) = sockets() else { return };
    let seen = snapshot(&cluster(&sockets[0]), true, |service| service.name == "shop_api").await.unwrap();
    assert!(seen.iter().any(|one| matches!(one, Observation::Slots(_))));
    let mut world = World::default();
    for one in seen {
        world.apply(one, now());
    }
    let id = world.service_named("shop_api").unwrap().id.clone();
    assert!(world.knows_history(&id) && world.knows_journal());
    let failing = world.service_named("failing").unwrap().id.clone();
    assert!(world.knows_history(&failing), "in trouble");
    assert!(world.health(&failing).unwrap().error.is_some());
}
