//! The machine's clocks, and the clock of a swarm that runs within this process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pinnace_core::time::Time;

/// Returns the wall-clock time; for display only.
pub fn now() -> Time {
    at(SystemTime::now())
}

/// The clock of a cluster.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clocks.
    Machine,
    /// Tokio's clock, starting at a time of the machine's clock: for a swarm within this process, whose time
    /// can be skipped.
    Tokio {
        /// The wall-clock time at the start.
        wall: Time,
        /// The start, by tokio's clock.
        began: tokio::time::Instant,
    },
}

impl Clock {
    /// Makes a clock on tokio's time that starts now; must be called within a tokio runtime.
    pub fn tokio() -> Self {
        Self::Tokio { wall: now(), began: tokio::time::Instant::now() }
    }

    /// Returns the wall-clock time; for display only.
    pub fn now(&self) -> Time {
        match self {
            Self::Machine => now(),
            Self::Tokio { wall, began } => {
                Time(wall.0.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)))
            }
        }
    }

    /// Returns the time since boot, or since this clock began, including suspension.
    pub(crate) fn boottime(&self) -> Duration {
        match self {
            Self::Machine => boottime(),
            Self::Tokio { began, .. } => began.elapsed(),
        }
    }
}

/// Converts a time of the wall clock or of a file; for display only.
pub fn at(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Returns the time since boot, including suspension. An owner fences itself by this clock, because `Instant`
/// does not advance while a laptop is suspended.
fn boottime() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(at.tv_sec).unwrap_or(0), u32::try_from(at.tv_nsec).unwrap_or(0))
}
