//! The choice of the engine by flags, environment and contexts, with the rules of the `docker` command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::error::DockerError;
use super::tls::CertificatePaths;
use crate::http::{Connector, MemoryOpener};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::hex;

/// The address used when neither flags, environment nor context name one.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// The flags, environment variables and paths that select an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointInputs {
    /// The address given with `--host`.
    pub host_flag: Option<String>,
    /// The context's name given with `--context`.
    pub context_flag: Option<String>,
    /// The address in `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// The context's name in `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// The value of `DOCKER_TLS_VERIFY`: anything but empty requests TLS.
    pub tls_verify: Option<String>,
    /// The folder of the certificates, from `DOCKER_CERT_PATH`; the configuration folder if `None`.
    pub cert_path: Option<PathBuf>,
    /// The configuration folder: `DOCKER_CONFIG`, else `~/.docker`.
    pub config_dir: Option<PathBuf>,
}

impl EndpointInputs {
    /// Combines the flags with this process's environment.
    pub fn from_env(host_flag: Option<String>, context_flag: Option<String>) -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".docker"));
        Self {
            host_flag,
            context_flag,
            docker_host: var("DOCKER_HOST"),
            docker_context: var("DOCKER_CONTEXT"),
            tls_verify: var("DOCKER_TLS_VERIFY"),
            cert_path: var("DOCKER_CERT_PATH").map(PathBuf::from),
            config_dir: var("DOCKER_CONFIG").map(PathBuf::from).or(home),
        }
    }
}

/// The name and address of one engine.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The name of the context, or the address if no context was used.
    pub name: String,
    /// The address that the engine listens on.
    pub host: EngineAddress,
}

/// The transport to an engine: a socket, TCP or TLS, or a pipe within the process.
#[derive(Clone)]
pub enum EngineAddress {
    /// A unix socket.
    Unix(PathBuf),
    /// TCP to `host:port`, unencrypted.
    Tcp(String),
    /// TLS to `host:port`.
    Tls(String, CertificatePaths),
    /// An engine in this process, reached by in-memory pipes.
    Memory(MemoryOpener<std::io::Error>),
}

impl std::fmt::Debug for EngineAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

impl EngineAddress {
    /// Returns the address in the notation of `DOCKER_HOST`.
    pub fn address(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", clean(&path.to_string_lossy())),
            Self::Tcp(authority) | Self::Tls(authority, _) => format!("tcp://{}", clean(authority)),
            Self::Memory(_) => "memory".to_owned(),
        }
    }

    /// Returns the connector, and the scheme and authority for request URLs.
    pub(super) fn connector(&self) -> Result<(Connector, String), DockerError> {
        let net = |tls| Connector::Net { tls, limit: None };
        Ok(match self {
            Self::Unix(path) => (Connector::Unix(Arc::new(path.clone())), "http://docker".to_owned()),
            Self::Tcp(authority) => (net(None), format!("http://{authority}")),
            Self::Tls(authority, certificates) => {
                (net(Some(Arc::new(certificates.load()?))), format!("https://{authority}"))
            }
            Self::Memory(opener) => (Connector::Memory(opener.clone()), "http://docker".to_owned()),
        })
    }
}

impl Endpoint {
    /// Returns the engine at this machine's default socket.
    pub fn usual() -> Self {
        let path = DEFAULT.trim_start_matches("unix://");
        Self { name: "default".to_owned(), host: EngineAddress::Unix(PathBuf::from(path)) }
    }
}

impl EndpointInputs {
    /// Selects the engine.
    ///
    /// `--host` together with `--context` is an error. Otherwise the order is `--context`, `DOCKER_HOST`,
    /// `DOCKER_CONTEXT`, and the current context of the configuration file. The context `default` is `DOCKER_HOST`,
    /// else the default socket.
    ///
    /// # Errors
    /// [`DockerError::Endpoint`] if flags contradict each other, a context does not exist, or an address cannot be used.
    pub fn endpoint(&self) -> Result<Endpoint, DockerError> {
        match (&self.host_flag, &self.context_flag) {
            (Some(_), Some(_)) => Err(fault("--host and --context exclude each other", "use one of them")),
            (Some(host), None) => by_address(host, self),
            (None, Some(context)) => by_context(context, self),
            (None, None) => match (&self.docker_host, &self.docker_context) {
                (Some(host), _) => by_address(host, self),
                (None, Some(context)) => by_context(context, self),
                (None, None) => by_context(&current_context(self)?, self),
            },
        }
    }
}

