//! Moments and ages as values; nothing in this module reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment on the wall clock of one machine, in milliseconds since the Unix epoch.
///
/// Wall clocks of different machines disagree: a `Time` is displayed, and never used to order writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Parses an RFC 3339 time as the Docker Engine writes it; `None` for other text and
    /// for Go's zero time (`0001-01-01…`).
    pub fn parse(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        (at.as_millisecond() > 0).then(|| Self(at.as_millisecond()))
    }

    /// Returns the time that passed since `earlier`; zero if the clocks put `earlier` later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Formats the time of day as `HH:MM:SS`; `offset` is in seconds east of UTC.
    pub fn clock(self, offset: i32) -> String {
        let seconds = (self.0.div_euclid(1000) + i64::from(offset)).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// Formats the date as `YYYY-MM-DD`; `offset` is in seconds east of UTC.
    pub fn date(self, offset: i32) -> String {
        let shifted = Self(self.0 + i64::from(offset) * 1000).to_string();
        shifted.get(..10).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::parse(&text).unwrap_or_default())
    }
}

/// Formats an age in its largest unit, rounded down: `8s`, `12m`, `3h`, `41d`.
pub fn age(since: Duration) -> String {
    let seconds = since.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_times() {
        let at = Time::parse("2026-11-20T09:11:02.468588267Z").unwrap();
        assert_eq!(at.to_string(), "2026-11-20T09:11:02.468Z");
        assert_eq!(
            (at.clock(0), at.clock(3600), at.date(0)),
            ("09:11:02".into(), "10:11:02".into(), "2026-11-20".into())
        );
        assert_eq!(Time::parse("0001-01-01T00:00:00Z"), None);
        assert_eq!(Time::parse("soon"), None);
    }

    #[test]
    fn ages() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86_400 * 41, "41d")] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
