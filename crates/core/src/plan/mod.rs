//! The planner: decides everything that a change will do, and does nothing itself.
//!
//! `plan` is total and pure: equal inputs give an equal plan. Missing information comes back as
//! [`FactQuery`](crate::registry::FactQuery)s; a draft with wants cannot be applied.

mod consent;
mod drift;
mod edits;
mod freshness;
mod goal;
mod model;
mod notes;
mod options;
mod planner;
mod redeploy;
mod rollback;
mod saved;
#[cfg(test)]
mod tests;
mod unit_order;
mod unit_planning;

pub use consent::Consent;
pub use edits::edits;
pub use freshness::moved;
pub use goal::{DriftResolution, Goal, RedeployImage, RollbackChoice, Scope};
pub use model::{
    CandidateNode, ChangeRecord, CredentialOrigin, Plan, PlanKind, SpecEdit, SpecImage, TaskImpact, Unit, UnitAction,
    UnknownKeys,
};
pub use options::{CredentialPolicy, PlanOptions, UpdateOrderOption};
pub use planner::{PlanDraft, identity, plan, plural};
pub use saved::{SavedPlan, SavedPlanError};
