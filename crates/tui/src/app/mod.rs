//! The console without its screen and its clock: `update(&mut State, Stamped) -> Vec<Effect>` is the only writer of
//! [`State`].
//!
//! Keys are looked up inside, time comes in with the message, and what is wished for goes out as plain data. Nothing
//! here asks a clock, reads a file, waits, or knows how a screen is drawn.
//!
//! To add a screen: a variant of [`Screen`] with its own state, its file in `update/` (its actions, and what happens to
//! it after every message), its arms in `state::Screen::context`, `update::run`, `available` and `ui::view`, and its
//! file in `ui/`.

pub mod available;
pub mod back;
pub mod banner;
pub mod change;
pub mod complete;
pub mod earlier;
pub mod editor;
pub mod filter;
pub mod fix;
pub mod history;
pub mod image;
pub mod layout;
pub mod line;
pub mod login;
pub mod modal;
pub mod msg;
pub mod noting;
pub mod others;
pub mod palette;
pub mod pins;
pub mod plan;
pub mod remarks;
pub mod rows;
pub mod state;
pub mod tasks;
pub mod tour;
pub mod update;
pub mod wrap;

pub use available::{Reason, available};
pub use msg::{Effect, LogLine, Msg, Stamped};
pub use state::{Cluster, Modal, Screen, State};
pub use update::{Pace, pace, update};
