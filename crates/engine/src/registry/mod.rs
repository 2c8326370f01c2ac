//! The client for image registries: whether an image exists, its digest and its platforms (OCI distribution-spec).
//!
//! The types for references, manifests, tokens and errors come from the OCI crate. The requests are our own: the
//! crate's client requests `/v2/` before each call, keeps the first credentials forever, and does not exchange
//! refresh tokens.

mod auth;
mod connection_policy;
mod decompress;
mod downloader;
mod error;
mod http;
mod image_config;
mod image_info;
mod image_requests;
mod image_resolver;
mod layers;
mod manifest_parser;
mod ping;
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

pub use self::connection_policy::{ConnectionPolicy, RegistryLimits, RegistrySettings};
pub use self::downloader::Downloader;
pub use self::error::RegistryConnectError;
pub use self::http::{MemoryPipe, RegistryTransport};
use self::image_config::ParsedImageConfig;
pub(crate) use self::image_resolver::ImageResolver;
pub use self::layers::LayerLimits;
use self::manifest_parser::Manifest;
use self::single_flight::SingleFlight;
pub use self::tls::{DOCKER_CERTS, RegistryTls};
use crate::credentials::{CredentialStore, RegistryCredential};
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::registry::{FileEntry, ImageInfo, LayerReadProgress, LookupError, RateLimit, ResolvedImage, Tags};

/// A client for all registries, with its caches: connections, tokens, manifests by digest. Clones share them.
#[derive(Clone)]
pub struct RegistryClient(Arc<RegistryClientInner>);

struct RegistryClientInner {
    policy: ConnectionPolicy,
    credentials: CredentialStore,
    http: http::RegistryHttp,
    /// The lookups in flight, by host, repository, and tag or digest.
    looks: SingleFlight<ResolvedImage>,
    abouts: SingleFlight<Arc<ImageInfo>>,
    lists: SingleFlight<Arc<Tags>>,
    /// The semaphores that limit concurrent requests, by host.
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    manifests: DigestCache<Manifest>,
    configs: DigestCache<ParsedImageConfig>,
    /// The last rate limit that each host reported.
    allowances: Mutex<HashMap<String, RateLimit>>,
    /// The authorization headers in use, by host and repository.
    grants: Mutex<image_requests::AuthCache>,
    /// The hosts that refused our credentials, with the time of the refusal.
    refused: Mutex<HashMap<String, Instant>>,
}

/// A cache of parsed objects by digest. They never change, so each is read once.
struct DigestCache<T>(Mutex<HashMap<Digest, CacheCell<T>>>);
type CacheCell<T> = Arc<OnceCell<Arc<T>>>;

impl<T> Default for DigestCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> DigestCache<T> {
    fn cell(&self, digest: &Digest) -> CacheCell<T> {
        lock(&self.0).entry(digest.clone()).or_default().clone()
    }
}

impl RegistryClient {
    /// Creates a client that uses the network, and trusts the system's root certificates and Docker's own per
    /// registry.
    pub fn new(policy: ConnectionPolicy, credentials: CredentialStore) -> Self {
        Self::over(
            RegistryTransport::Net(Arc::new(RegistryTls::new(Some(PathBuf::from(DOCKER_CERTS))))),
            policy,
            credentials,
        )
    }

    /// Creates a client over `dial`.
    pub fn over(dial: RegistryTransport, policy: ConnectionPolicy, credentials: CredentialStore) -> Self {
        let http = http::RegistryHttp::new(dial, policy.limits.connect);
        Self(Arc::new(RegistryClientInner {
            policy,
            credentials,
            http,
            looks: SingleFlight::default(),
            abouts: SingleFlight::default(),
            lists: SingleFlight::default(),
            turns: Mutex::default(),
            manifests: DigestCache::default(),
            configs: DigestCache::default(),
            allowances: Mutex::default(),
            grants: Mutex::default(),
            refused: Mutex::default(),
        }))
    }

