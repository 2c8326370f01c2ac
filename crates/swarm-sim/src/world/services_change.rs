//! Changes of services that nobody's request carries out: those of another operator, and writes that were answered
//! with a failure and are done later all the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::services::{AuthFrom, Change};
use super::{Refusal, World};

/// Changes a service's image or sets a label, as somebody else would.
///
/// # Errors
/// When there is no such service, or it cannot have that image.
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
    world.update_service(&id, Change { version, spec, ..Change::default() })
}

/// A write to be carried out later.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// `service`, `service-create`, `config`, `config-create`.
    #[serde(rename = "late")]
    pub write: String,
    /// Which one.
    pub name: String,
    /// By which version.
    pub version: u64,
    /// The body.
    pub spec: Value,
    /// The credentials.
    pub auth: Option<String>,
    /// Whether it rolls back.
    pub rollback: bool,
}

impl Late {
    /// Carries it out.
    ///
    /// # Errors
    /// What a client would have been told.
    pub fn carry_out(self, world: &mut World) -> Result<(), Refusal> {
        let store = super::configs::Store::Configs;
        match self.write.as_str() {
            "service-create" => world.create_service(&self.spec, self.auth).map(drop),
            "config" => world.update_config(store, &self.name, self.version, &self.spec),
            "config-create" => world.create_config(store, &self.spec).map(drop),
            _ => {
                let auth_from = AuthFrom::Spec;
                let change = Change {
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
