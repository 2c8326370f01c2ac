//! The lab for tests of the whole program: sockets, groups and images.
//!
//! A test without a [`LabTarget`] prints a message and passes; with `PINNACE_LAB_REQUIRED=1` it fails.

mod engine;
mod group;
mod private_lab;
mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use engine::{Engine, raw_spec};
pub use group::{Group, instance, part};
pub use private_lab::Second;
pub use program::{Program, Running, Said};

/// A running lab.
#[derive(Clone, Debug)]
pub struct Lab {
    sockets: Vec<PathBuf>,
    /// The registry without a login, `host:port`.
    pub registry: String,
    /// The registry with a login, `host:port`.
    pub auth_registry: String,
    /// The lab's folder on this machine.
    pub folder: PathBuf,
}

impl Lab {
    /// Returns the lab that the environment names; `None` if it is not up.
    pub fn get() -> Option<Self> {
        let Ok(sockets) = std::env::var("PINNACE_LAB_SOCKETS") else {
            let required = std::env::var("PINNACE_LAB_REQUIRED").is_ok_and(|value| value == "1");
            assert!(!required, "the lab is required, and its environment is not set");
            println!("left out: PINNACE_LAB_SOCKETS is not set, the lab is not up");
            return None;
        };
        Some(Self::named(&sockets, |name| {
            std::env::var(name).unwrap_or_else(|_| panic!("the lab's {name} is not set"))
        }))
    }

    fn named(sockets: &str, var: impl Fn(&str) -> String) -> Self {
        Self {
            sockets: sockets.split(':').map(PathBuf::from).collect(),
            registry: var("PINNACE_LAB_REGISTRY"),
            auth_registry: var("PINNACE_LAB_AUTH_REGISTRY"),
            folder: var("PINNACE_LAB").into(),
        }
    }

    /// Returns a client of the engine on node 1, 2 or 3.
    pub fn engine(&self, node: usize) -> Engine {
        Engine::new(&self.sockets[node - 1])
    }

    /// Returns the engine socket of node 1, 2 or 3.
    pub fn socket(&self, node: usize) -> PathBuf {
        self.sockets[node - 1].clone()
    }

    /// Returns the program, connected to the manager on node 1, 2 or 3, with its own folders.
    pub fn program(&self, node: usize) -> Program {
        Program::new(&self.sockets[node - 1])
    }

    /// Builds an image and pushes it to the registry without a login.
    pub fn push(&self, path: &str, behaviour: &str, more: &[&str]) -> Image {
        Image::push(&format!("{}/{path}", self.registry), behaviour, more)
    }
}

/// A lock for pushes: the registry loses one of two pushes of the same layers.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A pushed image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The reference, `host:port/path:tag`.
    pub text: String,
    pub digest: String,
}

impl Image {
    /// Builds and pushes an image; see `tests/lab/images.py`.
    pub fn push(text: &str, behaviour: &str, more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
        let mut command = Command::new("python3");
        command.arg(script).args(["push", text, "--behaviour", behaviour]).args(more);
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = command.output().unwrap();
        drop(turn);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        Self { text: text.to_owned(), digest: told["digest"].as_str().unwrap().to_owned() }
    }

    /// Deletes the image from its registry, including its configuration.
    pub fn delete(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
        let done = Command::new("python3").arg(script).args(["delete", &self.text, "--config"]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Returns the reference with its digest, as it is applied.
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.text, self.digest)
    }
}

/// Returns a unique name, `it-kind-PID-N`.
pub fn name(kind: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("it-{kind}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a timeout: five times the duration on an idle machine, in seconds. Busy machines need longer,
/// and only failures reach the timeout.
pub fn limit(seconds: u64) -> Duration {
    Duration::from_secs(5 * seconds)
}

/// Waits until `check` returns a value; panics with the name after the timeout.
pub fn wait_for<T>(what: &str, seconds: u64, mut check: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(since.elapsed() < limit(seconds), "waited {:?} in vain for {what}", limit(seconds));
        std::thread::sleep(Duration::from_millis(50));
    }
}
