//! Which keys do what where: keymap files, read in file order and laid over one another.

use toml::de::DeValue;

use super::builtin;
use super::key::{Key, Keys};
use super::layers::{Layer, Shelf};
use super::nearest::did_you_mean;
use super::text::{Entry, Place, Text, Warning, in_order};
use crate::action::{Action, Context};

/// What a file says to take a key's action away.
const UNBOUND: &str = "none";

/// The keys and what they do. The order is the file's, which is the order of footer and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    name: String,
    rows: Vec<Row>,
}

/// One binding with the place it was read from; without an action it was unbound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    context: Context,
    keys: Keys,
    action: Option<Action>,
    at: Place,
}

/// One binding that works in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'m> {
    /// The section it stands in: the context asked for, or [`Context::Global`].
    pub context: Context,
    /// The keys to press.
    pub keys: &'m Keys,
    /// What they do.
    pub action: Action,
}

/// What the keys pressed so far come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// They do this.
    Run(Action),
    /// They begin a longer sequence.
    Pending,
    /// They do nothing.
    None,
}

impl Keymap {
    /// Reads the named keymap: a user's file laid over a compiled-in one, or a compiled-in one.
    pub fn load(name: &str, user: &[Text<'_>]) -> (Self, Vec<Warning>) {
        let mut warnings = Vec::new();
        let shelf = builtin::keymaps(user);
        let mut map = Self { name: name.to_owned(), rows: Vec::new() };
        let layers = shelf.layers(name, &mut warnings);
        for layer in &layers {
            map.overlay(layer, &mut warnings);
        }
        let newest = layers.last().map_or("", |layer| layer.text.file);
        warnings.extend(map.collisions(newest));
        (map, warnings)
    }

    /// The names of all keymaps, compiled-in ones first.
    pub fn names<'t>(user: &'t [Text<'t>]) -> Vec<&'t str> {
        builtin::keymaps(user).names()
    }

    /// The name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Finds what the keys pressed so far do here. The screen's own section goes before `[global]`.
    pub(crate) fn lookup(&self, context: Context, pressed: &[Key]) -> Lookup {
        let bindings = self.bindings_for(context);
        for section in [Some(context), context.under(), Some(Context::Global)].into_iter().flatten() {
            let mut own = bindings.iter().filter(|binding| binding.context == section);
            if let Some(found) = own.clone().find(|binding| binding.keys.as_slice() == pressed) {
                return Lookup::Run(found.action);
            }
            if own.any(|binding| binding.keys.goes_on_after(pressed)) {
                return Lookup::Pending;
            }
        }
        Lookup::None
    }

    /// Lists the bindings that work here: the section's own in file order, then those of `[global]` that it leaves.
    pub fn bindings_for(&self, context: Context) -> Vec<Binding<'_>> {
        self.reachable(context)
            .filter_map(|row| row.action.map(|action| Binding { context: row.context, keys: &row.keys, action }))
            .collect()
    }

    /// Lists each action that works here once, with all its keys, for footer and help.
    pub fn actions_for(&self, context: Context) -> Vec<(Action, Vec<&Keys>)> {
        let mut actions: Vec<(Action, Vec<&Keys>)> = Vec::new();
        for binding in self.bindings_for(context) {
            match actions.iter_mut().find(|(action, _)| *action == binding.action) {
                Some((_, keys)) => keys.push(binding.keys),
                None => actions.push((binding.action, vec![binding.keys])),
            }
        }
        actions
    }

    /// The first keys for an action here: those to show.
    pub fn keys_for(&self, context: Context, action: Action) -> Option<&Keys> {
        self.reachable(context).find(|row| row.action == Some(action)).map(|row| &row.keys)
    }

    /// The section's own rows, those of the section under it, then those of `[global]`: what is neither taken, unbound,
    /// nor read as text.
    fn reachable(&self, context: Context) -> impl Iterator<Item = &Row> {
        let own = move |row: &&Row| row.context == context;
        let taken = move |keys: &Keys| self.rows.iter().filter(own).any(|taken| taken.keys == *keys);
        let under = move |row: &&Row| context.under() == Some(row.context) && !taken(&row.keys);
        let inherited = move |row: &&Row| {
            context != Context::Global
                && row.context == Context::Global
                && (!context.takes_text() || row.keys.leaves_text())
                && !taken(&row.keys)
                && !self.rows.iter().filter(under).any(|taken| taken.keys == row.keys)
        };
        let rows = || self.rows.iter();
        rows().filter(own).chain(rows().filter(under)).chain(rows().filter(inherited))
    }

    fn overlay(&mut self, layer: &Layer<'_>, warnings: &mut Vec<Warning>) {
        let text = &layer.text;
        for section in in_order(&layer.table) {
            if section.key == "inherits" {
                continue;
            }
            let Some(context) = Context::from_name(section.key) else {
                let message = format!("unknown section `{}`", section.key);
                let known = Context::names().chain(["inherits"]);
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

    /// Lays one binding over those there are.
    ///
    /// A key that is new for an action goes before the action's older keys, so that the user's own is the one shown.
    fn insert(&mut self, row: Row) -> Result<(), Warning> {
        let same = |old: &Row| old.context == row.context && old.keys == row.keys;
        if let Some(old) = self.rows.iter_mut().find(|old| same(old)) {
            if old.at.file == row.at.file {
                let message = format!("`{}` stands twice in [{}]", row.keys, row.context);
                return Err(row.at.warning(message, None));
            }
            *old = row;
            return Ok(());
        }
        if row.action.is_none() && !self.is_bound_below(row.context, &row.keys) {
            let message = format!("`{}` is not bound in [{}]", row.keys, row.context);
            return Err(row.at.warning(message, None));
        }
        let older = |old: &Row| old.context == row.context && old.action == row.action && old.at.file != row.at.file;
        let at = self.rows.iter().position(older).unwrap_or(self.rows.len());
        self.rows.insert(at, row);
        Ok(())
    }

    fn is_bound_below(&self, context: Context, keys: &Keys) -> bool {
        let below = [context.under(), Some(Context::Global)];
        self.rows.iter().any(|row| below.contains(&Some(row.context)) && row.keys == *keys)
    }

    /// Finds bindings that keep longer ones from being reached, each pair once, at the place in the newest file.
    fn collisions(&self, newest: &str) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        for context in Context::ALL {
            let bound: Vec<&Row> = self.reachable(*context).filter(|row| row.action.is_some()).collect();
            for short in &bound {
                let longer = bound.iter().filter(|long| long.keys.goes_on_after(short.keys.as_slice()));
                for long in longer {
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

/// Says which of two bindings is lost: the longer, unless it is the screen's own and the shorter is everybody's.
fn collision(short: &Row, long: &Row, newest: &str) -> Warning {
    let own_is_longer = short.context == Context::Global && long.context != Context::Global;
    let (lost, kept) = if own_is_longer { (short, long) } else { (long, short) };
    let message =
        format!("`{}` in [{}] cannot be reached beside `{}` in [{}]", lost.keys, lost.context, kept.keys, kept.context);
    let at = if long.at.file == newest { &long.at } else { &short.at };
    at.warning(message, Some("unbind one of them with `\"KEY\" = \"none\"`".to_owned()))
}

/// Reads one line of a section.
fn row(text: &Text<'_>, context: Context, entry: &Entry<'_, '_>) -> Result<Row, Warning> {
    let keys: Keys = entry.key.parse().map_err(|error: super::KeyError| {
        // Inside the quotes; bare keys have none.
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
    Ok(Row { context, keys, action, at })
}

/// The keymap that all others stand on.
pub(super) const ROOT: &str = "default";

/// Puts the keymaps on their shelf.
pub(super) fn shelf<'t>(builtin: &'static [Text<'static>], user: &'t [Text<'t>]) -> Shelf<'t> {
    Shelf { word: "keymap", root: ROOT, builtin, user }
}

#[cfg(test)]
#[path = "keymap_tests.rs"]
mod tests;
