//! Versions, and the information in an image tag: the versions it names, its base system, and whether it is immutable.

use std::fmt;

use super::image::ImageRef;

/// A version of one to three numbers, compared number by number: 17.10 is newer than 17.9.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u64>);

impl Version {
    /// Parses `17`, `17.9` or `5.0.6`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
        numbers.filter(|numbers| numbers.len() <= 3).map(Self)
    }

    /// Returns the first number.
    pub(crate) fn major(&self) -> u64 {
        self.0.first().copied().unwrap_or(0)
    }

    /// Returns whether this version starts with all numbers of `other`: 5.0.6 matches 5, but 5.0 does not match 5.0.6.
    pub(crate) fn has_prefix(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

fn number(text: &str) -> Option<u64> {
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// A parsed tag of a pgEdge image: `17.9-spock5.0.6-standard-2`.
///
/// The format is the one that pgEdge's control plane checks: `^(\d+\.\d+(?:\.\d+)?)-spock(\d+(?:\.\d+){0,2})-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgEdgeTag {
    /// The PostgreSQL version, two or three numbers: `17.9`.
    pub postgres: Version,
    /// The Spock version, one to three numbers: `5.0.6`.
    pub spock: Version,
    /// The variant and build, which is everything behind the Spock version: `standard-2`.
    pub rest: String,
}

impl PgEdgeTag {
    /// Parses a tag; `None` if it has another format.
    pub fn parse(tag: &str) -> Option<Self> {
        let (postgres, rest) = tag.split_once("-spock")?;
        let (spock, rest) = rest.split_once('-')?;
        let postgres = Version::parse(postgres).filter(|version| version.0.len() >= 2)?;
        Some(Self { postgres, spock: Version::parse(spock)?, rest: rest.to_owned() })
    }

    /// Returns the build number: `2` for `standard-2`; `None` if the tag does not end in a number.
    pub fn build(&self) -> Option<u64> {
        self.rest.rsplit_once('-').and_then(|(_, build)| number(build))
    }
}

/// Returns the version at the start of a tag: `16` for `16-alpine`, `1.31.0` for `v1.31.0`; `None`
/// for words, and for commits and dates on their own.
pub(crate) fn leading(tag: &str) -> Option<Version> {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let first = tag.split(['-', '_', '+']).next()?;
    // A date, or a commit id that consists of digits only, is not a version.
    Version::parse(first).filter(|version| version.0.len() > 1 || version.major() < 10_000)
}

/// Returns the base system that a tag names, without its version: `alpine`, `bookworm`, …; `None` if it names none.
pub fn distribution(tag: &str) -> Option<&'static str> {
    const KNOWN: [&str; 16] = [
        "alpine",
        "bookworm",
        "bullseye",
        "buster",
        "trixie",
        "forky",
        "sid",
        "noble",
        "jammy",
        "focal",
        "debian",
        "ubuntu",
        "ubi8",
        "ubi9",
        "ubi10",
        "windowsservercore",
    ];
    let mut words = tag.split(['-', '_', '.']);
    words.find_map(|word| KNOWN.into_iter().find(|known| word.starts_with(known)))
}

/// The expectation whether a tag keeps naming the same image, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagMutability {
    /// A tag that is expected to name the same image permanently; holds the reason as a clause.
    Immutable(&'static str),
    /// A tag that is expected to move to newer images; holds the reason as a clause.
    Floating(&'static str),
}

impl TagMutability {
    /// Returns whether the tag is expected to move.
    pub fn floats(self) -> bool {
        matches!(self, Self::Floating(_))
    }

    /// Returns the reason, a clause without a full stop.
    pub fn why(self) -> &'static str {
        match self {
            Self::Immutable(why) | Self::Floating(why) => why,
        }
    }
}

