//! The console at work: the terminal, the loop that takes in messages and draws, and the effects it carries out.

mod console;
mod effects;
mod logs;
mod noting;
pub mod run;
pub mod terminal;
pub mod thrift;
mod work;

pub use console::{ClusterParts, Parts, console, demo};
pub use effects::Effects;
