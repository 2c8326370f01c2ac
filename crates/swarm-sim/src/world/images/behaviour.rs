//! The behaviour of an image's containers.

use crate::world::model::{Nanos, SECOND};

/// The behaviour of a container, given by its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs until it is stopped, then exits with a code.
    Run {
        /// Exit code.
        code: i64,
    },
    /// Exits without being stopped.
    Exit {
        /// Time from start to exit.
        after: Nanos,
        /// Exit code.
        code: i64,
    },
    /// Runs, but its health check never passes.
    Unhealthy,
    /// Runs; its health check passes after the given time.
    HealthyAfter(Nanos),
    /// Ignores the stop signal; only SIGKILL stops it.
    Stubborn,
    /// Runs and logs a line at the given interval.
    Chatty(Nanos),
    /// Fails to start because its program does not exist.
    #[default]
    NoProgram,
}

impl Behaviour {
    /// Parses `sleep[:CODE]`, `exit:CODE`, `exit-after:SECONDS:CODE`, `oneshot`, `unhealthy`,
    /// `healthy-after:SECONDS`, `stubborn`, `chatty[:SECONDS]`, `no-program`.
    pub fn of(text: &str) -> Option<Self> {
        let mut words = text.split(':');
        let kind = words.next()?;
        let mut number = || words.next().map(|word| word.parse::<f64>().ok());
        let seconds = |given: f64| std::time::Duration::try_from_secs_f64(given).ok();
        let nanos = |given: f64| seconds(given).and_then(|given| Nanos::try_from(given.as_nanos()).ok());
        #[expect(clippy::cast_possible_truncation, reason = "exit codes are small")]
        let code = |given: f64| given as i64;
        Some(match kind {
            "sleep" | "run" => Self::Run { code: number().flatten().map_or(0, code) },
            "exit" => Self::Exit { after: SECOND / 10, code: code(number()??) },
            "exit-after" => Self::Exit { after: nanos(number()??)?, code: code(number()??) },
            "oneshot" => Self::Exit { after: SECOND / 10, code: 0 },
            "unhealthy" => Self::Unhealthy,
            "healthy-after" => Self::HealthyAfter(nanos(number()??)?),
            "stubborn" => Self::Stubborn,
            "chatty" => Self::Chatty(nanos(number().flatten().unwrap_or(1.0))?),
            "no-program" => Self::NoProgram,
            _ => return None,
        })
    }
}
