//! Keymaps: keymap files, read in file order and laid over one another.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::builtin;
use super::inheritance::{FileCatalog, ParsedFile};
use super::key::{Key, KeySequence};
use super::source_text::{ConfigWarning, SourcePosition, SourceText, TomlEntry, in_order};
use super::suggest::did_you_mean;
use crate::action::{Action, KeyContext};

/// The value in a file that removes the binding of a key.
const UNBOUND: &str = "none";

/// All bindings, in the order of the files, which is also the order of footer and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    name: String,
    rows: Vec<KeymapEntry>,
    /// The rows that each context reaches, by their index in `rows`; kept, as every frame and key asks for them.
    reached: BTreeMap<KeyContext, Vec<usize>>,
}

/// One binding with the position it was read from; without an action, the keys are unbound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeymapEntry {
    context: KeyContext,
    keys: KeySequence,
    action: Option<Action>,
    at: SourcePosition,
}

/// A binding that is active in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'m> {
    /// The section of the binding: the context asked for, the one below it, or [`KeyContext::Global`].
    pub context: KeyContext,
    /// The keys to press.
    pub keys: &'m KeySequence,
    /// The action that the keys run.
    pub action: Action,
}

/// The result of looking up the keys pressed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMatch {
    /// A complete binding, with its action.
    Run(Action),
    /// The beginning of a longer sequence.
    Pending,
    /// No binding.
    None,
}

