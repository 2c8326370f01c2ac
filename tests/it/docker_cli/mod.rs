//! The `docker` command line, with the same output on the simulator as on a real swarm.
//!
//! Each script is a list of `docker` commands whose outputs become one transcript (`text.rs` removes what varies
//! between runs). Each script has one committed expectation in `expected/`, written by the lab's swarm with
//! `PINNACE_BLESS=1`. The simulator (if a `docker` is installed) and the lab (if it is up) must match it.

mod scripts;
mod text;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use swarm_sim::{Scenario, ServedEndpoint, Sim, listen_unix, outside};

use crate::lab::{Lab, limit, name};
use text::{Notes, Show};

/// The images of the scripts, by tag.
const IMAGES: &[(&str, &str)] = &[("v1", "sleep"), ("v2", "sleep"), ("crash", "exit:1")];
/// The simulated registry's address.
const REGISTRY: &str = "10.0.0.1:5000";
/// The speed of the simulator. The command line verifies in real time what the engine does in simulated time: at a
/// much higher speed a rollout could end between two polls of the command line.
const SCALE: f64 = 2.0;

/// Returns the path of `docker`. The distribution's binary in `/usr/bin` is preferred to later installed ones.
fn docker() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(PathBuf::from("/usr/bin"))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("docker"))
        .find(|file| file.is_file());
    if found.is_none() {
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
        assert!(!is("CI", "true") && !is("PINNACE_LAB_REQUIRED", "1"), "docker is required, and not on the PATH");
        println!("left out: there is no docker on the PATH");
    }
    found
}

/// A `docker` command line connected to one engine, with its transcript.
pub struct Cli {
    binary: PathBuf,
    socket: PathBuf,
    config: tempfile::TempDir,
    /// The script's stack.
    stack: String,
    /// The only service of the stack.
    service: String,
    registry: String,
    notes: Notes,
}

impl Cli {
    fn new(binary: &Path, socket: PathBuf, registry: &str) -> Self {
        let stack = name("cli");
        let service = format!("{stack}_web");
        let notes = Notes::new(&[(registry, "REGISTRY"), (&stack, "STACK")]);
        let config = tempfile::tempdir().unwrap();
        Self { binary: binary.to_owned(), socket, config, stack, service, registry: registry.to_owned(), notes }
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/cli/app:{tag}", self.registry)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).stdin(Stdio::null());
        for name in ["DOCKER_CONTEXT", "DOCKER_API_VERSION", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
            command.env_remove(name);
        }
        command.env("DOCKER_HOST", format!("unix://{}", self.socket.display()));
        command.env("DOCKER_CONFIG", self.config.path()).env("DOCKER_CLI_HINTS", "false");
        command
    }

    /// Runs a command; returns exit code, standard output and standard error.
    async fn ask(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = tokio::process::Command::from(self.command(args));
        let done = tokio::time::timeout(limit(120), command.kill_on_drop(true).output()).await;
        let done = done.unwrap_or_else(|_| panic!("docker {args:?} did not end: {}", self.notes.text())).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    }

    /// Runs a command and adds its output to the transcript.
    async fn run(&mut self, show: Show, args: &[&str]) {
        let (code, out, err) = self.ask(args).await;
        self.notes.command(show, &args.join(" "), &out, &err, code);
    }

    /// Waits until a change is over and all tasks have reached their desired state, with `ready` tasks that are
    /// still to start. The command line itself returns once the tasks have been up long enough, which may be
    /// before the engine reports the end.
    async fn settle(&self, ready: usize) {
        let format = "{{.DesiredState}} {{.CurrentState}}";
        let state = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}";
        let since = std::time::Instant::now();
        loop {
            let (_, update, _) = self.ask(&["service", "inspect", &self.service, "--format", state]).await;
            let (_, out, err) = self.ask(&["service", "ps", &self.service, "--format", format]).await;
            let good = |line: &str| {
                let mut words = line.split(' ');
                match (words.next(), words.next()) {
                    (Some("Shutdown"), Some(state)) => ["Shutdown", "Failed", "Rejected"].contains(&state),
                    // A task that waits to start pulls its image already.
                    (Some("Ready"), Some("Rejected")) => true,
                    (wanted, is) => wanted == is,
                }
            };
            let is_over = !["updating", "rollback_started"].contains(&update.trim());
            if is_over && out.lines().all(good) && out.lines().filter(|line| line.starts_with("Ready")).count() == ready
            {
                return;
            }
            assert!(since.elapsed() < limit(60), "waited in vain for the tasks to settle: {update}{out}{err}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Cli {
    fn drop(&mut self) {
        // A script that ended normally has removed its service.
        if std::thread::panicking() {
            let _ = self.command(&["service", "rm", &self.service]).output();
        }
    }
}

/// Runs the script against the simulator and the lab at the same time and compares both with the expectation.
fn hold(script: &'static str, run: &impl AsyncFn(&mut Cli)) {
    let Some(binary) = docker() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/docker_cli/expected/{script}.txt"));
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let _sim = simulator(&folder.path().join("docker.sock"));
        let simulated = async {
            let mut cli = Cli::new(&binary, folder.path().join("docker.sock"), REGISTRY);
            run(&mut cli).await;
            cli.notes.text().to_owned()
        };
        let real = async {
            let lab = Lab::get()?;
            for (tag, behaviour) in IMAGES {
                lab.push(&format!("cli/app:{tag}"), behaviour, &["--label", &format!("tag={tag}")]);
            }
            let mut cli = Cli::new(&binary, lab.socket(1), &lab.registry);
            run(&mut cli).await;
            Some(cli.notes.text().to_owned())
        };
        let (simulated, real) = tokio::join!(simulated, real);
        if let Some(real) = real {
            if std::env::var("PINNACE_BLESS").is_ok() {
                std::fs::write(&expected, &real).unwrap();
            }
            text::assert_same("the lab", &expected, &real);
        }
        text::assert_same("the simulator", &expected, &simulated);
    });
}

fn simulator(socket: &Path) -> Arc<Sim> {
    let mut text = format!("[[registry]]\nname = \"{REGISTRY}\"\ninsecure = true\n");
    text.extend((1..=3).map(|node| format!("[[node]]\nname = \"node-{node}\"\nmanager = true\n")));
    text.extend(IMAGES.iter().map(|(tag, behaviour)| {
        format!("[[image]]\nref = \"{REGISTRY}/cli/app:{tag}\"\nbehaviour = \"{behaviour}\"\n")
    }));
    let now = outside();
    let (world, _) = Scenario::read(&text).unwrap().world(now).unwrap();
    let sim = Sim::start(world, SCALE);
    listen_unix(Arc::clone(&sim), ServedEndpoint::Engine(None), socket).unwrap();
    sim
}

#[test]
fn a_good_image_and_back() {
    hold("good", &scripts::good);
}

#[test]
fn a_bad_image_that_pauses() {
    hold("pauses", &scripts::pauses);
}

#[test]
fn a_bad_image_that_is_rolled_back() {
    hold("rolled_back", &scripts::rolled_back);
}

#[test]
fn an_image_that_is_not_there() {
    hold("missing", &scripts::missing);
}
