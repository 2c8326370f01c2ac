//! The import of a database spec from pgEdge's API: its images and versions become a pin document.
//!
//! The format is that of `github.com/pgEdge/control-plane`, `api/apiv1/design/database.go`: the spec alone,
//! or within a request or a response. What the control plane stores has the key `docker` instead of
//! `swarm`. Other fields are reported by name only, because a spec holds passwords.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{MANIFEST, PinScope, set};
use crate::finding::{Code, Finding, Severity};
use crate::sanitize::clean;
use crate::swarm::{GroupKey, GroupKind, SERVICE_ID};
use crate::world::World;

/// The maximum number of ignored fields that a finding names.
const NAMES: usize = 12;
const FIX_SPEC: &str = "fix the spec and import it again";

/// A pin document made from a database spec, with findings about what could not be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinImport {
    /// The text of the pin document.
    pub text: String,
    /// A summary for the operator, in one line.
    pub told: String,
    /// Findings about fields that were ignored or mean something else in a pin document.
    pub remarks: Vec<Finding>,
}

/// The reason why a text cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A text that is not JSON; with the parser's message.
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// A group that is not a database.
    #[error("a pgEdge spec is for a database, and {0} is not one")]
    NoDatabase(GroupKey),
    /// JSON that is not a database spec.
    #[error("it is not a pgEdge spec: it has neither versions nor `orchestrator_opts` nor `nodes`")]
    NoSpec,
}

impl ImportError {
    /// Returns the next step for the operator.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "copy the whole text, from the first brace to the last",
            Self::NoDatabase(_) => "write pins as TOML: `image = \"…\"`",
            Self::NoSpec => "use the `spec` of a request to pgEdge's API, or of its answer",
        }
    }
}

/// Returns whether a text looks like a JSON object. No pin document begins like one.
pub fn is_json(text: &str) -> bool {
    let inner = text.trim_start().strip_prefix('{').map(str::trim_start);
    inner.is_some_and(|inner| inner.starts_with(['"', '}']))
}

/// Converts a database spec into a pin document.
///
/// # Errors
/// The group is not a database, or the text is not a database spec.
pub fn import(text: &str, group: &GroupKey, world: &World) -> Result<PinImport, ImportError> {
    if group.kind != GroupKind::Database {
        return Err(ImportError::NoDatabase(group.clone()));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::Syntax(error.to_string()))?;
    let mut reader = DatabaseSpecReader { group, world, remarks: Vec::new(), names: BTreeSet::new() };
    let spec = reader.find(&value).ok_or(ImportError::NoSpec)?;
    let read = reader.spec(spec);
    reader.tell_names();
    Ok(PinImport { text: read.text(group), told: read.describe(), remarks: reader.remarks })
}

/// The versions and pins found in a spec.
#[derive(Default)]
struct ImportedPins {
    postgres: Option<String>,
    spock: Option<String>,
    /// The pins, in the order of the resulting document.
    pins: Vec<(PinScope, String)>,
}

impl ImportedPins {
    fn text(&self, group: &GroupKey) -> String {
        let mut text = format!("# Image pins of database \"{}\", imported from pgEdge's spec.\n", clean(&group.name));
        for (key, version) in [("postgres_version", &self.postgres), ("spock_version", &self.spock)] {
            if let Some(version) = version {
                text.push_str(key);
                text.push_str(" = ");
                text.push_str(&toml::Value::from(version.as_str()).to_string());
                text.push('\n');
            }
        }
        self.pins.iter().fold(text, |text, (key, image)| set(&text, key, image))
    }

    fn describe(&self) -> String {
        let name = |key: &PinScope| match key {
            PinScope::Group => "the database".to_owned(),
            PinScope::Member(name) | PinScope::Service(name) => clean(name),
        };
        let names: Vec<String> = self.pins.iter().map(|(key, _)| name(key)).collect();
        let images =
            if names.is_empty() { "no image".to_owned() } else { format!("the images of {}", names.join(", ")) };
        let versions = if self.postgres.is_some() || self.spock.is_some() { ", and versions" } else { "" };
        format!("imported from pgEdge's spec: {images}{versions}")
    }
}

/// The `orchestrator_opts` of a database, a db node or a service.
struct ImportedOptions {
    image: Option<String>,
}

