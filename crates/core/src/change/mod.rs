//! The model of a change, which is a plan that is being applied. Its events fold into its progress; plan
//! and progress decide the next step.

mod conflict;
mod diagnosis;
mod event;
mod judge;
mod next;
mod offer;
mod progress;
mod remediation;
mod unit_view;

pub use conflict::{MEDDLED, meddled, overtaken};
pub use diagnosis::{Host, ImageAnswers, cause};
pub use event::{Choice, Event, EventKind, Order, Question, TaskLine, UnitPhase, WAITS};
pub use judge::{UnitVerdict, judge};
pub use next::{ExecutionMode, ExecutionStep, OnFailure, next};
pub use offer::{OfferInput, image_at, offer, unit_name};
pub use progress::{Progress, UnitProgress};
pub use remediation::{after, stuck};
pub use unit_view::{UnitPosition, UnitView};
