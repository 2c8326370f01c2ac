//! What an operator has to say to a plan before it is applied.

use super::{Plan, Unit};
use crate::finding::{Code, Finding, Severity};

/// What the operator said to a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The warnings were acknowledged.
    pub warnings: bool,
    /// Images that ran here, and for which no registry answers, were accepted.
    pub unchecked: bool,
}

impl Plan {
    /// The units that go back to an image for which no registry answers.
    pub fn unchecked(&self) -> impl Iterator<Item = &Unit> {
        self.active().map(|(_, unit)| unit).filter(|unit| unit.unchecked.is_some())
    }

    /// How many warnings have to be acknowledged; what takes a key of its own is not among them.
    pub fn warnings(&self) -> usize {
        let counts = |finding: &&Finding| finding.severity == Severity::Warning && !finding.is(Code::NotVerified);
        self.findings.iter().filter(counts).count()
    }
}
