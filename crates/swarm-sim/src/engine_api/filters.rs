//! The `filters` parameter of list calls: values of one key are alternatives, several keys must all match.

use std::collections::BTreeMap;

use serde_json::Value;

use super::EngineCall;
use crate::world::Refusal;

/// Parsed filters: values by key.
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Parses the filters of a call.
    ///
    /// # Errors
    /// Returns 400 for invalid JSON and for a key that is not in `known`.
    pub(super) fn read(call: &EngineCall, known: &[&str], minor: u32) -> Result<Self, Refusal> {
        let text = call.asked.value("filters");
        if text.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| Refusal::new(400, super::go_error(text.as_bytes(), &error)))?;
        let mut read = BTreeMap::new();
        for (key, values) in value.as_object().into_iter().flatten() {
            if !known.contains(&key.as_str()) {
                let word = if minor >= 43 { "invalid" } else { "Invalid" };
                return Err(Refusal::new(400, format!("{word} filter '{key}'")));
            }
            let values: Vec<String> = match values {
                Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
                Value::Object(items) => items.keys().cloned().collect(),
                _ => Vec::new(),
            };
            read.insert(key.clone(), values);
        }
        Ok(Self(read))
    }

    /// Returns the values of a key; empty if the key was not given.
    pub(super) fn of(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns true if the key was not given, or if one of its values fits.
    pub(super) fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.of(key);
        values.is_empty() || values.iter().any(|value| fits(value))
    }

    /// Returns true if all requested labels match; a request is `key` or `key=value`.
    pub(super) fn labels<'a>(&self, key: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.of(key).iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(wanted).is_some(),
        })
    }
}
