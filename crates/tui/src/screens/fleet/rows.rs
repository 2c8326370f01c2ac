//! The rows of the fleet: groups ▸ services, trouble first, as a pure function of what was seen and what is folded.
//!
//! Trouble is on the first page with its error, without a key: what is well makes room, and in the end the lines below
//! a failing row do.

mod build;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pinnace_core::registry::Facts;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::State;
use pinnace_core::time::Time;
use pinnace_core::world::World;

use crate::filter::Filter;

pub(crate) use build::lines_before;
pub use build::{build, total_lines};
pub use service::cause;
pub(crate) use service::is_about_image;
pub(crate) use service::short_error;

/// What a row is about; it stays the same while rows come, go and change places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowId {
    /// A group.
    Group(GroupKey),
    /// A service, by the engine's id.
    Service(String),
    /// A service that is gone, by its name.
    Missing(GroupKey, String),
    /// The services of a group that are well and left out.
    More(GroupKey),
    /// The groups that are well and left out.
    Rest,
}

impl RowId {
    /// The id of the service it is.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Service(id) => Some(id),
            Self::Group(_) | Self::Missing(..) | Self::More(_) | Self::Rest => None,
        }
    }
}

/// A row, with all that is drawn of it but ages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A group's line.
    Group(GroupRow),
    /// A service, with the lines below it.
    Service(Box<ServiceRow>),
    /// Services of a group that are well and left out.
    More {
        /// The group.
        group: GroupKey,
        /// How many.
        services: usize,
    },
    /// Groups that are well and left out.
    Rest {
        /// How many groups.
        groups: usize,
        /// How many services they have.
        services: usize,
    },
}

impl Row {
    /// What it is about.
    pub fn id(&self) -> RowId {
        match self {
            Self::Group(row) => RowId::Group(row.group.clone()),
            Self::Service(row) => match &row.service {
                Some(id) => RowId::Service(id.clone()),
                None => RowId::Missing(row.group.clone(), row.name.clone()),
            },
            Self::More { group, .. } => RowId::More(group.clone()),
            Self::Rest { .. } => RowId::Rest,
        }
    }

    /// The group it belongs to.
    pub fn group(&self) -> Option<&GroupKey> {
        match self {
            Self::Group(row) => Some(&row.group),
            Self::Service(row) => Some(&row.group),
            Self::More { group, .. } => Some(group),
            Self::Rest { .. } => None,
        }
    }

    /// The service it shows, if it is one.
    pub fn service(&self) -> Option<&ServiceRow> {
        match self {
            Self::Service(row) => Some(row),
            _ => None,
        }
    }

    /// How many lines it takes.
    pub fn lines(&self) -> usize {
        1 + self.service().map_or(0, |row| row.lines)
    }

    /// Whether somebody is needed.
    pub fn is_trouble(&self) -> bool {
        self.service().is_some_and(|row| row.state.is_trouble())
    }
}

/// A group's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// The group.
    pub group: GroupKey,
    /// Whether its services are shown below.
    pub open: bool,
    /// The worst state of its services.
    pub state: State,
    /// Tasks that run.
    pub running: u64,
    /// Tasks wanted.
    pub desired: u64,
    /// How many services it has.
    pub services: usize,
    /// How many of them need somebody.
    pub troubled: usize,
    /// The image texts that those pinned together run.
    pub images: Vec<String>,
    /// What is told of a change of it that is not finished.
    pub unfinished: Option<String>,
}

/// A service's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// The group.
    pub group: GroupKey,
    /// The engine's id; none for a service that is gone.
    pub service: Option<String>,
    /// The service's name.
    pub name: String,
    /// The member it is part of.
    pub member: String,
    /// What it is called within its group.
    pub label: String,
    /// The host it is on, where that tells it apart.
    pub host: Option<String>,
    /// Whether it stands below a group's line.
    pub nested: bool,
    /// How it is.
    pub state: State,
    /// Tasks that run.
    pub running: u64,
    /// Tasks wanted.
    pub desired: u64,
    /// Running tasks that have the spec's image.
    pub fresh: u64,
    /// The image text.
    pub image: String,
    /// Which pin in force names its image.
    pub pin: Option<String>,
    /// What else is to be known of its image.
    pub marks: Vec<Mark>,
    /// Since when it is as it is.
    pub since: Option<Time>,
    /// What changed.
    pub changed: Option<Change>,
    /// What is wrong now.
    pub wrong: Option<Wrong>,
    /// How many lines those two take below the row.
    pub lines: usize,
}

/// What is to be known of a service's image beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It runs something else than the pin in force says.
    Drifted,
    /// The registry does not have it any more.
    Gone,
    /// The tag names another image by now.
    TagMoved,
    /// The engine went back by itself after the last update.
    RolledBack,
    /// A task of it ended by a fault lately, and was replaced.
    Restarted,
    /// It is built on an older build of its base.
    BaseOld,
    /// It runs by tag only: the next restart may bring another image.
    ByTag,
}

impl Mark {
    /// A word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drifted => "not its pin",
            Self::Gone => "gone",
            Self::TagMoved => "tag moved",
            Self::BaseOld => "base old",
            Self::RolledBack => "went back",
            Self::Restarted => "restarted",
            Self::ByTag => "by tag",
        }
    }
}

/// What changed in a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its image.
    Image {
        /// The text before.
        from: String,
        /// When.
        at: Option<Time>,
    },
    /// The engine went back by itself.
    EngineWentBack {
        /// The engine's message.
        message: String,
        /// When.
        at: Option<Time>,
    },
    /// It is gone since this change named it.
    Gone {
        /// The change's one line.
        sum: String,
        /// When that was.
        at: Option<Time>,
    },
}

/// What is wrong with a service, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The newest error, or what it waits for.
    pub text: String,
    /// Whether it is something to wait for.
    pub waits: bool,
    /// The cause, where it was looked up.
    pub cause: Option<String>,
    /// When.
    pub at: Option<Time>,
}

/// What the operator said of a fold; without a word it is as fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Open.
    Open,
    /// Closed.
    Closed,
}

/// The folds the operator chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// By group.
    pub groups: BTreeMap<GroupKey, Fold>,
    /// The groups that are well and left out.
    pub rest: Option<Fold>,
}

/// All that the rows are made of.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The cluster as it was last seen.
    pub world: &'a World,
    /// What is known of images.
    pub facts: &'a Facts,
    /// What is folded.
    pub folds: &'a Folds,
    /// What passes.
    pub filter: &'a Filter,
    /// The id of the service the operator is on: its row stays, whatever becomes of it.
    pub kept: Option<&'a str>,
    /// How many lines a page has.
    pub page: usize,
    /// Now.
    pub now: Time,
}
