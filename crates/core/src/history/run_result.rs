//! The outcome of an image's run in a service.

use std::time::Duration;

use crate::time::age;

/// The outcome of an image's run in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// The image runs now, in a service that needs no attention.
    Runs,
    /// The image ran; holds the longest run time, if known.
    Ran(Option<Duration>),
    /// The image runs in another instance of the same database; nothing else is known.
    InSibling,
    /// The image ran, and failed after its last run; holds the longest run time, if known.
    RanThenFailed(Option<Duration>),
    /// The image failed in this service, and no long run outweighs it.
    Failed,
    /// No task with the image ever started.
    NeverStarted,
    /// The service had the image, but the outcome is not known.
    Unknown,
    /// The service never had the image.
    Never,
}

impl RunResult {
    /// Returns the word that JSON uses.
    pub fn label(self) -> &'static str {
        match self {
            Self::Runs => "running",
            Self::Ran(_) => "ran",
            Self::InSibling => "runs-in-sibling",
            Self::RanThenFailed(_) => "ran-then-failed",
            Self::Failed => "failed",
            Self::NeverStarted => "never-started",
            Self::Unknown => "unknown",
            Self::Never => "never-ran",
        }
    }

    /// Returns the run time; `None` if the image did not run or the time is not known.
    pub fn span(self) -> Option<Duration> {
        if let Self::Ran(span) | Self::RanThenFailed(span) = self { span } else { None }
    }

    /// Returns whether a rollback goes to the image without being asked for it: it ran, and is not known to have failed
    /// since.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Ran(_) | Self::InSibling)
    }

    /// Returns whether the image is known to have failed in this service.
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Failed | Self::NeverStarted | Self::RanThenFailed(_))
    }

    /// Returns the rank in the list of candidates: what ran first, what is not known next, what failed last.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Runs | Self::Ran(_) | Self::InSibling => 0,
            Self::RanThenFailed(_) => 1,
            Self::Unknown | Self::Never => 2,
            Self::Failed | Self::NeverStarted => 3,
        }
    }

    /// Describes the outcome for people, in a few words.
    pub fn describe(self) -> String {
        match self {
            Self::Ran(Some(span)) => format!("ran {}", age(span)),
            Self::RanThenFailed(Some(span)) => format!("ran {}, failed", age(span)),
            Self::RanThenFailed(None) => "ran, then failed".to_owned(),
            Self::InSibling => "runs in sibling".to_owned(),
            Self::NeverStarted => "never started".to_owned(),
            Self::Unknown => "not known".to_owned(),
            Self::Never => "never ran here".to_owned(),
            _ => self.label().to_owned(),
        }
    }
}
