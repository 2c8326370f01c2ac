//! The parser for contract files. It rejects a contract with any mistake: an ignored rule would count as kept.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{CommandRule, Contract, Glob, MetadataRule, UserRule};
use crate::image::Platform;
use crate::sanitize::clean;
use crate::size;

const KEYS: &str = "use `description`, `tag`, `immutable`, `platforms`, `size`, `command`, `user`, `base`, `[labels]`, `[annotations]` or `[files]`";
const FILE_KEYS: &str = "use `required`, `forbidden` or `only` in `[files]`";

/// A mistake in a contract file, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The problem at this position.
    pub message: String,
    /// The way to correct it; may be empty.
    pub hint: String,
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Parses a contract; `name` is its file name without `.toml`.
///
/// # Errors
/// All mistakes, ordered by position.
pub fn read(name: &str, text: &str) -> Result<Contract, Vec<ContractError>> {
    let mut reader = ContractReader { text, mistakes: Vec::new() };
    let mut contract = Contract { name: clean(name), ..Contract::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        reader.mistake(at, error.message().trim(), "");
    }
    for (key, value) in table.get_ref() {
        reader.take(&mut contract, key.get_ref(), key.span(), value);
    }
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    if mistakes.is_empty() { Ok(contract) } else { Err(mistakes) }
}

struct ContractReader<'t> {
    text: &'t str,
    mistakes: Vec<ContractError>,
}

type SpannedValue<'t> = Spanned<DeValue<'t>>;

