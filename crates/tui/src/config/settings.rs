//! The settings of the user's `config.toml`: a few options and the clusters.

mod base_images;
mod manifest_settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use toml::de::DeValue;

pub use self::manifest_settings::{VersionManifestSettings, VersionManifestSource};
use super::source_text::{ConfigWarning, SourceText, TomlEntry, in_order};
use super::suggest::{did_you_mean, nearest};
use super::{keymap, theme};

/// The default of [`Settings::settle_seconds`].
const SETTLE_SECONDS: u32 = 10;

/// The default of [`Settings::stuck_seconds`].
const STUCK_SECONDS: u32 = 120;

/// The largest value of either that is accepted; a larger one is taken for a mistake.
const LONGEST_SECONDS: u32 = 3600;

const KEYS: [&str; 10] = [
    "theme",
    "keymap",
    "ascii",
    "read_only",
    "settle_seconds",
    "stuck_seconds",
    "journal",
    "manifest",
    "bases",
    "cluster",
];
const CLUSTER_KEYS: [&str; 5] = ["name", "host", "context", "read_only", "protected"];

/// The settings of `config.toml`, with defaults for missing options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of the theme.
    pub theme: String,
    /// The name of the keymap.
    pub keymap: String,
    /// True if symbols and lines are drawn in ASCII.
    pub ascii: bool,
    /// True if nothing may be changed, in any cluster.
    pub read_only: bool,
    /// The seconds a service must stay well before its unit counts as done.
    pub settle_seconds: u32,
    /// The seconds a unit may wait for something that does not come automatically before it counts as stuck.
    pub stuck_seconds: u32,
    /// The place where changes are journaled.
    pub journal: JournalStore,
    /// The source of the version manifest.
    pub manifest: VersionManifestSettings,
    /// The base images of images that do not name theirs, by repository as references write it.
    pub bases: BTreeMap<String, String>,
    /// The clusters, in file order.
    pub clusters: Vec<ClusterSettings>,
}

/// The journal: Docker configs in the swarm, or files on this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JournalStore {
    /// The swarm's configs, visible from every manager.
    #[default]
    Swarm,
    /// This machine's disk, for swarms in which no configs may be created.
    Disk,
}

/// A Docker endpoint of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// The display name.
    pub name: String,
    /// The way to reach it.
    pub reach: EndpointSetting,
    /// True if nothing may be changed in this cluster.
    pub read_only: bool,
    /// True if a change in this cluster needs an additional confirmation.
    pub protected: bool,
}

/// The way to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointSetting {
    /// The name of a Docker context.
    Context(String),
    /// An address, as in `DOCKER_HOST`.
    Host(String),
}

/// The names that settings can choose from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AvailableNames<'t> {
    /// The available keymaps.
    pub keymaps: Vec<&'t str>,
    /// The available themes.
    pub themes: Vec<&'t str>,
}

/// The file's text, and its lines with TOML errors, where a value may be a guess of the parser.
struct SettingsReader<'t> {
    text: SourceText<'t>,
    broken: Vec<usize>,
}

impl SettingsReader<'_> {
    /// Reads an option that forbids changes. Everything but a clear `false` forbids, because a mistake must not
    /// open a cluster to changes.
    fn forbid(&self, option: &mut bool, entry: &TomlEntry<'_, '_>) -> Result<(), ConfigWarning> {
        let hint = || Some("correct it; until then it counts as true".to_owned());
        let place = self.text.place(entry.key_span.start);
        *option = true;
        if self.broken.contains(&place.line) {
            return Err(place.warning(format!("`{}` cannot be read", entry.key), hint()));
        }
        let value = boolean(&self.text, entry);
        *option = value.map_err(|warning| ConfigWarning { hint: hint(), ..warning })?;
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: theme::ROOT.to_owned(),
            keymap: keymap::ROOT.to_owned(),
            ascii: false,
            read_only: false,
            settle_seconds: SETTLE_SECONDS,
            stuck_seconds: STUCK_SECONDS,
            journal: JournalStore::default(),
            manifest: VersionManifestSettings::default(),
            bases: BTreeMap::new(),
            clusters: Vec::new(),
        }
    }
}

impl Settings {
    /// Parses the file. A bad value is dropped with a warning; a bad value of an option that forbids changes
    /// forbids them.
    pub fn parse(text: SourceText<'_>, names: &AvailableNames<'_>) -> (Self, Vec<ConfigWarning>) {
        let mut warnings = Vec::new();
        let mut settings = Self::default();
        let table = text.parse(&mut warnings);
        let reader = SettingsReader { text, broken: warnings.iter().map(|warning| warning.line).collect() };
        for entry in in_order(&table) {
            if let Err(warning) = settings.set(&reader, &entry, names, &mut warnings) {
                warnings.push(warning);
            }
        }
        (settings, warnings)
    }

