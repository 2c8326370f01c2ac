//! Theme files: `[palette]` names colours, `[roles]` uses them.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use toml::de::DeValue;

use super::color::{MODIFIERS, NAMES};
use super::role::StyleRole;
use crate::config::inheritance::ParsedFile;
use crate::config::source_text::{ConfigWarning, SourceText, TomlEntry, in_order};
use crate::config::suggest::did_you_mean;
use crate::config::theme::color;

const SECTIONS: [&str; 3] = ["inherits", "palette", "roles"];

/// The style of one role in one file. Its colours are looked up when the palettes of all files are known.
struct UnresolvedStyle<'t> {
    text: SourceText<'t>,
    fg: Option<(String, Range<usize>)>,
    bg: Option<(String, Range<usize>)>,
    modifiers: Modifier,
}

/// The merged files of a chain; a higher file overrides the lower ones.
#[derive(Default)]
struct MergedTheme<'t> {
    palette: BTreeMap<String, Color>,
    roles: BTreeMap<StyleRole, UnresolvedStyle<'t>>,
}

/// Builds the styles of a chain of files, the lowest first, in the order of [`StyleRole::ALL`].
///
/// A role is taken whole from the highest file that has it, but its colours come from the merged palettes. A
/// theme with only a palette thus recolours the roles it inherits.
pub(super) fn styles(layers: &[ParsedFile<'_>], warnings: &mut Vec<ConfigWarning>) -> Vec<Style> {
    let mut draft = MergedTheme::default();
    for layer in layers {
        draft.overlay(layer, warnings);
    }
    if let Some(top) = layers.last() {
        let missing = StyleRole::ALL.iter().filter(|role| !draft.roles.contains_key(role));
        warnings.extend(missing.map(|role| {
            let hint = Some(format!("set it, or inherit from `{}`", super::ROOT));
            top.text.warning(&(0..0), format!("role `{role}` is not set"), hint)
        }));
    }
    StyleRole::ALL.iter().map(|role| draft.style(*role, warnings)).collect()
}

impl<'t> MergedTheme<'t> {
    fn overlay(&mut self, layer: &ParsedFile<'t>, warnings: &mut Vec<ConfigWarning>) {
        let text = layer.text;
        for section in in_order(&layer.table) {
            match (section.key, section.value) {
                ("inherits", _) => {}
                ("palette", DeValue::Table(table)) => {
                    for entry in in_order(table) {
                        match literal(&text, &entry) {
                            Ok(color) => _ = self.palette.insert(entry.key.to_owned(), color),
                            Err(warning) => warnings.push(warning),
                        }
                    }
                }
                ("roles", DeValue::Table(table)) => {
                    for entry in in_order(table) {
                        self.role(text, &entry, warnings);
                    }
                }
                ("palette" | "roles", _) => warnings.push(section.mistyped(&text, "a section")),
                (key, _) => {
                    let message = format!("unknown key `{key}`");
                    warnings.push(text.warning(&section.key_span, message, did_you_mean(key, SECTIONS)));
                }
            }
        }
    }

    fn role(&mut self, text: SourceText<'t>, entry: &TomlEntry<'_, 't>, warnings: &mut Vec<ConfigWarning>) {
        let Some(role) = StyleRole::from_name(entry.key) else {
            let message = format!("unknown role `{}`", entry.key);
            warnings.push(text.warning(&entry.key_span, message, did_you_mean(entry.key, StyleRole::names())));
            return;
        };
        let mut draft = UnresolvedStyle { text, fg: None, bg: None, modifiers: Modifier::empty() };
        match entry.value {
            DeValue::Table(table) => {
                for part in in_order(table) {
                    draft.part(&part, warnings);
                }
            }
            _ => draft.fg = keep(color_text(&text, entry), warnings),
        }
        self.roles.insert(role, draft);
    }

    fn style(&self, role: StyleRole, warnings: &mut Vec<ConfigWarning>) -> Style {
        let Some(draft) = self.roles.get(&role) else {
            return Style::new();
        };
        let mut find = |named: &Option<(String, Range<usize>)>| {
            let (name, span) = named.as_ref()?;
            let color = self.palette.get(name).copied().or_else(|| color::parse(name));
            if color.is_none() {
                let known = self.palette.keys().map(String::as_str);
                warnings.push(unknown_color(&draft.text, name, span, known));
            }
            color
        };
        let (fg, bg) = (find(&draft.fg), find(&draft.bg));
        Style { fg, bg, ..Style::new() }.add_modifier(draft.modifiers)
    }
}

impl UnresolvedStyle<'_> {
    fn part(&mut self, part: &TomlEntry<'_, '_>, warnings: &mut Vec<ConfigWarning>) {
        let text = self.text;
        match part.key {
            "fg" => self.fg = keep(color_text(&text, part), warnings),
            "bg" => self.bg = keep(color_text(&text, part), warnings),
            "modifiers" => match part.value {
                DeValue::Array(names) => {
                    for name in names {
                        match modifier(name.get_ref()) {
                            Ok(modifier) => self.modifiers |= modifier,
                            Err((message, hint)) => warnings.push(text.warning(&name.span(), message, hint)),
                        }
                    }
                }
                _ => warnings.push(part.mistyped(&text, "a list such as [\"bold\"]")),
            },
            key => {
                let message = format!("unknown key `{key}`");
                let hint = did_you_mean(key, ["fg", "bg", "modifiers"]);
                warnings.push(text.warning(&part.key_span, message, hint));
            }
        }
    }
}

fn keep<T>(result: Result<T, ConfigWarning>, warnings: &mut Vec<ConfigWarning>) -> Option<T> {
    result.map_err(|warning| warnings.push(warning)).ok()
}

fn modifier(value: &DeValue<'_>) -> Result<Modifier, (String, Option<String>)> {
    let name = value.as_str().ok_or_else(|| ("a modifier should be a string".to_owned(), None))?;
    let found = MODIFIERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, modifier)| *modifier).ok_or_else(|| {
        let hint = did_you_mean(name, MODIFIERS.iter().map(|(known, _)| *known));
        (format!("unknown modifier `{name}`"), hint)
    })
}

/// Returns a colour's text, from a name or a number.
fn color_text(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>) -> Result<(String, Range<usize>), ConfigWarning> {
    match entry.value {
        DeValue::String(name) => Ok((name.to_string(), entry.span.clone())),
        DeValue::Integer(index) => Ok((index.to_string(), entry.span.clone())),
        _ => Err(entry.mistyped(text, "a colour")),
    }
}

/// Parses a colour of the palette, which may not refer to another name of the palette.
fn literal(text: &SourceText<'_>, entry: &TomlEntry<'_, '_>) -> Result<Color, ConfigWarning> {
    let (name, span) = color_text(text, entry)?;
    color::parse(&name).ok_or_else(|| unknown_color(text, &name, &span, []))
}

fn unknown_color<'n>(
    text: &SourceText<'_>,
    name: &str,
    span: &Range<usize>,
    palette: impl IntoIterator<Item = &'n str>,
) -> ConfigWarning {
    let known = palette.into_iter().chain(NAMES.iter().map(|(known, _)| *known));
    let hint =
        did_you_mean(name, known).unwrap_or_else(|| "use a name, `#rrggbb`, or a number from 0 to 255".to_owned());
    text.warning(span, format!("unknown colour `{name}`"), Some(hint))
}
