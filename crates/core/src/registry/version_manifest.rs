//! The version manifest: the images that were built and tested for each version.
//!
//! The format is pgEdge's schema version 1, as its control plane reads it
//! (`server/internal/orchestrator/swarm`, `github.com/pgEdge/control-plane`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::image::ImageRef;
use crate::image_tag::Version;
use crate::time::Time;

/// The component whose images are keyed by PostgreSQL and Spock version.
pub const POSTGRES: &str = "postgres";
/// The prefix for images that name no registry, unless the configuration sets another one.
pub const REPOSITORY_HOST: &str = "ghcr.io/pgedge";
/// The supported `schema_version`.
const SCHEMA: i64 = 1;

/// The release state of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stability {
    /// An image for general use; the default if the manifest names no state.
    #[default]
    Stable,
    /// An image under development, or in a state that this version of pinnace does not know.
    Dev,
}

/// One image of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionEntry {
    /// The version of PostgreSQL, or of another component.
    pub version: String,
    /// The Spock version; `None` for components other than PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spock: Option<String>,
    /// The image, including its registry.
    pub image: String,
    /// The release state of the image: stable or under development.
    pub stability: Stability,
    /// True if the manifest marks the image as the default.
    pub default: bool,
}

impl VersionEntry {
    /// Returns the version label, `17.9_5` for PostgreSQL with Spock.
    pub fn label(&self) -> String {
        self.spock.as_ref().map_or_else(|| self.version.clone(), |spock| format!("{}_{spock}", self.version))
    }
}

/// The source of a version manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "at")]
pub enum VersionManifestOrigin {
    /// A local file, by its path.
    File(String),
    /// A URL that this process has fetched.
    Url(String),
    /// The copy on disk of what a URL answered an earlier process.
    Cache(String),
    /// The list built into the program.
    BuiltIn,
}

impl fmt::Display for VersionManifestOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {path}"),
            Self::Url(url) => f.write_str(url),
            Self::Cache(url) => write!(f, "{url}, cached on disk"),
            Self::BuiltIn => f.write_str("built in"),
        }
    }
}

/// A parsed version manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionManifest {
    /// Images by component, in the manifest's order within each component.
    pub components: BTreeMap<String, Vec<VersionEntry>>,
    /// The source of this manifest.
    pub origin: VersionManifestOrigin,
    /// The date of the data: of the answer, of the file's last change, or of the built-in list.
    pub at: Option<Time>,
    /// The reason why the manifest could not be refreshed, if an older one is used.
    #[serde(default)]
    pub problem: Option<String>,
}

/// The reason why a text is not a version manifest; the messages are those of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionManifestError {
    /// A text that is not JSON of the expected shape.
    #[error("invalid JSON: {0}")]
    Json(String),
    /// An unsupported `schema_version`.
    #[error("unsupported schema_version {0} (want {SCHEMA})")]
    Schema(i64),
    /// A manifest without PostgreSQL images.
    #[error("manifest missing images.postgres")]
    NoPostgres,
    /// An entry with an invalid version or image.
    #[error("invalid version entry {{postgres:{postgres} spock:{spock}}}: {why}")]
    VersionEntry {
        /// The version of PostgreSQL, or of the component.
        postgres: String,
        /// The Spock version; may be empty.
        spock: String,
        /// The problem with the entry.
        why: String,
    },
}

#[derive(Deserialize)]
struct VersionManifestBody {
    #[serde(default)]
    schema_version: i64,
    #[serde(default)]
    images: BTreeMap<String, Vec<VersionEntryBody>>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct VersionEntryBody {
    postgres_version: String,
    spock_version: String,
    version: String,
    image: String,
    stability: String,
    default: bool,
}

impl VersionManifest {
    /// Parses a manifest. Images that name no registry get the prefix `host` (`ghcr.io/pgedge`).
    ///
    /// # Errors
    /// The first mistake, in the control plane's words.
    pub fn parse(
        text: &str,
        host: &str,
        origin: VersionManifestOrigin,
        at: Option<Time>,
    ) -> Result<Self, VersionManifestError> {
        let text: VersionManifestBody =
            serde_json::from_str(text).map_err(|error| VersionManifestError::Json(error.to_string()))?;
        if text.schema_version != SCHEMA {
            return Err(VersionManifestError::Schema(text.schema_version));
        }
        if text.images.get(POSTGRES).is_none_or(Vec::is_empty) {
            return Err(VersionManifestError::NoPostgres);
        }
        let mut components = BTreeMap::new();
        for (name, lines) in text.images {
            let mut entries: Vec<VersionEntry> = Vec::new();
            for line in lines {
                let entry = line.entry(name == POSTGRES, host)?;
                // A later line for the same version wins.
                entries.retain(|known| (&known.version, &known.spock) != (&entry.version, &entry.spock));
                entries.push(entry);
            }
            components.insert(name, entries);
        }
        Ok(Self { components, origin, at, problem: None })
    }

