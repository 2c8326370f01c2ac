//! The Docker Engine's HTTP API, answered from a world.

mod configs;
mod distribution;
mod events;
mod filters;
mod info;
mod logs;
mod nodes;
mod services;
mod tasks;

use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Response};
use serde_json::{Value, json};

use super::Sim;
use super::faults::{PlannedFault, SwarmMembership, plan_fault};
use super::http::{Body, HttpRequest, ResponseResult, full_body, respond, stream};
use super::world::{DelayedWrite, Refusal, Store, World};

/// A handler's result: an HTTP status and a JSON body, or a refusal.
type HandlerResult = Result<(u16, String), Refusal>;

/// A request with its API version (the minor number) and the node that receives it.
struct EngineCall {
    asked: HttpRequest,
    minor: u32,
    node: Option<String>,
}

impl EngineCall {
    /// Returns the second part of the path: the id or name that the call is about.
    fn subject(&self) -> &str {
        self.asked.parts.get(1).map_or("", String::as_str)
    }

    /// Returns the body as JSON, or an error in the words of Go's decoder.
    fn json(&self) -> Result<Value, Refusal> {
        if self.asked.body.trim_ascii().is_empty() {
            return Err(Refusal::new(400, "got EOF while reading request body"));
        }
        serde_json::from_slice(&self.asked.body).map_err(|error| Refusal::new(400, go_error(&self.asked.body, &error)))
    }

    /// Returns the object version index from the query of an update.
    fn version(&self, of: &str) -> Result<u64, Refusal> {
        let text = self.asked.value("version");
        text.parse().map_err(|_| {
            if of != "service" && of != "node" {
                return Refusal::new(400, format!("invalid {of} version"));
            }
            Refusal::new(
                400,
                format!("invalid {of} version '{text}': strconv.ParseUint: parsing {text:?}: invalid syntax"),
            )
        })
    }
}

/// Returns the error text of Go's decoder for invalid JSON.
fn go_error(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    let line = lines.get(error.line().saturating_sub(1)).copied().unwrap_or_default();
    let at = char::from(line.get(error.column().saturating_sub(1)).copied().unwrap_or(b'?'));
    let wanted = if error.to_string().starts_with("key must be a string") { "object key string" } else { "value" };
    format!("invalid character '{at}' looking for beginning of {wanted}")
}

/// Answers a request as the engine of the given node, or of the leader.
pub async fn answer_as_engine(sim: Arc<Sim>, node: Option<&str>, mut asked: HttpRequest) -> ResponseResult {
    if asked.path == "/sim/fault" {
        return Ok(control(&sim, &asked));
    }
    let (engine, now) = sim.with(|world| (world.engine.clone(), world.now()));
    let mut minor = engine.minor;
    if let Some(version) = asked.parts.first().and_then(|part| part.strip_prefix("v1.")).map(str::to_owned) {
        let given = version.parse::<u32>().unwrap_or(0);
        asked.parts.remove(0);
        if given > engine.minor {
            let text =
                format!("client version 1.{given} is too new. Maximum supported API version is 1.{}", engine.minor);
            return Ok(finish(error(&Refusal::new(400, text)), &engine, now));
        }
        if given < engine.least {
            let text = format!(
                "client version 1.{given} is too old. Minimum supported API version is 1.{}, please upgrade your client \
                 to a newer version",
                engine.least
            );
            // Older engines send this error as plain text, not as JSON.
            let plain = respond(400, "text/plain; charset=utf-8", full_body(format!("{text}\n")));
            let answer = if engine.minor >= 44 { error(&Refusal::new(400, text)) } else { plain };
            return Ok(finish(answer, &engine, now));
        }
        minor = given;
    }
    let call = EngineCall { asked, minor, node: node.map(str::to_owned) };
    let stalls = sim.with_faults(|_, faults| !faults.stall.is_empty() && call.asked.path.contains(&faults.stall));
    let response = route(&sim, call).await;
    let response = finish(response, &engine, now);
    if stalls { Ok(stalled(response).await) } else { Ok(response) }
}

