//! The goals of a plan, with their scope and targets.

use serde::{Deserialize, Serialize};

use crate::journal::ChangeLog;
use crate::swarm::Service;
use crate::swarm::{GroupKey, member_of};

/// The operator's request, from which a plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// An edit of the group's pin document.
    Pins {
        /// The group that the plan is for.
        group: GroupKey,
        /// The edited document, in TOML.
        text: String,
    },
    /// A rollback of services to what they ran before.
    Back {
        /// The group that the plan is for.
        group: GroupKey,
        /// The services to roll back.
        scope: Scope,
        /// The chosen target; `None` for what ran immediately before.
        to: Option<RollbackChoice>,
    },
    /// A restart of the tasks of services.
    Redeploy {
        /// The group that the plan is for.
        group: GroupKey,
        /// The services whose tasks restart.
        scope: Scope,
        /// The image that the new tasks get.
        by: RedeployImage,
    },
    /// A resolution of drift: the services return to their pins, or their images become the pins.
    Drift {
        /// The group that the plan is for.
        group: GroupKey,
        /// The services whose drift is resolved.
        scope: Scope,
        /// The chosen resolution.
        how: DriftResolution,
    },
}

impl Goal {
    /// Returns the group that the plan is for.
    pub fn group(&self) -> &GroupKey {
        match self {
            Self::Pins { group, .. }
            | Self::Back { group, .. }
            | Self::Redeploy { group, .. }
            | Self::Drift { group, .. } => group,
        }
    }
}

/// A selection of a group's services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All services of the group.
    Group,
    /// The services of the member with this name.
    Member(String),
    /// The service with this name.
    Service(String),
}

impl Scope {
    /// Returns whether a service is in the scope.
    pub fn holds(&self, service: &Service) -> bool {
        match self {
            Self::Group => true,
            Self::Member(member) => member_of(service) == *member,
            Self::Service(name) => service.name == *name,
        }
    }
}

/// The chosen target of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackChoice {
    /// The state before the change with this id.
    Change(String),
    /// An image of a service's history, or a tag of its repository, given as reference, tag or digest.
    Image(String),
}

impl RollbackChoice {
    /// Parses an operator's input: the id of a change in this history, otherwise an image.
    pub fn read(text: &str, history: &ChangeLog) -> Self {
        match history.find(text) {
            Some(entry) => Self::Change(entry.slot.change.clone()),
            None => Self::Image(text.to_owned()),
        }
    }
}

/// The image that a redeploy starts the tasks with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedeployImage {
    /// The digest that the tasks run; for a bare tag, the digest that it names now.
    #[default]
    Same,
    /// The digest that the tag names now.
    Tag,
}

/// The two resolutions of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftResolution {
    /// A rollback of the services to their pins.
    Back,
    /// An update of the pins to what runs; no service is touched.
    Accept,
}
