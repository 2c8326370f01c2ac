//! Which engine is meant: flags, environment and contexts, as the `docker` command reads them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::error::Fault;
use super::tls::Certificates;
use crate::http::{Connector, Opener};
use pinnace_core::swarm::hex;
use pinnace_core::text::clean;

/// Where an engine listens when nobody says otherwise.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// All that says which engine is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `--host`.
    pub host_flag: Option<String>,
    /// `--context`.
    pub context_flag: Option<String>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY`: anything but empty asks for TLS.
    pub tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`; without it the configuration folder.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub config_dir: Option<PathBuf>,
}

impl Surroundings {
    /// The flags, and what this process's environment says.
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

/// One engine.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The context's name, or the address.
    pub name: String,
    /// Where it listens.
    pub host: Host,
}

/// Where an engine listens.
#[derive(Clone)]
pub enum Host {
    /// At a unix socket.
    Unix(PathBuf),
    /// At `host:port`, in the clear.
    Tcp(String),
    /// At `host:port`, by TLS.
    Tls(String, Certificates),
    /// Within this process.
    Memory(Opener<std::io::Error>),
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

impl Host {
    /// The address, as `DOCKER_HOST` would have it.
    pub fn address(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", clean(&path.to_string_lossy())),
            Self::Tcp(authority) | Self::Tls(authority, _) => format!("tcp://{}", clean(authority)),
            Self::Memory(_) => "memory".to_owned(),
        }
    }

    /// The connector, and the scheme and authority requests are made to.
    pub(super) fn connector(&self) -> Result<(Connector, String), Fault> {
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
    /// The engine at the usual socket of this machine.
    pub fn usual() -> Self {
        let path = DEFAULT.trim_start_matches("unix://");
        Self { name: "default".to_owned(), host: Host::Unix(PathBuf::from(path)) }
    }
}

impl Surroundings {
    /// Finds the engine that is meant.
    ///
    /// `--host` with `--context` is an error; `--context` comes before `DOCKER_HOST`, that before `DOCKER_CONTEXT`, that
    /// before the current context of the configuration file. The context `default` is `DOCKER_HOST`, else the usual socket.
    ///
    /// # Errors
    /// When flags contradict each other, a context does not exist, or an address cannot be used.
    pub fn endpoint(&self) -> Result<Endpoint, Fault> {
        match (&self.host_flag, &self.context_flag) {
            (Some(_), Some(_)) => {
                Err(fault("--host and --context exclude each other", "give the one that is meant, not both"))
            }
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

fn current_context(given: &Surroundings) -> Result<String, Fault> {
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
        fault(format!("{} is no JSON: {error}", path.display()), "mend it, or name the engine with --host")
    })?;
    Ok(file.current.filter(|name| !name.is_empty()).unwrap_or(default))
}

fn by_context(name: &str, given: &Surroundings) -> Result<Endpoint, Fault> {
    if name == "default" {
        let address = given.docker_host.as_deref().unwrap_or(DEFAULT);
        return Ok(Endpoint { name: "default".to_owned(), ..by_address(address, given)? });
    }
    let missing = |why: String| {
        fault(
            format!("context `{}`: {why}", clean(name)),
            "docker context ls shows those there are; --host takes an address",
        )
    };
    let dir = given.config_dir.as_ref().ok_or_else(|| missing("there is no configuration folder".to_owned()))?;
    let folder = hex(&Sha256::digest(name.as_bytes()));
    let meta = dir.join("contexts/meta").join(&folder).join("meta.json");
    let text = std::fs::read(&meta).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing("does not exist".to_owned()),
        _ => missing(format!("{} cannot be read: {error}", meta.display())),
    })?;
    let (host, skip_verify) =
        read_meta(&text).ok_or_else(|| missing(format!("{} names no Docker endpoint", meta.display())))?;
    let certificates =
        Certificates { skip_verify, ..Certificates::in_folder(&dir.join("contexts/tls").join(folder).join("docker")) };
    let tls = Some(certificates).filter(Certificates::wants_tls);
    Ok(Endpoint { name: clean(name), host: parse(&host, tls)? })
}

