//! The machine's clocks, and that of a swarm within this process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pinnace_core::time::Time;

/// The wall clock; for show.
pub fn now() -> Time {
    at(SystemTime::now())
}

/// Whose time a cluster lives in.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// Tokio's, from a moment of the machine's on: that of a swarm within this process, whose days may take no time.
    Tokio {
        /// The moment.
        wall: Time,
        /// When it was.
        began: tokio::time::Instant,
    },
}

impl Clock {
    /// Tokio's time from now on; call it within a tokio runtime.
    pub fn tokio() -> Self {
        Self::Tokio { wall: now(), began: tokio::time::Instant::now() }
    }

    /// The wall clock; for show.
    pub fn now(&self) -> Time {
        match self {
            Self::Machine => now(),
            Self::Tokio { wall, began } => {
                Time(wall.0.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)))
            }
        }
    }

    /// Time since boot, or since this clock began; suspension included.
    pub(crate) fn boottime(&self) -> Duration {
        match self {
            Self::Machine => boottime(),
            Self::Tokio { began, .. } => began.elapsed(),
        }
    }
}

/// A moment of the wall clock or of a file; for show.
pub fn at(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Time since boot, suspension included: what an owner fences itself by. `Instant` stands still while a laptop sleeps.
fn boottime() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(at.tv_sec).unwrap_or(0), u32::try_from(at.tv_nsec).unwrap_or(0))
}
