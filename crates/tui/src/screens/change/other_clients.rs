//! Descriptions of changes that other clients carry out, as the journal has them.

use pinnace_core::change::WAITS;
use pinnace_core::journal::{ChangeEntry, ChangeLog, OwnerState, UnitState};
use pinnace_core::plan::plural;
use pinnace_core::sanitize::clean;

/// Describes an unfinished change in one line, for the row of its group.
pub fn describe(history: &ChangeLog, entry: &ChangeEntry) -> String {
    if entry.slot.is_foreign() {
        return "unfinished change of a newer pinnace; update this one".to_owned();
    }
    let labels = &entry.slot.labels;
    let id: String = clean(&entry.slot.change).chars().take(8).collect();
    let by = who(&labels.by);
    match history.hold(entry) {
        OwnerState::Released => format!("change {id} is unfinished"),
        OwnerState::Unresponsive => format!("change {id} is unfinished: owner {by} unresponsive"),
        OwnerState::Owned => {
            if let Some(question) = labels.sum.strip_prefix(WAITS) {
                return format!("change by {by} waits for an answer: {}", clean(question));
            }
            let done = labels.units.iter().filter(|unit| **unit == UnitState::Done).count();
            let all = entry.units();
            format!("change by {by}: {done} of {all} {} done", plural(all, "unit"))
        }
    }
}

/// Describes who holds an unfinished change, in a sentence that ends with `begun` (its start time in words, may
/// be empty). The second sentence, if any, is its open question or advice on taking it over.
pub(crate) fn holder(history: &ChangeLog, entry: &ChangeEntry, begun: &str) -> (String, Option<String>) {
    let by = clean(&entry.slot.labels.by);
    match history.hold(entry) {
        OwnerState::Released => (format!("Detached by {by}{begun}."), None),
        OwnerState::Unresponsive => (
            format!("Owner unresponsive: {by}{begun}."),
            Some(
                "It may have ended, or the swarm accepts no writes. Taking the change over is safe in both cases."
                    .to_owned(),
            ),
        ),
        OwnerState::Owned => {
            let question = entry
                .slot
                .labels
                .sum
                .strip_prefix(WAITS)
                .map(|asked| format!("It waits for an answer there: {}.", clean(asked)));
            (format!("In progress, owned by {by}{begun}."), question)
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
