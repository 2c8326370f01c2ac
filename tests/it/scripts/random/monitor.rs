//! A monitor of the simulated swarm: it records which program changes specs and slots, and reports forbidden changes.
//!
//! It checks the swarm right before and after each write, so that each change has one cause. It shares
//! no code with the journal under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;
use swarm_sim::{Config, Phase, Service, Spec, Store, World};

use super::step::{Labels, Step, is_terminal, label, labels_of, of_slot};

/// The cause of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The swarm itself.
    Itself,
    /// A client other than pinnace.
    Foreign,
    /// The program on this line.
    Line(usize),
}

/// An update by pinnace that changed a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Landing {
    pub(super) service: String,
    pub(super) change: String,
    pub(super) unit: usize,
    pub(super) back: bool,
}

/// The last observed state of a service.
struct Track {
    id: String,
    index: u64,
    spec: Arc<Spec>,
    previous: Option<Arc<Spec>>,
    /// All images that the spec has had.
    stood: BTreeSet<String>,
    /// The last change of the spec; `None` if it was not pinnace's.
    last: Option<Landing>,
}

/// The last observed state of a slot.
struct ChangeSlot {
    seq: u64,
    change: String,
    index: u64,
    labels: Labels,
    owners: BTreeSet<String>,
}

/// The observed state of the swarm, with the violations found.
#[derive(Default)]
pub(super) struct Judge {
    services: BTreeMap<String, Track>,
    slots: BTreeMap<String, ChangeSlot>,
    records: BTreeMap<String, Value>,
    owners: BTreeMap<usize, BTreeSet<String>>,
    landings: Vec<Landing>,
    /// Set once an operator takes over a change without waiting for a heartbeat. An owner may then still send what it
    /// has begun, and only accepted updates are checked.
    pub(super) impatient: bool,
    /// A log of the run, for debugging.
    pub(super) story: Vec<String>,
    pub(super) wrong: Vec<String>,
}

impl Judge {
    fn fault(&mut self, text: String) {
        self.story.push(format!("WRONG: {text}"));
        self.wrong.push(text);
    }

    /// Returns the open slot.
    fn open(&self) -> Option<&ChangeSlot> {
        self.slots.values().find(|slot| !is_terminal(&slot.labels))
    }

    /// Returns the id of the open change.
    pub(super) fn unfinished(&self) -> Option<String> {
        self.open().map(|slot| slot.change.clone())
    }

    /// Returns the id of the newest change.
    pub(super) fn newest(&self) -> Option<String> {
        self.slots.values().max_by_key(|slot| slot.seq).map(|slot| slot.change.clone())
    }

    /// Returns every slot's state and unit letters, ordered by number.
    pub(super) fn outcomes(&self) -> Vec<(String, String)> {
        let mut slots: Vec<&ChangeSlot> = self.slots.values().collect();
        slots.sort_by_key(|slot| slot.seq);
        let told =
            |slot: &ChangeSlot| (label(&slot.labels, "state").to_owned(), label(&slot.labels, "units").to_owned());
        slots.into_iter().map(told).collect()
    }

    /// Returns the numbers of accepted updates, forward and back.
    pub(super) fn counts(&self) -> (usize, usize) {
        let back = self.landings.iter().filter(|landing| landing.back).count();
        (self.landings.len() - back, back)
    }

    /// Returns the update that the open slot announces: change, unit, version index, and true for a rollback.
    fn announced(&self) -> Option<(&str, usize, u64, bool)> {
        let slot = self.open()?;
        let mut parts = label(&slot.labels, "post").split(':');
        let (unit, index) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((&slot.change, unit, index, parts.next()? == "back"))
    }

    fn unit(&self, change: &str, unit: usize) -> Option<&Value> {
        self.records.get(change)?["plan"]["units"].get(unit)
    }

    /// Checks a write when it is sent; returns the step that it belongs to.
    pub(super) fn sent(&mut self, line: usize, path: &[String], version: u64, body: &Value) -> Step {
        let parts: Vec<&str> = path.iter().map(String::as_str).skip_while(|part| part.starts_with("v1.")).collect();
        let name = body["Name"].as_str().unwrap_or_default();
        match parts[..] {
            ["configs", "create"] if name.starts_with("pinnace.r.") => Step::Record,
            ["configs", "create"] if name.starts_with("pinnace.s.") => Step::Claim,
            ["configs", "create"] if name.starts_with("pinnace.l.") => Step::Log,
            ["configs", _, "update"] => {
                let old = self.slots.get(name).map(|slot| &slot.labels);
                old.map_or(Step::Other, |old| of_slot(old, &labels_of(body)))
            }
            ["services", id, "update"] => self.sent_update(line, id, version, body),
            _ => Step::Other,
        }
    }

