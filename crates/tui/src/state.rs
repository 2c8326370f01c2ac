//! The complete state of the console; drawing depends on nothing else.

use crate::clusters::{ClusterId, Clusters};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::action::KeyContext;
use crate::config::{Config, Key};
use pinnace_core::finding::Severity;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::Facts;
use pinnace_core::sanitize::clean;
use pinnace_core::time::Time;
use pinnace_core::world::World;

pub use crate::dialogs::state::{ActionToConfirm, Confirmation, Dialog, Prompt, TextDialog};
use crate::external_deploys::ExternalDeployTracker;
use crate::layout::TerminalSize;
use crate::msg::Effect;
pub use crate::screens::Screen;
use crate::screens::change::state::LocalChange;
use crate::screens::fleet::rows::FleetRow;
use crate::screens::fleet::state::FleetState;
use crate::tour::Tour;
use crate::update::FollowUp;

/// The state of the console.
#[derive(Clone, Debug)]
pub struct State {
    /// The clusters; at least one.
    pub clusters: Clusters,
    /// The cluster that is shown.
    pub active: ClusterId,
    /// The fleet screen, below all others.
    pub fleet: FleetState,
    /// The screens opened over the fleet, the top one last.
    pub screens: Vec<Screen>,
    /// The open dialog; it receives all keys.
    pub modal: Option<Dialog>,
    /// The time of the newest message.
    pub now: Time,
    /// The offset of local time, in seconds east of UTC.
    pub offset: i32,
    /// The terminal's size.
    pub size: TerminalSize,
    /// Settings, keymaps, themes and contracts.
    pub config: Config,
    /// The keys pressed so far of a longer sequence.
    pub pending: Vec<Key>,
    /// The notice shown in the footer, until the next key.
    pub notice: Option<Notice>,
    /// The notices of this session, oldest first.
    pub messages: VecDeque<Notice>,
    /// The time at which the console was opened.
    pub opened: Time,
    /// The time of the last key press; none before the first.
    pub last_key: Option<Time>,
    /// The last request to poll services closely, so that an equal one is not sent again.
    pub attended: Option<Effect>,
    /// The work that is due before the next key or frame.
    pub follow_up: FollowUp,
    /// The tour; only the demo has one.
    pub tour: Option<Tour>,
}

/// The number of notices that are kept.
const MESSAGES: usize = 500;

impl State {
    /// Builds the initial state. The list should have at least one cluster.
    pub fn new(clusters: Vec<ClusterState>, config: Config, size: TerminalSize, now: Time, offset: i32) -> Self {
        let known = |one: ClusterState| ClusterState {
            facts: one.facts.with_contracts(&config.contracts).with_bases(&config.settings.bases),
            ..one
        };
        let clusters = Clusters::new(clusters.into_iter().map(known).collect());
        Self {
            clusters,
            active: ClusterId::FIRST,
            fleet: FleetState::default(),
            screens: Vec::new(),
            modal: None,
            now,
            offset,
            size,
            config,
            pending: Vec::new(),
            notice: None,
            messages: VecDeque::new(),
            opened: now,
            last_key: None,
            attended: None,
            follow_up: FollowUp::default(),
            tour: None,
        }
    }

    /// Returns the cluster that is shown.
    pub fn cluster(&self) -> &ClusterState {
        &self.clusters[self.active]
    }

    /// Returns the last observed state of the cluster that is shown.
    pub fn world(&self) -> &World {
        &self.cluster().world
    }

    /// Returns the context of the next key press: that of the open dialog, else that of the top screen.
    pub fn context(&self) -> KeyContext {
        self.modal.as_ref().map_or_else(|| self.screen_context(), Dialog::context)
    }

    /// Returns the context of the top screen, regardless of an open dialog.
    pub fn screen_context(&self) -> KeyContext {
        crate::screens::context(self)
    }

    /// Shows a notice to the operator and keeps it.
    pub(crate) fn say(&mut self, severity: Severity, text: impl Into<String>, hint: impl Into<String>) {
        let notice = Notice { at: self.now, severity, text: text.into(), hint: hint.into() };
        self.note(notice);
    }

    /// Shows a notice and keeps it; an immediate repetition is kept once.
    pub fn note(&mut self, mut notice: Notice) {
        notice.text = clean(&notice.text);
        notice.hint = clean(&notice.hint);
        if self.messages.back().is_none_or(|last| last.text != notice.text || last.hint != notice.hint) {
            self.messages.push_back(notice.clone());
        }
        if self.messages.len() > MESSAGES {
            self.messages.pop_front();
        }
        self.notice = Some(notice);
    }

