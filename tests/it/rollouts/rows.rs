//! How rollouts go, row by row: what a service's policy and a new image do together, what pinnace has to make of it, and
//! where the service stands afterwards. The simulator and the lab are held to the same rows.

use serde_json::{Value, json};

/// A second, in the engine's nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A service that is brought to a new image.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called.
    pub name: &'static str,
    /// What the new image does.
    pub image: &'static str,
    /// Whether the new image is gone from its registry by the time a node pulls it.
    pub gone: bool,
    /// How many tasks.
    pub replicas: u64,
    /// What else of the spec is given, over the plain policy: one after another, pause, 1 s of monitor.
    pub over: &'static str,
    /// Seconds to settle.
    pub settle: u64,
    /// The outcome.
    pub outcome: &'static str,
    /// What the failure says, in these pieces.
    pub says: &'static [&'static str],
    /// How many updates pinnace makes: one to the new image, one back where the engine does not go back itself.
    pub updates: usize,
    /// At least so many tasks are the same before and after, on an engine that is not busy.
    pub stay: usize,
    /// In so many seconds of the simulator's clock.
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

/// A new image that does not do, put back.
const BAD: Row = Row { image: "exit:1", outcome: "failed", says: &["non-zero exit (1)"], updates: 2, ..ROW };
/// The same, where the engine goes back by itself.
const BACK: Row = Row { says: &["non-zero exit (1)", "the engine went back by itself"], updates: 1, ..BAD };

/// A health check: its probes may take long, as on a busy machine, and only so many failed ones make a task unhealthy.
fn health(retries: u64) -> Value {
    let check = json!({ "Test": ["CMD-SHELL", "curl -f http://localhost/"], "Interval": SECOND / 2,
        "Timeout": 60 * SECOND, "Retries": retries });
    json!({ "TaskTemplate": { "ContainerSpec": { "Healthcheck": check } } })
}

/// A policy that goes back for a failure. On a busy machine a task's end is heard late: the monitor time has to last.
const ROLLBACK: &str = r#"{"UpdateConfig":{"FailureAction":"rollback","Monitor":20000000000}}"#;

/// All rows.
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
        says: &["No such image", "has no `sha256:", "the engine went back by itself"],
        stay: 2,
        ..BACK
    },
    Row {
        name: "crash after the monitor time",
        image: "exit-after:4:1",
        over: r#"{"UpdateConfig":{"Monitor":500000000}}"#,
        replicas: 1,
        settle: 20,
        says: &["non-zero exit (1)", "it had come up"],
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
        says: &["unhealthy container", "the engine went back by itself"],
        stay: 1,
        ..BACK
    },
    Row { name: "no such program", image: "no-program", says: &["starting container failed"], stay: 1, ..BAD },
];

impl Row {
    /// What the spec has besides name, image and replicas.
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
            // A minute of failed probes: on a busy machine it comes up late.
            "health" => lay(&mut spec, &health(120)),
            "health-rollback" => {
                lay(&mut spec, &health(2));
                lay(&mut spec, &serde_json::from_str(ROLLBACK).unwrap());
            }
            over => lay(&mut spec, &serde_json::from_str(over).unwrap()),
        }
        spec
    }

    /// Holds what was said, as JSON, to the row.
    pub fn judge(&self, told: &Value) {
        assert_eq!(told["outcome"], self.outcome, "{}: {told:#}", self.name);
        let unit = if self.outcome == "done" { "done" } else { "put-back" };
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

/// Lays members over those there are.
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