    fn sent_update(&mut self, line: usize, id: &str, version: u64, body: &Value) -> Step {
        let Some((name, track)) = self.services.iter().find(|(_, track)| track.id == id) else { return Step::Other };
        let (name, is_fence) = (name.clone(), track.spec.value == *body);
        let held = self.open().map(|slot| label(&slot.labels, "owner").to_owned());
        let names = self.owners.get(&line);
        let ours = held.as_ref().is_some_and(|held| names.is_some_and(|names| names.contains(held)));
        if !ours && self.impatient && names.is_some() {
            return if is_fence { Step::Fence } else { Step::Post };
        }
        if !ours {
            self.fault(format!("line {line} posts to {name} without holding the change (held by {held:?})"));
        }
        if is_fence {
            return Step::Fence;
        }
        let Some((change, unit, index, back)) = self.announced() else {
            self.fault(format!("line {line} posts to {name} at {version}; no slot says so"));
            return Step::Post;
        };
        if index != version || self.unit(change, unit).is_none_or(|unit| unit["service_id"] != id) {
            let slot = format!("{unit}:{index}:{}", if back { "back" } else { "to" });
            self.fault(format!("line {line} posts to {name} at {version}; its slot says {slot}"));
        }
        if back { Step::BackPost } else { Step::Post }
    }

    /// Compares the whole swarm with the last observed state and attributes the differences to `cause`.
    pub(super) fn observe(&mut self, world: &World, cause: Cause) {
        for service in world.services() {
            self.service(world, service, cause);
        }
        for prefix in ["pinnace.r.", "pinnace.s."] {
            let configs = world.configs(Store::Configs).filter(|config| config.name.starts_with(prefix));
            for config in configs {
                match prefix {
                    "pinnace.r." => self.record(config),
                    _ => self.slot(config, cause),
                }
            }
        }
    }

    fn service(&mut self, world: &World, service: &Service, cause: Cause) {
        let name = &service.spec.name;
        let Some(track) = self.services.get(name) else {
            let track = Track {
                id: service.id.to_string(),
                index: service.index,
                spec: Arc::clone(&service.spec),
                previous: service.previous.clone(),
                stood: [service.spec.image.clone()].into(),
                last: None,
            };
            self.services.insert(name.clone(), track);
            return;
        };
        let mut last = track.last.clone();
        if !Arc::ptr_eq(&track.spec, &service.spec) && track.spec.text != service.spec.text {
            self.story.push(format!("{cause:?}: {name} {} → {}", track.spec.image, service.spec.image));
            last = match cause {
                Cause::Foreign => None,
                Cause::Itself => {
                    self.by_itself(service);
                    None
                }
                Cause::Line(line) => self.landed(world, service, line),
            };
        }
        if let Some(track) = self.services.get_mut(name) {
            (track.index, track.last) = (service.index, last);
            (track.spec, track.previous) = (Arc::clone(&service.spec), service.previous.clone());
            track.stood.insert(service.spec.image.clone());
        }
    }

    /// Checks a spec change without a client: it must be the engine's rollback.
    fn by_itself(&mut self, service: &Service) {
        let name = &service.spec.name;
        let goes_back = service.update.as_ref().is_some_and(|update| {
            matches!(update.phase, Phase::RollbackStarted | Phase::RollbackPaused | Phase::RollbackCompleted)
        });
        let before = self.services.get(name).and_then(|track| track.previous.as_ref());
        if !goes_back || before.is_none_or(|before| before.text != service.spec.text) {
            self.fault(format!("{name} changed, and nobody did it"));
        }
    }

    fn landed(&mut self, world: &World, service: &Service, line: usize) -> Option<Landing> {
        let name = service.spec.name.clone();
        let track = self.services.get(&name)?;
        let (mut expected, index, last) = (track.spec.value.clone(), track.index, track.last.clone());
        let stood = track.stood.contains(&service.spec.image)
            || world.tasks_of(&service.id).any(|task| task.spec.image == service.spec.image && task.since > 0);
        let found = self.announced().map(|(change, unit, at, back)| (change.to_owned(), unit, at, back));
        let Some((change, unit, at, back)) = found else {
            self.fault(format!("an update of {name} by line {line} landed, and no open slot announces one"));
            return None;
        };
        let shown = self.unit(&change, unit).cloned().unwrap_or_default();
        if shown["service_id"] != *service.id || at != index {
            self.fault(format!(
                "an update of {name} at {index} by line {line} landed; announced is unit {unit} at {at}"
            ));
            return None;
        }
        for edit in shown["edits"].as_array().into_iter().flatten() {
            splice(&mut expected, edit, back);
        }
        if expected != service.spec.value {
            self.fault(format!("{name}: what landed is not what the record of {change} shows"));
        }
        if (back || self.records[&change]["plan"]["kind"] == "back") && !stood {
            self.fault(format!("{name} goes back to {}, which never stood there", service.spec.image));
        }
        let landing = Landing { service: name.clone(), change, unit, back };
        if last.as_ref() == Some(&landing) {
            self.fault(format!("{name}: the same update landed twice: {landing:?}"));
        }
        self.landings.push(landing.clone());
        Some(landing)
    }

