//! A table of rollouts: combinations of update policy and new image, with the result in pinnace and the final state
//! of the service. The simulator and the lab run the same rows.

use serde_json::{Value, json};

/// One second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A rollout to a new image, with its expected result.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name of the row.
    pub name: &'static str,
    /// Behaviour of the new image.
    pub image: &'static str,
    /// True if the new image is deleted from its registry before a node pulls it.
    pub gone: bool,
    /// Number of tasks.
    pub replicas: u64,
    /// Further members of the spec, as JSON, over the default policy: one at a time, pause, 1 s of monitor.
    pub over: &'static str,
    /// Seconds to settle.
    pub settle: u64,
    /// Expected outcome of the change.
    pub outcome: &'static str,
    /// Texts that the failure message must contain.
    pub says: &'static [&'static str],
    /// Number of updates that pinnace makes: one to the new image, and one back unless the engine rolls back.
    pub updates: usize,
    /// Minimum number of tasks that survive, on an idle engine.
    pub stay: usize,
    /// Time limit, in seconds of the simulator's clock.
    pub within: u64,
}

const ROW: Row = Row {
    name: "",
    image: "sleep",
    gone: false,
    replicas: 3,
    over: "{}",
    settle: 0,
    outcome: "done",
    says: &[],
    updates: 1,
    stay: 0,
    within: 60,
};

/// A bad new image that pinnace rolls back.
const BAD: Row = Row { image: "exit:1", outcome: "failed", says: &["non-zero exit (1)"], updates: 2, ..ROW };
/// A bad new image that the engine rolls back.
const BACK: Row = Row { says: &["non-zero exit (1)", "the engine rolled it back"], updates: 1, ..BAD };

/// Returns a health check with slow probes allowed, as on a busy machine; `retries` failed
/// probes make a task unhealthy.
fn health(retries: u64) -> Value {
    let check = json!({ "Test": ["CMD-SHELL", "curl -f http://localhost/"], "Interval": SECOND / 2,
        "Timeout": 60 * SECOND, "Retries": retries });
    json!({ "TaskTemplate": { "ContainerSpec": { "Healthcheck": check } } })
}

/// A policy with automatic rollback. Failures are reported late on busy machines, so the monitor period is long.
const ROLLBACK: &str = r#"{"UpdateConfig":{"FailureAction":"rollback","Monitor":20000000000}}"#;

/// The rows, from success to each kind of failure.
pub const ROWS: &[Row] = &[
    Row { name: "stop-first", ..ROW },
    Row { name: "start-first", over: r#"{"UpdateConfig":{"Order":"start-first"}}"#, ..ROW },
    Row {
        name: "two at once, with a delay",
        replicas: 4,
        over: r#"{"UpdateConfig":{"Parallelism":2,"Delay":1000000000}}"#,
        ..ROW
    },
    Row { name: "all at once", over: r#"{"UpdateConfig":{"Parallelism":0}}"#, ..ROW },
    Row { name: "slowly healthy", image: "healthy-after:2", over: "health", replicas: 2, ..ROW },
    Row { name: "no tasks", replicas: 0, within: 15, ..ROW },
    Row { name: "exit, pause", stay: 1, ..BAD },
    Row { name: "exit, continue", over: r#"{"UpdateConfig":{"FailureAction":"continue"}}"#, ..BAD },
    Row { name: "exit, rollback", over: ROLLBACK, stay: 1, ..BACK },
    Row {
        name: "exit, rollback, start-first",
        over: r#"{"UpdateConfig":{"FailureAction":"rollback","Monitor":20000000000,"Order":"start-first"}}"#,
        stay: 2,
        ..BACK
    },
    Row { name: "no image, pause", gone: true, says: &["No such image", "has no `sha256:"], stay: 2, ..BAD },
    Row {
        name: "no image, rollback",
        gone: true,
        over: ROLLBACK,
        says: &["No such image", "has no `sha256:", "the engine rolled it back"],
        stay: 2,
        ..BACK
    },
    Row {
        name: "crash after the monitor time",
        image: "exit-after:4:1",
        over: r#"{"UpdateConfig":{"Monitor":500000000}}"#,
        replicas: 1,
        settle: 20,
        says: &["non-zero exit (1)", "it was running before"],
        ..BAD
    },
    Row {
        name: "crash within the monitor time",
        image: "exit-after:2:1",
        over: r#"{"UpdateConfig":{"Monitor":8000000000}}"#,
        ..BAD
    },
    Row { name: "half of them may fail", replicas: 4, over: r#"{"UpdateConfig":{"MaxFailureRatio":0.5}}"#, ..BAD },
    Row {
        name: "unhealthy, rollback",
        image: "unhealthy",
        over: "health-rollback",
        replicas: 2,
        says: &["unhealthy container", "the engine rolled it back"],
        stay: 1,
        ..BACK
    },
    Row { name: "no such program", image: "no-program", says: &["starting container failed"], stay: 1, ..BAD },
];

impl Row {
    /// Returns the spec besides name, image and replicas.
    pub fn spec(&self) -> Value {
        let mut spec = json!({
            "Labels": {},
            "TaskTemplate": { "ContainerSpec": { "StopSignal": "SIGKILL" },
                "RestartPolicy": { "Condition": "any", "Delay": SECOND } },
            "Mode": { "Replicated": { "Replicas": self.replicas } },
            "UpdateConfig": { "Parallelism": 1, "FailureAction": "pause", "Monitor": SECOND, "MaxFailureRatio": 0,
                "Order": "stop-first" },
        });
        match self.over {
            // A minute of failed probes: on a busy machine the task becomes healthy late.
            "health" => lay(&mut spec, &health(120)),
            "health-rollback" => {
                lay(&mut spec, &health(2));
                lay(&mut spec, &serde_json::from_str(ROLLBACK).unwrap());
            }
            over => lay(&mut spec, &serde_json::from_str(over).unwrap()),
        }
        spec
    }

    /// Checks the JSON output against the row.
    pub fn judge(&self, told: &Value) {
        assert_eq!(told["outcome"], self.outcome, "{}: {told:#}", self.name);
        let unit = if self.outcome == "done" { "done" } else { "rolled-back" };
        assert_eq!(told["units"], json!([unit]), "{}", self.name);
        let said = told["failures"][0]["why"].as_str().unwrap_or_default();
        for piece in self.says {
            assert!(said.contains(piece), "{}: no `{piece}` in `{said}`", self.name);
        }
        assert!(self.outcome == "done" || !told["failures"][0]["hint"].as_str().unwrap().is_empty(), "{}", self.name);
        let steps = told["steps"].as_array().unwrap();
        let last = if self.settle == 0 { "converge" } else { "settle" };
        assert_eq!(steps.last().unwrap()["step"], last, "{}: {steps:?}", self.name);
        assert!(steps.iter().all(|step| step["seconds"].is_f64()), "{}: {steps:?}", self.name);
    }
}

/// Merges members into a JSON object.
pub fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}
