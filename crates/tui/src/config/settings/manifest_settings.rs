//! The `[manifest]` table: the source of the version manifest.

use toml::de::DeValue;

use super::{SettingsReader, string, unknown_key};
use crate::config::source_text::{ConfigWarning, TomlEntry, in_order};
use pinnace_core::image::ImageRef;
use pinnace_core::registry::REPOSITORY_HOST;

const KEYS: [&str; 3] = ["file", "url", "image_repository_host"];

/// The source of the version manifest, and the registry of its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionManifestSettings {
    /// The place that it is read from.
    pub source: VersionManifestSource,
    /// The registry and path for images that the manifest names without a registry, such as `ghcr.io/pgedge`.
    pub image_repository_host: String,
}

/// The place to read the version manifest from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionManifestSource {
    /// The compiled-in list.
    BuiltIn,
    /// A file; a relative path starts at the folder of the configuration file.
    File(String),
    /// An `http` or `https` URL.
    Url(String),
}

impl Default for VersionManifestSettings {
    fn default() -> Self {
        Self { source: VersionManifestSource::BuiltIn, image_repository_host: REPOSITORY_HOST.to_owned() }
    }
}

/// Reads the table. If it has a file and a URL, the file is used.
pub(super) fn read(
    reader: &SettingsReader<'_>,
    entry: &TomlEntry<'_, '_>,
    warnings: &mut Vec<ConfigWarning>,
) -> Option<VersionManifestSettings> {
    let text = &reader.text;
    let DeValue::Table(table) = entry.value else {
        warnings.push(entry.mistyped(text, "a table"));
        return None;
    };
    let mut manifest = VersionManifestSettings::default();
    let (mut file, mut url) = (None, None);
    for part in in_order(table) {
        let result = match part.key {
            "file" => string(text, &part).map(|value| file = Some(value)),
            "url" => string(text, &part).map(|value| {
                // A wrong URL is used nevertheless: the compiled-in list would not be what the user asked for.
                warnings.extend(odd(&value).map(|(message, hint)| text.warning(&part.span, message, hint)));
                url = Some(value);
            }),
            "image_repository_host" => {
                let host = string(text, &part).map(|value| value.trim_end_matches('/').to_owned());
                host.and_then(|host| match ImageRef::parse(&format!("{host}/image")) {
                    Ok(_) => {
                        manifest.image_repository_host = host;
                        Ok(())
                    }
                    Err(error) => {
                        let hint = Some("write it like `ghcr.io/pgedge`".to_owned());
                        Err(text.warning(&part.span, format!("`{}`: {error}", part.key), hint))
                    }
                })
            }
            _ => Err(unknown_key(text, &part, &KEYS)),
        };
        warnings.extend(result.err());
    }
    if file.is_some() && url.is_some() {
        let hint = Some("remove one of the two".to_owned());
        warnings.push(text.warning(&entry.key_span, "the manifest has a file and a url; pinnace uses the file", hint));
    }
    manifest.source = match (file, url) {
        (Some(file), _) => VersionManifestSource::File(file),
        (None, Some(url)) => VersionManifestSource::Url(url),
        (None, None) => VersionManifestSource::BuiltIn,
    };
    Some(manifest)
}

/// Returns the problem with a URL, and a hint, if there is one.
fn odd(url: &str) -> Option<(&'static str, Option<String>)> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some(("a url must begin with https:// or http://", None));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        return Some(("the url has no host", None));
    }
    // The URL is shown wherever the manifest is described, and credentials are never sent.
    host.contains('@').then(|| {
        ("the url contains credentials, which messages may show", Some("serve the manifest without a login".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AvailableNames, Settings, SourceText};

    fn parse(text: &str) -> (VersionManifestSettings, Vec<String>) {
        let (settings, warnings) = Settings::parse(SourceText { file: "c", text }, &AvailableNames::default());
        (settings.manifest, warnings.iter().map(ToString::to_string).collect())
    }

    fn with(source: VersionManifestSource) -> VersionManifestSettings {
        VersionManifestSettings { source, ..VersionManifestSettings::default() }
    }

    #[test]
    fn sources() {
        let (file, url) = (
            VersionManifestSource::File("v/m.json".to_owned()),
            VersionManifestSource::Url("https://x/m.json".to_owned()),
        );
        assert_eq!(parse(""), (VersionManifestSettings::default(), vec![]));
        assert_eq!(parse("[manifest]\n"), (VersionManifestSettings::default(), vec![]));
        assert_eq!(parse("[manifest]\nfile = ' v/m.json '"), (with(file.clone()), vec![]));
        assert_eq!(parse("[manifest]\nurl = 'https://x/m.json'"), (with(url), vec![]));
        let both = "[manifest]\nurl = 'https://x/m.json'\nfile = 'v/m.json'\n";
        let warning = "c:1:2: the manifest has a file and a url; pinnace uses the file\nhint: remove one of the two";
        assert_eq!(parse(both), (with(file), vec![warning.to_owned()]));
        let (manifest, warnings) = parse("[manifest]\nimage_repository_host = 'reg.example:5000/pg/'");
        assert_eq!((manifest.image_repository_host.as_str(), warnings), ("reg.example:5000/pg", vec![]));
    }

    #[test]
    fn a_slip_loses_only_itself() {
        for (line, warning) in [
            ("fiel = 'x'", "c:2:1: unknown key `fiel`\nhint: did you mean `file`?"),
            ("file = 3", "c:2:8: `file` should be a string, not a whole number"),
            ("file = ''", "c:2:8: `file` is empty"),
            (
                "image_repository_host = 'GHCR.io/X'",
                "c:2:25: `image_repository_host`: a repository name is lower case\nhint: write it like `ghcr.io/pgedge`",
            ),
        ] {
            assert_eq!(
                parse(&format!("[manifest]\n{line}\n")),
                (VersionManifestSettings::default(), vec![warning.to_owned()])
            );
        }
        assert_eq!(parse("manifest = 'x'").1, ["c:1:12: `manifest` should be a table, not a string"]);
        for (url, warning) in [
            ("ftp://x/m.json", "c:2:7: a url must begin with https:// or http://"),
            ("https:///m.json", "c:2:7: the url has no host"),
            (
                "https://u:p@x/m.json",
                "c:2:7: the url contains credentials, which messages may show\nhint: serve the manifest without a login",
            ),
        ] {
            let expected = (with(VersionManifestSource::Url(url.to_owned())), vec![warning.to_owned()]);
            assert_eq!(parse(&format!("[manifest]\nurl = '{url}'\n")), expected, "not the built-in list instead");
        }
    }
}
