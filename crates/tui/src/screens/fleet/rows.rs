//! The rows of the fleet: groups with their services, as a pure function of the observed state and the folds.
//!
//! Rows in trouble come first, so that the first page shows them with their errors and without any key. To make
//! room for them, healthy groups and services are left out, and in the end the detail lines below failing rows.

mod build;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pinnace_core::registry::Facts;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::HealthState;
use pinnace_core::time::Time;
use pinnace_core::world::World;

use crate::filter::FleetFilter;

pub use build::{build, total_lines};
pub(crate) use build::{build_with_summary, lines_before};
pub use service::cause;
pub(crate) use service::is_about_image;
pub(crate) use service::short_error;

/// The identity of a row; it stays the same while rows are added, removed and moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FleetRowId {
    /// The heading of a group.
    Group(GroupKey),
    /// A service, by its id in the engine.
    Service(String),
    /// A service that no longer exists, by its name.
    Missing(GroupKey, String),
    /// The line in place of a group's healthy services.
    More(GroupKey),
    /// The line in place of the healthy groups.
    Rest,
}

impl FleetRowId {
    /// Returns the id of the row's service, if it has one.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Service(id) => Some(id),
            Self::Group(_) | Self::Missing(..) | Self::More(_) | Self::Rest => None,
        }
    }
}

/// A row with everything that is drawn of it, except ages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetRow {
    /// The heading of a group.
    Group(GroupRow),
    /// A service, with the detail lines below it.
    Service(Box<ServiceRow>),
    /// A line in place of a group's healthy services, which are left out.
    HiddenServices {
        group: GroupKey,
        /// The number of services left out.
        services: usize,
    },
    /// A line in place of the healthy groups, which are left out.
    HiddenGroups {
        /// The number of groups left out.
        groups: usize,
        /// The number of services in those groups.
        services: usize,
    },
}

impl FleetRow {
    /// Returns the identity of the row.
    pub fn id(&self) -> FleetRowId {
        match self {
            Self::Group(row) => FleetRowId::Group(row.group.clone()),
            Self::Service(row) => match &row.service {
                Some(id) => FleetRowId::Service(id.clone()),
                None => FleetRowId::Missing(row.group.clone(), row.name.clone()),
            },
            Self::HiddenServices { group, .. } => FleetRowId::More(group.clone()),
            Self::HiddenGroups { .. } => FleetRowId::Rest,
        }
    }

    /// Returns the group that the row belongs to; `None` for [`Self::HiddenGroups`].
    pub fn group(&self) -> Option<&GroupKey> {
        match self {
            Self::Group(row) => Some(&row.group),
            Self::Service(row) => Some(&row.group),
            Self::HiddenServices { group, .. } => Some(group),
            Self::HiddenGroups { .. } => None,
        }
    }

    /// Returns the service of the row, if it shows one.
    pub fn service(&self) -> Option<&ServiceRow> {
        match self {
            Self::Service(row) => Some(row),
            _ => None,
        }
    }

    /// Returns the number of screen lines that the row takes.
    pub fn lines(&self) -> usize {
        1 + self.service().map_or(0, |row| row.lines)
    }

    /// Returns whether the row needs an operator: a service in trouble, or an unfinished change.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Group(row) => row.unfinished.is_some(),
            Self::Service(row) => {
                row.state.is_trouble() || matches!(row.changed, Some(RecentServiceChange::Unfinished(_)))
            }
            Self::HiddenServices { .. } | Self::HiddenGroups { .. } => false,
        }
    }

    /// Returns whether the row is a service with drift.
    pub(crate) fn is_drifted(&self) -> bool {
        self.service().is_some_and(|row| row.marks.contains(&Badge::Drifted))
    }
}

/// The heading of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub group: GroupKey,
    /// True if the group's services are listed below.
    pub open: bool,
    /// The worst state of the group's services.
    pub state: HealthState,
    /// The number of running tasks.
    pub running: u64,
    /// The number of tasks that should run.
    pub desired: u64,
    /// The number of services that pass the filter, missing ones included.
    pub services: usize,
    /// The number of those services that need an operator.
    pub troubled: usize,
    /// The distinct images of the services, as in their specs; for a database only those of its Postgres services.
    pub images: Vec<String>,
    /// The description of the group's unfinished change, if it has one.
    pub unfinished: Option<String>,
}

