//! Tests of the console on made-up states: keys in, effects and screens out.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod asking;
#[cfg(test)]
mod changing;
#[cfg(test)]
mod choosing;
#[cfg(test)]
mod completing;
#[cfg(test)]
mod drawing;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod image;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod listed;
#[cfg(test)]
mod logging_in;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod screens_changing;
#[cfg(test)]
mod tale;
#[cfg(test)]
mod touring;
