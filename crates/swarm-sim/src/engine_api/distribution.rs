//! The endpoints `/distribution` and `/auth`: the engine's requests to registries.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::{EngineCall, HandlerResult, told};
use crate::Sim;
use crate::faults::Misbehaviour;
use crate::http::Body;
use crate::world::images::{Manifest, Reference, reference};
use crate::world::model::{Nanos, SECOND};
use crate::world::{PullError, Refusal, World};

/// Go's error text for a server that did not answer in time.
const TIMED_OUT: &str = "net/http: request canceled while waiting for connection (Client.Timeout exceeded while \
                         awaiting headers)";
/// The engine's timeout for a registry's first answer (`PingV2Registry` in moby's `registry/auth.go`).
const PATIENCE: Nanos = 15 * SECOND;

pub(super) async fn look(sim: &Arc<Sim>, call: &EngineCall) -> Response<Body> {
    let parts = &call.asked.parts;
    let name = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default().join("/");
    if name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit()) {
        return told(Err(Refusal::new(500, "no manifest found for full image ID")));
    }
    let Some(named) = reference(&name) else {
        let lower = name != name.to_lowercase();
        let why = if lower {
            "invalid reference format: repository name must be lowercase"
        } else {
            "invalid reference format"
        };
        return told(Err(Refusal::new(400, why)));
    };
    // A lookup of a name that does not resolve takes until the DNS timeout. Up to API 1.41 it
    // also blocks all other lookups.
    let wait = sim.with_faults(|world, faults| {
        let slow = world.unreachable.get(&named.host).is_some_and(|why| why.contains("i/o timeout"));
        let blocked = if world.engine.minor < 43 { faults.blocked_until.saturating_sub(world.now()) } else { 0 };
        let own = match faults.registries.get(&named.host) {
            Some((Misbehaviour::Slow, span)) => *span,
            Some((Misbehaviour::Hang, _)) => PATIENCE,
            _ if slow => {
                if named.host == "docker.io" {
                    20 * SECOND
                } else {
                    40 * SECOND
                }
            }
            _ => 0,
        };
        if slow {
            faults.blocked_until = world.now() + blocked + own;
        }
        blocked + own
    });
    if wait > 0 {
        tokio::time::sleep(sim.span(wait)).await;
    }
    told(sim.with_faults(|world, faults| {
        if matches!(faults.registries.get(&named.host), Some((Misbehaviour::Hang, _))) {
            let silence = PullError::Unreachable(TIMED_OUT.to_owned());
            return Err(refusal(world, &named, silence));
        }
        let auth = call.asked.header("x-registry-auth");
        let found = world.look(&named, auth).map(told_of);
        found.map(|body| (200, body)).map_err(|silence| refusal(world, &named, silence))
    }))
}

/// Returns the engine's error response for a failed registry lookup.
fn refusal(world: &World, named: &Reference, silence: PullError) -> Refusal {
    let shown = if named.host == "docker.io" { "registry-1.docker.io" } else { named.host.as_str() };
    let insecure = world.registries.get(&named.host).is_some_and(|registry| registry.insecure);
    let scheme = if insecure || shown.starts_with("127.") { "http" } else { "https" };
    let at = named.digest.as_deref().or(named.tag.as_deref()).unwrap_or("latest");
    match silence {
        PullError::NotFound => Refusal::new(404, "manifest unknown: manifest unknown"),
        PullError::WrongLogin => Refusal::new(401, "unauthorized: authentication required"),
        PullError::NoLogin => {
            let path = format!("{scheme}://{shown}/v2/{}/manifests/{at}", named.repository);
            Refusal::new(500, format!("Head \"{path}\": no basic auth credentials"))
        }
        PullError::Unreachable(why) if why.starts_with("dial") || why == TIMED_OUT => {
            Refusal::new(500, format!("Get \"{scheme}://{shown}/v2/\": {why}"))
        }
        PullError::Unreachable(why) => Refusal::new(500, why),
    }
}

fn told_of(manifest: &Manifest) -> String {
    let platforms = match &manifest.platforms {
        // An OCI manifest does not list platforms, and the engine does not fetch the configuration.
        None => "null".to_owned(),
        Some(platforms) => {
            let all = platforms.iter().map(|(os, architecture, variant)| {
                let variant = if variant.is_empty() { String::new() } else { format!(",\"variant\":\"{variant}\"") };
                format!("{{\"architecture\":\"{architecture}\",\"os\":\"{os}\"{variant}}}")
            });
            super::array(all)
        }
    };
    format!(
        "{{\"Descriptor\":{{\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":{}}},\"Platforms\":{platforms}}}",
        manifest.media_type,
        manifest.digest,
        manifest.body.len()
    )
}

pub(super) fn login(world: &World, call: &EngineCall) -> HandlerResult {
    let given: Value = call.json()?;
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default();
    let server = text("serveraddress");
    let host = server.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
    let known = world.registries.get(host).and_then(|registry| registry.login.clone());
    let (user, password) = (text("username").to_owned(), text("password").to_owned());
    if known.is_some_and(|known| known != (user, password)) {
        let why = format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized");
        return Err(Refusal::new(500, why));
    }
    Ok((200, json!({ "IdentityToken": "", "Status": "Login Succeeded" }).to_string()))
}
