//! The planner: decides everything a change will do, and does nothing.
//!
//! `plan` is total and pure: equal inputs give the equal plan. What it would need to know and does not comes back as
//! [`Want`](crate::registry::Want)s; a draft with wants cannot be applied.

mod consent;
mod drift;
mod edits;
mod freshness;
mod goal;
mod model;
mod notes;
mod options;
mod order;
mod planner;
mod redeploy;
mod rollback;
mod saved;
#[cfg(test)]
mod tests;
mod unit;

pub use consent::Consent;
pub use edits::edits;
pub use freshness::moved;
pub use goal::{BackTo, DriftResolution, Goal, RedeployImage, Scope};
pub use model::{Action, Credentials, Edit, Effect, Extra, ImageAt, Kind, Landing, Plan, Record, Unit};
pub use options::{CredentialSource, PlanOptions, UpdateOrder};
pub use planner::{Draft, identity, plan, plural};
pub use saved::{Damage, Saved};
