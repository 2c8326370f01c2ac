//! Changes of services outside of requests: by another operator, or writes that failed for
//! the client but are applied later.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::services::{RegistryAuthFrom, ServiceUpdate};
use super::{Refusal, World};

/// Changes a service's image or sets a label, as another client would.
///
/// # Errors
/// Returns the refusal if the service does not exist or cannot have that image.
pub fn edit_service(world: &mut World, service: &str, image: Option<&str>, label: Option<&str>) -> Result<(), Refusal> {
    let found = world.find_service(service)?;
    let (mut spec, version, id) = (found.spec.value.clone(), found.index, found.id.to_string());
    if let Some(image) = image
        && let Some(place) = spec.pointer_mut("/TaskTemplate/ContainerSpec/Image")
    {
        *place = Value::from(image);
    }
    if let Some((key, value)) = label.and_then(|label| label.split_once('='))
        && let Some(labels) = spec.get_mut("Labels").and_then(Value::as_object_mut)
    {
        labels.insert(key.to_owned(), Value::from(value));
    }
    world.update_service(&id, ServiceUpdate { version, spec, ..ServiceUpdate::default() })
}

/// A write that is applied after its request has failed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedWrite {
    /// The kind of write: `service`, `service-create`, `config` or `config-create`.
    #[serde(rename = "late")]
    pub write: String,
    /// Name or id of the object.
    pub name: String,
    /// The version index that the client read.
    pub version: u64,
    /// The posted spec.
    pub spec: Value,
    /// The credentials of the request.
    pub auth: Option<String>,
    /// Set for a rollback.
    pub rollback: bool,
}

impl DelayedWrite {
    /// Applies the write.
    ///
    /// # Errors
    /// Returns the refusal that the client would have got.
    pub fn carry_out(self, world: &mut World) -> Result<(), Refusal> {
        let store = super::configs::Store::Configs;
        match self.write.as_str() {
            "service-create" => world.create_service(&self.spec, self.auth).map(drop),
            "config" => world.update_config(store, &self.name, self.version, &self.spec),
            "config-create" => world.create_config(store, &self.spec).map(drop),
            _ => {
                let auth_from = RegistryAuthFrom::Spec;
                let change = ServiceUpdate {
                    version: self.version,
                    spec: self.spec,
                    auth: self.auth,
                    auth_from,
                    rollback: self.rollback,
                };
                world.update_service(&self.name, change)
            }
        }
    }
}
