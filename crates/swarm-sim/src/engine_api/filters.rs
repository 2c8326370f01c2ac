//! The `filters` of list calls: of one key any may hold, of several keys all have to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Call;
use crate::world::Refusal;

/// Filters as they were asked for.
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads the filters, of which only these keys are known.
    pub(super) fn read(call: &Call, known: &[&str], minor: u32) -> Result<Self, Refusal> {
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

    /// The values of a key; empty where it was not asked for.
    pub(super) fn of(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a key was not asked for, or one of its values fits.
    pub(super) fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.of(key);
        values.is_empty() || values.iter().any(|value| fits(value))
    }

    /// Whether all labels asked for are there: `key`, or `key=value`.
    pub(super) fn labels<'a>(&self, key: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.of(key).iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(wanted).is_some(),
        })
    }
}