    /// Resolves a reference: a request by tag or digest, and the manifest if its digest is not cached.
    ///
    /// Concurrent lookups of the same reference share one request. Platforms are `None` only if the manifest names
    /// none; a failed request is an error, and can be retried.
    pub async fn look(&self, image: &ImageRef) -> Result<ResolvedImage, LookupError> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}@{}", image.host, image.path, image.wanted());
        self.0.looks.join(key, || async move { inner.take_turn(&image.host, inner.learn(&image)).await }).await
    }

    /// Describes an image: its index, its manifest and its configuration. Cached parts are not requested again.
    ///
    /// For an index, layers and configuration are those of its image for linux/amd64, else of its first image. A
    /// reference without a digest is resolved first.
    ///
    /// # Errors
    /// The reason why the image could not be read.
    pub async fn image_info(&self, image: &ImageRef) -> Result<ImageInfo, LookupError> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}@{}", image.host, image.path, image.wanted());
        let ask =
            || async move { inner.take_turn(&image.host, async { inner.describe(&image).await.map(Arc::new) }).await };
        self.0.abouts.join(key, ask).await.map(Arc::unwrap_or_clone)
    }

    /// Lists the tags of a repository, over all pages up to a limit. Tag and digest of the reference are ignored.
    ///
    /// # Errors
    /// The reason why the tags could not be read.
    pub async fn tags(&self, image: &ImageRef) -> Result<Tags, LookupError> {
        let (inner, image) = (self.0.clone(), image.clone());
        let key = format!("{}/{}", image.host, image.path);
        let ask = || async move { inner.list(&image).await.map(Arc::new) };
        self.0.lists.join(key, ask).await.map(Arc::unwrap_or_clone)
    }

    /// Lists the paths of an image's file system, with all layers applied, sorted. Nothing is stored: layers are
    /// read as streams, one after another, and each must match its digest.
    ///
    /// `about` describes the image, with the layers to read; `progress` is called from time to time with the bytes
    /// read so far.
    ///
    /// # Errors
    /// The reason: a layer that cannot be fetched or read, or a limit that was exceeded.
    pub async fn files(
        &self,
        image: &ImageRef,
        about: &ImageInfo,
        bounds: &LayerLimits,
        progress: impl Fn(LayerReadProgress) + Send + Sync,
    ) -> Result<Vec<FileEntry>, LookupError> {
        self.0.unpack(image, about, bounds, progress).await
    }

    /// Asks a registry, by its host, whether it answers; without credentials.
    ///
    /// # Errors
    /// The reason why it counts as down.
    pub async fn ping(&self, host: &str) -> Result<(), LookupError> {
        self.0.ping(host).await
    }

    /// Stores credentials for a host in memory, for the life of this process, and discards its grants and refusals.
    pub fn login(&self, host: &str, secret: RegistryCredential) {
        self.0.credentials.login(host, secret);
        lock(&self.0.grants).retain(|(at, _), _| at != host);
        lock(&self.0.refused).remove(host);
    }

    /// Returns whether the name of this reference's host did not resolve here at the last attempt.
    pub fn is_unresolved(&self, image: &ImageRef) -> bool {
        self.0.http.is_unresolved(self.0.policy.server_of(&image.host).authority)
    }

    /// Returns the credentials in use.
    pub fn credentials(&self) -> &CredentialStore {
        &self.0.credentials
    }
}

impl RegistryClientInner {
    /// Runs requests to a host when a slot is free, within the time limit of a call.
    async fn take_turn<T>(
        &self,
        host: &str,
        asking: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let limits = &self.policy.limits;
        let turns = self.turns(host);
        // The semaphore is never closed, so this cannot fail.
        let _turn = turns.acquire().await;
        timeout(limits.call, asking).await.unwrap_or_else(|_| {
            let seconds = limits.call.as_secs();
            Err(LookupError::Unreachable(format!("{host} did not answer in full within {seconds} s")))
        })
    }

    /// Returns the semaphore that limits concurrent requests to a host.
    fn turns(&self, host: &str) -> Arc<Semaphore> {
        let at_once = self.policy.limits.at_once.max(1);
        lock(&self.turns).entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once))).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