/// Guesses from a tag's format whether it is immutable. Only a digest gives certainty.
pub fn constancy(tag: &str) -> TagMutability {
    use TagMutability::{Floating, Immutable};
    let last = tag.rsplit('-').next().unwrap_or(tag);
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_date = last.len() == 8 && number(last).is_some_and(|date| (19_700_101..=29_991_231).contains(&date));
    let is_commit = (7..=40).contains(&last.len()) && is_hex(last) && last.bytes().any(|b| b.is_ascii_digit());
    if is_date {
        return Immutable("it ends in a date");
    }
    if is_commit {
        return Immutable("it ends in a commit");
    }
    if let Some(tag) = PgEdgeTag::parse(tag) {
        return if tag.build().is_some() {
            Immutable("it has a build number")
        } else {
            Floating("it has no build number")
        };
    }
    match leading(tag).map(|version| version.0.len()) {
        Some(3) => Immutable("it is a full version"),
        Some(2) => Floating("it names no patch version"),
        Some(_) => Floating("it names a major version only"),
        None => Floating("it names no version"),
    }
}

/// Returns the family of a tag: the part that successive releases share. Minor and patch versions, a trailing date,
/// commit or build number are left out: `17-spock5-standard`, `16-alpine`.
pub(crate) fn family(tag: &str) -> String {
    if let Some(tag) = PgEdgeTag::parse(tag) {
        let variant = tag
            .rest
            .rsplit_once('-')
            .filter(|(_, build)| number(build).is_some())
            .map_or(tag.rest.as_str(), |(it, _)| it);
        return format!("{}-spock{}-{variant}", tag.postgres.major(), tag.spock.major());
    }
    let mut parts: Vec<String> = tag.split('-').map(str::to_owned).collect();
    if let Some(version) = leading(tag) {
        let prefix = if tag.starts_with('v') { "v" } else { "" };
        if let Some(first) = parts.first_mut() {
            *first = format!("{prefix}{}", version.major());
        }
    }
    if parts.len() > 1 && !constancy(tag).floats() {
        let is_mark = |part: &String| constancy(&format!("x-{part}")) != constancy("x-word");
        if parts.last().is_some_and(is_mark) {
            parts.pop();
        }
    }
    parts.join("-")
}

/// Returns whether a repository is a data store whose new major versions cannot read older data. The repository's name
/// decides, by a list of well-known names.
pub(crate) fn keeps_data(image: &ImageRef) -> bool {
    const STORES: [&str; 14] = [
        "postgres",
        "postgis",
        "timescale",
        "pgvector",
        "spilo",
        "patroni",
        "mysql",
        "mariadb",
        "percona",
        "mongo",
        "elasticsearch",
        "opensearch",
        "cassandra",
        "clickhouse",
    ];
    let name = image.path.rsplit('/').next().unwrap_or_default();
    // Tools for a store have its name in theirs, but keep no data.
    let beside = ["exporter", "mcp", "backup", "operator", "proxy", "client", "rest"];
    STORES.iter().any(|store| name.contains(store)) && !beside.iter().any(|tool| name.contains(tool))
}

/// Returns the PostgreSQL version of an image whose tag does not start with it: `16` for `timescaledb:2.17.2-pg16` and
/// `spilo-16:3.3-p2`, `17` for `pgvector:pg17`. `None` for other images.
pub fn store(image: &ImageRef) -> Option<Version> {
    if !is_postgresql(image) {
        return None;
    }
    let tag = image.tag.as_deref().unwrap_or_default();
    let in_tag = tag.split(['-', '_']).find_map(|word| Version::parse(word.strip_prefix("pg")?));
    let in_path = || Version::parse(image.path.rsplit('/').next()?.rsplit_once('-')?.1);
    in_tag.or_else(in_path)
}

