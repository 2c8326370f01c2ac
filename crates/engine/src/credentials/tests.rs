use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use super::*;

fn basic(user: &str, password: &str) -> RegistryCredential {
    RegistryCredential::Basic { user: user.into(), password: Redacted::new(password) }
}

fn with_config(json: &str) -> (tempfile::TempDir, CredentialStore) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.json"), json).unwrap();
    let credentials = CredentialStore::read(home.path());
    (home, credentials)
}

fn helper(folder: &Path, name: &str, script: &str) {
    let path = folder.join(format!("docker-credential-{name}"));
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn entries_of_auths() {
    let auth = |text: &str| STANDARD.encode(text);
    let (_home, credentials) = with_config(&format!(
        r#"{{"auths": {{
            "https://index.docker.io/v1/": {{"auth": "{}"}},
            "ghcr.io": {{"username": "u", "password": "p:q"}},
            "https://quay.io/v2/": {{"auth": "{}", "identitytoken": "refresh"}},
            "10.77.0.1:5001": {{"auth": "{}"}},
            "token.example": {{"registrytoken": "bearer"}},
            "empty.example": {{}},
            "bad.example": {{"auth": "!!!"}},
            "odd.example": 7
        }}}}"#,
        auth("hub:secret"),
        auth("x:y"),
        auth("pinnace:s3cret~pass?>x:~"),
    ));
    assert_eq!(credentials.get("docker.io").await, Ok(Some(basic("hub", "secret"))));
    assert_eq!(credentials.get("index.docker.io").await, Ok(Some(basic("hub", "secret"))));
    assert_eq!(credentials.get("ghcr.io").await, Ok(Some(basic("u", "p:q"))));
    assert_eq!(credentials.get("quay.io").await, Ok(Some(RegistryCredential::Identity(Redacted::new("refresh")))));
    assert_eq!(credentials.get("10.77.0.1:5001").await, Ok(Some(basic("pinnace", "s3cret~pass?>x:~"))));
    assert_eq!(credentials.get("token.example").await, Ok(Some(RegistryCredential::Token(Redacted::new("bearer")))));
    assert_eq!(credentials.get("empty.example").await, Ok(None));
    assert_eq!(credentials.get("10.77.0.1").await, Ok(None), "another port is another registry");
    let said = |host: &'static str| {
        let credentials = credentials.clone();
        async move { credentials.get(host).await.unwrap_err().to_string() }
    };
    assert_eq!(said("bad.example").await, "credentials for bad.example: `auth` is not base64");
    assert_eq!(said("odd.example").await, "credentials for odd.example: the entry in `auths` has an unexpected format");
}

#[tokio::test]
async fn a_file_that_is_none_is_named_and_a_missing_one_is_no_credentials() {
    let (home, credentials) = with_config(r#"{"auths": {"ghcr.io": {"auth": "c2VjcmV0"#);
    let said = credentials.get("ghcr.io").await.unwrap_err().to_string();
    assert!(said.contains("config.json is not Docker's configuration (line 1)"), "{said}");
    assert_eq!(CredentialStore::read(&home.path().join("none")).get("ghcr.io").await, Ok(None));
    credentials.login("ghcr.io", basic("u", "p"));
    assert_eq!(credentials.get("ghcr.io").await, Ok(Some(basic("u", "p"))), "a log-in still serves");
}

#[tokio::test]
async fn helpers_and_the_store() {
    let (home, credentials) = with_config(
        r#"{"auths": {"ghcr.io": {}, "own.example": {"username": "a", "password": "b"}},
            "credsStore": "store", "credHelpers": {"fail.example": "fail", "gone.example": "gone", "up.example": "../sh"}}"#,
    );
    helper(
        home.path(),
        "store",
        r#"read host; echo call >> "$(dirname "$0")/calls"; case $host in
            https://index.docker.io/v1/) echo '{"Username":"<token>","Secret":"refresh"}';;
            ghcr.io) echo '{"ServerURL":"ghcr.io","Username":"u","Secret":"p"}';;
            *) echo "credentials not found in native keychain"; exit 1;;
        esac"#,
    );
    helper(home.path(), "fail", "printf 'keyring is \\033[31mlocked'; exit 3");
    let path = format!("{}:/bin:/usr/bin", home.path().display());
    let credentials = credentials.with_helpers_in(&path);
    assert_eq!(credentials.get("ghcr.io").await, Ok(Some(basic("u", "p"))));
    assert_eq!(credentials.get("ghcr.io").await, Ok(Some(basic("u", "p"))));
    assert_eq!(std::fs::read_to_string(home.path().join("calls")).unwrap(), "call\n", "asked once");
    assert_eq!(credentials.get("docker.io").await, Ok(Some(RegistryCredential::Identity(Redacted::new("refresh")))));
    assert_eq!(credentials.get("own.example").await, Ok(Some(basic("a", "b"))), "the entry where the store has none");
    assert_eq!(credentials.get("none.example").await, Ok(None));
    assert_eq!(
        credentials.get("fail.example").await.unwrap_err().to_string(),
        "credentials for fail.example: docker-credential-fail: exit status: 3: keyring is locked"
    );
    let gone = credentials.get("gone.example").await.unwrap_err().to_string();
    assert!(gone.contains("docker-credential-gone: No such file"), "{gone}");
    let up = credentials.get("up.example").await.unwrap_err().to_string();
    assert!(up.contains("not a valid helper name"), "{up}");
}

#[tokio::test]
async fn a_helper_that_hangs_is_killed() {
    let (home, credentials) = with_config(r#"{"credHelpers": {"slow.example": "slow"}}"#);
    helper(home.path(), "slow", "echo $$ > \"$(dirname \"$0\")/pid\"; exec sleep 60");
    let credentials = credentials.with_helpers_in(&format!("{}:/bin:/usr/bin", home.path().display()));
    let since = Instant::now();
    let said = credentials.get("slow.example").await.unwrap_err().to_string();
    assert_eq!(said, "credentials for slow.example: docker-credential-slow: no answer within 5 s");
    assert!(since.elapsed() >= HELPER);
    let pid = std::fs::read_to_string(home.path().join("pid")).unwrap();
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    // Killed at once, reaped by the runtime a moment later.
    for _ in 0..500 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the helper still runs");
}

#[test]
fn secrets_are_not_seen_and_the_header_is_what_the_engine_decodes() {
    let secret = basic("pinnace", "s3cret~pass?>x~~~???");
    assert_eq!(format!("{secret:?}"), r#"Basic { user: "pinnace", password: *** }"#);
    let header = secret.header("10.77.0.1:5001");
    assert_eq!(format!("{header:?}"), "***");
    assert!(!header.reveal().contains(['+', '/']), "URL-safe");
    assert_eq!(header.reveal().len() % 4, 0, "padded");
    let json: serde_json::Value = serde_json::from_slice(&URL_SAFE.decode(header.reveal()).unwrap()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"username": "pinnace", "password": "s3cret~pass?>x~~~???", "serveraddress": "10.77.0.1:5001"})
    );
    let hub = URL_SAFE.decode(RegistryCredential::Identity(Redacted::new("t")).header("docker.io").reveal()).unwrap();
    assert_eq!(
        String::from_utf8(hub).unwrap(),
        r#"{"identitytoken":"t","serveraddress":"https://index.docker.io/v1/"}"#
    );
}
