//! Findings: infos, warnings and errors about images, pins and plans.

mod code;

pub use code::Code;

use std::fmt;

use serde::{Deserialize, Serialize};

/// The severity of a finding; the order of the variants is the display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A problem that blocks its unit, or the whole plan.
    Error,
    /// A risk that the operator can remove by editing, or has to acknowledge once per plan.
    Warning,
    /// A fact that is worth knowing.
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

/// One finding about an image, a pin or a plan, with its hint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable name of its code ([`Code::name`]); a text, so that the findings of a newer pinnace can be displayed.
    pub code: String,
    /// The severity of this finding.
    pub severity: Severity,
    /// The subject: `n1 on host-1, host-2`, a service's name, or an image.
    pub subject: String,
    /// The statement about the subject.
    pub message: String,
    /// The hint for the operator; empty if nothing has to be done.
    #[serde(default)]
    pub hint: String,
    /// The names of the services whose units an error blocks. Empty for none, or, for an
    /// error of the pin document, for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

impl Finding {
    /// Creates a finding without a hint and services.
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

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Sets the services that it concerns.
    #[must_use]
    pub fn on(mut self, services: impl IntoIterator<Item = String>) -> Self {
        self.services = services.into_iter().collect();
        self
    }

    /// Returns whether the finding has this code.
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

/// Merges findings that differ only in their subject, and sorts them: by severity, then by code and subject.
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
