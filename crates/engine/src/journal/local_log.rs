//! The local log: one event per line, with a checksum, appended under a short lock and synced.
//!
//! A line is `{"sum":…,"event":…}`, where `sum` is the first 16 hexadecimal digits of the SHA-256 of the
//! event's text, byte by byte. The file is only ever appended to; an incomplete last line after a crash is
//! moved to a file beside it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::private_files::{LOCK, lock, private_file, private_folder, safe_name};
use pinnace_core::journal::local_log::LocalEvent;
use pinnace_core::swarm::hex;

/// The reason why the local log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LocalLogError {
    /// A file or folder that could not be used.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file of the log.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// A lock that another process holds and did not release in time.
    #[error("another process has held the lock of {} for {} s", .0.display(), LOCK.as_secs())]
    Locked(PathBuf),
    /// An event that could not be written as JSON.
    #[error("cannot write the event: {0}")]
    Json(#[from] serde_json::Error),
    /// An attempt to write in read-only mode.
    #[error("read-only: nothing is written to {}", .0.display())]
    ReadOnly(PathBuf),
    /// An operation that was cut short because the program is ending.
    #[error("pinnace is shutting down")]
    Ending,
}

/// The content of the local log, as far as it could be read.
#[derive(Debug, Default)]
pub struct LoadedLog {
    /// The events, in the order written.
    pub events: Vec<LocalEvent>,
    /// One sentence for each line that could not be read, and for a torn last line that was moved.
    pub warnings: Vec<String>,
}

/// The local log of one swarm, on this machine's disk.
#[derive(Clone, Debug)]
pub struct LocalLog {
    path: PathBuf,
    read_only: bool,
}

#[derive(Serialize, Deserialize)]
struct ChecksummedEvent<'a> {
    sum: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl LocalLog {
    /// Makes the handle of the log of this swarm in `folder` (`$XDG_STATE_HOME/pinnace`); touches no file.
    pub fn new(folder: &Path, swarm: &str, read_only: bool) -> Self {
        Self { path: folder.join(format!("{}.jsonl", safe_name(swarm))), read_only }
    }

    /// Returns the path of the log's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event; when this returns, the event is on the disk.
    pub async fn append(&self, event: &LocalEvent) -> Result<(), LocalLogError> {
        self.append_all(std::slice::from_ref(event)).await
    }

    /// Appends events, all in one write; when this returns, they are on the disk.
    pub async fn append_all(&self, events: &[LocalEvent]) -> Result<(), LocalLogError> {
        if self.read_only {
            return Err(LocalLogError::ReadOnly(self.path.clone()));
        }
        let journal = self.clone();
        let lines: String = events.iter().map(write_line).collect::<Result<_, _>>()?;
        off_thread(move || journal.append_now(&lines)).await
    }

    /// Reads all events. A missing file holds none.
    pub async fn load(&self) -> Result<LoadedLog, LocalLogError> {
        let journal = self.clone();
        off_thread(move || journal.load_now()).await
    }

    fn append_now(&self, lines: &str) -> Result<(), LocalLogError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_folder(folder).map_err(|cause| self.io("make the folder of", cause))?;
        let new = !self.path.exists();
        let mut file = private_file(&self.path).map_err(|cause| self.io("open", cause))?;
        self.lock(&file, false)?;
        self.mend(&mut file)?;
        // One write: a reader without the lock sees all of it or a torn end, never a mixture.
        file.write_all(lines.as_bytes()).map_err(|cause| self.io("write", cause))?;
        file.sync_data().map_err(|cause| self.io("sync", cause))?;
        if new {
            File::open(folder).and_then(|it| it.sync_all()).map_err(|cause| self.io("sync the folder of", cause))?;
        }
        Ok(())
    }

    fn load_now(&self) -> Result<LoadedLog, LocalLogError> {
        let mut loaded = LoadedLog::default();
        if !self.path.exists() {
            return Ok(loaded);
        }
        let open = if self.read_only { File::open(&self.path) } else { private_file(&self.path) };
        let mut file = open.map_err(|cause| self.io("open", cause))?;
        self.lock(&file, self.read_only)?;
        if !self.read_only {
            loaded.warnings.extend(self.mend(&mut file)?);
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(|cause| self.io("read", cause))?;
        file.read_to_end(&mut bytes).map_err(|cause| self.io("read", cause))?;
        drop(file);
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let name = self.path.display();
            match read_line(line) {
                Ok(event) => loaded.events.push(event),
                Err(why) => loaded.warnings.push(format!("{name}:{}: line left out: {why}", at + 1)),
            }
        }
        Ok(loaded)
    }

    /// Moves an incomplete last line to `.torn`; the caller holds the lock.
    fn mend(&self, file: &mut File) -> Result<Option<String>, LocalLogError> {
        let tail = unfinished(file).map_err(|cause| self.io("read", cause))?;
        if tail.is_empty() {
            return Ok(None);
        }
        let torn = self.path.with_extension("jsonl.torn");
        let keep = || {
            let mut kept = private_file(&torn)?;
            kept.write_all(&tail)?;
            kept.write_all(b"\n")?;
            kept.sync_data()?;
            let whole = file.metadata()?.len() - tail.len() as u64;
            file.set_len(whole)?;
            file.sync_data()
        };
        keep().map_err(|cause| self.io("move the incomplete last line of", cause))?;
        Ok(Some(format!("{}: moved an incomplete last line to {}", self.path.display(), torn.display())))
    }

    fn lock(&self, file: &File, shared: bool) -> Result<(), LocalLogError> {
        match lock(file, shared) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LocalLogError::Locked(self.path.clone())),
            Err(cause) => Err(self.io("lock", cause)),
        }
    }

    fn io(&self, doing: &'static str, cause: io::Error) -> LocalLogError {
        LocalLogError::Io { doing, path: self.path.clone(), cause }
    }
}

