//! The endpoints `/configs` and `/secrets`.

use super::filters::Filters;
use super::{EngineCall, HandlerResult, array};
use crate::world::render::config;
use crate::world::{Store, World};

pub(super) fn list(world: &World, call: &EngineCall, store: Store) -> HandlerResult {
    let filters = Filters::read(call, &["id", "label", "name", "names"], world.engine.minor)?;
    let found = world.configs(store).filter(|one| {
        let label = |key: &str| one.labels.get(key).map(String::as_str);
        filters.any("id", |id| one.id.starts_with(id))
            && filters.any("name", |name| one.name.starts_with(name))
            && filters.any("names", |name| one.name == name)
            && filters.labels("label", label)
    });
    Ok((200, array(found.map(|one| config(one, store == Store::Configs)))))
}

pub(super) fn one(world: &World, name: &str, store: Store) -> HandlerResult {
    Ok((200, config(world.find_config(store, name)?, store == Store::Configs)))
}

pub(super) fn create(world: &mut World, call: &EngineCall, store: Store) -> HandlerResult {
    let spec = call.json()?;
    let id = world.create_config(store, &spec)?;
    Ok((201, format!("{{\"ID\":\"{id}\"}}")))
}

pub(super) fn update(world: &mut World, call: &EngineCall, store: Store, name: &str) -> HandlerResult {
    let spec = call.json()?;
    let version = call.version(store.word())?;
    world.update_config(store, name, version, &spec).map(|()| (200, String::new()))
}