/// Returns whether a repository holds PostgreSQL servers, by a list of well-known names.
pub(crate) fn is_postgresql(image: &ImageRef) -> bool {
    const NAMES: [&str; 6] = ["postgres", "postgis", "timescale", "pgvector", "spilo", "patroni"];
    keeps_data(image) && NAMES.iter().any(|name| image.path.rsplit('/').next().unwrap_or_default().contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_numbers() {
        assert!(
            version("17.10") > version("17.9")
                && version("17") < version("17.1")
                && version("5.0.10") > version("5.0.9")
        );
        for bad in ["", "17.", ".9", "1.2.3.4", "17a", "v17", "+1", "99999999999999999999999"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
        for (tag, spec, wanted) in [
            ("5.0.6", "5", true),
            ("5.0", "5.0.6", false),
            ("17.10", "17.9", false),
            ("17.10", "17.1", false),
            ("17.9", "17.9", true),
        ] {
            assert_eq!(version(tag).has_prefix(&version(spec)), wanted, "{tag} {spec}");
        }
    }

    #[test]
    fn tags_of_pgedge() {
        let read =
            |tag: &str| PgEdgeTag::parse(tag).map(|tag| (tag.postgres.to_string(), tag.spock.to_string(), tag.rest));
        let some = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(read("17.10-spock5-standard"), some("17.10", "5", "standard"));
        assert_eq!(read("17.9-spock5.0.6-standard-2"), some("17.9", "5.0.6", "standard-2"));
        for tag in [
            "17-spock5-standard",
            "my-custom-image",
            "latest",
            "17.9",
            "17.9-standard-2",
            "17.9-spock5",
            "17.9-spockx-a",
        ] {
            assert_eq!(read(tag), None, "{tag}");
        }
        assert_eq!(PgEdgeTag::parse("17.9-spock5.0.6-standard-2").unwrap().build(), Some(2));
        assert_eq!(PgEdgeTag::parse("17.9-spock5.0.6-standard").unwrap().build(), None);
    }

    #[test]
    fn what_a_tag_tells() {
        for (tag, floats, family_of, leads) in [
            ("latest", true, "latest", None),
            ("16", true, "16", Some("16")),
            ("16-alpine", true, "16-alpine", Some("16")),
            ("16-abc1234", false, "16", Some("16")),
            ("16-20260206", false, "16", Some("16")),
            ("16-alpine-20260206", false, "16-alpine", Some("16")),
            ("20260206", false, "20260206", None),
            ("0.2", true, "0", Some("0.2")),
            ("0.2.0", false, "0", Some("0.2.0")),
            ("v1.31.0", false, "v1", Some("1.31.0")),
            ("1.31.0-rc1", false, "1-rc1", Some("1.31.0")),
            ("17.9-spock5.0.6-standard-2", false, "17-spock5-standard", Some("17.9")),
            ("17.9-spock5.0.6-standard", true, "17-spock5-standard", Some("17.9")),
            ("main", true, "main", None),
            ("deadbeef", true, "deadbeef", None),
            ("deadbee1", false, "deadbee1", None),
        ] {
            assert_eq!(constancy(tag).floats(), floats, "{tag}");
            assert_eq!(family(tag), family_of, "{tag}");
            assert_eq!(leading(tag).map(|version| version.to_string()).as_deref(), leads, "{tag}");
        }
        for (tag, wanted) in [
            ("16-alpine3.20", Some("alpine")),
            ("16", None),
            ("16-bookworm", Some("bookworm")),
            ("1.2-slim-bookworm", Some("bookworm")),
        ] {
            assert_eq!(distribution(tag), wanted, "{tag}");
        }
    }

    #[test]
    fn versions_of_stores() {
        for (image, wanted) in [
            ("timescale/timescaledb:2.17.2-pg16", Some("16")),
            ("pgvector/pgvector:pg17", Some("17")),
            ("ghcr.io/zalando/spilo-16:3.3-p2", Some("16")),
            ("postgres:16-alpine", None),
            ("shop/web-2:1.0", None),
        ] {
            let found = store(&ImageRef::parse(image).unwrap()).map(|version| version.to_string());
            assert_eq!(found.as_deref(), wanted, "{image}");
        }
    }

    #[test]
    fn stores_by_name() {
        for (image, wanted) in [
            ("ghcr.io/a/patroni-postgres:16", true),
            ("postgres:16", true),
            ("ghcr.io/pgedge/pgedge-postgres:1", true),
            ("mongo:7", true),
            ("ghcr.io/pgedge/postgres-mcp:1", false),
            ("postgrest/postgrest:14", false),
            ("quay.io/x/postgres-exporter:1", false),
            ("shop/web:1", false),
        ] {
            assert_eq!(keeps_data(&ImageRef::parse(image).unwrap()), wanted, "{image}");
        }
    }
}
