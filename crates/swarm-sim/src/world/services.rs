//! Commands for services: create, update, roll back, remove.

use std::sync::Arc;

use serde_json::Value;

use super::model::{Id, MILLI, Phase, Service, State, Update};
use super::spec::Mode;
use super::{Refusal, Timer, World};

/// The source of an update's credentials when it brings none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistryAuthFrom {
    /// The current spec.
    #[default]
    Spec,
    /// The spec before the current one.
    PreviousSpec,
}

/// An update request for a service.
#[derive(Clone, Debug, Default)]
pub struct ServiceUpdate {
    /// The version index that the client read.
    pub version: u64,
    /// The complete new spec.
    pub spec: Value,
    /// New registry credentials, as in `X-Registry-Auth`.
    pub auth: Option<String>,
    /// The source of the credentials if `auth` is `None`.
    pub auth_from: RegistryAuthFrom,
    /// Set for a rollback: the previous spec is used, whatever spec was sent.
    pub rollback: bool,
}

impl World {
    /// Finds a service by id, name or id prefix.
    pub fn find_service(&self, name: &str) -> Result<&Service, Refusal> {
        if let Some(service) = self.services.get(name) {
            return Ok(service);
        }
        let named = self.services.values().find(|service| service.spec.name == name);
        let begins = || {
            let mut found = self.services.values().filter(|service| service.id.starts_with(name));
            found.next().map(|first| (first, found.next().is_some()))
        };
        match named.map(|service| (service, false)).or_else(begins) {
            Some((service, false)) => Ok(service),
            Some((_, true)) => Err(Refusal::new(400, format!("service {name} is ambiguous"))),
            None => Err(Refusal::new(404, format!("service {name} not found"))),
        }
    }

    /// Returns all services.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// Creates a service; returns its id.
    pub fn create_service(&mut self, given: &Value, auth: Option<String>) -> Result<Id, Refusal> {
        let mut given = self.with_networks(given)?;
        if given.get("Name").and_then(Value::as_str).unwrap_or_default().is_empty() {
            given["Name"] = Value::from(format!("nameless_{}", self.dice.roll() % 100_000));
        }
        let version = self.bump();
        let spec = self.spec(&given, version, auth);
        self.validate_service(&spec, None)?;
        if let Some(other) = self.services.values().find(|service| service.spec.name == spec.name) {
            let text = format!("name conflicts with an existing object: service {} already exists", other.spec.name);
            return Err(Refusal::rpc("AlreadyExists", text));
        }
        let id = self.dice.id();
        let job = spec.mode.is_job().then_some(super::model::JobRun { iteration: 0, last: self.now });
        let service = Service {
            id: Id::clone(&id),
            index: self.bump(),
            created: self.now,
            updated: self.now,
            spec,
            previous: None,
            update: None,
            job,
            vips: Vec::new(),
            allocated: false,
        };
        self.log.tell(self.now, "service", "create", &id, [("name", service.spec.name.clone())]);
        self.services.insert(Id::clone(&id), service);
        self.plant(2 * MILLI, Timer::AllocateService(Id::clone(&id)));
        self.plant(4 * MILLI, Timer::Reconcile(Id::clone(&id)));
        self.settle();
        Ok(id)
    }

    /// Assigns addresses to a service (the allocator). The write moves its version although no client changed it.
    pub(super) fn allocate_service(&mut self, id: &Id) {
        let Some(service) = self.services.get(id) else { return };
        let endpoint = service.spec.value.pointer("/EndpointSpec/Mode").and_then(Value::as_str);
        let virtual_ip = endpoint != Some("dnsrr");
        let targets = service.spec.value.pointer("/TaskTemplate/Networks").and_then(Value::as_array);
        let networks: Vec<String> = targets
            .into_iter()
            .flatten()
            .filter_map(|network| network.get("Target")?.as_str().map(str::to_owned))
            .collect();
        if service.allocated || (service.spec.ports.is_empty() && (!virtual_ip || networks.is_empty())) {
            return;
        }
        let overlay = |id: &str| self.networks.get(id).is_some_and(|network| network.driver == "overlay");
        let vips = networks
            .into_iter()
            .filter(|_| virtual_ip)
            .map(|network| {
                let address = if overlay(&network) { "10.0.1.2/24".to_owned() } else { String::new() };
                (network, address)
            })
            .collect();
        self.write_service(id, |service| {
            service.vips = vips;
            service.allocated = true;
        });
    }

