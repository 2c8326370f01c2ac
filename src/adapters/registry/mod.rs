//! Registries, asked directly: does an image exist, which digest, for which platforms (OCI distribution-spec).
//!
//! References, manifests, tokens and errors are the OCI crate's types. The requests are our own: the crate's client
//! asks `/v2/` before each, keeps the first credentials for ever, and does not exchange refresh tokens.

mod auth;
mod client;
mod fault;
mod fetch;
mod http;
mod manifest;
mod policy;
mod tls;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

pub use self::fault::DialError;
pub use self::fetch::Fetch;
pub use self::http::{Dial, Memory};
pub use self::policy::{Limits, Policy};
pub use self::tls::{DOCKER_CERTS, Trust, install_crypto};
use crate::adapters::credentials::{Credentials, Secret};
use crate::core::image::{Digest, ImageRef, Platform};
use crate::core::registry::{About, ImageFact, Tags, Why};

type Looking = BoxFuture<'static, Result<ImageFact, Why>>;
type Flight = Shared<Looking>;

/// All registries, with what is known of them: connections, tokens, manifests by digest. Clones share it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    policy: Policy,
    credentials: Credentials,
    http: http::Http,
    /// Looks under way, by host, repository and what is wanted.
    flights: Mutex<HashMap<String, WeakShared<Looking>>>,
    /// Turns, by host.
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// What was learned by digest, which never changes.
    details: Mutex<HashMap<Digest, Arc<OnceCell<Details>>>>,
    /// What is sent to be let in, by host and repository.
    grants: Mutex<client::Grants>,
    /// Hosts that refused the credentials there are, with when.
    refused: Mutex<HashMap<String, Instant>>,
}

/// What is learned of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    platforms: Option<Vec<Platform>>,
    size: Option<u64>,
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
            flights: Mutex::default(),
            turns: Mutex::default(),
            details: Mutex::default(),
            grants: Mutex::default(),
            refused: Mutex::default(),
        }))
    }

    /// What a reference names now: a request by tag or digest, and the manifest of a digest not seen before.
    ///
    /// The same reference asked for by several at once is asked once. Platforms are `None` only where the manifest
    /// names none; what failed on the way is an error, to be asked again.
    pub async fn look(&self, image: &ImageRef) -> Result<ImageFact, Why> {
        self.flight(image).await
    }

    /// What the image of a digest is: its manifests and its configuration.
    ///
    /// # Errors
    /// Why it could not be learned.
    pub async fn about(&self, image: &ImageRef) -> Result<About, Why> {
        std::future::ready(()).await;
        Err(Why::Other(format!("{image} was not looked at")))
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// Why they could not be learned.
    pub async fn tags(&self, image: &ImageRef) -> Result<Tags, Why> {
        std::future::ready(()).await;
        Err(Why::Other(format!("{image} was not looked at")))
    }

    /// Keeps a log-in for this process's life, in memory, and forgets what was let in or refused without it.
    pub fn login(&self, host: &str, secret: Secret) {
        self.0.credentials.login(host, secret);
        lock(&self.0.grants).retain(|(at, _), _| at != host);
        lock(&self.0.refused).remove(host);
    }

    /// Whether this reference's host has a name that did not resolve from here when it was last asked.
    pub fn is_unresolved(&self, image: &ImageRef) -> bool {
        self.0.http.is_unresolved(client::server_of(&image.host))
    }

    /// The credentials it shows.
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    fn flight(&self, image: &ImageRef) -> Flight {
        let key = format!("{}/{}@{}", image.host, image.path, image.wanted());
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        let (inner, image, landed) = (self.0.clone(), image.clone(), key.clone());
        let flight = async move {
            let answer = inner.take_turn(&image).await;
            // Whoever asks from now on asks anew.
            lock(&inner.flights).remove(&landed);
            answer
        }
        .boxed()
        .shared();
        // Looks nobody waited for to the end.
        flights.retain(|_, weak| weak.upgrade().is_some());
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

impl Inner {
    async fn take_turn(&self, image: &ImageRef) -> Result<ImageFact, Why> {
        let limits = &self.policy.limits;
        let turns = {
            let mut turns = lock(&self.turns);
            turns.entry(image.host.clone()).or_insert_with(|| Arc::new(Semaphore::new(limits.at_once.max(1)))).clone()
        };
        // Never closed: an error cannot be.
        let _turn = turns.acquire().await;
        timeout(limits.call, self.learn(image)).await.unwrap_or_else(|_| {
            let seconds = limits.call.as_secs();
            Err(Why::Unreachable(format!("{} did not answer in full within {seconds} s", image.host)))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
