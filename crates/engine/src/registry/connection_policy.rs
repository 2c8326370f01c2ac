//! The connection policy for registries: plain HTTP where the engine declares it, and the limits.

use std::net::IpAddr;
use std::time::Duration;

/// The limits of every call to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryLimits {
    /// The time for name resolution and connecting together; the TLS handshake gets the same time again.
    pub connect: Duration,
    /// The time for one lookup: all its requests with their bodies, without the wait for a free slot.
    pub call: Duration,
    /// The number of concurrent lookups per registry: a registry that hangs must not delay the others.
    pub at_once: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), call: Duration::from_secs(10), at_once: 8 }
    }
}

/// The connection policy for registries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionPolicy {
    /// The registries to use over plain HTTP: `host`, `host:port`, or networks in CIDR form (from the engine's
    /// `/info`).
    pub insecure: Vec<String>,
    pub limits: RegistryLimits,
    /// The `User-Agent` of every request; empty means `pinnace/<version>`.
    pub user_agent: String,
}

/// The server behind the host name of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryEndpoint<'a> {
    /// The URL scheme, `http` or `https`.
    pub scheme: &'static str,
    /// The host name, with the port where the reference names one.
    pub authority: &'a str,
    /// The host whose credentials may be sent to this server.
    pub login: &'a str,
}

/// The user's registry settings, for all clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// The hosts to use over plain HTTP, whatever the engine declares: `host[:port]` each.
    pub plain_http: Vec<String>,
}

impl ConnectionPolicy {
    /// Builds the policy of a cluster from the registries that its engine declares insecure and the user's settings.
    pub(crate) fn of_cluster(mut insecure: Vec<String>, settings: &RegistrySettings) -> Self {
        insecure.extend(settings.plain_http.iter().cloned());
        let user_agent = concat!("pinnace/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { insecure, limits: RegistryLimits::default(), user_agent }
    }

    /// Returns the server for a host. Docker Hub's server differs from its name (distribution/reference).
    pub(crate) fn server_of<'a>(&self, host: &'a str) -> RegistryEndpoint<'a> {
        let is_hub = host == "docker.io" || host == "index.docker.io";
        let scheme = if self.is_insecure(host) { "http" } else { "https" };
        RegistryEndpoint { scheme, authority: if is_hub { "registry-1.docker.io" } else { host }, login: host }
    }

    /// Returns whether a registry, `host[:port]`, is used over plain HTTP.
    ///
    /// A name matches exactly that text. A network matches every address literal in it, whatever the port, and
    /// `localhost` (moby, `registry/config.go`: there any name is resolved first; we do not resolve names to decide
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

/// Strips the port: `[::1]:5000` → `::1`, `10.77.0.1:5000` → `10.77.0.1`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

/// Returns whether a network in CIDR form contains the address; `None` if the text is not a valid network.
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
        let policy = ConnectionPolicy { insecure: insecure.map(str::to_owned).to_vec(), ..ConnectionPolicy::default() };
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
        let all = ConnectionPolicy { insecure: vec!["0.0.0.0/0".into(), "::/0".into()], ..ConnectionPolicy::default() };
        assert!(all.is_insecure("1.2.3.4") && all.is_insecure("[2001:db8::1]:443"));
        assert!(!ConnectionPolicy::default().is_insecure("localhost:5000"));
    }

    #[test]
    fn the_hub_has_another_server() {
        let policy = ConnectionPolicy { insecure: vec!["reg:5000".into()], ..ConnectionPolicy::default() };
        for (host, server) in [
            ("docker.io", ("https", "registry-1.docker.io")),
            ("ghcr.io", ("https", "ghcr.io")),
            ("reg:5000", ("http", "reg:5000")),
        ] {
            let RegistryEndpoint { scheme, authority, login } = policy.server_of(host);
            assert_eq!(((scheme, authority), login), (server, host));
        }
    }
}
