//! The state of the log screen.

use std::collections::VecDeque;

use crate::msg::LogLine;

/// A service's log.
#[derive(Clone, Debug)]
pub struct LogsState {
    /// The cluster.
    pub cluster: usize,
    /// The service's id.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The lines, oldest first.
    pub lines: VecDeque<LogLine>,
    /// The filter.
    pub filter: String,
    /// The first line shown of those that pass; none: the end, as it grows.
    pub top: Option<usize>,
    /// Why no more lines come, once that is so.
    pub ended: Option<String>,
}
