//! Times and durations in a scenario.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;

use crate::faults::nanos;
use crate::world::model::Nanos;
use crate::world::time;

/// A time: RFC 3339, a date, or relative to the start, `40m ago`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct MomentText(String);

impl MomentText {
    pub(super) fn at(&self, start: Nanos) -> Result<Nanos, String> {
        let Self(text) = self;
        let at = time::parse(text).or_else(|| self.ago().and_then(|ago| start.checked_sub(ago)));
        at.ok_or_else(|| format!("{text} is no moment"))
    }

    /// Returns the time before the start; `None` if the time is absolute.
    pub(super) fn ago(&self) -> Option<Nanos> {
        let span = span(&self.0)?;
        span.is_negative().then(|| Nanos::try_from(span.as_nanos().unsigned_abs()).ok())?
    }
}

/// The moment at which a scenario applies a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum StepTime<'a> {
    /// First, ahead of all services.
    First,
    /// The given time.
    At(&'a MomentText),
    /// The start, after the world has settled.
    Start,
}

impl<'a> StepTime<'a> {
    /// Returns the time of a step that needs services; without a time it happens at the start.
    pub(super) fn past(at: Option<&'a MomentText>) -> Self {
        at.map_or(Self::Start, Self::At)
    }

    /// Returns the time of a step; without a time and `later` it happens first.
    pub(super) fn of(at: Option<&'a MomentText>, later: bool) -> Self {
        if later { Self::past(at) } else { at.map_or(Self::First, Self::At) }
    }
}

/// A duration: seconds, or a text such as `3d`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum SpanText {
    Seconds(f64),
    Text(String),
}

impl SpanText {
    pub(super) fn nanos(&self) -> Result<Nanos, String> {
        match self {
            Self::Seconds(seconds) => Ok(nanos(*seconds)),
            Self::Text(text) => {
                let span = span(text).and_then(|span| Nanos::try_from(span.as_nanos()).ok());
                span.ok_or_else(|| format!("{text} is no span of time"))
            }
        }
    }
}

fn span(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}