    fn of(&self, component: &str) -> &[VersionEntry] {
        self.components.get(component).map_or(&[], Vec::as_slice)
    }

    /// Returns the image for a PostgreSQL version and a Spock version.
    ///
    /// # Errors
    /// `unsupported postgres version …` or `unsupported spock version …`, in the control plane's words.
    pub fn postgres(&self, postgres: &str, spock: &str) -> Result<&VersionEntry, String> {
        let mut of_version = self.of(POSTGRES).iter().filter(|entry| entry.version == postgres).peekable();
        if of_version.peek().is_none() {
            return Err(format!("unsupported postgres version {postgres}"));
        }
        let found = of_version.find(|entry| entry.spock.as_deref() == Some(spock));
        found.ok_or_else(|| format!("unsupported spock version {spock}"))
    }

    /// Returns the image of another component for a version; `latest` selects the component's default.
    ///
    /// # Errors
    /// `unsupported COMPONENT version …`, with the component's name.
    pub fn component(&self, component: &str, version: &str) -> Result<&VersionEntry, String> {
        let found = match version {
            "latest" => self.default_of(component),
            _ => self.of(component).iter().find(|entry| entry.version == version),
        };
        found.ok_or_else(|| format!("unsupported {component} version {version}"))
    }

    /// Returns a component's default: the marked image, or else the last one.
    pub fn default_of(&self, component: &str) -> Option<&VersionEntry> {
        let entries = self.of(component);
        entries.iter().rfind(|entry| entry.default).or(entries.last())
    }

    /// Returns the entry of this image, with its component; a digest is ignored.
    pub fn of_image(&self, image: &ImageRef) -> Option<(&str, &VersionEntry)> {
        let mut all =
            self.components.iter().flat_map(|(name, entries)| entries.iter().map(move |it| (name.as_str(), it)));
        all.find(|(_, entry)| same(&entry.image, image))
    }

    /// Returns the component that has images in the same repository as this one.
    pub fn component_of(&self, image: &ImageRef) -> Option<&str> {
        let in_it =
            |entry: &VersionEntry| ImageRef::parse(&entry.image).is_ok_and(|other| other.same_repository(image));
        self.components.iter().find(|(_, entries)| entries.iter().any(in_it)).map(|(name, _)| name.as_str())
    }

    /// Returns the stable images for newer versions with the same majors of PostgreSQL and Spock, newest
    /// first. Without `spock_major`, any version of Spock is included.
    pub fn newer(&self, postgres: &Version, spock_major: Option<u64>) -> Vec<&VersionEntry> {
        let mut found: Vec<(Version, &VersionEntry)> = self
            .of(POSTGRES)
            .iter()
            .filter(|entry| entry.stability == Stability::Stable)
            .filter(|entry| spock_major.is_none() || major(entry.spock.as_deref()) == spock_major)
            .filter_map(|entry| Some((Version::parse(&entry.version)?, entry)))
            .filter(|(version, _)| version.major() == postgres.major() && version > postgres)
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0));
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}

fn major(text: Option<&str>) -> Option<u64> {
    Version::parse(text?).map(|version| version.major())
}

/// Returns whether two references name the same repository and tag.
fn same(text: &str, image: &ImageRef) -> bool {
    ImageRef::parse(text)
        .is_ok_and(|other| other.same_repository(image) && other.tag_or_latest() == image.tag_or_latest())
}

impl VersionEntryBody {
    fn entry(self, is_postgres: bool, host: &str) -> Result<VersionEntry, VersionManifestError> {
        let version = if is_postgres { self.postgres_version } else { self.version };
        let bad = |why: String| VersionManifestError::VersionEntry {
            postgres: version.clone(),
            spock: self.spock_version.clone(),
            why,
        };
        for text in [Some(&version), is_postgres.then_some(&self.spock_version)].into_iter().flatten() {
            Version::parse(text).ok_or_else(|| bad(format!("invalid version format: {text:?}")))?;
        }
        let image = with_host(&self.image, host);
        ImageRef::parse(&image).map_err(|error| bad(format!("image {:?}: {error}", self.image)))?;
        let stability =
            if matches!(self.stability.as_str(), "" | "stable") { Stability::Stable } else { Stability::Dev };
        let spock = is_postgres.then(|| self.spock_version.clone());
        Ok(VersionEntry { spock, image, stability, default: self.default, version: version.clone() })
    }
}

