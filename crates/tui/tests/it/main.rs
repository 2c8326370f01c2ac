//! Tests of the console on made-up states: keys in, effects and screens out.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod change_screens;
#[cfg(test)]
mod completion;
#[cfg(test)]
mod completion_states;
#[cfg(test)]
mod drawing;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod image;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logging_in;
#[cfg(test)]
mod plan_options;
#[cfg(test)]
mod running_change;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod stuck_question;
#[cfg(test)]
mod tour;
