//! Findings: remarks about an image in its place.

mod code;

pub use code::Code;

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

/// Findings that say the same of several subjects are one; the heaviest first, the rest in a fixed order.
pub fn gathered(findings: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = |known: &&mut Finding| {
            (known.severity, &known.code, &known.message, &known.hint)
                == (finding.severity, &finding.code, &finding.message, &finding.hint)
        };
        match all.iter_mut().find(same) {
            Some(known) => {
                if !known.subject.split(", ").any(|subject| subject == finding.subject)
                    && known.subject != finding.subject
                {
                    known.subject = format!("{}, {}", known.subject, finding.subject);
                }
                for service in finding.services {
                    if !known.services.contains(&service) {
                        known.services.push(service);
                    }
                }
            }
            None => all.push(finding),
        }
    }
    all.sort_by(|a, b| (a.severity, &a.code, &a.subject).cmp(&(b.severity, &b.code, &b.subject)));
    all
}
