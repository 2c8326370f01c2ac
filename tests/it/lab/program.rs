//! The pinnace binary, with its own home folder.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::limit;

/// The longest run of a verb on an idle machine, in seconds; [`limit`] scales it.
const LONGEST: u64 = 120;

/// The program of one operator.
#[derive(Debug)]
pub struct Program {
    home: TempDir,
    host: String,
    more: Vec<(String, String)>,
}

impl Program {
    pub fn new(socket: &Path) -> Self {
        Self { home: tempfile::tempdir().unwrap(), host: format!("unix://{}", socket.display()), more: Vec::new() }
    }

    /// Adds an environment variable.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.more.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets the user who calls the program through `sudo`.
    pub fn by(self, user: &str) -> Self {
        self.with("SUDO_USER", user)
    }

    /// Returns the home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Stores a registry login, as `docker login` does.
    pub fn login(&self, registry: &str, user: &str, password: &str) {
        self.docker_config(&serde_json::json!({"auths": {registry: {"username": user, "password": password}}}));
    }

    /// Writes Docker's `config.json`.
    pub fn docker_config(&self, config: &Value) {
        let folder = self.home.path().join("docker");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    }

    /// Installs a credential helper: a shell script of this name on the `PATH`.
    pub fn helper(&self, name: &str, script: &str) {
        let path = self.bin().join(format!("docker-credential-{name}"));
        std::fs::create_dir_all(self.bin()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn bin(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    /// Writes a file of the user's configuration, such as `config.toml`.
    pub fn configure(&self, file: &str, text: &str) {
        let folder = self.home.path().join("config/pinnace");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
    }

    /// Writes a temporary file and returns its path.
    pub fn file(&self, text: &str) -> String {
        let file = self.home.path().join("given");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs a verb until it ends.
    pub fn run(&self, args: &[&str]) -> Said {
        self.start(args).end()
    }

    /// Starts a verb without waiting for it.
    pub fn start(&self, args: &[&str]) -> Running {
        let home = self.home.path();
        let known = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([self.bin()].into_iter().chain(std::env::split_paths(&known))).unwrap();
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_pinnace"))
            .args(args)
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("DOCKER_CONFIG", home.join("docker"))
            .env("DOCKER_HOST", &self.host)
            .envs(self.more.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(err.try_clone().unwrap())
            .spawn()
            .unwrap();
        Running { child, out, err, args: args.join(" "), since: Instant::now() }
    }
}

/// A running verb.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: File,
    err: File,
    args: String,
    since: Instant,
}

impl Running {
    /// Returns the process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the verb ends.
    pub fn end(mut self) -> Said {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let (out, err) = (text(&mut self.out), text(&mut self.err));
                return Said { code: status.code(), out, err, args: self.args.clone(), took: self.since.elapsed() };
            }
            if self.since.elapsed() > limit(LONGEST) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let (out, err) = (text(&mut self.out), text(&mut self.err));
                panic!("{} has not ended in {:?}:\n{out}\n{err}", self.args, limit(LONGEST));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// The result of a verb.
#[derive(Debug)]
pub struct Said {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Command-line arguments.
    pub args: String,
    /// Duration of the run.
    pub took: Duration,
}

impl Said {
    /// Asserts the exit code.
    pub fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}:\n{}\n{}", self.args, self.out, self.err);
        self
    }

    /// Parses standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}\n{}", self.args, self.out, self.err))
    }
}
