//! The text of a configuration file: parsing as TOML in file order, and warnings with a position.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use pinnace_core::contract::ContractError;

/// The text of one file, with the name used in warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceText<'t> {
    /// The path or name of the file.
    pub file: &'t str,
    /// The content of the file.
    pub text: &'t str,
}

impl<'t> SourceText<'t> {
    /// Returns the file's name without folders and `.toml`, as settings and `inherits` refer to it.
    pub fn name(&self) -> &'t str {
        let base = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        base.strip_suffix(".toml").unwrap_or(base)
    }

    /// Makes a warning about a span of this text.
    pub(super) fn warning(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> ConfigWarning {
        self.place(span.start).warning(message, hint)
    }

    /// Returns the line and column of a byte offset.
    pub(super) fn place(&self, at: usize) -> SourcePosition {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        SourcePosition {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Parses the text as TOML. Parts that cannot be parsed become warnings; the rest is kept.
    pub(super) fn parse(&self, warnings: &mut Vec<ConfigWarning>) -> DeTable<'t> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        warnings.extend(errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            self.warning(&span, error.message(), None)
        }));
        table.into_inner()
    }
}

/// A key and its value, with their byte ranges in the text.
#[derive(Debug)]
pub(super) struct TomlEntry<'a, 't> {
    pub key: &'a str,
    pub key_span: Range<usize>,
    pub value: &'a DeValue<'t>,
    pub span: Range<usize>,
}

impl TomlEntry<'_, '_> {
    /// Names the value's type for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// Makes a warning about a value of the wrong type.
    pub(super) fn mistyped(&self, text: &SourceText<'_>, wanted: &str) -> ConfigWarning {
        let message = format!("`{}` should be {wanted}, not {}", self.key, self.kind());
        text.warning(&self.span, message, None)
    }
}

/// Lists a table's entries in the order of the file, which `toml` does not keep.
pub(super) fn in_order<'a, 't>(table: &'a DeTable<'t>) -> Vec<TomlEntry<'a, 't>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value): (&Spanned<DeString<'t>>, &Spanned<DeValue<'t>>)| TomlEntry {
            key: key.get_ref(),
            key_span: key.span(),
            value: value.get_ref(),
            span: value.span(),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

/// A position in a file, kept after its text is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourcePosition {
    pub file: String,
    pub line: usize,
    column: usize,
}

impl SourcePosition {
    /// Makes a warning about this position.
    pub(super) fn warning(&self, message: impl Into<String>, hint: Option<String>) -> ConfigWarning {
        ConfigWarning {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            message: printable(&message.into()),
            hint: hint.map(|hint| printable(&hint)),
        }
    }
}

/// A part of a file that could not be used; the rest of the file was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ConfigWarning {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The problem.
    pub message: String,
    /// The recommended action, if any.
    pub hint: Option<String>,
}

impl ConfigWarning {
    /// Converts a mistake in a contract; contracts are parsed in the core crate.
    pub(super) fn of(text: &SourceText<'_>, mistake: ContractError) -> Self {
        let ContractError { line, column, message, hint } = mistake;
        let hint = (!hint.is_empty()).then_some(hint);
        Self { file: text.file.to_owned(), line, column, message, hint }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Replaces control characters, which TOML allows as escapes, so that none gets into a message.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_without_folders_and_ending() {
        for (file, name) in [("/etc/x/themes/night.toml", "night"), ("day.toml", "day"), ("plain", "plain")] {
            assert_eq!(SourceText { file, text: "" }.name(), name);
        }
    }

    #[test]
    fn counts_lines_and_columns_from_one_in_characters() {
        let text = SourceText { file: "f.toml", text: "a = 1\n\"ü\" = 2\n" };
        let at = text.text.find('2').unwrap();
        let warning = text.warning(&(at..at + 1), "bad \u{1b}[2J", Some("fix it".to_owned()));
        assert_eq!(warning.to_string(), "f.toml:2:7: bad \u{fffd}[2J\nhint: fix it");
    }

    #[test]
    fn keeps_file_order_and_what_can_be_read() {
        let mut warnings = Vec::new();
        let text = SourceText { file: "f", text: "z = 1\nb = \na = 2\n" };
        let table = text.parse(&mut warnings);
        let keys: Vec<_> = in_order(&table).iter().map(|entry| entry.key.to_owned()).collect();
        assert_eq!((keys[0].as_str(), keys[keys.len() - 1].as_str()), ("z", "a"));
        assert_eq!((warnings.len(), warnings[0].line), (1, 2), "{warnings:?}");
    }
}
