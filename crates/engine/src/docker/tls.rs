//! The TLS settings for engines: a private certificate authority, a client certificate, or no verification where a
//! context disables it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::error::DockerError;
use crate::http::{client_config, system_roots};

/// The files with the certificates for a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificatePaths {
    /// The authority that signed the engine's certificate; the system's roots if `None`.
    pub ca: Option<PathBuf>,
    /// The client certificate.
    pub cert: Option<PathBuf>,
    /// The private key of the client certificate.
    pub key: Option<PathBuf>,
    /// Set when the engine's certificate is not verified (`SkipTLSVerify` of a context).
    pub skip_verify: bool,
}

impl CertificatePaths {
    /// Finds `ca.pem`, `cert.pem` and `key.pem` in a folder; each may be missing.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Self { ca: there("ca.pem"), cert: there("cert.pem"), key: there("key.pem"), skip_verify: false }
    }

    /// Returns whether a context with these certificates uses TLS at all.
    pub(crate) fn wants_tls(&self) -> bool {
        self.skip_verify || self.ca.is_some() || self.cert.is_some() || self.key.is_some()
    }

    /// Loads the TLS settings for a connection.
    ///
    /// # Errors
    /// [`DockerError::Endpoint`] if a file cannot be read or is not a certificate.
    pub fn load(&self) -> Result<ClientConfig, DockerError> {
        let roots = if self.skip_verify { None } else { Some(Arc::new(self.roots()?)) };
        let builder = client_config(roots).map_err(|error| endpoint("the TLS settings do not work", &error))?;
        let config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let chain = read_all(cert)?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| endpoint(&format!("the key {} cannot be read", key.display()), &error))?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| endpoint(&format!("the certificate {} does not work", cert.display()), &error))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, DockerError> {
        let Some(ca) = &self.ca else { return Ok(system_roots()) };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(read_all(ca)?);
        Ok(roots)
    }
}

fn read_all(path: &Path) -> Result<Vec<CertificateDer<'static>>, DockerError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(endpoint(&format!("{} holds no certificate", path.display()), &"no PEM block in it")),
        Err(error) => Err(endpoint(&format!("the certificate {} cannot be read", path.display()), &error)),
    }
}

fn endpoint(what: &str, why: &dyn std::fmt::Display) -> DockerError {
    DockerError::Endpoint {
        why: format!("{what}: {why}"),
        hint: "check DOCKER_CERT_PATH, or the context's certificates: docker context inspect".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::server::WebPkiClientVerifier;

    use super::*;
    use crate::docker::test_server::{Reply, TestServer};
    use crate::docker::{Docker, EndpointInputs, EngineAddress};

    /// A certificate authority made for tests, with a server certificate for 127.0.0.1: valid for a hundred years,
    /// trusted nowhere.
    const CA: &[u8] = include_bytes!("../registry/testdata/ca.crt");
    const CERT: &[u8] = include_bytes!("../registry/testdata/server.crt");
    const KEY: &[u8] = include_bytes!("../registry/testdata/server.key");

    /// A second certificate authority, with an operator's client certificate.
    const CLIENTS: &[u8] = include_bytes!("testdata/client-ca.crt");
    const OWN_CERT: &[u8] = include_bytes!("testdata/client.crt");
    const OWN_KEY: &[u8] = include_bytes!("testdata/client.key");

    fn chain(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(pem).unwrap()]
    }

    /// Starts a TLS engine on loopback and returns its address. If `wants_client`, it demands a client certificate,
    /// like `dockerd --tlsverify`.
    async fn engine(wants_client: bool) -> String {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain(CLIENTS));
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_client {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain(CERT), PrivateKeyDer::from_pem_slice(KEY).unwrap()).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let server = TestServer::new(|_| Reply::told(404, ""));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), server.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        server.serve(stream).await;
                    }
                });
            }
        });
        address
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn given(address: &str, certs: &Path) -> Docker {
        let given = EndpointInputs {
            docker_host: Some(address.to_owned()),
            tls_verify: Some("1".into()),
            cert_path: Some(certs.to_owned()),
            ..EndpointInputs::default()
        };
        Docker::new(given.endpoint().unwrap(), true).unwrap()
    }

    #[tokio::test]
    async fn a_private_authority() {
        let address = engine(false).await;
        let ca = folder(&[("ca.pem", CA)]);
        assert_eq!(given(&address, ca.path()).ping().await.unwrap().api, "1.41");
        let refused = given(&address, folder(&[]).path()).ping().await.unwrap_err();
        assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
        assert!(refused.hint().contains("ca.pem"), "{}", refused.hint());
        let EngineAddress::Tls(authority, certificates) = given(&address, folder(&[]).path()).endpoint().host.clone()
        else {
            panic!("no TLS")
        };
        let host = EngineAddress::Tls(authority, CertificatePaths { skip_verify: true, ..certificates });
        let unchecked = Docker::new(crate::docker::Endpoint { name: "x".into(), host }, true).unwrap();
        assert!(unchecked.ping().await.is_ok());
    }

    #[tokio::test]
    async fn a_certificate_of_our_own() {
        let address = engine(true).await;
        let without = folder(&[("ca.pem", CA)]);
        let refused = given(&address, without.path()).ping().await.unwrap_err();
        assert!(refused.hint().contains("DOCKER_CERT_PATH"), "{refused}: {}", refused.hint());
        let with = folder(&[("ca.pem", CA), ("cert.pem", OWN_CERT), ("key.pem", OWN_KEY)]);
        let answered = given(&address, with.path()).ping().await;
        assert!(answered.is_ok(), "{answered:?}");
        let broken = folder(&[("ca.pem", b"nothing")]);
        let why = CertificatePaths::in_folder(broken.path()).load().unwrap_err().to_string();
        assert!(why.contains("holds no certificate"), "{why}");
    }
}
