//! Findings: remarks about an image in its place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Blocks its unit.
    Error,
    /// A risk that a careful operator can remove by editing; acknowledged once per plan.
    Warning,
    /// A fact worth knowing.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

macro_rules! codes {
    ($($variant:ident = $name:literal: $doc:literal;)*) => {
        /// The stable names of all findings; what each means is its documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        impl Code {
            /// Every code, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, as in `--json`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    PinSyntax = "pin-syntax": "The pin document is not valid TOML at this place.";
    PinUnknown = "pin-unknown": "A key or section of the pin document means nothing here.";
    ReferenceSyntax = "reference-syntax": "The image reference is not well formed.";
    NotFound = "image-not-found": "The registry answers, and has no such image.";
    Denied = "image-denied": "The registry refuses the credentials used here.";
    NoCredentials = "no-credentials": "The registry wants a login, and there is none here.";
    Unreachable = "registry-unreachable": "The registry could not be reached or did not answer in time.";
    RateLimited = "registry-rate-limit": "The registry takes no more requests for now.";
    RegistryFailed = "registry-failed": "The registry answered with a fault of its own.";
    PlatformMissing = "platform-missing": "The image has no variant for a node it would land on.";
    PlatformsUnknown = "platforms-unknown": "What platforms the image is made for could not be learned.";
    NoNodeFits = "no-node-fits": "No node satisfies the service's placement constraints.";
    NodeNotReady = "node-not-ready": "A node the service would land on is not ready, or takes no new tasks.";
    RolloutActive = "rollout-active": "The service's rollout is running or paused; any edit resumes it.";
    RunsByTag = "runs-by-tag": "The service runs by tag only; the next restart may bring another image.";
    WillRunAgain = "will-run-again": "The service is a job or a one-shot that the change would run again.";
    DangerousPolicy = "update-policy": "The update policy in force can take more tasks down than expected.";
    WillBeOverwritten = "will-be-overwritten": "Another tool owns this service and will put its own image back.";
    NothingToDo = "nothing-to-do": "The plan changes nothing.";
    NoWayBack = "no-way-back": "No earlier image is known that ran here.";
    FailedHere = "failed-here": "This image failed here before.";
    PlanTooLarge = "plan-too-large": "The record of the change would exceed what the swarm stores.";
    ChangeUnfinished = "change-unfinished": "An earlier change of this group is not finished.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One remark about an image in its place: what, about what, and what to do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable code's name ([`Code::name`]); text, so that a newer pinnace's findings can be shown.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about: `n1 on host-1, host-2`, a service's name, an image.
    pub subject: String,
    /// What is the case.
    pub message: String,
    /// What to do now; empty where there is nothing to do.
    #[serde(default)]
    pub hint: String,
    /// The services whose unit an error blocks; empty: none, or all of the plan for a document error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

impl Finding {
    /// Makes a finding without a hint.
    pub fn new(severity: Severity, code: Code, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.name().to_owned(),
            severity,
            subject: subject.into(),
            message: message.into(),
            hint: String::new(),
            services: Vec::new(),
        }
    }

    /// Adds what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Names the services it concerns.
    #[must_use]
    pub fn on(mut self, services: impl IntoIterator<Item = String>) -> Self {
        self.services = services.into_iter().collect();
        self
    }

    /// Whether it carries this code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.name()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}: {}", self.severity, self.code, self.subject, self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}