fn current_context(given: &EndpointInputs) -> Result<String, DockerError> {
    #[derive(serde::Deserialize)]
    struct ConfigFile {
        #[serde(rename = "currentContext", default)]
        current: Option<String>,
    }
    let default = "default".to_owned();
    let Some(dir) = &given.config_dir else { return Ok(default) };
    let path = dir.join("config.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(default),
        Err(error) => {
            return Err(fault(
                format!("{} cannot be read: {error}", path.display()),
                "make it readable, or name the engine with --host",
            ));
        }
    };
    let file: ConfigFile = serde_json::from_slice(&text).map_err(|error| {
        fault(format!("{} is not JSON: {error}", path.display()), "fix it, or name the engine with --host")
    })?;
    Ok(file.current.filter(|name| !name.is_empty()).unwrap_or(default))
}

fn by_context(name: &str, given: &EndpointInputs) -> Result<Endpoint, DockerError> {
    if name == "default" {
        let address = given.docker_host.as_deref().unwrap_or(DEFAULT);
        return Ok(Endpoint { name: "default".to_owned(), ..by_address(address, given)? });
    }
    let missing = |why: String| {
        fault(
            format!("context `{}`: {why}", clean(name)),
            "run docker context ls to list the contexts, or name an address with --host",
        )
    };
    let dir = given.config_dir.as_ref().ok_or_else(|| missing("no configuration folder".to_owned()))?;
    let folder = hex(&Sha256::digest(name.as_bytes()));
    let meta = dir.join("contexts/meta").join(&folder).join("meta.json");
    let text = std::fs::read(&meta).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing("does not exist".to_owned()),
        _ => missing(format!("{} cannot be read: {error}", meta.display())),
    })?;
    let (host, skip_verify) =
        read_meta(&text).ok_or_else(|| missing(format!("{} names no Docker endpoint", meta.display())))?;
    let certificates = CertificatePaths {
        skip_verify,
        ..CertificatePaths::in_folder(&dir.join("contexts/tls").join(folder).join("docker"))
    };
    let tls = Some(certificates).filter(CertificatePaths::wants_tls);
    Ok(Endpoint { name: clean(name), host: parse(&host, tls)? })
}

fn read_meta(text: &[u8]) -> Option<(String, bool)> {
    let meta: serde_json::Value = serde_json::from_slice(text).ok()?;
    let docker = meta.pointer("/Endpoints/docker")?;
    let skip = docker.get("SkipTLSVerify").and_then(serde_json::Value::as_bool).unwrap_or(false);
    Some((docker.get("Host")?.as_str()?.to_owned(), skip))
}

fn by_address(address: &str, given: &EndpointInputs) -> Result<Endpoint, DockerError> {
    let tls = given.tls_verify.as_ref().filter(|value| !value.is_empty()).map(|_| {
        let folder = given.cert_path.as_deref().or(given.config_dir.as_deref()).unwrap_or(Path::new("."));
        CertificatePaths::in_folder(folder)
    });
    let host = parse(address, tls)?;
    Ok(Endpoint { name: host.address(), host })
}