/// The row of a service, which exists or is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    pub group: GroupKey,
    /// The service's id in the engine; `None` for a missing service.
    pub service: Option<String>,
    /// The full name of the service.
    pub name: String,
    /// The member of the group: a database node, or the service itself.
    pub member: String,
    /// The name shown in the row: the member, or the full name of a service without a group.
    pub label: String,
    /// The node that runs a database's service, by host name; `None` for other groups and for several nodes.
    pub host: Option<String>,
    /// True if the row is indented below the heading of a group.
    pub nested: bool,
    /// The health state of the service.
    pub state: HealthState,
    /// The number of running tasks.
    pub running: u64,
    /// The number of tasks that should run.
    pub desired: u64,
    /// The number of running tasks with the spec's image.
    pub fresh: u64,
    /// The image in the spec; for a missing service, the image on which its last change left it.
    pub image: String,
    /// The key of the pin in force that covers the service.
    pub pin: Option<String>,
    /// The badges beside the image.
    pub marks: Vec<Badge>,
    /// The start of the current state; for trouble after an image change, the time of that change.
    pub since: Option<Time>,
    /// The last change, while it explains the state or is still news.
    pub changed: Option<RecentServiceChange>,
    /// The current problem.
    pub wrong: Option<ServiceProblem>,
    /// The number of detail lines below the row, for `changed` and `wrong`; fewer if the page has no room.
    pub lines: usize,
}

/// Counts of the whole cluster, whatever the filter and the folds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetSummary {
    /// The number of services that a change names and that no longer exist.
    pub missing: usize,
    /// The number of services that do not run the image of their pin.
    pub drifted: usize,
}

/// A badge beside a service's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Badge {
    /// Drift: the service runs another image than the pin in force names.
    Drifted,
    /// An image that the registry no longer has.
    Gone,
    /// A tag that names another image now.
    TagMoved,
    /// An automatic rollback by the engine after the last update.
    RolledBack,
    /// A task that failed recently and was replaced.
    Restarted,
    /// An image that is built on an older build of its base image.
    BaseOld,
    /// A tag without a digest: the next restart may bring another image.
    ByTag,
}

impl Badge {
    /// Returns the label of the badge, one or two words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Drifted => "drift",
            Self::Gone => "gone",
            Self::TagMoved => "tag moved",
            Self::BaseOld => "base old",
            Self::RolledBack => "rolled back",
            Self::Restarted => "restarted",
            Self::ByTag => "tag only",
        }
    }
}

/// A change of a service, as shown below its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecentServiceChange {
    /// A change of the image.
    Image {
        /// The image before.
        from: String,
        /// The time of the change, if known.
        at: Option<Time>,
    },
    /// An automatic rollback by the engine.
    EngineRolledBack {
        /// The engine's message.
        message: String,
        /// The time at which the rollback completed, or else started, if known.
        at: Option<Time>,
    },
    /// An unfinished change of a service without a group, described in one line; a group shows it in its heading.
    Unfinished(String),
    /// The removal of a service, which happened after this change named it.
    Gone {
        /// The summary of the change, in one line.
        sum: String,
        /// The time of the change.
        at: Option<Time>,
    },
}

/// A problem of a service, and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProblem {
    /// The newest error, or the condition that the service waits for.
    pub text: String,
    /// True if the service waits for something, false if something failed.
    pub waits: bool,
    /// The cause by the registry's answer, if one was looked up.
    pub cause: Option<String>,
    /// The time of the error, or the start of the wait, if known.
    pub at: Option<Time>,
}

/// The operator's choice for a fold; without a choice, the layout decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Open,
    Closed,
}

/// The folds that the operator chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// The choice for each group.
    pub groups: BTreeMap<GroupKey, Fold>,
    /// The choice for the line in place of the healthy groups.
    pub rest: Option<Fold>,
}

/// Everything that the rows are built from.
#[derive(Clone, Copy, Debug)]
pub struct FleetRowsInput<'a> {
    /// The last observed state of the cluster.
    pub world: &'a World,
    /// The cached registry answers about images.
    pub facts: &'a Facts,
    /// The operator's folds.
    pub folds: &'a Folds,
    /// The filter that services must pass.
    pub filter: &'a FleetFilter,
    /// The id of the service under the cursor; its row is never left out.
    pub kept: Option<&'a str>,
    /// The height of a page in lines.
    pub page: usize,
    pub now: Time,
}
