//! The endpoint `/nodes`.

use super::filters::Filters;
use super::{EngineCall, HandlerResult, array};
use crate::world::model::Node;
use crate::world::render::node;
use crate::world::{Refusal, World};

const KNOWN: &[&str] = &["id", "label", "membership", "name", "node.label", "role"];

/// Finds a node by name or id; `self` is the node that answers.
pub(super) fn find<'a>(world: &'a World, call: &EngineCall, name: &str) -> Result<&'a Node, Refusal> {
    if name == "self" {
        super::info::own(world, call).ok_or_else(|| Refusal::new(404, "node self not found"))
    } else {
        world.find_node(name)
    }
}

pub(super) fn list(world: &World, call: &EngineCall) -> HandlerResult {
    let filters = Filters::read(call, KNOWN, world.engine.minor)?;
    let found = world.nodes().filter(|node| {
        let label = |key: &str| node.labels.get(key).map(String::as_str);
        filters.any("id", |id| node.id.starts_with(id))
            && filters.any("name", |name| node.hostname.starts_with(name))
            && filters.any("role", |role| node.role == role)
            && filters.any("membership", |wanted| wanted == "accepted")
            && filters.labels("node.label", label)
            && filters.of("label").is_empty()
    });
    Ok((200, array(found.map(node))))
}

pub(super) fn one(world: &World, call: &EngineCall, name: &str) -> HandlerResult {
    Ok((200, node(find(world, call, name)?)))
}

pub(super) fn update(world: &mut World, call: &EngineCall, name: &str) -> HandlerResult {
    let spec = call.json()?;
    let version = call.version("node")?;
    world.update_node(name, version, &spec).map(|()| (200, String::new()))
}
