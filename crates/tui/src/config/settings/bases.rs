//! Which image others are built on that do not say so themselves: the `[bases]` table.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{Reader, string};
use crate::config::text::{Entry, Warning, in_order};
use pinnace_core::image::ImageRef;

/// Reads the table: a repository, as references write it, and the reference of its base.
pub(super) fn read(
    reader: &Reader<'_>,
    entry: &Entry<'_, '_>,
    warnings: &mut Vec<Warning>,
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
