//! How registries are reached: by plain HTTP where the engine declares it, and with which limits.

use std::net::IpAddr;
use std::time::Duration;

/// Limits of every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name look-up and connecting together; the TLS handshake has as much again.
    pub connect: Duration,
    /// One look at one reference: all its requests, with their bodies, once it has its turn.
    pub call: Duration,
    /// Looks at one registry at a time: one that hangs must not hold up the others.
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), call: Duration::from_secs(10), at_once: 8 }
    }
}

/// How registries are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Registries spoken to by plain HTTP: hosts, host:port, networks in CIDR form (the engine's `/info`).
    pub insecure: Vec<String>,
    /// Limits.
    pub limits: Limits,
    /// The `User-Agent` of every request; empty: `pinnace/<version>`.
    pub user_agent: String,
}

/// The server that answers for the host of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Its name and port.
    pub authority: &'a str,
    /// The host whose credentials it may see.
    pub login: &'a str,
}

/// What the user set about registries, for all clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Hosts that are spoken to by plain HTTP whatever the engine declares: `host[:port]` each.
    pub plain_http: Vec<String>,
}

impl Policy {
    /// The policy of a cluster: what its engine declares insecure, and what the user set.
    pub(crate) fn of_cluster(mut insecure: Vec<String>, settings: &RegistrySettings) -> Self {
        insecure.extend(settings.plain_http.iter().cloned());
        let user_agent = concat!("pinnace/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { insecure, limits: Limits::default(), user_agent }
    }

    /// The server that answers for a host; Docker Hub's is another than its name (distribution/reference).
    pub(crate) fn server_of<'a>(&self, host: &'a str) -> Server<'a> {
        let is_hub = host == "docker.io" || host == "index.docker.io";
        let scheme = if self.is_insecure(host) { "http" } else { "https" };
        Server { scheme, authority: if is_hub { "registry-1.docker.io" } else { host }, login: host }
    }

    /// Whether a registry, `host[:port]`, is spoken to by plain HTTP.
    ///
    /// An entry stands for exactly that text; a network for every address literal in it, whatever the port, and for
    /// `localhost` (moby, `registry/config.go`: there any name is resolved first, which we do not do for a decision
    /// about secrecy).
    pub(crate) fn is_insecure(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            Err(_) if host == "localhost" => vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])],
            Err(_) => Vec::new(),
        };
        self.insecure
            .iter()
            .any(|entry| entry == authority || addresses.iter().any(|address| within(entry, *address) == Some(true)))
    }
}

/// `[::1]:5000` → `::1`, `10.77.0.1:5000` → `10.77.0.1`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

/// Whether a network in CIDR form holds the address; `None` where it is no network.
fn within(network: &str, address: IpAddr) -> Option<bool> {
    let (base, bits) = network.split_once('/')?;
    let (base, bits): (IpAddr, u32) = (base.parse().ok()?, bits.parse().ok()?);
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Some((base.to_bits() ^ address.to_bits()) & mask == 0)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Some((base.to_bits() ^ address.to_bits()) & mask == 0)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure() {
        let insecure =
            ["127.0.0.0/8", "10.77.0.0/24", "::1/128", "fd00::/8", "reg.example:5000", "plain.example", "9.9.9.9/33"];
        let policy = Policy { insecure: insecure.map(str::to_owned).to_vec(), ..Policy::default() };
        for (host, expected) in [
            ("127.0.0.1:5001", true),
            ("127.9.9.9", true),
            ("128.0.0.1", false),
            ("10.77.0.1:5000", true),
            ("10.77.1.1:5000", false),
            ("[::1]:5000", true),
            ("[::2]:5000", false),
            ("[fd12::9]:5000", true),
            ("localhost:5000", true),
            ("reg.example:5000", true),
            ("reg.example", false),
            ("reg.example:5001", false),
            ("plain.example", true),
            ("plain.example:5000", false),
            ("9.9.9.9", false),
            ("ghcr.io", false),
        ] {
            assert_eq!(policy.is_insecure(host), expected, "{host}");
        }
        let all = Policy { insecure: vec!["0.0.0.0/0".into(), "::/0".into()], ..Policy::default() };
        assert!(all.is_insecure("1.2.3.4") && all.is_insecure("[2001:db8::1]:443"));
        assert!(!Policy::default().is_insecure("localhost:5000"));
    }

    #[test]
    fn the_hub_has_another_server() {
        let policy = Policy { insecure: vec!["reg:5000".into()], ..Policy::default() };
        for (host, server) in [
            ("docker.io", ("https", "registry-1.docker.io")),
            ("ghcr.io", ("https", "ghcr.io")),
            ("reg:5000", ("http", "reg:5000")),
        ] {
            let Server { scheme, authority, login } = policy.server_of(host);
            assert_eq!(((scheme, authority), login), (server, host));
        }
    }
}