struct DatabaseSpecReader<'a> {
    group: &'a GroupKey,
    world: &'a World,
    remarks: Vec<Finding>,
    /// The names of ignored fields.
    names: BTreeSet<String>,
}

impl DatabaseSpecReader<'_> {
    fn remark(&mut self, message: String, hint: &str) {
        let subject = self.group.to_string();
        self.remarks.push(Finding::new(Severity::Info, Code::PinUnknown, subject, message).hint(hint));
    }

    /// Finds the spec in a text that is the spec alone, a request or a response.
    fn find<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let whole = value.as_object()?;
        let whole = whole.get("database").and_then(Value::as_object).unwrap_or(whole);
        if let Some(id) = whole.get("id").and_then(Value::as_str)
            && id != self.group.name
        {
            let message = format!("the spec is for database `{}`", clean(id));
            self.remark(message, "check that it also fits this database");
        }
        let spec = whole.get("spec").and_then(Value::as_object).unwrap_or(whole);
        let known = ["postgres_version", "spock_version", "orchestrator_opts", "nodes"];
        known.iter().any(|key| spec.contains_key(*key)).then_some(spec)
    }

    fn spec(&mut self, spec: &Map<String, Value>) -> ImportedPins {
        let mut read = ImportedPins {
            postgres: self.text(spec.get("postgres_version"), "postgres_version"),
            spock: self.text(spec.get("spock_version"), "spock_version"),
            pins: Vec::new(),
        };
        let opts = self.opts(spec.get("orchestrator_opts"), "orchestrator_opts");
        let shared = opts.and_then(|opts| opts.image);
        read.pins.extend(shared.clone().map(|image| (PinScope::Group, image)));
        let mut versions = Vec::new();
        for (at, node) in self.list(spec.get("nodes"), "nodes").iter().enumerate() {
            let Some(name) = self.named(node, "name", "nodes", at) else { continue };
            self.rest(node, &["name", "postgres_version", "orchestrator_opts"], "nodes[].");
            versions.push((name.clone(), self.text(node.get("postgres_version"), "nodes[].postgres_version")));
            let opts = self.opts(node.get("orchestrator_opts"), "nodes[].orchestrator_opts");
            let image = match opts {
                Some(ImportedOptions { image: None }) if shared.is_some() => Some(self.lost(&name)),
                Some(ImportedOptions { image }) => image,
                None => None,
            };
            if let Some(image) = image {
                self.add(&mut read, PinScope::Member(name), image);
            }
        }
        self.versions(&mut read, &versions);
        for (at, service) in self.list(spec.get("services"), "services").iter().enumerate() {
            self.service(&mut read, service, at);
        }
        let taken = ["postgres_version", "spock_version", "orchestrator_opts", "nodes", "services"];
        // Fields that a request or a response has beside the spec.
        let around = ["id", "tenant_id", "created_at", "updated_at", "state", "instances", "service_instances"];
        self.rest(spec, &[&taken[..], &around[..]].concat(), "");
        read
    }

    /// Returns the pin of a db node whose options name no image. pgEdge uses a node's options instead of
    /// the database's as a whole, so this node does not inherit the database's image.
    fn lost(&mut self, name: &str) -> String {
        let message = format!(
            "the orchestrator_opts of {0} name no image and replace the database's: pgEdge runs the manifest's image in {0}, not the database's",
            clean(name)
        );
        self.remark(message, "keep the line `image = \"manifest\"`; without it, the database's image is used here");
        MANIFEST.to_owned()
    }

    fn add(&mut self, read: &mut ImportedPins, key: PinScope, image: String) {
        if let Some((_, known)) = read.pins.iter_mut().find(|(known, _)| *known == key) {
            *known = image;
            return self.remark(format!("{key} appears twice: the last one counts"), "keep one of them");
        }
        read.pins.push((key, image));
    }

    /// Adopts the version of the db nodes if all have the same, and reports those that differ: a pin
    /// document has one version for the whole database.
    fn versions(&mut self, read: &mut ImportedPins, nodes: &[(String, Option<String>)]) {
        let mut all: Vec<&Option<String>> = nodes.iter().map(|(_, version)| version).collect();
        all.dedup();
        if let (None, [Some(one)]) = (&read.postgres, all.as_slice()) {
            read.postgres = Some(one.clone());
        }
        for (name, version) in nodes {
            if version.is_some() && *version != read.postgres {
                let message = format!(
                    "{} sets its own postgres version {}: it is not imported",
                    clean(name),
                    clean(version.as_deref().unwrap_or_default())
                );
                self.remark(message, "pin its image instead: a pin document has one version for the whole database");
            }
        }
    }

    /// Imports a supporting service of the database. Its image applies to all services in the swarm with
    /// this service id.
    fn service(&mut self, read: &mut ImportedPins, service: &Map<String, Value>, at: usize) {
        let Some(id) = self.named(service, "service_id", "services", at) else { return };
        self.rest(service, &["service_id", "orchestrator_opts"], "services[].");
        let opts = self.opts(service.get("orchestrator_opts"), "services[].orchestrator_opts");
        let Some(image) = opts.and_then(|opts| opts.image) else { return };
        let (group, world) = (self.group, self.world);
        let mine = world.members(group).filter(|service| service.label(SERVICE_ID) == Some(&id));
        let names: Vec<String> = mine.map(|service| service.name.clone()).collect();
        if names.is_empty() {
            let message = format!("the swarm has no service `{}` of {group}: its image is not imported", clean(&id));
            self.remark(message, "pin it when it exists");
        }
        for name in names {
            self.add(read, PinScope::Service(name), image.clone());
        }
    }

    /// Reads an `orchestrator_opts` object; `null` counts as absent.
    fn opts(&mut self, value: Option<&Value>, path: &str) -> Option<ImportedOptions> {
        let value = value.filter(|value| !value.is_null())?;
        let Some(all) = value.as_object() else {
            self.remark(format!("`{path}` is not an object: it is not imported"), FIX_SPEC);
            return None;
        };
        self.rest(all, &["swarm", "docker"], &format!("{path}."));
        let mut images = Vec::new();
        for form in ["swarm", "docker"] {
            let path = format!("{path}.{form}");
            match all.get(form) {
                None | Some(Value::Null) => {}
                Some(Value::Object(opts)) => {
                    self.rest(opts, &["image"], &format!("{path}."));
                    images.extend(self.text(opts.get("image"), &format!("{path}.image")));
                }
                Some(_) => self.remark(format!("`{path}` is not an object: it is not imported"), FIX_SPEC),
            }
        }
        if images.windows(2).any(|two| two[0] != two[1]) {
            self.remark(format!("`{path}` names two images: that of `swarm` counts"), "keep one of them");
        }
        Some(ImportedOptions { image: images.into_iter().next() })
    }

    /// Reads a text; `null` and a blank text count as absent.
    fn text(&mut self, value: Option<&Value>, path: &str) -> Option<String> {
        match value? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Null => None,
            _ => {
                self.remark(format!("`{path}` must be a string in quotes: it is not imported"), FIX_SPEC);
                None
            }
        }
    }

    fn list<'v>(&mut self, value: Option<&'v Value>, path: &str) -> Vec<&'v Map<String, Value>> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Vec::new() };
        let found: Option<Vec<_>> = value.as_array().and_then(|all| all.iter().map(Value::as_object).collect());
        if found.is_none() {
            self.remark(format!("`{path}` is not a list of objects: it is not imported"), FIX_SPEC);
        }
        found.unwrap_or_default()
    }

    fn named(&mut self, one: &Map<String, Value>, key: &str, path: &str, at: usize) -> Option<String> {
        let name = one.get(key).and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
        if name.is_none() {
            self.remark(format!("`{path}[{at}]` has no `{key}`: it is not imported"), FIX_SPEC);
        }
        name.map(str::to_owned)
    }

    /// Records the names of ignored fields, never their values.
    fn rest(&mut self, all: &Map<String, Value>, taken: &[&str], path: &str) {
        let left = all.keys().filter(|key| !taken.contains(&key.as_str()));
        self.names.extend(left.map(|key| format!("{path}{}", clean(key).chars().take(40).collect::<String>())));
    }

    fn tell_names(&mut self) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return;
        }
        let more = names.len().saturating_sub(NAMES);
        let shown = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        self.remark(
            format!("not imported, because pins only set images: {shown}{more}"),
            "change it in the control plane",
        );
    }
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
