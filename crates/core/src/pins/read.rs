//! The parser for pin documents. It never fails: what cannot be used becomes a [`PinError`] with its position.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{PinDoc, PinError, PinScope};
use crate::finding::Code;

/// The hint for an unknown key at the top of a document.
const KNOWN: &str = "use `image`, `postgres_version`, `spock_version`, `floating`, `base`, `contract`, `[node.NAME]` or `[service.NAME]`";
/// The hint for an unknown key in a section.
const KNOWN_IN_SECTION: &str =
    "use `image`, `floating`, `base` (the image it is built on) or `contract` (rules it must keep) in a section";

/// Parses a pin document. Mistakes are collected in `slips`.
pub fn read(text: &str) -> PinDoc {
    let mut doc = PinDoc::default();
    let text = &without_bare_keys(text, &mut doc);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        doc.slip(at, Code::PinSyntax, error.message().trim().to_owned(), "");
    }
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        match (name, value.get_ref()) {
            ("postgres_version", DeValue::String(version)) => doc.postgres_version = filled(version),
            ("spock_version", DeValue::String(version)) => doc.spock_version = filled(version),
            ("postgres_version" | "spock_version", _) => {
                doc.slip(value.span(), Code::PinSyntax, format!("`{name}` must be a string in quotes"), "");
            }
            ("node", DeValue::Table(members)) => doc.section(members, PinScope::Member),
            ("service", DeValue::Table(services)) => doc.section(services, PinScope::Service),
            _ => {
                if !doc.field(&PinScope::Group, name, value) {
                    let message = format!("`{name}` is not a known key");
                    doc.slip(key.span(), Code::PinUnknown, message, KNOWN);
                }
            }
        }
    }
    doc.slips.sort_by_key(|slip| slip.at.start);
    doc
}

/// Blanks out lines that consist of a key only, and reports each. Every line looks like that while it is
/// typed, and the parser reads nothing after it.
fn without_bare_keys(text: &str, doc: &mut PinDoc) -> String {
    let mut text = text.to_owned();
    for _ in 0..text.lines().count() {
        let (_, errors) = DeTable::parse_recoverable(&text);
        let Some(error) = errors.into_iter().find(|error| error.message().starts_with("key with no value")) else {
            break;
        };
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
        let end = text[at..].find('\n').map_or(text.len(), |line| at + line);
        if start == end {
            break;
        }
        doc.slip(start..end, Code::PinSyntax, "a key without a value: `=` is missing".into(), "");
        text.replace_range(start..end, &" ".repeat(end - start));
    }
    text
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl PinDoc {
    fn slip(&mut self, at: Range<usize>, code: Code, message: String, hint: &str) {
        self.slips.push(PinError { at, code, message, hint: hint.to_owned() });
    }

    fn pin(&mut self, key: PinScope, image: &str, at: Range<usize>) {
        self.place.insert(key.clone(), at);
        if let Some(image) = filled(image) {
            self.pins.insert(key, image);
        }
    }

    fn section(&mut self, table: &DeTable<'_>, make: fn(String) -> PinScope) {
        for (name, value) in table {
            let key = make(name.get_ref().to_string());
            self.headers.insert(key.clone(), name.span());
            let DeValue::Table(inner) = value.get_ref() else {
                self.slip(
                    value.span(),
                    Code::PinSyntax,
                    format!("`{}` must be a section with an `image`", name.get_ref()),
                    "",
                );
                continue;
            };
            for (field, value) in inner {
                let name: &str = field.get_ref();
                if !self.field(&key, name, value) {
                    let message = format!("`{name}` is not a known key");
                    self.slip(field.span(), Code::PinUnknown, message, KNOWN_IN_SECTION);
                }
            }
        }
    }

    /// Reads a key that is valid at the top and in every section. Returns `false` for any other key.
    fn field(&mut self, key: &PinScope, name: &str, value: &Spanned<DeValue<'_>>) -> bool {
        match (name, value.get_ref()) {
            ("image", DeValue::String(image)) => self.pin(key.clone(), image, value.span()),
            ("base", DeValue::String(base)) => self.rules.entry(key.clone()).or_default().base = filled(base),
            ("contract", DeValue::String(name)) => self.rules.entry(key.clone()).or_default().contract = filled(name),
            ("floating", DeValue::Boolean(floating)) => {
                self.rules.entry(key.clone()).or_default().floating = Some(*floating);
            }
            ("image" | "base" | "contract", _) => {
                self.slip(value.span(), Code::PinSyntax, format!("`{name}` must be a string in quotes"), "");
            }
            ("floating", _) => self.slip(value.span(), Code::PinSyntax, "`floating` must be true or false".into(), ""),
            _ => return false,
        }
        true
    }
}
