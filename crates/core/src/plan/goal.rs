//! What is asked of the planner, and what it asks for in turn.

use serde::{Deserialize, Serialize};

use crate::journal::History;
use crate::swarm::Service;
use crate::swarm::{GroupKey, member_of};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The group's pin document should become this text.
    Pins {
        /// The group.
        group: GroupKey,
        /// The edited document.
        text: String,
    },
    /// Services should go back to what ran before.
    Back {
        /// The group.
        group: GroupKey,
        /// Which of its services.
        scope: Scope,
        /// Where to, if not to what ran immediately before.
        to: Option<BackTo>,
    },
    /// The tasks of services should start anew.
    Redeploy {
        /// The group.
        group: GroupKey,
        /// Which of its services.
        scope: Scope,
        /// By which image.
        by: RedeployImage,
    },
    /// What somebody else changed should go back to its pin, or become the pin.
    Drift {
        /// The group.
        group: GroupKey,
        /// Which of its services.
        scope: Scope,
        /// Which of the two.
        how: DriftResolution,
    },
}

impl Goal {
    /// The group it is about.
    pub fn group(&self) -> &GroupKey {
        match self {
            Self::Pins { group, .. }
            | Self::Back { group, .. }
            | Self::Redeploy { group, .. }
            | Self::Drift { group, .. } => group,
        }
    }
}

/// Which services of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All of them.
    Group,
    /// Those of a member.
    Member(String),
    /// One, by name.
    Service(String),
}

impl Scope {
    /// Whether a service is meant.
    pub fn holds(&self, service: &Service) -> bool {
        match self {
            Self::Group => true,
            Self::Member(member) => member_of(service) == *member,
            Self::Service(name) => service.name == *name,
        }
    }
}

/// A chosen target of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackTo {
    /// To what stood before this change.
    Change(String),
    /// To an image of a service's history, or a tag of its repository: by text, tag or digest.
    Image(String),
}

impl BackTo {
    /// What a person names: a change of this history by its id, else an image.
    pub fn read(text: &str, history: &History) -> Self {
        match history.find(text) {
            Some(entry) => Self::Change(entry.slot.change.clone()),
            None => Self::Image(text.to_owned()),
        }
    }
}

/// By which image tasks start anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedeployImage {
    /// By the digest that they run.
    #[default]
    Same,
    /// By what the tag names now.
    Tag,
}

/// What is to become of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftResolution {
    /// The services go back to their pins.
    Back,
    /// What runs becomes the pin; no service is touched.
    Accept,
}
