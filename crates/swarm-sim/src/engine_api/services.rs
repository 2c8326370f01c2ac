//! The endpoint `/services`.

use serde_json::{Value, json};

use super::filters::Filters;
use super::{EngineCall, HandlerResult, array};
use crate::world::render::RenderedView;
use crate::world::{Mode, Refusal, RegistryAuthFrom, ServiceUpdate, World};

pub(super) fn list(world: &World, call: &EngineCall) -> HandlerResult {
    let filters = Filters::read(call, &["id", "label", "mode", "name", "runtime"], world.engine.minor)?;
    let view = RenderedView { minor: call.minor, status: call.asked.flag("status"), defaults: false };
    let found = world.services().filter(|service| {
        let mode = match service.spec.mode {
            Mode::Replicated(_) => "replicated",
            Mode::Global => "global",
            Mode::Job { .. } => "replicated-job",
            Mode::GlobalJob => "global-job",
        };
        let label = |key: &str| service.spec.value.pointer("/Labels").and_then(|all| all.get(key)?.as_str());
        filters.any("id", |id| service.id.starts_with(id))
            && filters.any("name", |name| service.spec.name.starts_with(name))
            && filters.any("mode", |wanted| wanted == mode)
            && filters.labels("label", label)
    });
    Ok((200, array(found.map(|service| world.service_json(service, view)))))
}

pub(super) fn one(world: &World, call: &EngineCall, name: &str) -> HandlerResult {
    let service = world.find_service(name)?;
    let view = RenderedView { minor: call.minor, status: false, defaults: call.asked.flag("insertDefaults") };
    Ok((200, world.service_json(service, view)))
}

/// Returns the posted spec without the members that the call's API version does not know.
fn spec(call: &EngineCall) -> Result<Value, Refusal> {
    let value = call.json()?;
    if value.pointer("/TaskTemplate/ContainerSpec").is_none_or(Value::is_null) {
        return Err(Refusal::new(400, "mismatched Runtime and *Spec fields"));
    }
    Ok(crate::world::render::by_version(&value, call.minor))
}

fn auth(call: &EngineCall) -> Option<String> {
    call.asked.header("x-registry-auth").map(str::to_owned)
}

pub(super) fn create(world: &mut World, call: &EngineCall) -> HandlerResult {
    let mut spec = spec(call)?;
    let warning = pin_for_old_clients(world, call, &mut spec);
    let id = world.create_service(&spec, auth(call))?;
    Ok((
        201,
        match warning {
            Some(text) => json!({ "ID": id.as_ref(), "Warning": text }).to_string(),
            None => format!("{{\"ID\":\"{id}\"}}"),
        },
    ))
}

pub(super) fn update(world: &mut World, call: &EngineCall, name: &str) -> HandlerResult {
    // Go decodes the body before it checks anything else.
    let decoded = call.json()?;
    drop(decoded);
    let version = call.version("service")?;
    let mut spec = spec(call)?;
    world.find_service(name)?;
    let auth_from = match call.asked.value("registryAuthFrom") {
        "" | "spec" => RegistryAuthFrom::Spec,
        "previous-spec" => RegistryAuthFrom::PreviousSpec,
        _ if auth(call).is_some() => RegistryAuthFrom::Spec,
        _ => return Err(Refusal::new(500, "unsupported registryAuthFrom value")),
    };
    let rollback = match call.asked.value("rollback") {
        "" | "none" => false,
        "previous" => true,
        other => return Err(Refusal::new(500, format!("unrecognized rollback option {other}"))),
    };
    let warning = pin_for_old_clients(world, call, &mut spec);
    world.update_service(name, ServiceUpdate { version, spec, auth: auth(call), auth_from, rollback })?;
    Ok((
        200,
        match warning {
            Some(text) => json!({ "Warnings": [text] }).to_string(),
            None => "{\"Warnings\":null}".to_owned(),
        },
    ))
}

/// Resolves the tag to a digest, as the engine does below API 1.30; newer clients do it themselves. Returns the
/// warning if the registry cannot be reached.
fn pin_for_old_clients(world: &World, call: &EngineCall, spec: &mut Value) -> Option<String> {
    if call.minor >= 30 {
        return None;
    }
    let place = spec.pointer_mut("/TaskTemplate/ContainerSpec/Image")?;
    let image = place.as_str()?.to_owned();
    let named = crate::world::images::reference(&image)?;
    if named.digest.is_some() {
        return None;
    }
    if let Ok(manifest) = world.look(&named, auth(call).as_deref()) {
        *place = Value::from(format!("{image}@{}", manifest.digest));
        None
    } else {
        Some(format!(
            "image {image} could not be accessed on a registry to record\nits digest. Each node will access {image} \
             independently,\npossibly leading to different nodes running different\nversions of the image.\n"
        ))
    }
}
