//! The client of the conformance scenarios: plain HTTP, without any product code.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use swarm_sim::{Recipe, ServedEndpoint, Sim, connect, parse_time};
use tokio::net::UnixStream;

use super::setup::{self, LabTarget, Private};

#[derive(Clone)]
enum Way {
    Sim(Arc<Sim>),
    Real(String),
}

/// An engine under test, with the transcript of its observations.
#[derive(Clone)]
pub struct Target {
    way: Way,
    registry: String,
    pub private: Private,
    suffix: String,
    seen: Arc<Mutex<String>>,
    names: Arc<Mutex<BTreeMap<String, String>>>,
    made: Arc<Mutex<Vec<String>>>,
}

/// An HTTP reply: status and body.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// Returns the reply as one line of the transcript.
    pub fn line(&self) -> String {
        match self.body.get("message").and_then(Value::as_str) {
            Some(message) => format!("{} {message}", self.status),
            None => format!("{} {}", self.status, if self.text.len() > 300 { "…" } else { self.text.trim() }),
        }
    }
}

impl Target {
    pub fn simulated() -> Self {
        let (sim, private) = setup::simulated();
        Self::new(Way::Sim(sim), setup::REGISTRY, private, "0".to_owned())
    }

    pub fn real(lab: &LabTarget) -> Self {
        let suffix = uuid::Uuid::now_v7().simple().to_string();
        Self::new(Way::Real(lab.socket.clone()), &lab.registry, lab.private.clone(), suffix[20..].to_owned())
    }

    fn new(way: Way, registry: &str, private: Private, suffix: String) -> Self {
        let registry = registry.to_owned();
        let names = [(registry.clone(), "REGISTRY"), (private.host.clone(), "PRIVATE")];
        let names = names.map(|(own, name)| (own, name.to_owned()));
        let names = Arc::new(Mutex::new(names.into()));
        Self { way, registry, private, suffix, seen: Arc::default(), names, made: Arc::default() }
    }

    /// Pushes a new, unique image to the registry that requires a login.
    pub fn push_private(&self, tag: &str) -> String {
        let own = format!("{tag}-{}", self.suffix);
        let text = format!("{}/conf/private:{own}", self.private.host);
        match &self.way {
            Way::Sim(sim) => sim.with(|world| {
                let recipe = Recipe { salt: own.clone(), ..Recipe::default() };
                world.registries.get_mut(&self.private.host).unwrap().push("conf/private", &own, &recipe);
            }),
            Way::Real(_) => setup::push(&[&text, "--label", &format!("tag={own}")]),
        }
        self.call_it(&own, tag);
        text
    }

    /// Returns a unique name for an object of this run.
    pub fn name(&self, name: &str) -> String {
        let own = format!("conf-{name}-{}", self.suffix);
        self.call_it(&own, &format!("<{name}>"));
        own
    }

    /// Replaces a text that varies between runs with a fixed name in the transcript.
    pub fn call_it(&self, text: &str, name: &str) {
        self.names.lock().unwrap().insert(text.to_owned(), name.to_owned());
    }

    /// Returns the reference of a scenario image.
    pub fn image(&self, tag: &str) -> String {
        format!("{}/conf/app:{tag}", self.registry)
    }

    /// Adds a line to the transcript.
    pub fn note(&self, text: impl Into<String>) {
        let mut text = text.into();
        let names = self.names.lock().unwrap();
        let mut all: Vec<_> = names.iter().collect();
        all.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        for (own, name) in all {
            text = text.replace(own.as_str(), name);
        }
        self.seen.lock().unwrap().extend([text.as_str(), "\n"]);
    }

    /// Removes the lines with this text from the transcript, because they are not observed in every run.
    pub fn forget(&self, part: &str) {
        let mut seen = self.seen.lock().unwrap();
        *seen = seen.split_inclusive('\n').filter(|line| !line.contains(part)).collect();
    }