impl ContractReader<'_> {
    fn mistake(&mut self, at: usize, message: &str, hint: &str) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.mistakes.push(ContractError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: clean(message),
            hint: clean(hint),
        });
    }

    fn take(&mut self, contract: &mut Contract, key: &str, at: Range<usize>, value: &SpannedValue<'_>) {
        match key {
            "name" => self.mistake(at.start, "the name of a contract is its file name", "remove `name`"),
            "description" => contract.description = self.string(key, value).unwrap_or_default(),
            "tag" => contract.tags = self.globs(key, value, Glob::text),
            "immutable" => match value.get_ref() {
                DeValue::Boolean(immutable) => contract.immutable = *immutable,
                _ => self.mistake(value.span().start, "`immutable` must be true or false", ""),
            },
            "platforms" => contract.platforms = self.platforms(value),
            "size" => contract.most = self.size(value),
            "command" => contract.command = self.command(value),
            "user" => contract.user = self.user(value),
            "base" => contract.bases = self.globs(key, value, Glob::text),
            "labels" => contract.labels = self.demands(key, value),
            "annotations" => contract.annotations = self.demands(key, value),
            "files" => {
                for (key, at, value) in self.entries(key, value) {
                    match key.as_str() {
                        "required" => contract.files.required = self.globs(&key, value, Glob::path),
                        "forbidden" => contract.files.forbidden = self.globs(&key, value, Glob::path),
                        "only" => contract.files.only = self.globs(&key, value, Glob::path),
                        _ => self.mistake(at, &format!("`{key}` is not a known key"), FILE_KEYS),
                    }
                }
            }
            _ => self.mistake(at.start, &format!("`{key}` is not a known key"), KEYS),
        }
    }

    fn entries<'v, 't>(
        &mut self,
        key: &str,
        value: &'v SpannedValue<'t>,
    ) -> Vec<(String, usize, &'v SpannedValue<'t>)> {
        if let DeValue::Table(table) = value.get_ref() {
            return table.iter().map(|(key, value)| (key.get_ref().to_string(), key.span().start, value)).collect();
        }
        self.mistake(
            value.span().start,
            &format!("`{key}` must be a section"),
            &format!("write `[{key}]` on a line of its own"),
        );
        Vec::new()
    }

    fn string(&mut self, key: &str, value: &SpannedValue<'_>) -> Option<String> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(clean(text));
        }
        self.mistake(value.span().start, &format!("`{key}` must be a string in quotes"), "");
        None
    }

    /// Reads one text or a list of texts, each with its byte offset.
    fn strings(&mut self, key: &str, value: &SpannedValue<'_>) -> Vec<(String, usize)> {
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect::<Vec<_>>(),
            _ => vec![value],
        };
        if items.is_empty() {
            self.mistake(
                value.span().start,
                &format!("`{key}` is empty"),
                &format!("remove `{key}` if it requires nothing"),
            );
        }
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.push((text.to_string(), item.span().start)),
                _ => self.mistake(
                    item.span().start,
                    &format!("`{key}` must be a string in quotes, or a list of them"),
                    "",
                ),
            }
        }
        texts
    }

    fn globs(
        &mut self,
        key: &str,
        value: &SpannedValue<'_>,
        make: fn(&str) -> Result<Glob, (usize, String)>,
    ) -> Vec<Glob> {
        let mut globs = Vec::new();
        for (text, at) in self.strings(key, value) {
            match make(&text) {
                Ok(glob) => globs.push(glob),
                // The 1 skips the opening quote. An escape before the mistake shifts the column slightly.
                Err((inside, message)) => self.mistake(at + 1 + inside, &format!("`{text}`: {message}"), ""),
            }
        }
        globs
    }

    fn platforms(&mut self, value: &SpannedValue<'_>) -> Vec<Platform> {
        let mut platforms = Vec::new();
        for (text, at) in self.strings("platforms", value) {
            match text.split_once('/') {
                Some((os, architecture))
                    if !os.is_empty() && !architecture.is_empty() && !architecture.contains('/') =>
                {
                    platforms.push(Platform::new(os, architecture));
                }
                _ => self.mistake(
                    at,
                    &format!("`{text}` is not a platform"),
                    "write `os/architecture`, such as `linux/arm64`",
                ),
            }
        }
        platforms
    }

    fn size(&mut self, value: &SpannedValue<'_>) -> Option<u64> {
        let size = match value.get_ref() {
            DeValue::String(text) => size::read(text),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if size.is_none() {
            let hint = "write a number of bytes, or a string such as \"10 MB\", \"1.5 GB\" or \"512 KiB\"";
            self.mistake(value.span().start, "`size` is not a size", hint);
        }
        size
    }

    fn command(&mut self, value: &SpannedValue<'_>) -> CommandRule {
        match self.string("command", value).as_deref() {
            Some("required") => CommandRule::Required,
            Some("none") => CommandRule::None,
            Some("any") | None => CommandRule::Any,
            Some(other) => {
                let hint = "write \"required\", \"none\" or \"any\"";
                self.mistake(value.span().start, &format!("`{other}` is not a known value of `command`"), hint);
                CommandRule::Any
            }
        }
    }

    fn user(&mut self, value: &SpannedValue<'_>) -> Option<UserRule> {
        let text = self.string("user", value)?;
        if text == "not-root" {
            return Some(UserRule::NotRoot);
        }
        let glob = Glob::text(&text);
        if let Err((_, message)) = &glob {
            self.mistake(value.span().start, &format!("`{text}`: {message}"), "write \"not-root\" or a pattern");
        }
        glob.ok().map(UserRule::Matches)
    }

    fn demands(&mut self, section: &str, value: &SpannedValue<'_>) -> BTreeMap<String, MetadataRule> {
        let mut demands = BTreeMap::new();
        for (key, _, value) in self.entries(section, value) {
            let demand = match value.get_ref() {
                DeValue::Boolean(true) => Some(MetadataRule::Present),
                DeValue::Boolean(false) => Some(MetadataRule::Absent),
                DeValue::String(text) => match Glob::text(text) {
                    Ok(glob) => Some(MetadataRule::Matches(glob)),
                    Err((inside, message)) => {
                        self.mistake(value.span().start + 1 + inside, &format!("`{text}`: {message}"), "");
                        None
                    }
                },
                DeValue::Table(_) => {
                    let hint = format!("put a name with dots in quotes: `\"{key}.…\" = true`");
                    self.mistake(value.span().start, &format!("`{key}` is not a complete name"), &hint);
                    None
                }
                _ => {
                    let hint = "write true (must exist), false (must not exist), or a pattern that it must match";
                    self.mistake(
                        value.span().start,
                        &format!("`{key}` must be true, false or a string in quotes"),
                        hint,
                    );
                    None
                }
            };
            demands.extend(demand.map(|demand| (clean(&key), demand)));
        }
        demands
    }
}