/// Sends half of the body and then nothing more, until the client gives up.
async fn stalled(response: Response<Body>) -> Response<Body> {
    use http_body_util::BodyExt as _;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (send, body) = stream();
    let half = bytes.slice(..bytes.len() / 2);
    let _ = send.send(Ok(half));
    tokio::spawn(async move {
        send.closed().await;
    });
    Response::from_parts(head, body)
}

fn finish(mut response: Response<Body>, engine: &super::world::Engine, now: u64) -> Response<Body> {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set("api-version", format!("1.{}", engine.minor));
    set("docker-experimental", "false".to_owned());
    set("ostype", "linux".to_owned());
    set("server", format!("Docker/{} (linux)", engine.version));
    set("date", super::world::time::http_date(now));
    response
}

fn error(refusal: &Refusal) -> Response<Body> {
    let body = json!({ "message": refusal.message }).to_string();
    respond(refusal.status, "application/json", full_body(format!("{body}\n")))
}

fn told(told: HandlerResult) -> Response<Body> {
    match told {
        Ok((status, body)) if body.is_empty() => {
            let mut response = Response::new(full_body(Bytes::new()));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
            response
        }
        Ok((status, mut body)) => {
            body.push('\n');
            respond(status, "application/json", full_body(body))
        }
        Err(refusal) => error(&refusal),
    }
}

/// Schedules or applies a fault: `POST /sim/fault`.
fn control(sim: &Sim, asked: &HttpRequest) -> Response<Body> {
    let planned = match serde_json::from_slice::<PlannedFault>(&asked.body) {
        Ok(planned) => planned,
        Err(why) => return error(&Refusal::new(400, why.to_string())),
    };
    let done = sim.with_faults(|world, faults| plan_fault(world, faults, planned));
    told(done.map(|()| (200, "{}".to_owned())))
}

async fn route(sim: &Arc<Sim>, call: EngineCall) -> Response<Body> {
    let parts: Vec<&str> = call.asked.parts.iter().map(String::as_str).collect();
    let method = call.asked.method.clone();
    match (&method, parts.as_slice()) {
        (&Method::GET | &Method::HEAD, ["_ping"]) => return info::ping(sim, &call),
        (&Method::GET, ["version"]) => return told(Ok((200, sim.with(|world| info::version(world))))),
        (&Method::GET, ["info"]) => {
            return told(Ok((200, sim.with_faults(|world, faults| info::info(world, faults, &call)))));
        }
        (&Method::GET, ["events"]) => return events::follow(sim, &call),
        (&Method::POST, ["auth"]) => return told(sim.with(|world| distribution::login(world, &call))),
        (&Method::GET, ["distribution", .., "json"]) => return distribution::look(sim, &call).await,
        (&Method::GET, ["containers", "json"]) => {
            return told(Ok((200, sim.with(|world| info::containers(world, &call)))));
        }
        (&Method::GET, ["networks"]) => return told(Ok((200, sim.with(|world| info::networks(world))))),
        (&Method::GET, ["networks", name]) => return told(sim.with(|world| info::network(world, name))),
        _ => {}
    }
    if let Err(refusal) = manager(sim, &call) {
        return error(&refusal);
    }
    if method == Method::GET {
        if let [what @ ("services" | "tasks"), _, "logs"] = parts.as_slice() {
            return logs::logs(sim, &call, what);
        }
        return told(sim.with(|world| read(world, &call, &parts)));
    }
    if ["services", "configs", "secrets", "nodes"].contains(parts.first().unwrap_or(&"")) {
        if let Err(refusal) = hang(sim, &call, &parts).await {
            return error(&refusal);
        }
        return told(sim.with_faults(|world, faults| {
            if let ["services", name, "update"] = parts.as_slice() {
                faults.meddle(world, name);
            }
            write(world, &call, &parts)
        }));
    }
    error(&Refusal::new(404, "page not found"))
}