    fn record(&mut self, config: &Config) {
        let change = config.name.trim_start_matches("pinnace.r.");
        if !self.records.contains_key(change) {
            let data = base64::engine::general_purpose::STANDARD.decode(&config.data).unwrap_or_default();
            self.records.insert(change.to_owned(), serde_json::from_slice(&data).unwrap_or_default());
        }
    }

    fn slot(&mut self, config: &Config, cause: Cause) {
        let name = &config.name;
        let line = if let Cause::Line(line) = cause { Some(line) } else { None };
        let owner = label(&config.labels, "owner").to_owned();
        let Some(known) = self.slots.get(name) else { return self.claimed(config, line, owner) };
        if known.index == config.index {
            return;
        }
        let told = ["owner", "state", "units", "post"].map(|key| label(&config.labels, key));
        let step = of_slot(&known.labels, &config.labels);
        if step != Step::Beat {
            self.story.push(format!("{cause:?}: {step:?} {}", told.join(" ")));
        }
        let (was, over) = (label(&known.labels, "owner").to_owned(), is_terminal(&known.labels));
        let again = owner != was && known.owners.contains(&owner);
        let holds = line.is_some_and(|line| self.owners.get(&line).is_some_and(|ours| ours.contains(&was)));
        if over {
            self.fault(format!("{cause:?} writes {name}, which is over"));
        } else if again && !owner.is_empty() {
            self.fault(format!("{cause:?} comes back as owner of {name}, which was taken over"));
        } else if (owner == was || owner.is_empty()) && !holds {
            self.fault(format!("{cause:?} writes {name}, which it does not hold"));
        }
        if let Some(line) = line
            && !owner.is_empty()
        {
            self.owners.entry(line).or_default().insert(owner.clone());
        }
        if let Some(slot) = self.slots.get_mut(name) {
            slot.owners.insert(owner);
            (slot.index, slot.labels) = (config.index, config.labels.clone());
        }
    }

    fn claimed(&mut self, config: &Config, line: Option<usize>, owner: String) {
        let change = label(&config.labels, "change").to_owned();
        let seq = config.name.rsplit('.').next().and_then(|seq| seq.parse().ok()).unwrap_or(0);
        self.story.push(format!("{line:?}: claims {seq} for {change} as {owner}"));
        if !self.records.contains_key(&change) {
            self.fault(format!("{change} is claimed, and has no record"));
        }
        if let Some(open) = self.open() {
            let text = format!("{change} is claimed while {} is open", open.change);
            self.fault(text);
        }
        if self.slots.values().map(|slot| slot.seq).max().unwrap_or(0) + 1 != seq {
            self.fault(format!("{change} has number {seq}, after {} others", self.slots.len()));
        }
        self.owners.entry(line.unwrap_or(usize::MAX)).or_default().insert(owner.clone());
        let slot =
            ChangeSlot { seq, change, index: config.index, labels: config.labels.clone(), owners: [owner].into() };
        self.slots.insert(config.name.clone(), slot);
    }

    /// Checks the final state: the unit letters must match the accepted updates.
    pub(super) fn ended(&mut self) {
        let mut wrong = Vec::new();
        for slot in self.slots.values() {
            let (state, letters) = (label(&slot.labels, "state"), label(&slot.labels, "units"));
            if !is_terminal(&slot.labels) {
                wrong.push(format!("{} stays {state}", slot.change));
            }
            for (unit, letter) in letters.chars().enumerate() {
                let mine = |landing: &&Landing| landing.change == slot.change && landing.unit == unit;
                let last = self.landings.iter().rfind(mine).map(|landing| landing.back);
                let stays =
                    self.services.values().filter_map(|track| track.last.as_ref()).any(|at| mine(&at) && !at.back);
                let agrees = match letter {
                    'd' => last != Some(true),
                    // The engine may have rolled it back automatically.
                    'U' => last != Some(false) || !stays,
                    '-' => last.is_none(),
                    _ => true,
                };
                if !agrees {
                    wrong.push(format!("{} says {letters} ({state}); unit {unit}: {last:?}", slot.change));
                }
                if stays && ["failed", "undone", "void"].contains(&state) {
                    wrong.push(format!("{} is {state}, and unit {unit} stands on the new text", slot.change));
                }
                if state == "done" && !stays && letter != 'd' && self.is_active(&slot.change, unit) {
                    wrong.push(format!("{} is done with {letters}", slot.change));
                }
            }
        }
        for text in wrong {
            self.fault(text);
        }
    }

    fn is_active(&self, change: &str, unit: usize) -> bool {
        self.unit(change, unit)
            .is_some_and(|unit| ["new", "back"].contains(&unit["action"].as_str().unwrap_or_default()))
    }
}

/// Applies an edit to a spec, independently of the product's code.
fn splice(spec: &mut Value, edit: &Value, back: bool) {
    let Some((parent, key)) = edit["path"].as_str().and_then(|path| path.rsplit_once('/')) else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    let Some(Value::Object(members)) = spec.pointer_mut(parent) else { return };
    match edit.get(if back { "before" } else { "after" }) {
        Some(value) => drop(members.insert(key, value.clone())),
        None => drop(members.remove(&key)),
    }
}
