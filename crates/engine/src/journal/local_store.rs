//! The journal's objects in a folder of this machine, for swarms in which no configs may be created.
//!
//! Each object is a file, written beside its place and renamed. All changes are made under one file lock, which
//! makes claims possible: of two processes that take the same name, only one finds it free. No other machine
//! sees any of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::docker::{ConfigObject, Docker, DockerError};
use crate::private_files::{LOCK, lock, private_file, private_folder, safe_name};
use pinnace_core::time::Time;

/// The content of an object's file.
#[derive(Serialize, Deserialize)]
struct StoredObject {
    index: u64,
    created: Time,
    labels: BTreeMap<String, String>,
    data: String,
}

/// The objects of one swarm's journal on this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalStore {
    docker: Docker,
    state: PathBuf,
    swarm: Arc<OnceCell<PathBuf>>,
}

impl LocalStore {
    /// Makes the store of the swarm behind `docker`, in `state` (`$XDG_STATE_HOME/pinnace`); touches no file.
    pub(super) fn new(docker: Docker, state: PathBuf) -> Self {
        Self { docker, state, swarm: Arc::default() }
    }

    async fn path(&self) -> Result<PathBuf, DockerError> {
        let make = || async {
            let swarm = self.docker.info().await?.engine.swarm;
            Ok(self.state.join(format!("{}.journal", safe_name(&swarm))))
        };
        self.swarm.get_or_try_init(make).await.cloned()
    }

    pub(super) async fn labelled(&self, labels: &[&str]) -> Result<Vec<ConfigObject>, DockerError> {
        let wanted: Vec<(String, Option<String>)> = labels
            .iter()
            .map(|label| match label.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => ((*label).to_owned(), None),
            })
            .collect();
        let carries = |config: &ConfigObject| {
            let has = |(key, value): &(String, Option<String>)| {
                config.labels.get(key).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            };
            wanted.iter().all(has)
        };
        Ok(self.named("").await?.into_iter().filter(carries).collect())
    }

    pub(super) async fn named(&self, prefix: &str) -> Result<Vec<ConfigObject>, DockerError> {
        let (folder, prefix) = (self.path().await?, prefix.to_owned());
        off_thread(move || all(&folder, &prefix).map_err(|error| fault("reading the journal in", &folder, &error)))
            .await
    }

    pub(super) async fn get(&self, name: &str) -> Result<ConfigObject, DockerError> {
        let (folder, name) = (self.path().await?, name.to_owned());
        off_thread(move || read(&folder, &name)?.ok_or_else(|| missing(&name))).await
    }

    pub(super) async fn create(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &[u8],
    ) -> Result<(), DockerError> {
        let (name, labels, data) = (name.to_owned(), labels.clone(), String::from_utf8_lossy(data).into_owned());
        let created = self.docker.clock().now();
        self.changed(move |folder| {
            if read(folder, &name)?.is_some() {
                let message = format!("{name} already exists");
                return Err(DockerError::Http { what: WRITING.to_owned(), status: 409, message });
            }
            write(folder, &name, &StoredObject { index: 1, created, labels, data })
        })
        .await
    }

    pub(super) async fn relabel(
        &self,
        name: &str,
        index: u64,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), DockerError> {
        let (name, labels) = (name.to_owned(), labels.clone());
        self.changed(move |folder| {
            let old = read(folder, &name)?.ok_or_else(|| missing(&name))?;
            if old.index != index {
                let message = "update out of sequence".to_owned();
                return Err(DockerError::Http { what: WRITING.to_owned(), status: 500, message });
            }
            let data = String::from_utf8_lossy(&old.data).into_owned();
            write(
                folder,
                &name,
                &StoredObject { index: index + 1, created: old.created.unwrap_or_default(), labels, data },
            )
        })
        .await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), DockerError> {
        let name = name.to_owned();
        self.changed(move |folder| match std::fs::remove_file(folder.join(file_name(&name))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(fault("pruning the journal in", folder, &error))
            }
            _ => Ok(()),
        })
        .await
    }

    /// Runs a change of the store under its lock.
    async fn changed(
        &self,
        work: impl FnOnce(&Path) -> Result<(), DockerError> + Send + 'static,
    ) -> Result<(), DockerError> {
        if self.docker.is_read_only() {
            return Err(DockerError::ReadOnly { what: WRITING.to_owned() });
        }
        let folder = self.path().await?;
        off_thread(move || {
            let held = || -> io::Result<File> {
                private_folder(&folder)?;
                let file = private_file(&folder.join(".lock"))?;
                if lock(&file, false)? {
                    return Ok(file);
                }
                Err(io::Error::other(format!("another process has held its lock for {} s", LOCK.as_secs())))
            };
            let _held = held().map_err(|error| fault(WRITING, &folder, &error))?;
            work(&folder)
        })
        .await
    }
}

const WRITING: &str = "writing to the journal in";

fn fault(what: &str, folder: &Path, error: &io::Error) -> DockerError {
    DockerError::Disk { what: format!("{what} {}", folder.display()), why: error.to_string() }
}

fn missing(name: &str) -> DockerError {
    DockerError::Http { what: "reading the journal".to_owned(), status: 404, message: format!("{name} does not exist") }
}

/// Returns the file name for an object. Names are the journal's own; any other must not point outside of the
/// folder.
fn file_name(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if plain && !name.starts_with('.') { format!("{name}.json") } else { format!("{}.json", safe_name(name)) }
}

fn config(name: &str, stored: StoredObject) -> ConfigObject {
    ConfigObject {
        id: name.to_owned(),
        index: stored.index,
        created: Some(stored.created),
        name: name.to_owned(),
        labels: stored.labels,
        data: stored.data.into_bytes(),
    }
}

fn read(folder: &Path, name: &str) -> Result<Option<ConfigObject>, DockerError> {
    let path = folder.join(file_name(name));
    match std::fs::read(&path) {
        Ok(bytes) => {
            let stored = serde_json::from_slice(&bytes);
            stored
                .map(|stored| Some(config(name, stored)))
                .map_err(|error| DockerError::bad(&path.display().to_string(), error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault("reading the journal in", folder, &error)),
    }
}

fn all(folder: &Path, prefix: &str) -> io::Result<Vec<ConfigObject>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".json").filter(|name| name.starts_with(prefix)) else { continue };
        // An unreadable object is left out here; reading it by name reports the error.
        found.extend(read(folder, name).ok().flatten());
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn write(folder: &Path, name: &str, stored: &StoredObject) -> Result<(), DockerError> {
    let text = serde_json::to_vec(stored).map_err(|error| DockerError::bad(WRITING, error))?;
    let place = || -> io::Result<()> {
        let beside = folder.join(".new");
        let _ = std::fs::remove_file(&beside);
        let mut file = private_file(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, folder.join(file_name(name)))?;
        File::open(folder)?.sync_all()
    };
    place().map_err(|error| fault(WRITING, folder, &error))
}

/// Runs disk access on another thread: disks stall, and the threads that handle keys and sockets must not.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DockerError> + Send + 'static,
) -> Result<T, DockerError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(DockerError::bad("the journal on disk", error)))
}
