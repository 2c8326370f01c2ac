//! What an image's tasks do.

use crate::world::model::{Nanos, SECOND};

/// What a task does, by its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs, and stops with this code when told to.
    Run {
        /// The code it stops with.
        code: i64,
    },
    /// Ends by itself.
    Exit {
        /// After so long.
        after: Nanos,
        /// With this code.
        code: i64,
    },
    /// Runs, and never gets healthy.
    Unhealthy,
    /// Is healthy after so long.
    HealthyAfter(Nanos),
    /// Does not stop when told to, only when killed.
    Stubborn,
    /// Logs a line every so often.
    Chatty(Nanos),
    /// Its program does not exist.
    #[default]
    NoProgram,
}

impl Behaviour {
    /// Reads `sleep[:CODE]`, `exit:CODE`, `exit-after:SECONDS:CODE`, `oneshot`, `unhealthy`, `healthy-after:SECONDS`,
    /// `stubborn`, `chatty[:SECONDS]`, `no-program`.
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