/// Returns the image with its registry: unchanged if it names one, else below `host`.
fn with_host(image: &str, host: &str) -> String {
    let names_one = image.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost");
    if names_one || host.is_empty() { image.to_owned() } else { format!("{}/{image}", host.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{ "schema_version": 1, "later": true, "images": {
        "postgres": [
            {"postgres_version":"17.9","spock_version":"5","image":"pg:old","stability":"stable"},
            {"postgres_version":"17.10","spock_version":"5","image":"localhost/pg:17.10-spock5.0.9-standard-1"},
            {"postgres_version":"17.11","spock_version":"5","image":"reg:5000/pg:17.11-spock5.1-standard-1","stability":"dev"},
            {"postgres_version":"18.4","spock_version":"5","image":"pg:18.4-spock5.0.10-standard-1","default":true},
            {"postgres_version":"17.9","spock_version":"5","image":"pg:17.9-spock5.0.6-standard-2","stability":"stable"}],
        "mcp": [{"version":"1.0.0","image":"postgres-mcp:1.0.0"},{"version":"1.1.0","image":"postgres-mcp:1.1.0"}] } }"#;

    fn read(text: &str) -> Result<VersionManifest, String> {
        VersionManifest::parse(text, REPOSITORY_HOST, VersionManifestOrigin::BuiltIn, None)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_defaults_and_hosts() {
        let manifest = read(TEXT).unwrap();
        let image = |postgres: &str, spock: &str| manifest.postgres(postgres, spock).map(|entry| entry.image.as_str());
        assert_eq!(image("17.9", "5"), Ok("ghcr.io/pgedge/pg:17.9-spock5.0.6-standard-2"), "the later line wins");
        assert_eq!(image("17.10", "5"), Ok("localhost/pg:17.10-spock5.0.9-standard-1"));
        assert_eq!(image("17.11", "5"), Ok("reg:5000/pg:17.11-spock5.1-standard-1"));
        assert_eq!(image("9.6", "5"), Err("unsupported postgres version 9.6".into()));
        assert_eq!(image("17.9", "4"), Err("unsupported spock version 4".into()));
        assert_eq!(manifest.default_of("postgres").unwrap().label(), "18.4_5");
        assert_eq!(manifest.component("mcp", "latest").unwrap().version, "1.1.0", "none marked: the last");
        assert_eq!(manifest.component("mcp", "2").unwrap_err(), "unsupported mcp version 2");
        assert_eq!(manifest.postgres("17.11", "5").unwrap().stability, Stability::Dev);
        let newer: Vec<_> =
            manifest.newer(&Version::parse("17.9").unwrap(), Some(5)).into_iter().map(VersionEntry::label).collect();
        assert_eq!(newer, ["17.10_5"], "integers, the same major, stable");
        let reference = |text: &str| ImageRef::parse(text).unwrap();
        let hex = "a".repeat(64);
        let pinned = reference(&format!("ghcr.io/pgedge/pg:17.9-spock5.0.6-standard-2@sha256:{hex}"));
        assert_eq!(manifest.of_image(&pinned).unwrap().1.label(), "17.9_5");
        assert_eq!(manifest.component_of(&reference("ghcr.io/pgedge/postgres-mcp:9")), Some("mcp"));
        assert_eq!(manifest.component_of(&reference("docker.io/pgedge/postgres-mcp:9")), None);
    }

    #[test]
    fn errors_in_the_control_planes_words() {
        let postgres = |version: &str, spock: &str| {
            format!(
                r#"{{"schema_version":1,"images":{{"postgres":[{{"postgres_version":"{version}","spock_version":"{spock}","image":"pg:1"}}]}}}}"#
            )
        };
        for (text, wanted) in [
            ("{".to_owned(), "invalid JSON: "),
            (r#"{"schema_version":2}"#.to_owned(), "unsupported schema_version 2 (want 1)"),
            ("{}".to_owned(), "unsupported schema_version 0 (want 1)"),
            (r#"{"schema_version":1,"images":{"mcp":[]}}"#.to_owned(), "manifest missing images.postgres"),
            (postgres("17.x", "5"), "invalid version entry {postgres:17.x spock:5}: "),
            (postgres("17.9", ""), "invalid version entry {postgres:17.9 spock:}: "),
            (postgres("1.2.3.4", "5"), "invalid version entry {postgres:1.2.3.4 spock:5}: "),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
        assert!(read(&postgres("17", "5")).is_ok());
    }
}
