//! The history of a service: the images that ran in it, and its rollback candidates. The sources are the journal, the
//! engine's previous spec, the task history, and the observations that consoles and `pinnace record` made.

mod candidates;
pub mod drift;
mod evidence;
pub mod external_detection;
mod image_cache;
mod pins_in_force;
mod run_result;
mod target;

pub use candidates::{CHANGES, Pullable, RollbackCandidate, earlier, had_others, known, queries, wants_of};
pub use evidence::{ImageEvidence, RunVerdict, evidence, failed_here};
pub(crate) use evidence::{had_its_image, last_healthy, ran_here, run_time};
pub use image_cache::describe;
pub(crate) use image_cache::{landings, ran_on};
pub use pins_in_force::in_force;
pub use run_result::RunResult;
pub(crate) use target::journal_way;
pub use target::{CandidateSource, RollbackTarget, ServiceChangeEntry, TargetSearch, steps, way_back};
