//! The version manifest and its sources: a compiled-in list, a file, or a URL whose last answer is cached on
//! disk.
//!
//! The rules are those of pgEdge's control plane (`manifest_loader.go` in `github.com/pgEdge/control-plane`): a
//! file has no fallback. If a URL does not answer, the manifest in memory is used, else the one on disk, and
//! never the compiled-in list, which may differ.

mod built_in;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;
use crate::private_files::private_folder;
use crate::registry::{Downloader, RegistryTransport};
use pinnace_core::registry::{REPOSITORY_HOST, VersionManifest, VersionManifestOrigin};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::hex;
use pinnace_core::time::Time;

/// The time limit of a request, including redirects.
const LIMIT: Duration = Duration::from_secs(10);
/// The largest size of a manifest, in bytes.
const MOST: usize = 4 << 20;
/// The interval between two requests to a URL.
const AGAIN: Duration = Duration::from_secs(3600);
/// The interval while there is no manifest, neither in memory nor on disk.
const SOON: Duration = Duration::from_secs(60);

/// A source of the version manifest. Clones share it and the manifest that was read.
#[derive(Clone)]
pub struct VersionManifestLoader(Arc<ManifestLoaderInner>);

struct ManifestLoaderInner {
    /// The registry and path for images without a registry, such as `ghcr.io/pgedge`.
    host: String,
    source: VersionSource,
}

enum VersionSource {
    BuiltIn,
    File(PathBuf),
    Url(Box<CachedVersionUrl>),
}

/// A URL and its last answer.
struct CachedVersionUrl {
    url: String,
    keep: CacheFolder,
    fetch: Downloader,
    known: Mutex<LastFetch>,
    forgotten: AtomicBool,
}

/// The place on disk for the answers of a URL, where the next process finds them.
#[derive(Clone, Debug, Default)]
pub struct CacheFolder {
    /// The folder (`$XDG_STATE_HOME/pinnace`); none to read and write nothing.
    pub folder: Option<PathBuf>,
    /// Set to only read what is on disk, and write nothing.
    pub read_only: bool,
}

#[derive(Default)]
struct LastFetch {
    answer: Option<Result<VersionManifest, String>>,
    asked: Option<Instant>,
}

impl Default for VersionManifestLoader {
    fn default() -> Self {
        Self::built_in(REPOSITORY_HOST)
    }
}

impl VersionManifestLoader {
    /// Makes a source with the compiled-in list.
    pub fn built_in(host: &str) -> Self {
        Self::of(VersionSource::BuiltIn, host)
    }

    /// Makes a source with a file, which is read at each request and has no fallback.
    pub fn file(path: impl Into<PathBuf>, host: &str) -> Self {
        Self::of(VersionSource::File(path.into()), host)
    }

    /// Makes a source with an `http` or `https` URL, which is requested once an hour and after
    /// [`VersionManifestLoader::forget`].
    pub fn url(url: &str, host: &str, keep: CacheFolder, dial: RegistryTransport) -> Self {
        let address = CachedVersionUrl {
            url: url.to_owned(),
            keep,
            fetch: Downloader::new(dial),
            known: Mutex::default(),
            forgotten: AtomicBool::new(false),
        };
        Self::of(VersionSource::Url(Box::new(address)), host)
    }

    fn of(source: VersionSource, host: &str) -> Self {
        Self(Arc::new(ManifestLoaderInner { host: host.to_owned(), source }))
    }

    /// Returns the manifest. If it could not be refreshed, `problem` has the reason.
    ///
    /// # Errors
    /// Returns which file or URL gave no manifest and why, in the control plane's words if it has some.
    pub async fn get(&self) -> Result<VersionManifest, String> {
        match &self.0.source {
            VersionSource::BuiltIn => Ok(built_in::list(&self.0.host)),
            VersionSource::File(path) => {
                let (path, host) = (path.clone(), self.0.host.clone());
                off_thread(move || read_file(&path, &host)).await
            }
            VersionSource::Url(address) => address.get(&self.0.host).await,
        }
    }

    /// Lets the next [`VersionManifestLoader::get`] request the URL again. The known manifest stays until then, and after it
    /// if the request fails.
    pub fn forget(&self) {
        if let VersionSource::Url(address) = &self.0.source {
            address.forgotten.store(true, Ordering::Relaxed);
        }
    }
}

