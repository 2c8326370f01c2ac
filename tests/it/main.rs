//! The integration tests of pinnace.

#[cfg(test)]
mod colors;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod console;
#[cfg(test)]
mod custom_images;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod docker_cli;
#[cfg(test)]
mod docs;
#[cfg(test)]
#[path = "../../crates/tui/tests/it/drawing.rs"]
mod drawing;
#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod layers;
mod messages;
#[cfg(test)]
mod module_cycles;
#[cfg(test)]
mod plan_options;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod races;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod registry_lab;
#[cfg(test)]
mod registry_login;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod service_states;
#[cfg(test)]
mod sigstop;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_registry;
#[cfg(test)]
mod source;
mod stopped;
#[cfg(test)]
mod swarm;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod without_registry;