    /// Changes a service, logs the event and schedules its orchestrator.
    pub(super) fn write_service(&mut self, id: &Id, change: impl FnOnce(&mut Service)) {
        let Some(service) = self.services.get_mut(id) else { return };
        let (spec, update) = (Arc::clone(&service.spec), service.update.clone());
        change(service);
        self.index += 1;
        service.index = self.index;
        service.updated = self.now;
        let mut told = vec![("name", service.spec.name.clone())];
        if service.spec.image != spec.image {
            told.push(("image.new", service.spec.image.clone()));
            told.push(("image.old", spec.image.clone()));
        }
        if let (Mode::Replicated(old), Mode::Replicated(new)) = (spec.mode, service.spec.mode)
            && old != new
        {
            told.push(("replicas.new", new.to_string()));
            told.push(("replicas.old", old.to_string()));
        }
        let (old, new) = (update.map(|update| update.phase), service.update.as_ref().map(|update| update.phase));
        if let Some(new) = new
            && old != Some(new)
        {
            told.push(("updatestate.new", new.word().to_owned()));
            if let Some(old) = old {
                told.push(("updatestate.old", old.word().to_owned()));
            }
        }
        self.log.tell(self.now, "service", "update", id, told);
        self.notes.push_back(super::PendingEvent::Service(Id::clone(id)));
    }

    /// Replaces a service's whole spec, or rolls back to the previous one.
    pub fn update_service(&mut self, name: &str, change: ServiceUpdate) -> Result<(), Refusal> {
        let given = self.with_networks(&change.spec)?;
        let service = self.find_service(name)?;
        let id = Id::clone(&service.id);
        let auth = match (change.auth, change.auth_from) {
            (Some(auth), _) => Some(auth),
            (None, RegistryAuthFrom::Spec) => service.spec.auth.clone(),
            (None, RegistryAuthFrom::PreviousSpec) => match &service.previous {
                Some(previous) => previous.auth.clone(),
                None => return Err(Refusal::new(500, "service does not have a previous spec")),
            },
        };
        let spec = self.spec(&given, 0, auth);
        self.validate_service(&spec, Some(&id))?;
        let service = self.find_service(&id)?;
        if !service.spec.mode.is_kind_of(spec.mode) {
            return Err(Refusal::rpc("Unimplemented", "service mode change is not allowed"));
        }
        if service.spec.name != spec.name {
            return Err(Refusal::rpc("Unimplemented", "renaming services is not supported"));
        }
        let (index, previous) = (service.index, service.previous.clone());
        if change.rollback && previous.is_none() {
            let text = format!("service {id} does not have a previous spec");
            return Err(Refusal::rpc("FailedPrecondition", text));
        }
        if index != change.version {
            return Err(Refusal::rpc("Unknown", "update out of sequence"));
        }
        let (minor, now) = (self.minor(), self.now);
        self.write_service(&id, |service| {
            let old = Arc::clone(&service.spec);
            if let Some(previous) = previous.filter(|_| change.rollback) {
                service.spec = previous;
                service.update = Some(Update {
                    phase: Phase::RollbackStarted,
                    started: now,
                    completed: None,
                    message: "manually requested rollback".to_owned(),
                });
            } else {
                service.spec = spec.again(minor, index, spec.auth.clone());
                service.update = None;
            }
            service.previous = Some(old);
            if let Some(job) = &mut service.job {
                job.iteration += 1;
                job.last = now;
            }
        });
        // The orchestrator acts only after a moment; until then `UpdateStatus` is null.
        self.notes.pop_back();
        self.plant(super::REACTS, Timer::Reconcile(id));
        self.settle();
        Ok(())
    }

    /// Removes a service and its tasks.
    pub fn remove_service(&mut self, name: &str) -> Result<(), Refusal> {
        let id = Id::clone(&self.find_service(name)?.id);
        if let Some(service) = self.services.remove(&id) {
            self.log.tell(self.now, "service", "remove", &id, [("name", service.spec.name.clone())]);
        }
        self.bump();
        self.rollouts.remove(&id);
        let tasks: Vec<Id> =
            self.slots.get(&id).into_iter().flat_map(|slots| slots.values().flatten().cloned()).collect();
        for task in tasks {
            self.set_desired(&task, State::Remove);
        }
        self.settle();
        Ok(())
    }
}
