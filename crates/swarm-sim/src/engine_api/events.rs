//! The endpoint `/events`: first the stored events, then new ones.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::filters::Filters;
use super::{EngineCall, error};
use crate::Sim;
use crate::http::{Body, respond, stream};
use crate::world::model::Nanos;
use crate::world::{Event, Refusal};

const KNOWN: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Parses `seconds`, `seconds.nanoseconds` or RFC 3339.
fn moment(text: &str) -> Option<Nanos> {
    if text.is_empty() {
        return None;
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    match seconds.parse::<u64>() {
        Ok(seconds) => Some(seconds * 1_000_000_000 + format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?),
        Err(_) => crate::world::time::parse(text),
    }
}

fn wanted(filters: &Filters, event: &Event) -> bool {
    let name = event.attributes.get("name").map_or("", String::as_str);
    filters.any("scope", |scope| scope == "swarm")
        && filters.any("type", |kind| kind == event.kind)
        && filters.any("event", |action| action == event.action)
        && ["service", "node", "config", "secret", "network"].iter().all(|kind| {
            filters.any(kind, |wanted| event.kind == *kind && (wanted == event.id.as_ref() || wanted == name))
        })
        && ["container", "daemon", "image", "plugin", "volume"].iter().all(|kind| filters.of(kind).is_empty())
}

/// Streams events until the client disconnects, the stream is cut by a fault, or `until` has passed.
pub(super) fn follow(sim: &Arc<Sim>, call: &EngineCall) -> Response<Body> {
    let minor = sim.with(|world| world.engine.minor);
    let filters = match Filters::read(call, KNOWN, minor) {
        Ok(filters) => filters,
        Err(refusal) => return error(&refusal),
    };
    let (since, until) = (moment(call.asked.value("since")), moment(call.asked.value("until")));
    if !call.asked.value("since").is_empty() && since.is_none() {
        return error(&Refusal::new(
            400,
            format!("strconv.ParseInt: parsing {:?}: invalid syntax", call.asked.value("since")),
        ));
    }
    let (send, body) = stream();
    let mut moved = sim.follow();
    let (mut number, cuts, worker) = sim.with_faults(|world, faults| {
        let number = if since.is_some() { 0 } else { world.log().newest() };
        (number, faults.cuts, super::info::own(world, call).is_some_and(|node| node.role == "worker"))
    });
    let sim = Arc::downgrade(sim);
    tokio::spawn(async move {
        loop {
            let Some(held) = sim.upgrade() else { return };
            moved.mark_unchanged();
            let (lines, over) = held.with_faults(|world, faults| {
                let silent = faults.silent || worker;
                let fresh: Vec<String> = world
                    .log()
                    .after(number)
                    .filter(|event| !silent && since.is_none_or(|since| event.at >= since))
                    .filter(|event| until.is_none_or(|until| event.at <= until) && wanted(&filters, event))
                    .map(Event::line)
                    .collect();
                number = world.log().newest();
                (fresh, faults.cuts != cuts || until.is_some_and(|until| world.now() >= until))
            });
            drop(held);
            for line in lines {
                if send.send(Ok(Bytes::from(line))).is_err() {
                    return;
                }
            }
            if over {
                return;
            }
            tokio::select! {
                changed = moved.changed() => if changed.is_err() { return },
                () = send.closed() => return,
            }
        }
    });
    respond(200, "application/json", body)
}
