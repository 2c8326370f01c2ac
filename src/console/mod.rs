//! The console at work: the terminal, the loop that takes in messages and draws, and the effects it carries out.

mod effects;
pub mod event_loop;
mod logs;
mod noting;
mod start;
pub mod terminal;
pub mod thrift;
mod work;

pub use effects::Effects;
pub use start::{ClusterParts, Parts, console, demo};
