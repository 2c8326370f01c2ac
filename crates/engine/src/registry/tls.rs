//! The certificate authorities trusted for registries: the system's roots, else those compiled in, and Docker's own
//! per registry.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use crate::http::{TlsConfigProvider, client_config, system_roots};

/// The folder in which Docker keeps extra certificate authorities, with a subfolder for each registry:
/// `<host[:port]>/*.crt` (docs.docker.com, "Verify repository client with certificates").
pub const DOCKER_CERTS: &str = "/etc/docker/certs.d";

type TlsConfigResult = Result<Arc<ClientConfig>, String>;

/// The TLS settings per registry, loaded on first use and cached.
#[derive(Default)]
pub struct RegistryTls {
    certs: Option<PathBuf>,
    roots: OnceCell<Arc<RootCertStore>>,
    hosts: Mutex<HashMap<String, Arc<OnceCell<TlsConfigResult>>>>,
}

impl RegistryTls {
    /// Creates settings that trust the system's roots and those in the folders of `certs` ([`DOCKER_CERTS`]).
    pub fn new(certs: Option<PathBuf>) -> Self {
        Self { certs, ..Self::default() }
    }

    /// Returns the settings for one registry, `host[:port]`.
    async fn of(&self, authority: &str) -> TlsConfigResult {
        let cell = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.entry(authority.to_owned()).or_default().clone()
        };
        let none = || Arc::new(RootCertStore::empty());
        let roots =
            self.roots.get_or_init(|| async { blocking(|| Arc::new(system_roots())).await.unwrap_or_else(none) }).await;
        cell.get_or_init(|| async {
            let (roots, folder) = (roots.clone(), self.certs.as_ref().map(|certs| certs.join(authority)));
            blocking(move || make(&roots, folder.as_deref()))
                .await
                .unwrap_or(Err("pinnace is shutting down".to_owned()))
        })
        .await
        .clone()
    }
}

impl TlsConfigProvider for RegistryTls {
    fn config<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, TlsConfigResult> {
        Box::pin(self.of(authority))
    }
}

/// Runs file access on a blocking thread; `None` if the runtime is shutting down.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn make(roots: &Arc<RootCertStore>, folder: Option<&Path>) -> TlsConfigResult {
    let extra = folder.map(extra_roots).unwrap_or_default();
    let roots = if extra.is_empty() {
        roots.clone()
    } else {
        let mut more = RootCertStore::clone(roots);
        more.add_parsable_certificates(extra);
        Arc::new(more)
    };
    let builder = client_config(Some(roots)).map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn extra_roots(folder: &Path) -> Vec<CertificateDer<'static>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let crt = files.filter(|path| path.extension().is_some_and(|it| it == "crt"));
    crt.filter_map(|path| match CertificateDer::pem_file_iter(&path) {
        Ok(certs) => Some(certs.filter_map(Result::ok).collect::<Vec<_>>()),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a registry's certificate could not be read");
            None
        }
    })
    .flatten()
    .collect()
}
