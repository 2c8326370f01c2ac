//! Captures checked against the expectations: the update states recorded from a real engine must be the ones that the
//! scenario of the same rollout expects.

use serde_json::Value;

/// Pairs of a capture and the scenario with the same rollout.
const SAME: &[(&str, &str)] = &[
    ("20-success-startfirst", "start_first"),
    ("20-fail-pause", "fails_pause"),
    ("20-fail-rollback", "fails_rollback"),
    ("20-unhealthy-rollback", "unhealthy_rollback"),
];

#[test]
fn captures_conform() {
    for (capture, scenario) in SAME {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let text = std::fs::read_to_string(root.join(format!("captures/{capture}.service-snapshots.json"))).unwrap();
        let snapshots: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut seen = Vec::new();
        for snapshot in &snapshots {
            let status = &snapshot["service"]["UpdateStatus"];
            let Some(state) = status["State"].as_str() else { continue };
            let message = status["Message"].as_str().unwrap();
            let message = message
                .split_once(" of task ")
                .map_or(message.to_owned(), |(text, _)| format!("{text} of task <task>"));
            let completed = if status["CompletedAt"].is_string() { ", with CompletedAt" } else { "" };
            let line = format!("update: {state}: {message}{completed}");
            // `rollback_started` cannot always be observed, so the scenarios leave it out.
            if seen.last() != Some(&line) && state != "rollback_started" {
                seen.push(line);
            }
        }
        let expected = std::fs::read_to_string(super::expected(scenario)).unwrap();
        let wanted: Vec<&str> = expected.lines().filter(|line| line.starts_with("update: ")).collect();
        assert_eq!(seen, wanted, "{capture} against {scenario}");
    }
}