    /// Returns the row under the fleet's cursor, if there is one.
    pub fn row(&self) -> Option<&FleetRow> {
        self.fleet.rows.get(self.fleet.index())
    }
}

/// A Docker endpoint and the swarm behind it.
#[derive(Clone, Debug)]
pub struct ClusterState {
    /// The configured name, or the address if it has none.
    pub name: String,
    /// The address, for display.
    pub endpoint: String,
    /// The swarm as last observed.
    pub world: World,
    /// The facts about images, as learned from this cluster.
    pub facts: Facts,
    /// The protection against changes.
    pub guard: WriteProtection,
    /// The registries that did not answer, by host.
    pub unreachable: BTreeMap<String, RegistryOutage>,
    /// The hosts of the registries that services run from, as last requested to be watched.
    pub watched: BTreeSet<String>,
    /// The changes that this console carries out or carried out, newest last.
    pub local_changes: Vec<LocalChange>,
    /// The progress of recording external deploys.
    pub noted: ExternalDeployTracker,
}

impl ClusterState {
    /// Returns the display name: the configured one, or the engine's host name if only an address was given.
    pub fn title(&self) -> &str {
        let host = &self.world.engine.host;
        if self.name.contains("://") && !host.is_empty() { host } else { &self.name }
    }

    /// Notes whether a registry answered; an answer ends its outage. Returns whether a lasting outage began or ended.
    pub(crate) fn note_registry(&mut self, host: &str, now: Time, down: Option<&str>) -> bool {
        let Some(why) = down else {
            let ended = self.unreachable.remove(host).is_some_and(|outage| outage.is_lasting());
            if ended {
                self.facts.forget_failed(host);
            }
            return ended;
        };
        let first = RegistryOutage { since: now, last: now, why: String::new(), failures: 1 };
        let outage = self.unreachable.entry(host.to_owned()).or_insert(first);
        why.clone_into(&mut outage.why);
        // Several look-ups at the same time meet the same failure.
        if now.since(outage.last) >= APART {
            let lasted = outage.is_lasting();
            (outage.last, outage.failures) = (now, outage.failures + 1);
            if outage.is_lasting() && !lasted {
                self.facts.registry_down(host);
                return true;
            }
        }
        false
    }

    /// Returns the hosts of the registries that the cluster's services run from.
    pub(crate) fn registries(&self) -> BTreeSet<String> {
        let images = self.world.services.values().filter_map(|service| ImageRef::parse(service.image()).ok());
        images.map(|image| image.host).collect()
    }

    /// Returns the first registry in use that did not answer twice in a row, with its outage.
    pub(crate) fn registry_outage(&self) -> Option<(&str, &RegistryOutage)> {
        let alarms = |host: &str, outage: &RegistryOutage| outage.is_lasting() && self.watched.contains(host);
        self.unreachable
            .iter()
            .map(|(host, outage)| (host.as_str(), outage))
            .find(|(host, outage)| alarms(host, outage))
    }

    /// Adds a change that this console begins, and removes the ended changes of its group.
    pub(crate) fn begin(&mut self, change: LocalChange) {
        self.local_changes.retain(|known| known.is_at_work() || known.plan.group != change.plan.group);
        self.local_changes.push(change);
    }

    /// Makes a cluster without observations.
    pub fn new(name: &str, endpoint: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            world: World::default(),
            facts: Facts::default(),
            guard: WriteProtection::None,
            unreachable: BTreeMap::new(),
            watched: BTreeSet::new(),
            local_changes: Vec::new(),
            noted: ExternalDeployTracker::default(),
        }
    }
}

/// The failures of a registry to answer, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOutage {
    /// The time of the first failure.
    pub since: Time,
    /// The time of the newest failure that was counted.
    pub last: Time,
    /// The cause of the newest failure.
    pub why: String,
    /// The number of failures, at least ten seconds apart; a single one may be chance.
    pub failures: u32,
}

impl RegistryOutage {
    /// Returns whether the registry failed more than once in a row.
    pub(crate) fn is_lasting(&self) -> bool {
        self.failures >= 2
    }
}

/// The time after which another failure of a registry counts.
const APART: Duration = Duration::from_secs(10);

/// The protection of a cluster against changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteProtection {
    /// Changes are allowed.
    None,
    /// Changes are allowed after an additional confirmation.
    Protected,
    /// Changes are not allowed.
    ReadOnly,
}

/// A message to the operator with a recommended action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The time at which it was raised.
    pub at: Time,
    pub severity: Severity,
    /// The message.
    pub text: String,
    /// The recommended action; may be empty.
    pub hint: String,
}

/// The cursor of a list, and the first line shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrollState {
    /// The index of the selected item.
    pub at: usize,
    /// The first line shown.
    pub top: usize,
}
