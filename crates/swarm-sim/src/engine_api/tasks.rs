//! The endpoint `/tasks`.

use super::filters::Filters;
use super::{EngineCall, HandlerResult, array};
use crate::world::model::{Id, State, Task};
use crate::world::{Refusal, World};

const KNOWN: &[&str] = &["_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service"];

pub(super) fn list(world: &World, call: &EngineCall) -> HandlerResult {
    let filters = Filters::read(call, KNOWN, world.engine.minor)?;
    let mut services: Vec<Id> = Vec::new();
    for name in filters.of("service") {
        services.push(Id::clone(&world.find_service(name)?.id));
    }
    let mut nodes: Vec<Id> = Vec::new();
    for name in filters.of("node") {
        nodes.push(Id::clone(&super::nodes::find(world, call, name)?.id));
    }
    for word in filters.of("desired-state") {
        if State::of(word).is_none() {
            let word = format!("Invalid desired-state filter: '{word}'");
            return Err(Refusal::new(500, word));
        }
    }
    let fits = |task: &&Task| {
        let service = world.find_service(&task.service).ok();
        let label = |key: &str| service.and_then(|service| service.spec.value.pointer("/Labels")?.get(key)?.as_str());
        let name = || service.map_or("", |service| service.spec.name.as_str());
        (nodes.is_empty() || task.node.as_ref().is_some_and(|node| nodes.contains(node)))
            && filters.any("id", |id| task.id.starts_with(id))
            && filters.any("desired-state", |word| State::of(word) == Some(task.desired))
            && filters.any("name", |wanted| name().starts_with(wanted))
            && filters.any("_up-to-date", |wanted| (wanted == "true") == world.is_up_to_date(task))
            && (filters.of("label").is_empty() || filters.labels("label", label))
    };
    let json = |task: &Task| world.task_json(task, call.minor);
    if services.is_empty() {
        return Ok((200, array(world.tasks().filter(fits).map(json))));
    }
    services.sort();
    services.dedup();
    let mut found: Vec<&Task> = services.iter().flat_map(|id| world.tasks_of(id)).filter(fits).collect();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok((200, array(found.into_iter().map(json))))
}

pub(super) fn one(world: &World, call: &EngineCall, name: &str) -> HandlerResult {
    Ok((200, world.task_json(world.find_task(name)?, call.minor)))
}
