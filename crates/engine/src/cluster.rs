//! The handle of a cluster: its Docker Engine, the registries of its images, its journal, and the local log on
//! this machine. Clones share connections and cached answers.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::credentials::{CredentialStore, Redacted, RegistryCredential};
use crate::docker::Docker;
use crate::journal::{Journal, LocalLog};
use crate::registry::{ConnectionPolicy, ImageResolver, RegistryClient, RegistrySettings};
use crate::versions::VersionManifestLoader;
use pinnace_core::registry::LookupError;

/// The networks that every engine declares insecure, used when the engine does not answer (moby,
/// `registry/config.go`).
const LOCAL: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The handle of a cluster, cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// The engine of one of its managers.
    pub docker: Docker,
    pub journal: Journal,
    /// The resolver of image references into facts.
    pub(crate) resolver: Arc<ImageResolver>,
    /// The source of the version manifest.
    pub(crate) versions: VersionManifestLoader,
    registries: Arc<LazyRegistry>,
    state: Option<PathBuf>,
}

/// The registries. Their client is made once the engine was asked which of them it declares insecure.
struct LazyRegistry {
    credentials: CredentialStore,
    settings: RegistrySettings,
    client: OnceCell<RegistryClient>,
}

impl Cluster {
    /// Makes the handle of the cluster behind an engine, with the operator's credentials for registries.
    pub fn new(docker: Docker, credentials: CredentialStore) -> Self {
        let journal = Journal::new(docker.clone());
        let registries = LazyRegistry { credentials, settings: RegistrySettings::default(), client: OnceCell::new() };
        let (resolver, versions) = (Arc::default(), VersionManifestLoader::default());
        Self { docker, journal, resolver, versions, registries: Arc::new(registries), state: None }
    }

    /// Makes the handle of the cluster behind an engine, with a registry client that the caller has made.
    pub fn over(docker: Docker, registry: RegistryClient) -> Self {
        let cluster = Self::new(docker, registry.credentials().clone());
        let _ = cluster.registries.client.set(registry);
        cluster
    }

    /// Sets the folder for files on this machine (`$XDG_STATE_HOME/pinnace`).
    #[must_use]
    pub fn with_state(self, state: Option<PathBuf>) -> Self {
        Self { state, ..self }
    }

    /// Keeps the journal on this machine instead of in the swarm, if there is a folder for it.
    #[must_use]
    pub fn with_local_journal(self) -> Self {
        let Some(state) = self.state.clone() else { return self };
        Self { journal: Journal::on_disk(self.docker.clone(), state), ..self }
    }

    /// Sets the source of the version manifest.
    #[must_use]
    pub fn with_versions(self, versions: VersionManifestLoader) -> Self {
        Self { versions, ..self }
    }

    /// Sets how registries are reached, as the user configured it; has no effect once a registry client exists.
    #[must_use]
    pub fn with_registries(self, settings: RegistrySettings) -> Self {
        if self.registries.client.initialized() {
            return self;
        }
        let registries =
            LazyRegistry { credentials: self.registries.credentials.clone(), settings, client: OnceCell::new() };
        Self { registries: Arc::new(registries), ..self }
    }

    /// Returns the local log of the swarm with this id; `None` if there is no folder for it, or the id is
    /// empty.
    pub fn local_log(&self, swarm: &str) -> Option<LocalLog> {
        let folder = self.state.as_ref().filter(|_| !swarm.is_empty())?;
        Some(LocalLog::new(folder, swarm, self.docker.is_read_only()))
    }

    /// Returns the operator's credentials.
    pub fn credentials(&self) -> &CredentialStore {
        &self.registries.credentials
    }

    /// Uses these credentials for a registry from now on, in memory and for this process only.
    pub async fn login(&self, host: &str, user: String, password: Redacted) {
        self.registry().await.login(host, RegistryCredential::Basic { user, password });
    }

    /// Marks the version manifest to be read again the next time it is needed.
    pub fn forget_versions(&self) {
        self.versions.forget();
    }

    /// Asks a registry, by its host, whether it answers; without credentials.
    ///
    /// # Errors
    /// The reason why it counts as down.
    pub async fn ping(&self, host: &str) -> Result<(), LookupError> {
        self.registry().await.ping(host).await
    }

    /// Returns the registry client; the first call asks the engine which registries it declares insecure.
    pub(crate) async fn registry(&self) -> &RegistryClient {
        let make = || async {
            // If the engine does not answer, only the loopback networks count as insecure. TLS is then used for
            // everything outside of this machine, which is the safe side.
            let declared = self.docker.info().await.map(|info| info.engine.insecure);
            let insecure = declared.unwrap_or_else(|_| LOCAL.map(str::to_owned).to_vec());
            let policy = ConnectionPolicy::of_cluster(insecure, &self.registries.settings);
            RegistryClient::new(policy, self.registries.credentials.clone())
        };
        self.registries.client.get_or_init(make).await
    }
}
