//! Configs and secrets: unique names, immutable data, labels changed by compare-and-swap.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::model::{Config, Id, Network};
use super::{Refusal, World, validate};

/// One of the two object stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Configs,
    /// Secrets; their data is never returned.
    Secrets,
}

impl Store {
    /// Returns the engine's name for one object.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Configs => "config",
            Self::Secrets => "secret",
        }
    }
}

fn labels(spec: &Value) -> BTreeMap<String, String> {
    let pairs = spec.get("Labels").and_then(Value::as_object).into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

impl World {
    fn store(&self, store: Store) -> &BTreeMap<Id, Config> {
        match store {
            Store::Configs => &self.configs,
            Store::Secrets => &self.secrets,
        }
    }

    fn store_mut(&mut self, store: Store) -> &mut BTreeMap<Id, Config> {
        match store {
            Store::Configs => &mut self.configs,
            Store::Secrets => &mut self.secrets,
        }
    }

    /// Returns all configs or secrets.
    pub fn configs(&self, store: Store) -> impl Iterator<Item = &Config> {
        self.store(store).values()
    }

    /// Finds a config or secret by id, name or id prefix.
    pub fn find_config(&self, store: Store, name: &str) -> Result<&Config, Refusal> {
        let all = self.store(store);
        let named = || all.values().find(|config| config.name == name);
        let begins = || all.values().find(|config| !name.is_empty() && config.id.starts_with(name));
        let missing = || Refusal::new(404, format!("{} {name} not found", store.word()));
        all.get(name).or_else(named).or_else(begins).ok_or_else(missing)
    }

    /// Creates a config or secret.
    pub fn create_config(&mut self, store: Store, spec: &Value) -> Result<Id, Refusal> {
        let (word, text) = (store.word(), |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default());
        let name = text("Name").to_owned();
        if name.len() > 64 || validate::name(&name).is_err_and(|why| !why.contains("characters")) {
            let why = "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must \
                       be [a-zA-Z0-9]";
            return Err(Refusal::rpc("InvalidArgument", why));
        }
        let data = text("Data").to_owned();
        let size = STANDARD.decode(&data).map_or(0, |bytes| bytes.len());
        let most = if store == Store::Configs { 1_024_000 } else { 512_000 };
        if size == 0 || size >= most {
            let why = format!("{word} data must be larger than 0 and less than {most} bytes");
            return Err(Refusal::rpc("InvalidArgument", why));
        }
        if self.store(store).values().any(|config| config.name == name) {
            return Err(Refusal::rpc("AlreadyExists", format!("{word} {name} already exists")));
        }
        let id = self.dice.id();
        let config = Config {
            id: Id::clone(&id),
            index: self.bump(),
            created: self.now,
            updated: self.now,
            name: name.clone(),
            labels: labels(spec),
            data,
            templating: spec.get("Templating").filter(|value| !value.is_null()).cloned(),
        };
        self.store_mut(store).insert(Id::clone(&id), config);
        self.log.tell(self.now, word, "create", &id, [("name", name)]);
        Ok(id)
    }

    /// Replaces the labels if the object still has the given version.
    pub fn update_config(&mut self, store: Store, name: &str, version: u64, spec: &Value) -> Result<(), Refusal> {
        let config = self.find_config(store, name)?;
        let id = Id::clone(&config.id);
        let given = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
        let (other_name, data) = (given("Name") != config.name, given("Data"));
        if other_name || (!data.is_empty() && data != config.data) {
            return Err(Refusal::rpc("InvalidArgument", "only updates to Labels are allowed"));
        }
        if config.index != version {
            return Err(Refusal::rpc("Unknown", "update out of sequence"));
        }
        let (index, now, labels) = (self.bump(), self.now, labels(spec));
        let Some(config) = self.store_mut(store).get_mut(&id) else { return Ok(()) };
        (config.index, config.updated, config.labels) = (index, now, labels);
        let name = config.name.clone();
        self.log.tell(now, store.word(), "update", &id, [("name", name)]);
        Ok(())
    }

    /// Removes a config or secret that no service uses.
    pub fn remove_config(&mut self, store: Store, name: &str) -> Result<(), Refusal> {
        let config = self.find_config(store, name)?;
        let (id, name) = (Id::clone(&config.id), config.name.clone());
        let word = store.word();
        let key = if store == Store::Configs { ("Configs", "ConfigID") } else { ("Secrets", "SecretID") };
        let used: Vec<&str> = self
            .services
            .values()
            .filter(|service| {
                let uses = service.spec.container(key.0).and_then(Value::as_array).into_iter().flatten();
                uses.into_iter().any(|item| item.get(key.1).and_then(Value::as_str) == Some(id.as_ref()))
            })
            .map(|service| service.spec.name.as_str())
            .collect();
        if !used.is_empty() {
            let many = if used.len() == 1 { "service" } else { "services" };
            let why = format!("{word} '{name}' is in use by the following {many}: {}", used.join(", "));
            return Err(Refusal::rpc("InvalidArgument", why));
        }
        self.bump();
        self.store_mut(store).remove(&id);
        self.log.tell(self.now, word, "remove", &id, [("name", name)]);
        Ok(())
    }

    /// Returns all networks.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    /// Creates a network.
    pub fn add_network(&mut self, name: &str, driver: &str, predefined: bool) -> Id {
        let id = self.dice.id();
        let (name, driver) = (name.to_owned(), driver.to_owned());
        let network = Network { id: Id::clone(&id), name, driver, predefined, created: self.now };
        self.networks.insert(Id::clone(&id), network);
        self.bump();
        id
    }
}