impl Keymap {
    /// Loads the named keymap: a user's file over the files it inherits from, or a compiled-in one.
    pub fn load(name: &str, user: &[SourceText<'_>]) -> (Self, Vec<ConfigWarning>) {
        let mut warnings = Vec::new();
        let shelf = builtin::keymaps(user);
        let mut map = Self { name: name.to_owned(), rows: Vec::new(), reached: BTreeMap::new() };
        let layers = shelf.layers(name, &mut warnings);
        for layer in &layers {
            map.overlay(layer, &mut warnings);
        }
        map.reached = KeyContext::ALL.iter().map(|context| (*context, map.find_reached(*context))).collect();
        let newest = layers.last().map_or("", |layer| layer.text.file);
        warnings.extend(map.collisions(newest));
        (map, warnings)
    }

    /// Lists the names of all keymaps, compiled-in ones first.
    pub fn names<'t>(user: &'t [SourceText<'t>]) -> Vec<&'t str> {
        builtin::keymaps(user).names()
    }

    /// Returns the name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks up the keys pressed so far in a context. The section of the context goes before `[global]`.
    pub(crate) fn lookup(&self, context: KeyContext, pressed: &[Key]) -> KeyMatch {
        let bindings = self.bindings_for(context);
        for section in [Some(context), context.under(), Some(KeyContext::Global)].into_iter().flatten() {
            let mut own = bindings.iter().filter(|binding| binding.context == section);
            if let Some(found) = own.clone().find(|binding| binding.keys.as_slice() == pressed) {
                return KeyMatch::Run(found.action);
            }
            if own.any(|binding| binding.keys.goes_on_after(pressed)) {
                return KeyMatch::Pending;
            }
        }
        KeyMatch::None
    }

    /// Lists the bindings active in a context: those of its section in file order, then the inherited ones that
    /// it does not override.
    pub fn bindings_for(&self, context: KeyContext) -> Vec<Binding<'_>> {
        self.reachable(context)
            .filter_map(|row| row.action.map(|action| Binding { context: row.context, keys: &row.keys, action }))
            .collect()
    }

    /// Lists each action available in a context once, with all its keys, for footer and help.
    pub fn actions_for(&self, context: KeyContext) -> Vec<(Action, Vec<&KeySequence>)> {
        let mut actions: Vec<(Action, Vec<&KeySequence>)> = Vec::new();
        for binding in self.bindings_for(context) {
            match actions.iter_mut().find(|(action, _)| *action == binding.action) {
                Some((_, keys)) => keys.push(binding.keys),
                None => actions.push((binding.action, vec![binding.keys])),
            }
        }
        actions
    }

    /// Returns the first keys for an action in a context, which are the ones to show.
    pub fn keys_for(&self, context: KeyContext, action: Action) -> Option<&KeySequence> {
        self.reachable(context).find(|row| row.action == Some(action)).map(|row| &row.keys)
    }

    /// Returns the rows that a context reaches: those of its section, of the section below it, and of `[global]`.
    fn reachable(&self, context: KeyContext) -> impl Iterator<Item = &KeymapEntry> {
        self.reached.get(&context).into_iter().flatten().filter_map(|index| self.rows.get(*index))
    }

    /// Finds the rows of the section itself, of the section below it, and of `[global]`, in this order. An
    /// inherited row is left out if its keys are already bound or unbound, or are read as text.
    fn find_reached(&self, context: KeyContext) -> Vec<usize> {
        let global = (context != KeyContext::Global).then_some(KeyContext::Global);
        let mut taken = BTreeSet::new();
        let mut reached = Vec::new();
        for section in [Some(context), context.under(), global].into_iter().flatten() {
            let is_read_as_text =
                |row: &KeymapEntry| section == KeyContext::Global && context.takes_text() && !row.keys.leaves_text();
            let found = self.rows.iter().enumerate().filter(|(_, row)| {
                row.context == section && !taken.contains(&row.keys) && (section == context || !is_read_as_text(row))
            });
            let found: Vec<(usize, &KeymapEntry)> = found.collect();
            taken.extend(found.iter().map(|(_, row)| &row.keys));
            reached.extend(found.iter().map(|(index, _)| *index));
        }
        reached
    }

    fn overlay(&mut self, layer: &ParsedFile<'_>, warnings: &mut Vec<ConfigWarning>) {
        let text = &layer.text;
        for section in in_order(&layer.table) {
            if section.key == "inherits" {
                continue;
            }
            let Some(context) = KeyContext::from_name(section.key) else {
                let message = format!("unknown section `{}`", section.key);
                let known = KeyContext::names().chain(["inherits"]);
                warnings.push(text.warning(&section.key_span, message, did_you_mean(section.key, known)));
                continue;
            };
            let DeValue::Table(table) = section.value else {
                warnings.push(section.mistyped(text, "a section of keys"));
                continue;
            };
            for entry in in_order(table) {
                match row(text, context, &entry).and_then(|row| self.insert(row)) {
                    Ok(()) => {}
                    Err(warning) => warnings.push(warning),
                }
            }
        }
    }

    /// Lays one binding over the existing ones.
    ///
    /// A new key for an action goes before the action's older keys, so that the user's key is the one shown.
    fn insert(&mut self, row: KeymapEntry) -> Result<(), ConfigWarning> {
        let same = |old: &KeymapEntry| old.context == row.context && old.keys == row.keys;
        if let Some(old) = self.rows.iter_mut().find(|old| same(old)) {
            if old.at.file == row.at.file {
                let message = format!("`{}` is bound twice in [{}]", row.keys, row.context);
                return Err(row.at.warning(message, None));
            }
            *old = row;
            return Ok(());
        }
        if row.action.is_none() && !self.is_bound_below(row.context, &row.keys) {
            let message = format!("`{}` is not bound in [{}]", row.keys, row.context);
            return Err(row.at.warning(message, None));
        }
        let older =
            |old: &KeymapEntry| old.context == row.context && old.action == row.action && old.at.file != row.at.file;
        let at = self.rows.iter().position(older).unwrap_or(self.rows.len());
        self.rows.insert(at, row);
        Ok(())
    }

    fn is_bound_below(&self, context: KeyContext, keys: &KeySequence) -> bool {
        let below = [context.under(), Some(KeyContext::Global)];
        self.rows.iter().any(|row| below.contains(&Some(row.context)) && row.keys == *keys)
    }

    /// Finds bindings that make a longer one unreachable; each pair once, at its position in the newest file.
    fn collisions(&self, newest: &str) -> Vec<ConfigWarning> {
        let mut warnings: Vec<ConfigWarning> = Vec::new();
        for context in KeyContext::ALL {
            let bound: Vec<&KeymapEntry> = self.reachable(*context).filter(|row| row.action.is_some()).collect();
            let sequences: Vec<&&KeymapEntry> = bound.iter().filter(|row| row.keys.as_slice().len() > 1).collect();
            for short in &bound {
                for long in sequences.iter().filter(|long| long.keys.goes_on_after(short.keys.as_slice())) {
                    let warning = collision(short, long, newest);
                    if !warnings.contains(&warning) {
                        warnings.push(warning);
                    }
                }
            }
        }
        warnings
    }
}

/// Reports which of two bindings is unreachable: the longer one, unless it belongs to a screen and the shorter
/// one is global.
fn collision(short: &KeymapEntry, long: &KeymapEntry, newest: &str) -> ConfigWarning {
    let own_is_longer = short.context == KeyContext::Global && long.context != KeyContext::Global;
    let (lost, kept) = if own_is_longer { (short, long) } else { (long, short) };
    let message = format!(
        "`{}` in [{}] is unreachable because of `{}` in [{}]",
        lost.keys, lost.context, kept.keys, kept.context
    );
    let at = if long.at.file == newest { &long.at } else { &short.at };
    at.warning(message, Some("unbind one of them with `\"KEY\" = \"none\"`".to_owned()))
}

/// Reads one binding of a section.
fn row(text: &SourceText<'_>, context: KeyContext, entry: &TomlEntry<'_, '_>) -> Result<KeymapEntry, ConfigWarning> {
    let keys: KeySequence = entry.key.parse().map_err(|error: super::KeyParseError| {
        // The position is inside the quotes; bare keys have none.
        let quote = usize::from(entry.key_span.len() > entry.key.len());
        let start = entry.key_span.start + quote + error.at();
        text.warning(&(start..entry.key_span.end), error.to_string(), error.hint())
    })?;
    let DeValue::String(name) = entry.value else {
        return Err(entry.mistyped(text, "the name of an action"));
    };
    let action = match Action::from_name(name) {
        Some(action) => Some(action),
        None if name == UNBOUND => None,
        None => {
            let hint = did_you_mean(name, Action::names().chain([UNBOUND]));
            return Err(text.warning(&entry.span, format!("unknown action `{name}`"), hint));
        }
    };
    let at = text.place(entry.key_span.start);
    Ok(KeymapEntry { context, keys, action, at })
}

/// The keymap that all others inherit from.
pub(super) const ROOT: &str = "default";

/// Combines the compiled-in keymaps with the user's.
pub(super) fn shelf<'t>(builtin: &'static [SourceText<'static>], user: &'t [SourceText<'t>]) -> FileCatalog<'t> {
    FileCatalog { word: "keymap", root: ROOT, builtin, user }
}

#[cfg(test)]
#[path = "keymap_tests.rs"]
mod tests;