fn parse(address: &str, tls: Option<CertificatePaths>) -> Result<EngineAddress, DockerError> {
    let shown = clean(address);
    let Some((scheme, rest)) = address.split_once("://") else {
        return Err(fault(
            format!("`{shown}` is not the address of an engine"),
            "write unix:///path or tcp://host:2375",
        ));
    };
    match scheme {
        "unix" if rest.starts_with('/') => Ok(EngineAddress::Unix(PathBuf::from(rest))),
        "unix" => Err(fault(format!("`{shown}` has no absolute path"), "write unix:///var/run/docker.sock")),
        "tcp" | "http" | "https" => {
            let tls = if scheme == "https" { Some(tls.unwrap_or_default()) } else { tls };
            let rest = rest.trim_end_matches('/');
            let authority: http::uri::Authority =
                rest.parse().ok().filter(|_| !rest.is_empty() && !rest.contains('@')).ok_or_else(|| {
                    fault(format!("`{shown}` names no host and port"), "write tcp://host:2375, or :2376 with TLS")
                })?;
            let port = if tls.is_some() { 2376 } else { 2375 };
            let authority = match authority.port() {
                Some(_) => authority.to_string(),
                None => format!("{authority}:{port}"),
            };
            Ok(tls.map_or_else(
                || EngineAddress::Tcp(authority.clone()),
                |tls| EngineAddress::Tls(authority.clone(), tls),
            ))
        }
        "ssh" => {
            let target = clean(rest.trim_end_matches('/'));
            Err(fault(
                "pinnace does not support ssh:// endpoints yet",
                &format!(
                    "forward the socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock {target} & \
                     then use --host unix:///tmp/docker.sock"
                ),
            ))
        }
        other => Err(fault(format!("pinnace does not support {other}:// endpoints"), "use unix:// or tcp://")),
    }
}

fn fault(why: impl Into<String>, hint: &str) -> DockerError {
    DockerError::Endpoint { why: why.into(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &EndpointInputs) -> Result<(String, String), String> {
        given.endpoint().map(|end| (end.name.clone(), end.host.address())).map_err(|fault| fault.to_string())
    }

    #[test]
    fn who_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir.path().join("contexts/meta").join(hex(&Sha256::digest(b"prod")));
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"prod","Endpoints":{"docker":{"Host":"tcp://10.0.0.1:2376","SkipTLSVerify":true}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"auths":{},"currentContext":"prod"}"#).unwrap();
        let base = EndpointInputs { config_dir: Some(dir.path().into()), ..EndpointInputs::default() };
        let ok = |name: &str, address: &str| Ok((name.to_owned(), address.to_owned()));
        assert_eq!(shown(&EndpointInputs::default()), ok("default", DEFAULT));
        assert_eq!(shown(&base), ok("prod", "tcp://10.0.0.1:2376"));
        assert!(matches!(
            base.endpoint().unwrap().host,
            EngineAddress::Tls(_, CertificatePaths { skip_verify: true, .. })
        ));
        let context = EndpointInputs { docker_context: Some("default".into()), ..base.clone() };
        assert_eq!(shown(&context), ok("default", DEFAULT));
        let host = EndpointInputs { docker_host: Some("tcp://h".into()), ..context };
        assert_eq!(shown(&host), ok("tcp://h:2375", "tcp://h:2375"));
        let flag = EndpointInputs { context_flag: Some("default".into()), ..host.clone() };
        assert_eq!(shown(&flag), ok("default", "tcp://h:2375"));
        let flag = EndpointInputs { context_flag: Some("prod".into()), ..host };
        assert_eq!(shown(&flag), ok("prod", "tcp://10.0.0.1:2376"));
        let both = EndpointInputs { host_flag: Some("tcp://h".into()), ..flag };
        assert_eq!(shown(&both), Err("--host and --context exclude each other".into()));
        let none = EndpointInputs { context_flag: Some("nope".into()), ..base };
        assert_eq!(shown(&none), Err("context `nope`: does not exist".into()));
    }

    #[test]
    fn addresses() {
        let tls = |on: bool| on.then(CertificatePaths::default);
        for (address, tls_on, read) in [
            ("unix:///run/d.sock", false, "unix:///run/d.sock"),
            ("tcp://h:1", false, "tcp://h:1"),
            ("tcp://[::1]", true, "tcp://[::1]:2376"),
            ("tcp://", false, "`tcp://` names no host and port"),
            ("unix://rel", false, "`unix://rel` has no absolute path"),
            ("ssh://op@h", false, "pinnace does not support ssh:// endpoints yet"),
            ("npipe:////./pipe/x", false, "pinnace does not support npipe:// endpoints"),
            ("h:2375", false, "`h:2375` is not the address of an engine"),
        ] {
            let got = parse(address, tls(tls_on));
            assert_eq!(got.map_or_else(|fault| fault.to_string(), |host| host.address()), read);
        }
        assert!(parse("ssh://op@h", None).unwrap_err().hint().contains("ssh -nNT -L"));
    }
}
