//! Validation of specs, with the engine's error texts.

use serde_json::Value;

use super::model::Id;
use super::spec::{Spec, constraint};
use super::{Refusal, World, images};

impl World {
    /// Validates a spec; `own` is the service to be updated, `None` for a new one.
    pub(super) fn validate_service(&self, spec: &Spec, own: Option<&Id>) -> Result<(), Refusal> {
        let invalid = |text: String| Err(Refusal::rpc("InvalidArgument", text));
        name(&spec.name).map_err(|text| Refusal::rpc("InvalidArgument", text))?;
        let list = spec.value.pointer("/TaskTemplate/Placement/Constraints").and_then(Value::as_array);
        for text in list.into_iter().flatten().filter_map(Value::as_str) {
            constraint(text).map_err(|text| Refusal::rpc("Unknown", text))?;
        }
        if spec.image.is_empty() {
            return invalid("ContainerSpec: image reference must be provided".to_owned());
        }
        if images::reference(&spec.image).is_none() {
            return invalid(format!("ContainerSpec: {:?} is not a valid repository/tag", spec.image));
        }
        if spec.mode.is_job() && spec.value.get("UpdateConfig").is_some() {
            return invalid("Jobs may not have an update config".to_owned());
        }
        self.ports_are_free(spec, own)?;
        for (key, kind, kept) in [("Secrets", "secret", &self.secrets), ("Configs", "config", &self.configs)] {
            let missing = spec.container(key).and_then(Value::as_array).into_iter().flatten().find(|item| {
                let id = item.get(format!("{}ID", &key[..key.len() - 1])).and_then(Value::as_str).unwrap_or_default();
                !kept.contains_key(id)
            });
            if let Some(item) = missing {
                let name = item.get(format!("{}Name", &key[..key.len() - 1])).and_then(Value::as_str);
                return invalid(format!("{kind} not found: {}", name.unwrap_or_default()));
            }
        }
        Ok(())
    }

    fn ports_are_free(&self, spec: &Spec, own: Option<&Id>) -> Result<(), Refusal> {
        for port in spec.ports.iter().filter(|port| port.published > 0) {
            let taken = self.services.values().filter(|other| own != Some(&other.id)).find_map(|other| {
                let same = |theirs: &&super::spec::Port| {
                    theirs.published == port.published
                        && theirs.protocol == port.protocol
                        && !(theirs.host && port.host)
                };
                other.spec.ports.iter().find(same).map(|theirs| (other, theirs.host))
            });
            if let Some((other, host)) = taken {
                let how = if host { "a host-published" } else { "an ingress" };
                let text = format!(
                    "port '{}' is already in use by service '{}' ({}) as {how} port",
                    port.published, other.spec.name, other.id
                );
                return Err(Refusal::rpc("InvalidArgument", text));
            }
        }
        Ok(())
    }

    /// Returns the spec with network names replaced by ids.
    pub(super) fn with_networks(&self, given: &Value) -> Result<Value, Refusal> {
        let mut given = given.clone();
        for pointer in ["/TaskTemplate/Networks", "/Networks"] {
            for network in given.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten() {
                let Some(target) = network.get("Target").and_then(Value::as_str).map(str::to_owned) else { continue };
                let found = self
                    .networks
                    .values()
                    .find(|network| network.name == target || network.id.as_ref() == target.as_str());
                match found {
                    Some(found) => network["Target"] = Value::String(found.id.to_string()),
                    None => return Err(Refusal::new(500, format!("network {target} not found"))),
                }
            }
        }
        Ok(given)
    }
}

/// Validates the name of an object.
pub(super) fn name(name: &str) -> Result<(), &'static str> {
    let good = |c: char| c.is_ascii_alphanumeric();
    if name.is_empty() {
        return Err("meta: name must be provided");
    }
    if !name.starts_with(good) || !name.ends_with(good) || !name.chars().all(|c| good(c) || "-_.".contains(c)) {
        return Err("name must be valid as a DNS name component");
    }
    if name.len() > 63 { Err("name must be 63 characters or fewer") } else { Ok(()) }
}
