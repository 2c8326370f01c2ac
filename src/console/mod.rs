//! The running console: the terminal, the loop that receives messages and draws, and the effects that it performs.

mod change_runner;
mod effects;
pub mod event_loop;
mod external_deploys;
mod logs;
pub mod sgr_dedup;
mod start;
pub mod terminal;
mod written_files;

pub use effects::EffectRunner;
pub use start::{ConsoleCluster, ConsoleSetup, console, demo};
