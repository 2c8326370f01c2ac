//! The one handle of a cluster: its Docker Engine, the registries its images come from, its journal, and the local log
//! on this machine. Clones share connections and what was learned.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::credentials::{Credentials, Redacted, Secret};
use crate::docker::Docker;
use crate::journal::{Journal, LocalLog};
use crate::registry::{Policy, Registry, RegistrySettings, Resolver};
use crate::versions::Versions;

/// The networks that every engine declares insecure, for where none answers (moby, `registry/config.go`).
const LOCAL: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The handle of a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The engine of one of its managers.
    pub docker: Docker,
    /// Its journal.
    pub journal: Journal,
    /// The way from an image reference to a fact.
    pub(crate) resolver: Arc<Resolver>,
    /// The version manifest.
    pub(crate) versions: Versions,
    registries: Arc<Registries>,
    state: Option<PathBuf>,
}

/// The registries, asked directly once it is known which of them the engine declares insecure.
struct Registries {
    credentials: Credentials,
    settings: RegistrySettings,
    client: OnceCell<Registry>,
}

impl Cluster {
    /// The cluster behind an engine, with the operator's credentials for registries.
    pub fn new(docker: Docker, credentials: Credentials) -> Self {
        let journal = Journal::new(docker.clone());
        let registries = Registries { credentials, settings: RegistrySettings::default(), client: OnceCell::new() };
        let (resolver, versions) = (Arc::default(), Versions::default());
        Self { docker, journal, resolver, versions, registries: Arc::new(registries), state: None }
    }

    /// The cluster behind an engine, with registries that are reached in a way of their own.
    pub fn over(docker: Docker, registry: Registry) -> Self {
        let cluster = Self::new(docker, registry.credentials().clone());
        let _ = cluster.registries.client.set(registry);
        cluster
    }

    /// The same, with the files of this machine in this folder (`$XDG_STATE_HOME/pinnace`).
    #[must_use]
    pub fn with_state(self, state: Option<PathBuf>) -> Self {
        Self { state, ..self }
    }

    /// The same, with the journal kept on this machine instead of in the swarm, if there is a folder for it.
    #[must_use]
    pub fn with_local_journal(self) -> Self {
        let Some(state) = self.state.clone() else { return self };
        Self { journal: Journal::on_disk(self.docker.clone(), state), ..self }
    }

    /// The same, with the version manifest from here.
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }

    /// The same, with registries reached as the user set it.
    #[must_use]
    pub fn with_registries(self, settings: RegistrySettings) -> Self {
        if self.registries.client.initialized() {
            return self;
        }
        let registries =
            Registries { credentials: self.registries.credentials.clone(), settings, client: OnceCell::new() };
        Self { registries: Arc::new(registries), ..self }
    }

    /// The local log of the swarm with this id; `None` without a folder for it.
    pub fn local_log(&self, swarm: &str) -> Option<LocalLog> {
        let folder = self.state.as_ref().filter(|_| !swarm.is_empty())?;
        Some(LocalLog::new(folder, swarm, self.docker.is_read_only()))
    }

    /// The operator's credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.registries.credentials
    }

    /// Shows a registry this log-in from now on, for this process's life and in memory only.
    pub async fn login(&self, host: &str, user: String, password: Redacted) {
        self.registry().await.login(host, Secret::Basic { user, password });
    }

    /// Lets the version manifest be asked for again, next time it is wanted.
    pub fn forget_versions(&self) {
        self.versions.forget();
    }

    /// The registries; the first call asks the engine which of them it declares insecure.
    pub(crate) async fn registry(&self) -> &Registry {
        let make = || async {
            // An engine that does not answer declares nothing; then TLS is spoken to all that is not on this machine,
            // which is the safe side.
            let declared = self.docker.info().await.map(|info| info.engine.insecure);
            let insecure = declared.unwrap_or_else(|_| LOCAL.map(str::to_owned).to_vec());
            let policy = Policy::of_cluster(insecure, &self.registries.settings);
            Registry::new(policy, self.registries.credentials.clone())
        };
        self.registries.client.get_or_init(make).await
    }
}
