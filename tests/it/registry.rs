//! The lab's real registries; the tests run if `tests/lab` is up and its environment is set.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use pinnace_core::image::{ImageRef, Platform};
use pinnace_core::registry::LookupError;
use pinnace_engine::credentials::{CredentialStore, Redacted, RegistryCredential};
use pinnace_engine::registry::{ConnectionPolicy, RegistryClient};

/// Returns a lab setting; `None`, with a printed message, if there is no lab.
fn lab(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("left out: {name} is not set, the lab is not up");
    }
    value
}

fn images(args: &[&str]) -> serde_json::Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
    let done = Command::new("python3").arg(script).args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Pushes many images, given as one JSON object per line.
fn batch(lines: &str) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    file.rewind().unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
    let done = Command::new("python3").arg(script).arg("batch").stdin(file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn insecure(hosts: &[&str]) -> ConnectionPolicy {
    ConnectionPolicy { insecure: hosts.iter().map(|&host| host.to_owned()).collect(), ..ConnectionPolicy::default() }
}

fn image(text: &str) -> ImageRef {
    ImageRef::parse(text).unwrap()
}

#[tokio::test]
async fn a_real_registry_tells_digests_and_platforms() {
    let Some(host) = lab("PINNACE_LAB_REGISTRY") else { return };
    let registry = RegistryClient::new(insecure(&[&host]), CredentialStore::default());
    let linux =
        |architectures: &[&str]| -> Vec<_> { architectures.iter().map(|it| Platform::new("linux", it)).collect() };
    for (tag, args, platforms) in [
        (
            "index",
            &["--index", "oci", "--platform", "linux/amd64", "--platform", "linux/arm64/v8", "--attestation"][..],
            linux(&["amd64", "arm64"]),
        ),
        (
            "list",
            &["--index", "docker", "--platform", "linux/amd64", "--platform", "linux/386"],
            linux(&["amd64", "386"]),
        ),
        ("single", &["--platform", "linux/arm64"], linux(&["arm64"])),
        ("single-oci", &["--format", "oci"], linux(&["amd64"])),
    ] {
        let text = format!("{host}/it-registry/look:{tag}");
        let pushed = images(&[&["push", &text], args].concat());
        let fact = registry.look(&image(&text)).await.unwrap();
        assert_eq!(
            (fact.digest.as_str(), fact.platforms),
            (pushed["digest"].as_str().unwrap(), Some(platforms)),
            "{tag}"
        );
        assert_eq!(fact.size.is_some(), tag.starts_with("single"));
        let pinned = image(&image(&text).pinned(&fact.digest));
        assert_eq!(registry.look(&pinned).await.unwrap().digest, fact.digest);
    }
    assert_eq!(registry.look(&image(&format!("{host}/it-registry/look:none"))).await, Err(LookupError::NotFound));
    assert_eq!(registry.look(&image(&format!("{host}/it-registry/nowhere:1"))).await, Err(LookupError::NotFound));
    let by_tls = RegistryClient::new(ConnectionPolicy::default(), CredentialStore::default());
    let why = by_tls.look(&image(&format!("{host}/it-registry/look:single"))).await;
    assert!(matches!(&why, Err(LookupError::Unreachable(text)) if text.contains("plain http")), "{why:?}");
}

#[tokio::test]
async fn a_real_registry_with_a_password() {
    let Some(host) = lab("PINNACE_LAB_AUTH_REGISTRY") else { return };
    let (Some(user), Some(password)) = (lab("PINNACE_LAB_AUTH_USER"), lab("PINNACE_LAB_AUTH_PASSWORD")) else { return };
    let text = format!("{host}/it-registry/private:1");
    images(&["push", &text]);
    let (network, _) = host.rsplit_once(':').unwrap();
    let policy = || insecure(&[&format!("{network}/24")]);
    let with = |password: &str| {
        let credentials = CredentialStore::default();
        credentials.login(&host, RegistryCredential::Basic { user: user.clone(), password: Redacted::new(password) });
        RegistryClient::new(policy(), credentials)
    };
    let none = RegistryClient::new(policy(), CredentialStore::default());
    assert_eq!(none.look(&image(&text)).await, Err(LookupError::NoCredentials));
    assert_eq!(with("wrong").look(&image(&text)).await, Err(LookupError::Denied));
    assert!(with(&password).look(&image(&text)).await.unwrap().platforms.is_some());
    assert_eq!(
        with(&password).look(&image(&format!("{host}/it-registry/private:2"))).await,
        Err(LookupError::NotFound)
    );
}

/// Measures how long two hundred lookups take, cold and by digest. The result is printed and not asserted.
#[tokio::test]
async fn two_hundred_tags() {
    let Some(host) = lab("PINNACE_LAB_REGISTRY") else { return };
    // Each image has its own digest, so that each one is fetched.
    let line =
        |nth| serde_json::json!({"ref": format!("{host}/it-registry/many:{nth}"), "label": [format!("nth={nth}")]});
    let lines: Vec<String> = (0..200).map(|nth| line(nth).to_string()).collect();
    batch(&lines.join("\n"));
    let registry = RegistryClient::new(insecure(&[&host]), CredentialStore::default());
    let all: Vec<ImageRef> = (0..200).map(|nth| image(&format!("{host}/it-registry/many:{nth}"))).collect();
    for round in ["cold", "again"] {
        let since = Instant::now();
        let facts = futures_util::future::join_all(all.iter().map(|image| registry.look(image))).await;
        println!("200 tags, {round}: {:?}", since.elapsed());
        assert!(facts.iter().all(Result::is_ok));
    }
}

/// Checks that a real engine accepts `X-Registry-Auth`, made from a `config.json` written by `docker login`.
#[tokio::test]
async fn the_header_is_taken_by_a_real_engine() {
    let (Some(host), Some(engine)) = (lab("PINNACE_LAB_AUTH_REGISTRY"), lab("DOCKER_HOST")) else { return };
    let (Some(user), Some(password)) = (lab("PINNACE_LAB_AUTH_USER"), lab("PINNACE_LAB_AUTH_PASSWORD")) else { return };
    let text = format!("{host}/it-registry/engine:1");
    images(&["push", &text]);
    let home = tempfile::tempdir().unwrap();
    let config = serde_json::json!({"auths": {&host: {"username": user, "password": password}}});
    std::fs::write(home.path().join("config.json"), config.to_string()).unwrap();
    let credentials = CredentialStore::read(home.path());
    let header = credentials.header(&host).await.unwrap().unwrap();
    let ask = |header: &str| {
        let mut socket = std::os::unix::net::UnixStream::connect(engine.strip_prefix("unix://").unwrap()).unwrap();
        let lines = ["Host: docker", "Connection: close", &format!("X-Registry-Auth: {header}"), "", ""].join("\r\n");
        write!(socket, "GET /distribution/{text}/json HTTP/1.1\r\n{lines}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask(header.reveal());
    let fact = RegistryClient::new(insecure(&[&host]), credentials).look(&image(&text)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(fact.digest.as_str()), "{answer}");
    assert!(!ask("").starts_with("HTTP/1.1 200"));
}

/// Checks that an unresolvable name is recognized. No lab is needed: the reserved top-level
/// domain never resolves (RFC 6761).
#[tokio::test]
async fn a_name_that_does_not_resolve_is_known_as_such() {
    let registry = RegistryClient::new(ConnectionPolicy::default(), CredentialStore::default());
    let nowhere = image("registry.invalid/pg:1");
    let since = Instant::now();
    let why = registry.look(&nowhere).await;
    assert!(matches!(&why, Err(LookupError::Unreachable(text)) if text.contains("registry.invalid")), "{why:?}");
    assert!(registry.is_unresolved(&nowhere) && since.elapsed().as_secs() < 5, "{:?}", since.elapsed());
}