fn read_file(path: &Path, host: &str) -> Result<VersionManifest, String> {
    let told = |why: String| format!("{}: {}", path.display(), clean(&why));
    let (text, at) = read(path).map_err(|error| told(format!("cannot be read: {error}")))?;
    let origin = VersionManifestOrigin::File(path.display().to_string());
    VersionManifest::parse(&text, host, origin, at).map_err(|error| told(error.to_string()))
}

/// Reads a file's text and the time it was written.
fn read(path: &Path) -> io::Result<(String, Option<Time>)> {
    let file = fs::File::open(path)?;
    let at = file.metadata()?.modified().ok().map(clock::at);
    let mut text = String::new();
    file.take(MOST as u64 + 1).read_to_string(&mut text)?;
    if text.len() > MOST {
        return Err(io::Error::other(format!("larger than {MOST} bytes")));
    }
    Ok((text, at))
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("pinnace is shutting down".to_owned()))
}

impl CachedVersionUrl {
    /// Returns the manifest; concurrent callers wait for one request.
    async fn get(&self, host: &str) -> Result<VersionManifest, String> {
        let mut known = self.known.lock().await;
        let forgotten = self.forgotten.swap(false, Ordering::Relaxed);
        if let (Some(answer), Some(asked), false) = (&known.answer, known.asked, forgotten) {
            let pause = if answer.is_ok() { AGAIN } else { SOON };
            if asked.elapsed() < pause {
                return answer.clone();
            }
        }
        let answer = match self.fetch(host).await {
            Ok(manifest) => Ok(manifest),
            Err(why) => match known.answer.take() {
                Some(Ok(kept)) => Ok(VersionManifest { problem: Some(why), ..kept }),
                _ => self.kept_on_disk(host, why).await,
            },
        };
        known.asked = Some(Instant::now());
        known.answer = Some(answer.clone());
        answer
    }

    /// Requests the URL; a valid answer is also written to disk.
    async fn fetch(&self, host: &str) -> Result<VersionManifest, String> {
        let told = |why: String| format!("{}: {}", self.url, clean(&why));
        let body = self.fetch.get(&self.url, MOST, LIMIT).await.map_err(told)?;
        let text = String::from_utf8(body.to_vec()).map_err(|_| told("invalid JSON: not UTF-8".to_owned()))?;
        let origin = VersionManifestOrigin::Url(self.url.clone());
        let manifest =
            VersionManifest::parse(&text, host, origin, Some(clock::now())).map_err(|error| told(error.to_string()))?;
        if let Some(path) = self.path().filter(|_| !self.keep.read_only) {
            let kept = off_thread(move || write(&path, &text).map_err(|error| format!("{}: {error}", path.display())));
            if let Err(error) = kept.await {
                tracing::warn!(%error, "the version manifest could not be kept on disk");
            }
        }
        Ok(manifest)
    }

    /// Returns the answer that an earlier process wrote to disk; `why` is the reason why the URL does not
    /// answer now.
    async fn kept_on_disk(&self, host: &str, why: String) -> Result<VersionManifest, String> {
        let Some(path) = self.path() else { return Err(why) };
        let (origin, host) = (VersionManifestOrigin::Cache(self.url.clone()), host.to_owned());
        let found = off_thread(move || match read(&path) {
            Ok((text, at)) => {
                let manifest = VersionManifest::parse(&text, &host, origin, at).map_err(|error| error.to_string());
                manifest.map(Some).map_err(|error| format!("{}: {error}", path.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: cannot be read: {error}", path.display())),
        });
        match found.await {
            Ok(Some(manifest)) => Ok(VersionManifest { problem: Some(why), ..manifest }),
            Ok(None) => Err(why),
            Err(disk) => Err(format!("{why}; {disk}")),
        }
    }

    /// Returns the path for the answer on disk; its name is different for each URL.
    fn path(&self) -> Option<PathBuf> {
        let hash = hex(&Sha256::digest(self.url.as_bytes())[..8]);
        let name = format!("version-manifest-cache-{hash}.json");
        self.keep.folder.as_ref().map(|folder| folder.join("manifests").join(name))
    }
}

/// Writes a file beside its place and renames it, so that the old one stays until the new one is complete.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder(folder)?;
    // A `NamedTempFile` is created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
