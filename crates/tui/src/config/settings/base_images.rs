//! The `[bases]` table: base images of images that do not name theirs.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{SettingsReader, string};
use crate::config::source_text::{ConfigWarning, TomlEntry, in_order};
use pinnace_core::image::ImageRef;

/// Reads the table. A key is a repository as references write it, a value is the reference of its base image.
pub(super) fn read(
    reader: &SettingsReader<'_>,
    entry: &TomlEntry<'_, '_>,
    warnings: &mut Vec<ConfigWarning>,
) -> BTreeMap<String, String> {
    let text = &reader.text;
    let mut bases = BTreeMap::new();
    let DeValue::Table(table) = entry.value else {
        warnings.push(entry.mistyped(text, "a table"));
        return bases;
    };
    for part in in_order(table) {
        let base = string(text, &part).and_then(|base| match ImageRef::parse(&base) {
            Ok(_) => Ok(base),
            Err(error) => Err(text.warning(&part.span, format!("`{base}`: {error}"), None)),
        });
        match base {
            Ok(base) => drop(bases.insert(part.key.to_owned(), base)),
            Err(warning) => warnings.push(warning),
        }
    }
    bases
}
