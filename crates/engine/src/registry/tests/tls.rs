//! Tests of TLS over loopback, with a certificate authority made for these tests (valid for a hundred years, trusted
//! nowhere).

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

async fn serve() -> String {
    let certs = CertificateDer::from_pem_slice(include_bytes!("../testdata/server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../testdata/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certs], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let fake = Fake::new(|_| manifest(&index()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, fake) = (acceptor.clone(), fake.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    fake.serve("https://x".parse().unwrap(), stream).await;
                }
            });
        }
    });
    format!("127.0.0.1:{port}")
}

fn registry(certs: Option<PathBuf>, insecure: &str) -> RegistryClient {
    let policy = ConnectionPolicy { insecure: vec![insecure.to_owned()], ..ConnectionPolicy::default() };
    RegistryClient::over(RegistryTransport::Net(Arc::new(RegistryTls::new(certs))), policy, CredentialStore::default())
}

#[tokio::test]
async fn dockers_own_authorities_are_trusted_for_their_registry() {
    let host = serve().await;
    let wanted = image(&format!("{host}/pg:1"));
    let certs = tempfile::tempdir().unwrap();
    let folder = certs.path().join(&host);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("ca.crt"), include_bytes!("../testdata/ca.crt")).unwrap();
    assert!(registry(Some(certs.path().to_owned()), "").look(&wanted).await.is_ok());

    let why = registry(None, "").look(&wanted).await.unwrap_err();
    let LookupError::Unreachable(text) = why else { panic!("{why:?}") };
    assert_eq!(text, format!("no TLS with {host}: invalid peer certificate: UnknownIssuer"));
}

#[tokio::test]
async fn the_wrong_scheme_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let fake = Fake::new(|_| status(404));
            tokio::spawn(fake.serve("http://x".parse().unwrap(), stream));
        }
    });
    let why = registry(None, "").look(&image(&format!("{host}/pg:1"))).await.unwrap_err();
    let LookupError::Unreachable(text) = why else { panic!("{why:?}") };
    assert!(text.contains("it speaks plain http"), "{text}");

    let host = serve().await;
    let why = registry(None, &host).look(&image(&format!("{host}/pg:1"))).await.unwrap_err();
    assert!(matches!(why, LookupError::Unreachable(_)), "{why:?}");
}
