//! The model of a change, which is a plan that is being applied. Its events fold into its progress; plan
//! and progress decide the next step.

mod assess;
mod conflict;
mod event;
mod failure_hints;
mod next;
mod order_effects;
mod progress;
mod pull_diagnosis;
mod unit_view;

pub use assess::{UnitVerdict, assess};
pub use conflict::{MEDDLED, meddled, overtaken};
pub use event::{ChangeEvent, ChangeEventKind, Choice, OperatorCommand, Question, TaskLine, UnitPhase, WAITS};
pub use failure_hints::{after, stuck};
pub use next::{ExecutionSettings, ExecutionStep, OnFailure, next};
pub use order_effects::{OfferInput, image_at, offer, unit_name};
pub use progress::{Progress, UnitProgress};
pub use pull_diagnosis::{AssignedNode, ImageLookups, cause};
pub use unit_view::{EditedFieldsState, UnitObservation};