fn read_meta(text: &[u8]) -> Option<(String, bool)> {
    let meta: serde_json::Value = serde_json::from_slice(text).ok()?;
    let docker = meta.pointer("/Endpoints/docker")?;
    let skip = docker.get("SkipTLSVerify").and_then(serde_json::Value::as_bool).unwrap_or(false);
    Some((docker.get("Host")?.as_str()?.to_owned(), skip))
}

fn by_address(address: &str, given: &Surroundings) -> Result<Endpoint, Fault> {
    let tls = given.tls_verify.as_ref().filter(|value| !value.is_empty()).map(|_| {
        let folder = given.cert_path.as_deref().or(given.config_dir.as_deref()).unwrap_or(Path::new("."));
        Certificates::in_folder(folder)
    });
    let host = parse(address, tls)?;
    Ok(Endpoint { name: host.address(), host })
}

fn parse(address: &str, tls: Option<Certificates>) -> Result<Host, Fault> {
    let shown = clean(address);
    let Some((scheme, rest)) = address.split_once("://") else {
        return Err(fault(format!("`{shown}` is no address of an engine"), "write unix:///path or tcp://host:2375"));
    };
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Host::Unix(PathBuf::from(rest))),
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
            Ok(tls.map_or_else(|| Host::Tcp(authority.clone()), |tls| Host::Tls(authority.clone(), tls)))
        }
        "ssh" => {
            let target = clean(rest.trim_end_matches('/'));
            Err(fault(
                "ssh:// endpoints are not spoken yet",
                &format!(
                    "forward the socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock {target} & \
                     then use --host unix:///tmp/docker.sock"
                ),
            ))
        }
        other => Err(fault(format!("{other}:// endpoints are not spoken"), "use unix:// or tcp://")),
    }
}

fn fault(why: impl Into<String>, hint: &str) -> Fault {
    Fault::Endpoint { why: why.into(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &Surroundings) -> Result<(String, String), String> {
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
        let base = Surroundings { config_dir: Some(dir.path().into()), ..Surroundings::default() };
        let ok = |name: &str, address: &str| Ok((name.to_owned(), address.to_owned()));
        assert_eq!(shown(&Surroundings::default()), ok("default", DEFAULT));
        assert_eq!(shown(&base), ok("prod", "tcp://10.0.0.1:2376"));
        assert!(matches!(base.endpoint().unwrap().host, Host::Tls(_, Certificates { skip_verify: true, .. })));
        let context = Surroundings { docker_context: Some("default".into()), ..base.clone() };
        assert_eq!(shown(&context), ok("default", DEFAULT));
        let host = Surroundings { docker_host: Some("tcp://h".into()), ..context };
        assert_eq!(shown(&host), ok("tcp://h:2375", "tcp://h:2375"));
        let flag = Surroundings { context_flag: Some("default".into()), ..host.clone() };
        assert_eq!(shown(&flag), ok("default", "tcp://h:2375"));
        let flag = Surroundings { context_flag: Some("prod".into()), ..host };
        assert_eq!(shown(&flag), ok("prod", "tcp://10.0.0.1:2376"));
        let both = Surroundings { host_flag: Some("tcp://h".into()), ..flag };
        assert_eq!(shown(&both), Err("--host and --context exclude each other".into()));
        let none = Surroundings { context_flag: Some("nope".into()), ..base };
        assert_eq!(shown(&none), Err("context `nope`: does not exist".into()));
    }

    #[test]
    fn addresses() {
        let tls = |on: bool| on.then(Certificates::default);
        for (address, tls_on, read) in [
            ("unix:///run/d.sock", false, "unix:///run/d.sock"),
            ("tcp://h:1", false, "tcp://h:1"),
            ("tcp://[::1]", true, "tcp://[::1]:2376"),
            ("tcp://", false, "`tcp://` names no host and port"),
            ("unix://rel", false, "`unix://rel` has no absolute path"),
            ("ssh://op@h", false, "ssh:// endpoints are not spoken yet"),
            ("npipe:////./pipe/x", false, "npipe:// endpoints are not spoken"),
            ("h:2375", false, "`h:2375` is no address of an engine"),
        ] {
            let got = parse(address, tls(tls_on));
            assert_eq!(got.map_or_else(|fault| fault.to_string(), |host| host.address()), read);
        }
        assert!(parse("ssh://op@h", None).unwrap_err().hint().contains("ssh -nNT -L"));
    }
}
