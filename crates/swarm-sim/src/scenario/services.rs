//! Services, and the changes made to services and nodes before the start.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::step_times::MomentText;
use super::wrong;
use crate::faults::set_node;
use crate::world::images::reference;
use crate::world::{World, edit_service};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in the file")]
pub(super) struct ServiceText {
    name: String,
    image: String,
    /// Adds the digest to the image reference.
    pinned: bool,
    /// Creates the service without the credentials that its registry requires.
    without_credentials: bool,
    replicas: Option<u64>,
    global: bool,
    constraints: Vec<String>,
    /// Name of the only node for its tasks; becomes a constraint on the node's id.
    on_node: Option<String>,
    /// Name of a stack; adds the labels of `docker stack deploy`.
    stack: Option<String>,
    labels: BTreeMap<String, String>,
    /// Copies the service's labels to its containers.
    container_labels: bool,
    /// Further members of the spec, merged over it.
    spec: Option<Value>,
}

impl ServiceText {
    pub(super) fn create(&self, world: &mut World) -> Result<(), String> {
        let (spec, auth) = self.spec(world).map_err(|why| wrong(format!("service {}: {why}", self.name)))?;
        let made = world.create_service(&spec, auth);
        made.map(drop).map_err(|refusal| wrong(format!("service {}: {}", self.name, refusal.message)))
    }

    /// Returns the spec and, if its registry requires a login, the encoded credentials.
    fn spec(&self, world: &World) -> Result<(Value, Option<String>), String> {
        let image = if self.pinned { pinned(world, &self.image)? } else { self.image.clone() };
        let registry = reference(&image).and_then(|named| world.registries.get(&named.host));
        let login = registry.and_then(|registry| registry.login.as_ref()).filter(|_| !self.without_credentials);
        let auth = login
            .map(|(user, password)| URL_SAFE.encode(json!({ "username": user, "password": password }).to_string()));
        let mode = if self.global {
            json!({ "Global": {} })
        } else {
            json!({ "Replicated": { "Replicas": self.replicas.unwrap_or(1) } })
        };
        let mut labels = self.labels.clone();
        if let Some(stack) = &self.stack {
            labels.insert("com.docker.stack.namespace".to_owned(), stack.clone());
            labels.insert("com.docker.stack.image".to_owned(), image.clone());
        }
        let mut spec = json!({ "Name": self.name, "Labels": labels, "Mode": mode,
            "TaskTemplate": { "ContainerSpec": { "Image": image } } });
        if self.container_labels {
            spec["TaskTemplate"]["ContainerSpec"]["Labels"] = json!(labels);
        }
        let mut constraints = self.constraints.clone();
        if let Some(name) = &self.on_node {
            let node = world.find_node(name).map_err(|refusal| refusal.message)?;
            constraints.push(format!("node.id=={}", node.id));
        }
        if !constraints.is_empty() {
            spec["TaskTemplate"]["Placement"] = json!({ "Constraints": constraints });
        }
        if let Some(over) = &self.spec {
            lay(&mut spec, over);
        }
        Ok((spec, auth))
    }
}

/// Returns an image reference with the digest that its tag has now.
pub(crate) fn pinned(world: &World, image: &str) -> Result<String, String> {
    let named = reference(image);
    let found = named.and_then(|named| world.registries.get(&named.host)?.find(&named));
    found.map(|found| format!("{image}@{}", found.digest)).ok_or_else(|| "no such image".to_owned())
}

/// Merges members into a JSON object.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// A change that an operator made to a service or a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChangeText {
    /// The time of the change; `None`: at the start.
    pub(super) at: Option<MomentText>,
    service: Option<String>,
    /// The service's new image.
    image: Option<String>,
    /// Adds the digest to the image reference.
    pinned: bool,
    /// A label to set on the service, `key=value`.
    label: Option<String>,
    node: Option<String>,
    /// Availability (`active`, `pause`, `drain`), or the state of the node's link (`down`, `up`).
    availability: Option<String>,
}

impl ChangeText {
    /// Returns the name of the changed service or node.
    pub(super) fn subject(&self) -> &str {
        self.service.as_ref().or(self.node.as_ref()).map_or("", String::as_str)
    }

    pub(super) fn make(&self, world: &mut World) -> Result<(), String> {
        let bad = |why: &str| wrong(format!("change {}: {why}", self.subject()));
        let done = match (&self.service, &self.node, &self.availability) {
            (Some(service), None, None) if self.image.is_some() || self.label.is_some() => {
                let image = match &self.image {
                    Some(image) if self.pinned => Some(pinned(world, image).map_err(|why| bad(&why))?),
                    image => image.clone(),
                };
                edit_service(world, service, image.as_deref(), self.label.as_deref())
            }
            (None, Some(node), Some(to)) if self.image.is_none() && self.label.is_none() => set_node(world, node, to),
            _ => return Err(bad("either a `service` with `image` or `label`, or a `node` with `availability`")),
        };
        done.map_err(|refusal| bad(&refusal.message))
    }
}
