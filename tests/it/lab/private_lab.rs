//! A second lab for tests that would disturb others; it is started for one test and removed with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Lab;

/// A lab that belongs to one test.
#[derive(Debug)]
pub struct Second {
    pub lab: Lab,
    name: String,
}

impl Second {
    /// Starts the lab.
    pub fn up(what: &str) -> Self {
        let name = format!("{}:{what}", env!("CARGO_MANIFEST_DIR"));
        let done = script(&name, "up", &[]);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let exports: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(key, value)| (key, value.trim_matches('\'').to_owned()))
            .collect();
        let var = |name: &str| exports.get(name).unwrap_or_else(|| panic!("no {name} in {text}")).clone();
        Self { lab: Lab::named(&var("PINNACE_LAB_SOCKETS"), var), name }
    }

    /// Runs `kill` or `start` on node 1, 2 or 3.
    pub fn node(&self, node: usize, what: &str) {
        let done = script(&self.name, "node", &[&node.to_string(), what]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        script(&self.name, "down", &[]);
    }
}

/// Runs a script of the lab, without the shared lab's environment variables.
fn script(name: &str, script: &str, args: &[&str]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(script);
    let mut command = Command::new(path);
    command.args(["--name", name]).args(args).stdin(Stdio::null());
    for (key, _) in std::env::vars_os() {
        let ours = key.to_str().is_some_and(|key| key.starts_with("PINNACE_") || key.starts_with("DOCKER_"));
        if ours {
            command.env_remove(key);
        }
    }
    command.output().unwrap()
}
