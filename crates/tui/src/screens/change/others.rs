//! Changes that somebody else carries out, as this console sees them in the journal.

use pinnace_core::change::WAITS;
use pinnace_core::journal::{Entry, History, Hold, UnitState};
use pinnace_core::text::clean;

/// An unfinished change, in a line for its group's row.
pub fn told(history: &History, entry: &Entry) -> String {
    if entry.slot.is_foreign() {
        return "a newer pinnace changes it: update this one".to_owned();
    }
    let labels = &entry.slot.labels;
    let id: String = clean(&entry.slot.change).chars().take(8).collect();
    let by = who(&labels.by);
    match history.hold(entry) {
        Hold::GivenUp => format!("change {id} is not finished"),
        Hold::Silent => format!("change {id} is not finished: no sign of life of {by}"),
        Hold::Held => {
            if let Some(question) = labels.sum.strip_prefix(WAITS) {
                return format!("{by} changes it, and is asked: {}", clean(question));
            }
            let done = labels.units.iter().filter(|unit| **unit == UnitState::Done).count();
            format!("{by} changes it: {done} of {} done", entry.units())
        }
    }
}

/// Who holds an unfinished change and since when nothing was heard of it, in a sentence; and what it waits for.
pub(crate) fn holder(history: &History, entry: &Entry, begun: &str) -> (String, Option<String>) {
    let by = clean(&entry.slot.labels.by);
    match history.hold(entry) {
        Hold::GivenUp => (format!("Given up half-way by {by}{begun}."), None),
        Hold::Silent => (
            format!("No sign of life of {by}{begun}."),
            Some("It may be gone, or the swarm takes no writes. Taking it over is safe either way.".to_owned()),
        ),
        Hold::Held => {
            let question =
                entry.slot.labels.sum.strip_prefix(WAITS).map(|asked| format!("Asked there: {}.", clean(asked)));
            (format!("Not finished, and held by {by}{begun}."), question)
        }
    }
}

/// A name for a person: who stands behind `sudo`, else the user.
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
