//! The compiled-in version list: the images that pgEdge built and tested, as of [`AT`].
//!
//! Written from the facts of the version manifest of pgEdge's control plane (`github.com/pgEdge/control-plane`,
//! `server/internal/orchestrator/swarm/version-manifest.json`).

use pinnace_core::registry::{POSTGRES, Stability, VersionEntry, VersionManifest, VersionManifestOrigin};
use pinnace_core::time::Time;

/// The date of the list: 2026-07-24, 00:00 UTC.
pub(super) const AT: Time = Time(1_784_851_200_000);

/// The `spock_version` of all entries.
const SPOCK: &str = "5";

/// PostgreSQL version, Spock version, and build of the standard image; the last entry is the default.
const BUILDS: [(&str, &str, u8); 15] = [
    ("16.10", "5.0.4", 3),
    ("16.11", "5.0.4", 4),
    ("16.12", "5.0.5", 1),
    ("16.13", "5.0.6", 2),
    ("16.14", "5.0.10", 1),
    ("17.6", "5.0.4", 3),
    ("17.7", "5.0.4", 4),
    ("17.8", "5.0.5", 1),
    ("17.9", "5.0.6", 2),
    ("17.10", "5.0.10", 1),
    ("18.0", "5.0.4", 3),
    ("18.1", "5.0.4", 4),
    ("18.2", "5.0.5", 1),
    ("18.3", "5.0.6", 2),
    ("18.4", "5.0.10", 1),
];

/// The other components: name, repository, version.
const OTHERS: [(&str, &str, &str); 3] =
    [("postgrest", "postgrest", "14.5"), ("mcp", "postgres-mcp", "1.0.0"), ("rag", "rag-server", "1.0.0")];

/// Returns the list, with its images at `host` (`ghcr.io/pgedge`).
pub(super) fn list(host: &str) -> VersionManifest {
    let host = host.trim_end_matches('/');
    let at_host = |image: String| if host.is_empty() { image } else { format!("{host}/{image}") };
    let last = BUILDS.len() - 1;
    let postgres = BUILDS.iter().enumerate().map(|(nth, (postgres, spock, build))| VersionEntry {
        version: (*postgres).to_owned(),
        spock: Some(SPOCK.to_owned()),
        image: at_host(format!("pgedge-postgres:{postgres}-spock{spock}-standard-{build}")),
        stability: Stability::Stable,
        default: nth == last,
    });
    let other = |(name, repository, version): &(&str, &str, &str)| {
        let entry = VersionEntry {
            version: (*version).to_owned(),
            spock: None,
            image: at_host(format!("{repository}:{version}")),
            stability: Stability::Stable,
            default: true,
        };
        ((*name).to_owned(), vec![entry])
    };
    let mut components: std::collections::BTreeMap<_, _> = OTHERS.iter().map(other).collect();
    components.insert(POSTGRES.to_owned(), postgres.collect());
    VersionManifest { components, origin: VersionManifestOrigin::BuiltIn, at: Some(AT), problem: None }
}
