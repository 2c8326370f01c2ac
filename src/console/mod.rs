//! The running console: the terminal, the loop that receives messages and draws, and the effects that it performs.

mod effects;
pub mod event_loop;
mod logs;
mod noting;
mod start;
pub mod terminal;
pub mod thrift;
mod work;

pub use effects::Effects;
pub use start::{ConsoleCluster, ConsoleSetup, console, demo};
