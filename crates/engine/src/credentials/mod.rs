//! Credentials for registries: Docker's `config.json`, its credential helpers, and logins kept in memory.
//!
//! The order of the lookup is that of the Docker CLI (`docs.docker.com/reference/cli/docker/login`), after a
//! login made in this process: `credHelpers` for the host; `credsStore`; `auths`. Keys of `auths` may be a
//! host, or a URL with scheme and path; Docker Hub's is `https://index.docker.io/v1/`. A credential that cannot
//! be read affects its registry only.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OnceCell;

use pinnace_core::sanitize::clean;

pub use pinnace_core::redacted::Redacted;

/// Docker's key for Docker Hub among credentials.
const HUB: &str = "https://index.docker.io/v1/";
/// The time limit of a credential helper: it may query a keyring, but never a person.
const HELPER: Duration = Duration::from_secs(5);
/// The largest answer of a helper, in bytes.
const MOST: u64 = 1 << 20;
/// The output of a helper that has no credentials for a registry (docker/docker-credential-helpers).
const NOTHING: &str = "credentials not found";

/// The credentials for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryCredential {
    /// A user, and a password or an access token.
    Basic { user: String, password: Redacted },
    /// A refresh token, which is exchanged for a bearer token (OAuth 2, `docker login` with an identity token).
    Identity(Redacted),
    /// A bearer token, sent unchanged (`registrytoken`).
    Token(Redacted),
}

impl RegistryCredential {
    /// Returns the value of `X-Registry-Auth` for a registry: JSON as URL-safe base64 with padding, which is
    /// what the engine decodes. It silently takes the standard alphabet for no credentials.
    pub fn header(&self, host: &str) -> Redacted {
        let server = key_of(host);
        let json = match self {
            Self::Basic { user, password } => {
                serde_json::json!({"username": user, "password": password.reveal(), "serveraddress": server})
            }
            Self::Identity(token) => serde_json::json!({"identitytoken": token.reveal(), "serveraddress": server}),
            Self::Token(token) => serde_json::json!({"registrytoken": token.reveal(), "serveraddress": server}),
        };
        Redacted::new(URL_SAFE.encode(json.to_string()))
    }
}

/// The reason why a registry's credentials could not be read: a sentence without any secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialError(String);

type CredentialResult = Result<Option<RegistryCredential>, CredentialError>;

/// All credentials available to this process. Clones share the answers of helpers and files.
#[derive(Clone, Default)]
pub struct CredentialStore(Arc<CredentialStoreInner>);

#[derive(Default)]
struct CredentialStoreInner {
    config: DockerConfigAuth,
    broken: Option<CredentialError>,
    logins: Mutex<HashMap<String, RegistryCredential>>,
    read: Mutex<HashMap<String, Arc<OnceCell<CredentialResult>>>>,
    path: Option<std::ffi::OsString>,
}