    fn set(
        &mut self,
        reader: &SettingsReader<'_>,
        entry: &TomlEntry<'_, '_>,
        names: &AvailableNames<'_>,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Result<(), ConfigWarning> {
        let text = &reader.text;
        match entry.key {
            "theme" => self.theme = one_of(text, entry, &names.themes)?,
            "keymap" => self.keymap = one_of(text, entry, &names.keymaps)?,
            "ascii" => self.ascii = boolean(text, entry)?,
            "read_only" => reader.forbid(&mut self.read_only, entry)?,
            "settle_seconds" => self.settle_seconds = seconds(text, entry, 0)?,
            "stuck_seconds" => self.stuck_seconds = seconds(text, entry, 1)?,
            "journal" => {
                let disk = one_of(text, entry, &["swarm", "disk"])? == "disk";
                self.journal = if disk { JournalStore::Disk } else { JournalStore::Swarm };
            }
            "bases" => self.bases = base_images::read(reader, entry, warnings),
            "manifest" => self.manifest = manifest_settings::read(reader, entry, warnings).unwrap_or_default(),
            "cluster" => self.clusters(reader, entry, warnings),
            key => {
                self.read_only |= nearest(key, KEYS) == Some("read_only");
                return Err(unknown_key(text, entry, &KEYS));
            }
        }
        Ok(())
    }

    fn clusters(&mut self, reader: &SettingsReader<'_>, entry: &TomlEntry<'_, '_>, warnings: &mut Vec<ConfigWarning>) {
        let text = &reader.text;
        let tables: Vec<_> = match entry.value {
            DeValue::Array(items) => items.iter().map(|item| (item.get_ref(), item.span())).collect(),
            DeValue::Table(_) => {
                warnings.push(text.warning(&entry.key_span, "`[cluster]` should be `[[cluster]]`", None));
                vec![(entry.value, entry.span.clone())]
            }
            _ => vec![(entry.value, entry.span.clone())],
        };
        for (value, span) in tables {
            let one = TomlEntry { key: entry.key, key_span: entry.key_span.clone(), value, span };
            match cluster(reader, &one, warnings) {
                Ok(cluster) if self.clusters.iter().any(|known| known.name == cluster.name) => {
                    let message = format!("cluster `{}` is defined twice; pinnace uses the first", cluster.name);
                    warnings.push(text.warning(&one.span, message, None));
                }
                Ok(cluster) => self.clusters.push(cluster),
                Err(warning) => warnings.push(warning),
            }
        }
    }
}

fn cluster(
    reader: &SettingsReader<'_>,
    entry: &TomlEntry<'_, '_>,
    warnings: &mut Vec<ConfigWarning>,
) -> Result<ClusterSettings, ConfigWarning> {
    let text = &reader.text;
    let DeValue::Table(table) = entry.value else {
        return Err(entry.mistyped(text, "a table"));
    };
    let (mut name, mut host, mut context) = (None, None, None);
    let (mut read_only, mut protected) = (false, false);
    for part in in_order(table) {
        let result = match part.key {
            "name" => string(text, &part).map(|value| name = Some(value)),
            "host" => string(text, &part).map(|value| host = Some(value)),
            "context" => string(text, &part).map(|value| context = Some(value)),
            "read_only" => reader.forbid(&mut read_only, &part),
            "protected" => reader.forbid(&mut protected, &part),
            key => {
                // A misspelled guard still applies.
                let meant = nearest(key, CLUSTER_KEYS);
                read_only |= meant == Some("read_only");
                protected |= meant == Some("protected");
                Err(unknown_key(text, &part, &CLUSTER_KEYS))
            }
        };
        warnings.extend(result.err());
    }
    let Some(name) = name else {
        return Err(text.warning(&entry.span, "this cluster has no name, so pinnace ignores it", None));
    };
    let reach = match (host, context) {
        (Some(_), Some(_)) => {
            let message = format!("cluster `{name}` has both a host and a context, so pinnace ignores it");
            return Err(text.warning(&entry.span, message, Some("keep one of the two".to_owned())));
        }
        (Some(host), None) => EndpointSetting::Host(host),
        (None, Some(context)) => EndpointSetting::Context(context),
        (None, None) => EndpointSetting::Context(name.clone()),
    };
    Ok(ClusterSettings { name, reach, read_only, protected })
}

fn unknown_key(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>, known: &[&'static str]) -> ConfigWarning {
    let message = format!("unknown key `{}`", entry.key);
    text.warning(&entry.key_span, message, did_you_mean(entry.key, known.iter().copied()))
}

fn string(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>) -> Result<String, ConfigWarning> {
    match entry.value {
        DeValue::String(value) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
        DeValue::String(_) => Err(text.warning(&entry.span, format!("`{}` is empty", entry.key), None)),
        _ => Err(entry.mistyped(text, "a string")),
    }
}

fn one_of(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>, names: &[&str]) -> Result<String, ConfigWarning> {
    let name = string(text, entry)?;
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    let hint = did_you_mean(&name, names.iter().copied());
    let hint = hint.or_else(|| Some(format!("choose one of: {}", names.join(", "))));
    Err(text.warning(&entry.span, format!("unknown {} `{name}`", entry.key), hint))
}

fn boolean(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>) -> Result<bool, ConfigWarning> {
    match entry.value {
        DeValue::Boolean(value) => Ok(*value),
        _ => Err(entry.mistyped(text, "true or false")),
    }
}

fn seconds(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>, least: u32) -> Result<u32, ConfigWarning> {
    let DeValue::Integer(number) = entry.value else {
        return Err(entry.mistyped(text, "a whole number"));
    };
    let value = u32::from_str_radix(number.as_str(), number.radix()).ok();
    value.filter(|value| (least..=LONGEST_SECONDS).contains(value)).ok_or_else(|| {
        let message = format!("`{}` should be from {least} to {LONGEST_SECONDS}", entry.key);
        text.warning(&entry.span, message, None)
    })
}
