//! Registries, asked directly: does an image exist, which digest, for which platforms (OCI distribution-spec).
//!
//! References, manifests, tokens and errors are the OCI crate's types. The requests are our own: the crate's client
//! asks `/v2/` before each, keeps the first credentials for ever, and does not exchange refresh tokens.

mod auth;
mod client;
mod config;
mod decompress;
mod fault;
mod fetch;
mod http;
mod image_info;
mod layers;
mod manifest;
mod policy;
mod resolver;
mod rootfs;
mod single_flight;
mod tags;
mod tls;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use self::config::Configuration;
pub use self::fault::DialError;
pub use self::fetch::Fetch;
pub use self::http::{Dial, Memory};
pub use self::layers::Bounds;
use self::manifest::Manifest;
pub use self::policy::{Limits, Policy, RegistrySettings};
pub(crate) use self::resolver::Resolver;
use self::single_flight::SingleFlight;
pub use self::tls::{DOCKER_CERTS, Trust};
use crate::credentials::{Credentials, Secret};
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::registry::{About, Allowance, ImageFact, ImageFile, Reading, Tags, Why};

/// All registries, with what is known of them: connections, tokens, manifests by digest. Clones share it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    policy: Policy,
    credentials: Credentials,
    http: http::Http,
    /// Questions under way, by host, repository and what is wanted.
    looks: SingleFlight<ImageFact>,
    abouts: SingleFlight<Arc<About>>,
    lists: SingleFlight<Arc<Tags>>,
    /// Turns, by host.
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    manifests: Known<Manifest>,
    configs: Known<Configuration>,
    /// What hosts said they still allow.
    allowances: Mutex<HashMap<String, Allowance>>,
    /// What is sent to be let in, by host and repository.
    grants: Mutex<client::Grants>,
    /// Hosts that refused the credentials there are, with when.
    refused: Mutex<HashMap<String, Instant>>,
}

/// What was read by digest, which never changes: each is read once.
struct Known<T>(Mutex<HashMap<Digest, Cell<T>>>);
type Cell<T> = Arc<OnceCell<Arc<T>>>;

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Known<T> {
    fn cell(&self, digest: &Digest) -> Cell<T> {
        lock(&self.0).entry(digest.clone()).or_default().clone()
    }
}

impl Registry {
    /// Registries as reached from here: over the network, trusting the system's roots and Docker's own.
    pub fn new(policy: Policy, credentials: Credentials) -> Self {
        Self::over(Dial::Net(Arc::new(Trust::new(Some(PathBuf::from(DOCKER_CERTS))))), policy, credentials)
    }

    /// Registries as reached in this way.
    pub fn over(dial: Dial, policy: Policy, credentials: Credentials) -> Self {
        let http = http::Http::new(dial, policy.limits.connect);
        Self(Arc::new(Inner {
            policy,
            credentials,
            http,
            looks: SingleFlight::default(),
            abouts: SingleFlight::default(),
            lists: SingleFlight::default(),
            turns: Mutex::default(),
            manifests: Known::default(),
            configs: Known::default(),
            allowances: Mutex::default(),
            grants: Mutex::default(),
            refused: Mutex::default(),
        }))
    }

    /// What a reference names now: a request by tag or digest, and the manifest of a digest not seen before.
    ///
    /// The same reference asked for by several at once is asked once. Platforms are `None` only where the manifest
    /// names none; what failed on the way is an error, to be asked again.
    pub async fn look(&self, image: &ImageRef) -> Result<ImageFact, Why> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}@{}", image.host, image.path, image.wanted());
        self.0.looks.join(key, || async move { inner.take_turn(&image.host, inner.learn(&image)).await }).await
    }

    /// What the image of a digest is: its manifests and its configuration. What was read before is not asked for again.
    ///
    /// Of an index, layers and configuration are those of its image for linux/amd64, or else of the first. A reference
    /// without a digest is looked up first.
    ///
    /// # Errors
    /// Why it could not be learned.
    pub async fn about(&self, image: &ImageRef) -> Result<About, Why> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}@{}", image.host, image.path, image.wanted());
        let ask =
            || async move { inner.take_turn(&image.host, async { inner.describe(&image).await.map(Arc::new) }).await };
        self.0.abouts.join(key, ask).await.map(Arc::unwrap_or_clone)
    }

    /// The tags of a repository, all pages of them up to an end; what else the reference holds is of no interest.
    ///
    /// # Errors
    /// Why they could not be learned.
    pub async fn tags(&self, image: &ImageRef) -> Result<Tags, Why> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}", image.host, image.path);
        let ask = || async move { inner.list(&image).await.map(Arc::new) };
        self.0.lists.join(key, ask).await.map(Arc::unwrap_or_clone)
    }

    /// The paths an image has when all its layers are unpacked, sorted. Nothing is stored: layers are read as streams,
    /// one after another, and each must have its digest.
    ///
    /// `about` is what the image is, with the layers to read; `progress` is told now and then how far it has come.
    ///
    /// # Errors
    /// Why it could not be learned: a layer that cannot be had or read, or a limit.
    pub async fn files(
        &self,
        image: &ImageRef,
        about: &About,
        bounds: &Bounds,
        progress: impl Fn(Reading) + Send + Sync,
    ) -> Result<Vec<ImageFile>, Why> {
        self.0.unpack(image, about, bounds, progress).await
    }

    /// Keeps a log-in for this process's life, in memory, and forgets what was let in or refused without it.
    pub fn login(&self, host: &str, secret: Secret) {
        self.0.credentials.login(host, secret);
        lock(&self.0.grants).retain(|(at, _), _| at != host);
        lock(&self.0.refused).remove(host);
    }

    /// Whether this reference's host has a name that did not resolve from here when it was last asked.
    pub fn is_unresolved(&self, image: &ImageRef) -> bool {
        self.0.http.is_unresolved(self.0.policy.server_of(&image.host).authority)
    }

    /// The credentials it shows.
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }
}

impl Inner {
    /// Does some asking of a host when it is its turn, within the time of a call.
    async fn take_turn<T>(&self, host: &str, asking: impl Future<Output = Result<T, Why>>) -> Result<T, Why> {
        let limits = &self.policy.limits;
        let turns = self.turns(host);
        // Never closed: an error cannot be.
        let _turn = turns.acquire().await;
        timeout(limits.call, asking).await.unwrap_or_else(|_| {
            let seconds = limits.call.as_secs();
            Err(Why::Unreachable(format!("{host} did not answer in full within {seconds} s")))
        })
    }

    /// The turns of a host.
    fn turns(&self, host: &str) -> Arc<Semaphore> {
        let at_once = self.policy.limits.at_once.max(1);
        lock(&self.turns).entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once))).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