impl fmt::Debug for CredentialStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct DockerConfigAuth {
    // An entry of an unexpected form must not make the others unusable.
    auths: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperReply {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl CredentialStore {
    /// Reads `config.json` in this folder (`$DOCKER_CONFIG`, or `~/.docker`); without the file there are no
    /// credentials.
    ///
    /// A file that cannot be read or parsed is no error here; each lookup reports it.
    pub fn read(folder: &Path) -> Self {
        let path = folder.join("config.json");
        let broken = |why: String| CredentialStoreInner {
            broken: Some(CredentialError(why)),
            ..CredentialStoreInner::default()
        };
        let inner = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(config) => CredentialStoreInner { config, ..CredentialStoreInner::default() },
                // The parser's message may quote the file, so only the line is reported.
                Err(error) => {
                    broken(format!("{} is not Docker's configuration (line {})", path.display(), error.line()))
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => CredentialStoreInner::default(),
            Err(error) => broken(format!("{} cannot be read: {error}", path.display())),
        };
        Self(Arc::new(inner))
    }

    /// Looks for credential helpers in these folders (as `PATH`) instead of the process's own.
    #[cfg(test)]
    fn with_helpers_in(self, path: &str) -> Self {
        let (config, broken) = (self.0.config.clone(), self.0.broken.clone());
        Self(Arc::new(CredentialStoreInner {
            config,
            broken,
            path: Some(path.into()),
            ..CredentialStoreInner::default()
        }))
    }

    /// Keeps a login in memory for the life of this process; it takes precedence over credentials on disk.
    pub fn login(&self, host: &str, secret: RegistryCredential) {
        lock(&self.0.logins).insert(host_of(host).to_owned(), secret);
    }

    /// Forgets the login and the cached answer for this host: the next lookup runs helpers again.
    pub fn forget(&self, host: &str) {
        lock(&self.0.logins).remove(host_of(host));
        lock(&self.0.read).remove(host_of(host));
    }

    /// Returns the credentials for a registry's host (`ghcr.io`, `docker.io`, `10.77.0.1:5001`); `None` if
    /// there are none.
    ///
    /// A helper runs once per host, and for at most 5 s.
    pub async fn get(&self, host: &str) -> CredentialResult {
        let host = host_of(host);
        if let Some(secret) = lock(&self.0.logins).get(host) {
            return Ok(Some(secret.clone()));
        }
        let cell = lock(&self.0.read).entry(host.to_owned()).or_default().clone();
        let answer = cell.get_or_init(|| self.look_up(host)).await;
        answer.clone().map_err(|CredentialError(why)| CredentialError(format!("credentials for {host}: {why}")))
    }

    /// Returns the value of `X-Registry-Auth` for a host, if there are credentials.
    pub async fn header(&self, host: &str) -> Result<Option<Redacted>, CredentialError> {
        Ok(self.get(host).await?.map(|secret| secret.header(host)))
    }

    async fn look_up(&self, host: &str) -> CredentialResult {
        if let Some(broken) = &self.0.broken {
            return Err(broken.clone());
        }
        let config = &self.0.config;
        let helper = config.helpers.iter().find(|(key, _)| host_of(key) == host).map(|(_, helper)| helper);
        if let Some(helper) = helper {
            return self.ask(helper, host).await;
        }
        let entry = || config.auths.iter().find(|(key, _)| host_of(key) == host).map_or(Ok(None), |(_, it)| entry(it));
        match config.store.as_deref().filter(|store| !store.is_empty()) {
            Some(store) => match self.ask(store, host).await {
                Ok(None) => entry(),
                Ok(found) => Ok(found),
                // An entry in `auths` is still used if the store fails.
                Err(error) => entry().ok().flatten().map_or(Err(error), |secret| Ok(Some(secret))),
            },
            None => entry(),
        }
    }

    /// Runs `docker-credential-<helper> get`; the process is killed when it takes too long, or when the caller
    /// stops waiting.
    async fn ask(&self, helper: &str, host: &str) -> CredentialResult {
        let name = format!("docker-credential-{helper}");
        let fail = |why: String| CredentialError(clean(&format!("{name}: {why}")));
        if !helper.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(fail("not a valid helper name".to_owned()));
        }
        let mut command = tokio::process::Command::new(&name);
        if let Some(path) = &self.0.path {
            command.env("PATH", path);
        }
        command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        let talk = async {
            if let Some(mut input) = child.stdin.take() {
                // A helper that does not read its input is judged by its answer.
                let _ = input.write_all(key_of(host).as_bytes()).await;
            }
            let mut output = Vec::new();
            if let Some(pipe) = child.stdout.take() {
                pipe.take(MOST).read_to_end(&mut output).await?;
            }
            Ok::<_, std::io::Error>((child.wait().await?, output))
        };
        let (status, output) = match tokio::time::timeout(HELPER, talk).await {
            Ok(done) => done.map_err(|error| fail(error.to_string()))?,
            Err(_) => return Err(fail(format!("no answer within {} s", HELPER.as_secs()))),
        };
        if !status.success() {
            let said = String::from_utf8_lossy(&output);
            let said = said.trim();
            // A helper that failed writes only an error message to its output. The message is cut, because it
            // may be anything.
            let short: String = said.chars().take(200).collect();
            return if said.starts_with(NOTHING) { Ok(None) } else { Err(fail(format!("{status}: {short}"))) };
        }
        let told: HelperReply =
            serde_json::from_slice(&output).map_err(|_| fail("its answer is not JSON".to_owned()))?;
        Ok(match (told.username.as_str(), told.secret) {
            (_, secret) if secret.is_empty() => None,
            ("<token>", secret) => Some(RegistryCredential::Identity(Redacted::new(secret))),
            (user, secret) => {
                Some(RegistryCredential::Basic { user: user.to_owned(), password: Redacted::new(secret) })
            }
        })
    }
}

/// Reads one entry of `auths`. An empty one marks a registry whose credentials are in the store.
fn entry(value: &serde_json::Value) -> CredentialResult {
    let fail = |why: &str| CredentialError(why.to_owned());
    let entry = AuthEntry::deserialize(value).map_err(|_| fail("the entry in `auths` has an unexpected format"))?;
    if !entry.identitytoken.is_empty() {
        return Ok(Some(RegistryCredential::Identity(Redacted::new(entry.identitytoken))));
    }
    if !entry.registrytoken.is_empty() {
        return Ok(Some(RegistryCredential::Token(Redacted::new(entry.registrytoken))));
    }
    if entry.auth.is_empty() {
        let password = Redacted::new(entry.password);
        return Ok((!entry.username.is_empty()).then_some(RegistryCredential::Basic { user: entry.username, password }));
    }
    let bytes = STANDARD
        .decode(&entry.auth)
        .or_else(|_| STANDARD_NO_PAD.decode(&entry.auth))
        .map_err(|_| fail("`auth` is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| fail("`auth` is not text"))?;
    let (user, password) = text.split_once(':').ok_or_else(|| fail("`auth` has no `:` between user and password"))?;
    let password = Redacted::new(password.trim_end_matches('\0').to_owned());
    Ok(Some(RegistryCredential::Basic { user: user.to_owned(), password }))
}

/// Returns Docker's key for a host among credentials: the host, except for Docker Hub.
fn key_of(host: &str) -> &str {
    if host == "docker.io" { HUB } else { host }
}

/// Returns the host of a key of `auths` or of a registry's name: without scheme and path, with one name for
/// Docker Hub.
fn host_of(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    match key.split('/').next().unwrap_or(key) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
