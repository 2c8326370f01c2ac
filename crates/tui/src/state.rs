//! Everything the console knows: nothing that decides what is drawn is kept anywhere else.

use crate::clusters::{ClusterId, Clusters};
use std::collections::{BTreeMap, VecDeque};

use crate::action::Context;
use crate::config::{Config, Key};
use pinnace_core::finding::Severity;
use pinnace_core::registry::Facts;
use pinnace_core::text::clean;
use pinnace_core::time::Time;
use pinnace_core::world::World;

pub use crate::dialogs::state::{Asked, Detail, Modal, Prompt, Question};
use crate::external_deploys::Noted;
use crate::layout::Size;
use crate::msg::Effect;
pub use crate::screens::Screen;
use crate::screens::change::state::LocalChange;
use crate::screens::fleet::rows::Row;
use crate::screens::fleet::state::FleetState;
use crate::tour::Tour;

/// The state of the console.
#[derive(Clone, Debug)]
pub struct State {
    /// The clusters; at least one.
    pub clusters: Clusters,
    /// The one that is shown.
    pub active: ClusterId,
    /// The screen that lies under all others.
    pub fleet: FleetState,
    /// The screens opened over it, the top one last.
    pub screens: Vec<Screen>,
    /// What lies over the screen and has the keys.
    pub modal: Option<Modal>,
    /// The moment of the newest message.
    pub now: Time,
    /// Seconds east of UTC, for clocks.
    pub offset: i32,
    /// The terminal's size.
    pub size: Size,
    /// Settings, keys and colours.
    pub config: Config,
    /// Keys that began a longer sequence.
    pub pending: Vec<Key>,
    /// What was said last; until the next key.
    pub notice: Option<Notice>,
    /// All that was said, oldest first.
    pub messages: VecDeque<Notice>,
    /// When the console was opened.
    pub opened: Time,
    /// When a key was pressed last.
    pub last_key: Option<Time>,
    /// What was last asked to be attended to, so that it is asked for once.
    pub attended: Option<Effect>,
    /// The tour, in the demo.
    pub tour: Option<Tour>,
}

/// How many messages are kept.
const MESSAGES: usize = 500;

impl State {
    /// Starts with these clusters, which should be at least one.
    pub fn new(clusters: Vec<Cluster>, config: Config, size: Size, now: Time, offset: i32) -> Self {
        let known = |one: Cluster| Cluster {
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
            tour: None,
        }
    }

    /// The cluster that is shown.
    pub fn cluster(&self) -> &Cluster {
        &self.clusters[self.active]
    }

    /// The cluster that is shown, as it was last seen.
    pub fn world(&self) -> &World {
        &self.cluster().world
    }

    /// Where a key is pressed now.
    pub fn context(&self) -> Context {
        self.modal.as_ref().map_or_else(|| self.screen_context(), Modal::context)
    }

    /// Where a key would be pressed without what lies over the screen.
    pub fn screen_context(&self) -> Context {
        crate::screens::context(self)
    }

    /// Tells the operator something, and keeps it.
    pub fn say(&mut self, severity: Severity, text: impl Into<String>, hint: impl Into<String>) {
        let notice = Notice { at: self.now, severity, text: text.into(), hint: hint.into() };
        self.note(notice);
    }

    /// Shows a notice, and keeps it.
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

    /// The row the keys act on, if the fleet has the keys and a row.
    pub fn row(&self) -> Option<&Row> {
        self.fleet.rows.get(self.fleet.index())
    }
}

/// One endpoint and the swarm behind it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its address, for people.
    pub endpoint: String,
    /// Its swarm, as last seen.
    pub world: World,
    /// What is known of images from there.
    pub facts: Facts,
    /// Whether it may be changed.
    pub guard: Guard,
    /// Registries that did not answer, with since when and why.
    pub unreachable: BTreeMap<String, (Time, String)>,
    /// The changes this console carries out, or did; the newest last.
    pub local_changes: Vec<LocalChange>,
    /// What was handed on to be noted on this machine.
    pub noted: Noted,
}

impl Cluster {
    /// Its name for people: an endpoint that was only given as an address is called by its engine's host.
    pub fn title(&self) -> &str {
        let host = &self.world.engine.host;
        if self.name.contains("://") && !host.is_empty() { host } else { &self.name }
    }

    /// Keeps a change that this console begins, in place of those of its group that are over.
    pub(crate) fn begin(&mut self, change: LocalChange) {
        self.local_changes.retain(|known| known.is_at_work() || known.plan.group != change.plan.group);
        self.local_changes.push(change);
    }

    /// Makes a cluster of which nothing was seen yet.
    pub fn new(name: &str, endpoint: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            world: World::default(),
            facts: Facts::default(),
            guard: Guard::None,
            unreachable: BTreeMap::new(),
            local_changes: Vec::new(),
            noted: Noted::default(),
        }
    }
}

/// Whether a cluster may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// It may.
    None,
    /// It may, and asks once more.
    Protected,
    /// It may not.
    ReadOnly,
}

/// Something said to the operator: what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Time,
    /// How much it weighs.
    pub severity: Severity,
    /// What.
    pub text: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// A list's cursor and the first line shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// The chosen item.
    pub at: usize,
    /// The first line shown.
    pub top: usize,
}