/// Checks that this engine is a manager of a swarm with a quorum; returns the engine's error if not.
fn manager(sim: &Sim, call: &EngineCall) -> Result<(), Refusal> {
    let (part, lost, worker) = sim.with_faults(|world, faults| {
        let node = call.node.as_deref().and_then(|node| world.find_node(node).ok());
        (faults.part, faults.quorum_lost, node.is_some_and(|node| node.role == "worker"))
    });
    let text = match part {
        Some(SwarmMembership::Inactive) => {
            "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to \
             swarm and try again."
        }
        Some(SwarmMembership::Locked) => info::LOCKED,
        Some(SwarmMembership::Worker) => WORKER,
        None if worker => WORKER,
        None if lost => return Err(Refusal::rpc("Unknown", info::NO_LEADER)),
        None => return Ok(()),
    };
    Err(Refusal::new(503, text))
}

const WORKER: &str = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. \
                      Please run this command on a manager node or promote the current node to a manager.";

/// Applies the fault `writes-hang`: waits, fails the write and, if configured, schedules it to be applied later.
async fn hang(sim: &Sim, call: &EngineCall, parts: &[&str]) -> Result<(), Refusal> {
    let Some(writes) = sim.with_faults(|_, faults| faults.write()) else { return Ok(()) };
    tokio::time::sleep(sim.span(writes.hang)).await;
    if let Some(after) = writes.applied_after {
        let late = match parts {
            ["services", "create"] => "service-create",
            ["services", ..] => "service",
            ["configs", "create"] => "config-create",
            _ => "config",
        };
        let late = DelayedWrite {
            write: late.to_owned(),
            name: call.subject().to_owned(),
            version: call.version("").unwrap_or(0),
            spec: call.json().unwrap_or_default(),
            auth: call.asked.header("x-registry-auth").map(str::to_owned),
            rollback: call.asked.value("rollback") == "previous",
        };
        let text = serde_json::to_string(&late).unwrap_or_default();
        sim.with(|world| world.later(after, text));
    }
    Err(Refusal::rpc("DeadlineExceeded", "context deadline exceeded"))
}

fn read(world: &mut World, call: &EngineCall, parts: &[&str]) -> HandlerResult {
    match parts {
        ["swarm"] => Ok((200, info::swarm(world))),
        ["nodes"] => nodes::list(world, call),
        ["nodes", name] => nodes::one(world, call, name),
        ["services"] => services::list(world, call),
        ["services", name] => services::one(world, call, name),
        ["tasks"] => tasks::list(world, call),
        ["tasks", name] => tasks::one(world, call, name),
        ["configs"] => configs::list(world, call, Store::Configs),
        ["configs", name] => configs::one(world, name, Store::Configs),
        ["secrets"] => configs::list(world, call, Store::Secrets),
        ["secrets", name] => configs::one(world, name, Store::Secrets),
        _ => Err(Refusal::new(404, "page not found")),
    }
}

fn write(world: &mut World, call: &EngineCall, parts: &[&str]) -> HandlerResult {
    let store = if parts.first() == Some(&"secrets") { Store::Secrets } else { Store::Configs };
    match (call.asked.method.as_str(), parts) {
        ("POST", ["services", "create"]) => services::create(world, call),
        ("POST", ["services", name, "update"]) => services::update(world, call, name),
        ("DELETE", ["services", name]) => world.remove_service(name).map(|()| (200, String::new())),
        ("POST", ["nodes", name, "update"]) => nodes::update(world, call, name),
        ("DELETE", ["nodes", name]) => world.remove_node(name, call.asked.flag("force")).map(|()| (200, String::new())),
        ("POST", ["configs" | "secrets", "create"]) => configs::create(world, call, store),
        ("POST", ["configs" | "secrets", name, "update"]) => configs::update(world, call, store, name),
        ("DELETE", ["configs" | "secrets", name]) => world.remove_config(store, name).map(|()| (204, String::new())),
        _ => Err(Refusal::new(404, "page not found")),
    }
}

/// Joins JSON values into a JSON array.
fn array(entries: impl IntoIterator<Item = String>) -> String {
    let mut out = String::from("[");
    for (at, entry) in entries.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&entry);
    }
    out.push(']');
    out
}
