//! The history of a service: the images that ran in it, and its rollback candidates. The sources are the journal, the
//! engine's previous spec, the task history, and the observations that consoles and `pinnace record` made.

mod candidates;
pub mod drift;
mod evidence;
pub mod external_detection;
mod image_cache;
mod pins_in_force;
mod target;

pub use candidates::{CHANGES, Pullable, RollbackCandidate, RunResult, earlier, known, queries, wants_of};
pub(crate) use evidence::{came_up, last_healthy, ran_here, ran_well};
pub use evidence::{failed_here, same};
pub use image_cache::describe;
pub(crate) use image_cache::{landings, ran_on};
pub use pins_in_force::in_force;
pub(crate) use target::journal_way;
pub use target::{CandidateSource, RollbackTarget, ServiceChange, TargetSearch, steps, way_back};
