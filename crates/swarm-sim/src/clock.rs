//! Simulated time, derived from tokio's clock.

use std::time::Duration;

use tokio::time::Instant;

use super::world::model::Nanos;

/// A clock that starts at a given simulated time and runs at a given speed relative to tokio's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    epoch: Nanos,
    scale: f64,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "spans of time are small and never negative"
)]
impl Clock {
    pub(super) fn start(epoch: Nanos, scale: f64) -> Self {
        Self { began: Instant::now(), epoch, scale: if scale > 0.0 { scale } else { 1.0 } }
    }

    pub(super) fn now(&self) -> Nanos {
        self.epoch + (self.began.elapsed().as_nanos() as f64 * self.scale) as Nanos
    }

    /// Returns the tokio duration until the given simulated time, rounded up by 100 ns.
    pub(super) fn until(&self, at: Nanos) -> Duration {
        self.span(at.saturating_sub(self.now())) + Duration::from_nanos(100)
    }

    pub(super) fn span(&self, of_world: Nanos) -> Duration {
        Duration::from_nanos((of_world as f64 / self.scale) as u64)
    }
}
