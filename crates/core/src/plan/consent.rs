//! The consent that a plan needs from the operator before it is applied.

use super::{Plan, Unit};
use crate::finding::{Code, Finding, Severity};

/// The operator's acknowledgements for a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Set when the warnings were acknowledged.
    pub warnings: bool,
    /// Set when rollbacks to images that no registry confirms were accepted.
    pub unchecked: bool,
}

impl Plan {
    /// Returns the units that roll back to an image that no registry confirms.
    pub fn unchecked(&self) -> impl Iterator<Item = &Unit> {
        self.active().map(|(_, unit)| unit).filter(|unit| unit.unchecked.is_some())
    }

    /// Counts the warnings to acknowledge. Images that could not be verified are not counted: they need a
    /// separate acknowledgement.
    pub fn warnings(&self) -> usize {
        let counts = |finding: &&Finding| finding.severity == Severity::Warning && !finding.is(Code::NotVerified);
        self.findings.iter().filter(counts).count()
    }
}
