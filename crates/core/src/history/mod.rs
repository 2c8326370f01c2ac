//! What ran in a service, and what it may go back to: read from the journal, the engine's previous spec, task history
//! and what was seen.

mod candidates;
pub mod drift;
mod evidence;
pub mod external;
mod image_cache;
mod in_force;
mod target;

pub use candidates::{CHANGES, Earlier, Fared, Pullable, earlier, known, wants, wants_of};
pub use evidence::{came_up, failed_here, last_healthy, ran_here, ran_well, same};
pub use image_cache::{landings, ran_on, told};
pub use in_force::in_force;
pub use target::{Answer, Source, Step, Way, journal_way, steps, way_back};
