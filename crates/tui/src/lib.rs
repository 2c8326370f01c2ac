//! The console without its terminal: configuration, state, update and view. No clock, no IO, no async.
//!
//! Each screen has a folder below [`screens`] with its state, its update and its view. Windows over a screen
//! are in [`dialogs`], and drawing code shared by several views is in [`widgets`].

pub mod action;
pub mod availability;
pub mod banner;
pub mod clusters;
pub mod config;
pub mod dialogs;
mod external_deploys;
pub mod filter;
mod image_summaries;
pub mod layout;
pub mod msg;
mod permanent_fix;
mod rollback_target;
pub mod screens;
pub mod selection;
pub mod state;
pub mod tour;
pub mod update;
pub mod view;
pub mod widgets;
mod wrap;

pub use msg::{ArrivedMsg, Effect, LogLine, Msg};
pub use state::{ClusterState, Screen, State};
pub use update::{TickRate, pace, update};
pub use view::view;