    /// Returns the transcript.
    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.call_with(method, path, body.map(Value::to_string).unwrap_or_default(), &[]).await
    }

    pub async fn call_with(&self, method: &str, path: &str, body: String, headers: &[(&str, &str)]) -> Reply {
        let path =
            if path.starts_with("/v1.") || path.starts_with("/_") { path.to_owned() } else { format!("/v1.41{path}") };
        let mut request = Request::builder().method(method).uri(path).header("host", "docker");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = match &self.way {
            Way::Sim(sim) => {
                let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(
                    connect(sim, ServedEndpoint::Engine(None)).unwrap(),
                ))
                .await
                .unwrap();
                tokio::spawn(connection);
                send.send_request(request).await.unwrap()
            }
            Way::Real(socket) => {
                let stream = UnixStream::connect(socket).await.unwrap();
                let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                send.send_request(request).await.unwrap()
            }
        };
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Makes a call and adds the reply to the transcript.
    pub async fn says(&self, what: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let reply = self.call(method, path, body).await;
        self.note(format!("{what}: {}", reply.line()));
        reply
    }

    /// Returns a service spec with the given number of replicas; `over` is merged over it.
    pub fn spec(&self, name: &str, tag: &str, replicas: u64, over: Value) -> Value {
        let mut spec = json!({ "Name": name, "Mode": { "Replicated": { "Replicas": replicas } },
            "TaskTemplate": { "ContainerSpec": { "Image": self.image(tag), "StopSignal": "SIGKILL" } } });
        lay(&mut spec, over);
        spec
    }

    /// Creates a service and returns its id.
    pub async fn create(&self, spec: &Value) -> String {
        let reply = self.call("POST", "/services/create", Some(spec)).await;
        let id = reply.body["ID"].as_str().unwrap_or_else(|| panic!("{}", reply.line())).to_owned();
        self.made.lock().unwrap().push(format!("/services/{id}"));
        self.call_it(&id, "<id>");
        id
    }

    /// Registers an object for removal at the end.
    pub fn remove_later(&self, path: String) {
        self.made.lock().unwrap().push(path);
    }

    pub async fn service(&self, id: &str) -> Value {
        self.call("GET", &format!("/services/{id}"), None).await.body
    }

    pub async fn tasks(&self, id: &str) -> Vec<Value> {
        let reply = self.call("GET", &format!("/tasks?filters=%7B%22service%22%3A%5B%22{id}%22%5D%7D"), None).await;
        reply.body.as_array().cloned().unwrap_or_default()
    }

    /// Updates a service at its current version; retries if the version moved in between.
    pub async fn post(&self, id: &str, query: &str, change: impl Fn(&mut Value)) -> Reply {
        for _ in 0..20 {
            let service = self.service(id).await;
            let mut spec = service["Spec"].clone();
            change(&mut spec);
            let path = format!("/services/{id}/update?version={}{query}", service["Version"]["Index"]);
            let reply = self.call("POST", &path, Some(&spec)).await;
            if !reply.line().contains("out of sequence") {
                return reply;
            }
        }
        panic!("always out of sequence");
    }

    /// Updates a service's image, optionally with registry credentials.
    pub async fn post_with(&self, id: &str, image: &str, query: &str, header: Option<&str>) -> Reply {
        let service = self.service(id).await;
        let mut spec = service["Spec"].clone();
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image);
        let path = format!("/services/{id}/update?version={}{query}", service["Version"]["Index"]);
        let headers: Vec<(&str, &str)> = header.map(|header| ("x-registry-auth", header)).into_iter().collect();
        self.call_with("POST", &path, spec.to_string(), &headers).await
    }

    /// Updates a service's image and adds the reply to the transcript.
    pub async fn post_image(&self, id: &str, tag: &str) {
        let image = self.image(tag);
        let reply = self
            .post(id, "", |spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = Value::from(image.as_str()))
            .await;
        self.note(format!("post {tag}: {}", reply.line()));
    }

    /// Waits until a condition holds for a service and its tasks.
    pub async fn until(&self, what: &str, id: &str, holds: impl Fn(&Value, &[Value]) -> bool) {
        for _ in 0..600 {
            let (service, tasks) = (self.service(id).await, self.tasks(id).await);
            if holds(&service, &tasks) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never: {what}\n{}\n{:#?}", self.seen(), self.tasks(id).await);
    }

    /// Waits until exactly this many tasks should run, and all of them run with the tag.
    pub async fn until_runs(&self, id: &str, tag: &str, many: usize) {
        let image = self.image(tag);
        self.until(&format!("{many} of {tag} run"), id, |_, tasks| {
            let wanted: Vec<_> = tasks.iter().filter(|task| task["DesiredState"] == "running").collect();
            wanted.len() == many
                && wanted.iter().all(|task| task["Status"]["State"] == "running" && image_of(task).starts_with(&image))
        })
        .await;
    }

    /// Follows a service's `UpdateStatus` until it reaches one of the states; adds each state to the transcript.
    pub async fn follow(&self, id: &str, ends: &[&str]) {
        let mut last = String::new();
        for _ in 0..1200 {
            let service = self.service(id).await;
            let status = &service["UpdateStatus"];
            let state = status["State"].as_str().unwrap_or_default().to_owned();
            if state != last && !state.is_empty() {
                let message = status["Message"].as_str().unwrap_or_default();
                let message = match message.split_once(" of task ") {
                    Some((text, _)) => format!("{text} of task <task>"),
                    None => message.to_owned(),
                };
                let completed = if status["CompletedAt"].is_string() { ", with CompletedAt" } else { "" };
                self.note(format!("update: {state}: {message}{completed}"));
                last = state;
            }
            if ends.contains(&last.as_str()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {ends:?}\n{}", self.seen());
    }

    /// Adds the final state of a service to the transcript: images, task counts and how the tasks ended.
    pub async fn end(&self, id: &str) {
        let service = self.service(id).await;
        let image = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).unwrap_or("absent").to_owned();
        self.note(format!("spec: {}", image("/Spec/TaskTemplate/ContainerSpec/Image")));
        self.note(format!("previous: {}", image("/PreviousSpec/TaskTemplate/ContainerSpec/Image")));
        for line in ends_of(&self.tasks(id).await) {
            self.note(line);
        }
    }

    /// Returns the events of a service, oldest first.
    pub async fn events(&self, id: &str, since: &str) -> Vec<String> {
        let until = self.now().await;
        let filters = format!("%7B%22type%22%3A%5B%22service%22%5D%2C%22service%22%3A%5B%22{id}%22%5D%7D");
        let path = format!("/events?since={since}&until={until}&filters={filters}");
        let text = self.call("GET", &path, None).await.text;
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|event| {
                let attributes: BTreeMap<String, Value> =
                    event["Actor"]["Attributes"].as_object().cloned().unwrap_or_default().into_iter().collect();
                let attributes: Vec<String> = attributes
                    .iter()
                    .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                    .collect();
                let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                format!("event: {} {} {} {}", word("Type"), word("Action"), word("scope"), attributes.join(" "))
            })
            .collect()
    }

    /// Returns the engine's current time, in seconds.
    pub async fn now(&self) -> String {
        let info = self.call("GET", "/info", None).await;
        let at = parse_time(info.body["SystemTime"].as_str().unwrap()).unwrap();
        format!("{}.{:09}", at / 1_000_000_000, at % 1_000_000_000)
    }

    pub async fn clean_up(&self) {
        let made: Vec<String> = self.made.lock().unwrap().drain(..).collect();
        for path in made {
            self.call("DELETE", &path, None).await;
        }
    }
}

/// Summarizes tasks: a count of the running ones, and each distinct way of ending once.
pub fn ends_of(tasks: &[Value]) -> Vec<String> {
    let mut lines = std::collections::BTreeSet::new();
    let mut running: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        let word = |pointer: &str| task.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (state, image) = (word("/Status/State"), image_of(task));
        if state == "running" && word("/DesiredState") == "running" {
            *running.entry(image).or_default() += 1;
        } else if ["complete", "shutdown", "failed", "rejected"].contains(&state.as_str()) {
            let code = task.pointer("/Status/ContainerStatus/ExitCode").map(ToString::to_string);
            let (message, err) = (word("/Status/Message"), word("/Status/Err"));
            lines.insert(format!(
                "task {image} {state}: {message}: {err} (code {})",
                code.as_deref().unwrap_or("absent")
            ));
        }
    }
    let mut all: Vec<String> = running.into_iter().map(|(image, many)| format!("running: {many} of {image}")).collect();
    all.extend(lines);
    all
}

pub fn image_of(task: &Value) -> String {
    task.pointer("/Spec/ContainerSpec/Image").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Merges members into a JSON object.
pub fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
