//! Descriptions of changes that other clients carry out, as the journal has them.

use pinnace_core::change::WAITS;
use pinnace_core::journal::{ChangeEntry, ChangeLog, Ownership, UnitState};
use pinnace_core::text::clean;

/// Describes an unfinished change in one line, for the row of its group.
pub fn told(history: &ChangeLog, entry: &ChangeEntry) -> String {
    if entry.slot.is_foreign() {
        return "a newer pinnace changes it: update this one".to_owned();
    }
    let labels = &entry.slot.labels;
    let id: String = clean(&entry.slot.change).chars().take(8).collect();
    let by = who(&labels.by);
    match history.hold(entry) {
        Ownership::Released => format!("change {id} is not finished"),
        Ownership::Unresponsive => format!("change {id} is not finished: no sign of life of {by}"),
        Ownership::Owned => {
            if let Some(question) = labels.sum.strip_prefix(WAITS) {
                return format!("{by} changes it, and is asked: {}", clean(question));
            }
            let done = labels.units.iter().filter(|unit| **unit == UnitState::Done).count();
            format!("{by} changes it: {done} of {} done", entry.units())
        }
    }
}

/// Describes who holds an unfinished change, in a sentence that ends with `begun` (its start time in words, may
/// be empty). The second sentence, if any, is its open question or advice on taking it over.
pub(crate) fn holder(history: &ChangeLog, entry: &ChangeEntry, begun: &str) -> (String, Option<String>) {
    let by = clean(&entry.slot.labels.by);
    match history.hold(entry) {
        Ownership::Released => (format!("Given up half-way by {by}{begun}."), None),
        Ownership::Unresponsive => (
            format!("No sign of life of {by}{begun}."),
            Some("It may be gone, or the swarm takes no writes. Taking it over is safe either way.".to_owned()),
        ),
        Ownership::Owned => {
            let question =
                entry.slot.labels.sum.strip_prefix(WAITS).map(|asked| format!("Asked there: {}.", clean(asked)));
            (format!("Not finished, and held by {by}{begun}."), question)
        }
    }
}

/// Returns a short name for an operator: the user who called `sudo`, else the user.
fn who(by: &str) -> String {
    let behind = by.split_once("(sudo by ").and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
    clean(behind.unwrap_or_else(|| by.split(' ').next().unwrap_or(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_short_name() {
        for (by, name) in [
            ("ann on mgr-1", "ann"),
            ("root (sudo by ann) from 10.1.2.3 on mgr-1, begun by bob on mgr-2", "ann"),
            ("", ""),
        ] {
            assert_eq!(who(by), name, "{by}");
        }
    }
}
