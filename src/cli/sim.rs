//! `pinnace sim`: a simulated swarm and its registries, for tests and measurements.

use super::Exit;
use super::session::{Failure, usage};
use swarm_sim::command::{self, CommandError, Options};

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        usage(error.message, error.hint)
    }
}

/// Serves a simulated world until a signal arrives.
pub async fn run(options: &Options) -> Result<Exit, Failure> {
    command::run(options).await?;
    Ok(Exit::Done)
}
