//! TLS settings: the crypto provider, the system's root certificates, and client configurations.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The TLS settings of a connector, which may depend on the host.
pub(crate) trait TlsConfigProvider: Send + Sync {
    /// Returns the settings for `host[:port]`.
    ///
    /// # Errors
    /// Returns the reason why there are none.
    fn config<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, Result<Arc<ClientConfig>, String>>;
}

/// The same settings for every host.
impl TlsConfigProvider for ClientConfig {
    fn config<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Arc<ClientConfig>, String>> {
        Box::pin(std::future::ready(Ok(Arc::new(self.clone()))))
    }
}

/// Returns the crypto provider of all connections.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Begins a client configuration that trusts these root certificates; without any, it accepts every
/// certificate.
///
/// # Errors
/// Fails if the library supports no protocol version.
pub(crate) fn client_config(
    roots: Option<Arc<RootCertStore>>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(match roots {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider()))),
    })
}

/// Reads the system's root certificates, or uses the compiled-in ones if it has none: a container made from
/// scratch has no certificate store.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::debug!(%error, "a system certificate could not be read");
    }
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Makes ring the process's crypto provider for TLS: libraries that look for a provider panic if there is none.
/// Must be called first; a second call changes nothing.
pub fn install_crypto() {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A verifier that accepts any certificate, but still checks that the server holds its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