/// Runs disk access on another thread: disks stall, and the threads that handle keys and sockets must not.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LocalLogError> + Send + 'static,
) -> Result<T, LocalLogError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LocalLogError::Ending))
}

/// Returns the bytes after the last line feed, reading from the end.
fn unfinished(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = file.metadata()?.len();
    let mut tail = Vec::new();
    while start > 0 {
        let step = start.min(4096);
        start -= step;
        let mut block = vec![0; usize::try_from(step).unwrap_or(0)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            block.drain(..=at);
            block.extend(tail);
            return Ok(block);
        }
        block.extend(tail);
        tail = block;
    }
    Ok(tail)
}

fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))[..16].to_owned()
}

fn write_line(event: &LocalEvent) -> Result<String, LocalLogError> {
    let event = serde_json::value::to_raw_value(event)?;
    let line = ChecksummedEvent { sum: checksum(event.get()), event: &event };
    Ok(serde_json::to_string(&line)? + "\n")
}

fn read_line(line: &[u8]) -> Result<LocalEvent, String> {
    let line: ChecksummedEvent<'_> =
        serde_json::from_slice(line).map_err(|error| format!("not a line of a journal ({error})"))?;
    if checksum(line.event.get()) != line.sum {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_str(line.event.get()).map_err(|error| format!("not an event ({error})"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use pinnace_core::journal::local_log::LoggedEventKind;
    use pinnace_core::swarm::{GroupKey, GroupKind};
    use pinnace_core::time::Time;

    fn note(text: &str) -> LocalEvent {
        let group = GroupKey { kind: GroupKind::Stack, name: "shop".into() };
        LocalEvent::new(Time(1_800_000_000_000), "c1", &group, LoggedEventKind::Note { text: text.into() })
    }

    fn texts(loaded: &LoadedLog) -> Vec<&str> {
        loaded
            .events
            .iter()
            .map(|event| if let Some(LoggedEventKind::Note { text }) = event.kind() { text } else { "?" })
            .collect()
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn what_is_appended_is_read_again_and_private() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/pinnace");
        let journal = LocalLog::new(&folder, "swarm1", false);
        assert!(journal.load().await.unwrap().events.is_empty());
        assert!(!folder.exists(), "reading makes nothing");
        journal.append(&note("one\ntwo")).await.unwrap();
        journal.append(&note("three")).await.unwrap();
        let loaded = journal.load().await.unwrap();
        assert_eq!((texts(&loaded), loaded.warnings.len()), (vec!["one\ntwo", "three"], 0));
        assert_eq!((mode(&folder), mode(journal.path())), (0o700, 0o600));
    }

    #[tokio::test]
    async fn a_torn_line_is_put_aside_and_a_broken_one_left_out() {
        let home = tempfile::tempdir().unwrap();
        let journal = LocalLog::new(home.path(), "swarm1", false);
        for text in ["one", "two", "three"] {
            journal.append(&note(text)).await.unwrap();
        }
        let text = std::fs::read_to_string(journal.path()).unwrap().replace("two", "2wo");
        let torn = format!("{text}{}", &text[..40]);
        std::fs::write(journal.path(), &torn).unwrap();

        let reader = LocalLog::new(home.path(), "swarm1", true);
        let loaded = reader.load().await.unwrap();
        assert_eq!((texts(&loaded), loaded.warnings.len()), (vec!["one", "three"], 2));
        assert_eq!(std::fs::read_to_string(journal.path()).unwrap(), torn, "read-only touches nothing");

        journal.append(&note("four")).await.unwrap();
        let loaded = journal.load().await.unwrap();
        assert_eq!(texts(&loaded), ["one", "three", "four"]);
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].contains("swarm1.jsonl:2: line left out: its checksum"), "{:?}", loaded.warnings);
        let aside = home.path().join("swarm1.jsonl.torn");
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), format!("{}\n", &text[..40]));
        assert_eq!(mode(&aside), 0o600);
        assert!(std::fs::read_to_string(journal.path()).unwrap().contains("2wo"), "never lost");
    }

    #[tokio::test]
    async fn nothing_is_written_in_read_only_mode() {
        let home = tempfile::tempdir().unwrap();
        let journal = LocalLog::new(&home.path().join("none"), "swarm1", true);
        assert!(matches!(journal.append(&note("x")).await, Err(LocalLogError::ReadOnly(_))));
        assert!(journal.load().await.unwrap().events.is_empty());
        assert!(!home.path().join("none").exists());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_do_not_mix_their_lines() {
        let home = tempfile::tempdir().unwrap();
        let long = "x".repeat(20_000);
        let writers = (0..20).map(|_| {
            let (journal, event) = (LocalLog::new(home.path(), "s", false), note(&long));
            tokio::spawn(async move { journal.append(&event).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        let loaded = LocalLog::new(home.path(), "s", false).load().await.unwrap();
        assert_eq!((loaded.events.len(), loaded.warnings.len()), (20, 0));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = LocalLog::new(&file, "s", false).append(&note("x")).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot make the folder of "), "{error}");
    }
}
