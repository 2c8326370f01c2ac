//! The state of the service screen.

use pinnace_core::swarm::GroupKey;

use crate::state::Scroll;

/// A part of the service screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Its tasks.
    #[default]
    Tasks,
    /// Its labels, constraints and update policy.
    Settings,
    /// Its changes.
    Changes,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Tasks, Self::Settings, Self::Changes];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tasks => "TASKS",
            Self::Settings => "SETTINGS",
            Self::Changes => "CHANGES",
        }
    }
}

/// One service.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// The cluster.
    pub cluster: usize,
    /// The service's id.
    pub service: String,
    /// Its name, also once it is gone.
    pub name: String,
    /// Its group.
    pub group: GroupKey,
    /// The part shown.
    pub tab: Tab,
    /// Where in it.
    pub scroll: Scroll,
}
