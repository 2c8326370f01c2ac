//! pinnace: a console for Docker Swarm images.
//!
//! ```text
//! core ◄── adapters ◄── engine ◄── cli, runtime          core     pure: no IO, no async, no clock, no terminal
//!  ▲                                    │                adapters Docker Engine, OCI registry, credentials, journal
//!  └────── config ◄── app ◄── ui ◄──────┘                engine   async use-cases: observe, resolve, execute
//!                                                        config   text a user writes ─► values + warnings
//!                                                        app, ui  State, Msg, Effect, update · view(frame, &State, &Theme)
//!                                                        runtime  the loop, effects, terminal
//!                                                        cli      one file a verb
//! sim: a simulated swarm and registry behind HTTP; it uses nothing of the above, as shared code would hide its mistakes
//! ```
//!
//! Dependencies point down only; `tests/it/layers.rs` holds that.

pub mod adapters;
pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod engine;
pub mod runtime;
pub mod sim;
pub mod ui;
