//! Moments and spans of time in a scenario.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;

use crate::faults::nanos;
use crate::world::model::Nanos;
use crate::world::time;

/// A moment: RFC 3339, a date, or a span before the start, `40m ago`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct MomentText(String);

impl MomentText {
    pub(super) fn at(&self, start: Nanos) -> Result<Nanos, String> {
        let Self(text) = self;
        let at = time::parse(text).or_else(|| self.ago().and_then(|ago| start.checked_sub(ago)));
        at.ok_or_else(|| format!("{text} is no moment"))
    }

    /// The span before the start; none where it is a moment by itself.
    pub(super) fn ago(&self) -> Option<Nanos> {
        let span = span(&self.0)?;
        span.is_negative().then(|| Nanos::try_from(span.as_nanos().unsigned_abs()).ok())?
    }
}

/// When a step happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum When<'a> {
    /// Before there is any service.
    First,
    /// At a moment after that.
    At(&'a MomentText),
    /// When everything has settled.
    Start,
}

impl<'a> When<'a> {
    /// A step that needs services; without a moment it happens at the start.
    pub(super) fn past(at: Option<&'a MomentText>) -> Self {
        at.map_or(Self::Start, Self::At)
    }

    /// A step that happens first, unless it has a moment or is `later`.
    pub(super) fn of(at: Option<&'a MomentText>, later: bool) -> Self {
        if later { Self::past(at) } else { at.map_or(Self::First, Self::At) }
    }
}

/// A span of time: seconds, or a text like `3d`.
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
