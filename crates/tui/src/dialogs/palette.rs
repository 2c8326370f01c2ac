//! Lists that are filtered by typing: commands and themes.

use crate::action::{Action, KeyContext};
use pinnace_core::fuzzy::Fuzzy;

use crate::availability::{available, available_under};
use crate::dialogs::line_input::LineInput;
use crate::state::State;
use crate::wrap::{width, wrapped};

/// A list to pick from, filtered by typed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteState {
    /// The typed text.
    pub line: LineInput,
    /// The index of the selected item among those that match.
    pub at: usize,
    /// All items, whether they match or not.
    pub items: Vec<PaletteItem>,
}

/// An item of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteItem {
    /// The effect of picking it.
    pub pick: PaletteChoice,
    /// The name, as shown.
    pub name: String,
    /// The keys with the same effect.
    pub keys: String,
    /// A sentence about it; empty for themes.
    pub help: String,
    /// The reason why it is not possible now; none if it is.
    pub why_not: Option<String>,
}

/// The effect of picking an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteChoice {
    /// Runs this action.
    Action(Action),
    /// Uses the theme of this name.
    Theme(String),
}

impl PaletteState {
    /// Returns the items that match the typed text, the best first.
    pub fn matches(&self) -> Vec<&PaletteItem> {
        let mut fuzzy = Fuzzy::new(self.line.text());
        let mut found: Vec<_> = self.items.iter().filter_map(|item| Some((score(&mut fuzzy, item)?, item))).collect();
        // The sort is stable: items with equal scores keep their order.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, item)| item).collect()
    }

    /// Returns the selected item.
    pub fn chosen(&self) -> Option<&PaletteItem> {
        self.matches().get(self.at).copied()
    }
}

/// Lists the commands that are bound on the current screen.
pub(crate) fn commands(state: &State) -> PaletteState {
    let context = state.screen_context();
    let keymap = &state.config.keymap;
    let actions = keymap.actions_for(context).into_iter().filter(|(action, _)| is_command(*action));
    let items = actions.map(|(action, keys)| PaletteItem {
        pick: PaletteChoice::Action(action),
        name: action.label().to_owned(),
        keys: keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        help: action.help().to_owned(),
        why_not: available(state, action).err().map(|reason| reason.to_string()),
    });
    PaletteState { line: LineInput::default(), at: 0, items: items.collect() }
}

/// Lists the themes, with the one in use selected.
pub fn themes(state: &State) -> PaletteState {
    let items = state.config.themes.iter().map(|theme| PaletteItem {
        pick: PaletteChoice::Theme(theme.name().to_owned()),
        name: theme.name().to_owned(),
        keys: String::new(),
        help: String::new(),
        why_not: None,
    });
    let items: Vec<_> = items.collect();
    let at = items.iter().position(|item| item.name == state.config.theme.name()).unwrap_or(0);
    PaletteState { line: LineInput::default(), at, items }
}

/// Returns whether an action is a command, and neither navigation nor typing.
pub(crate) fn is_command(action: Action) -> bool {
    !is_motion(action) && !is_typing(action) && action != Action::Palette
}

/// Returns whether an action is navigation.
pub fn is_motion(action: Action) -> bool {
    matches!(
        action,
        Action::Down
            | Action::Up
            | Action::PageDown
            | Action::PageUp
            | Action::Top
            | Action::Bottom
            | Action::Left
            | Action::Right
            | Action::NextPane
            | Action::PreviousPane
            | Action::Back
    )
}

/// Returns whether an action edits a text.
pub(crate) fn is_typing(action: Action) -> bool {
    let name = action.name();
    name.starts_with("cursor-") || name.starts_with("delete-") || action == Action::Newline
}

/// A line of the help window: a heading, or keys with a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// The heading of a part.
    Title(&'static str),
    /// Keys and the sentence about their action.
    Keys(String, String),
    /// Keys of an action that is not possible now, with the sentence about it and the reason.
    Dimmed(String, String),
}

/// The width of the column of keys in the help, in cells.
pub(crate) const HELP_KEYS: usize = 16;

/// Lists the keys of the current screen: its own first, then the global ones.
pub(crate) fn help(state: &State) -> Vec<HelpLine> {
    let context = state.screen_context();
    let keymap = &state.config.keymap;
    let bindings = keymap.bindings_for(context);
    let is_own = |action: Action| bindings.iter().any(|b| b.action == action && b.context != KeyContext::Global);
    let all = keymap.actions_for(context);
    let line = |(action, keys): &(Action, Vec<&crate::config::KeySequence>)| {
        let mut names = fitting(keys.iter().map(ToString::to_string));
        let why_not = available_under(state, *action).err();
        let room = usize::from(state.size.width).saturating_sub(HELP_KEYS + 8).clamp(20, 90);
        let text = why_not.as_ref().map_or(action.help().to_owned(), |why| format!("{} Now: {why}.", action.help()));
        let line = if why_not.is_some() { HelpLine::Dimmed } else { HelpLine::Keys };
        let mut lines = Vec::new();
        for text in folded(&text, room) {
            lines.push(line(std::mem::take(&mut names), text));
        }
        lines
    };
    let mut lines = vec![HelpLine::Title(context.help())];
    lines.extend(all.iter().filter(|(action, _)| is_own(*action)).flat_map(line));
    lines.push(HelpLine::Title(KeyContext::Global.help()));
    lines.extend(all.iter().filter(|(action, _)| !is_own(*action)).flat_map(line));
    lines
}

/// Joins the keys that fit into their column of the help; the palette shows all of them.
fn fitting(keys: impl Iterator<Item = String>) -> String {
    let mut names = String::new();
    for key in keys {
        if width(&names) + width(&key) + 2 < HELP_KEYS {
            names.push_str(if names.is_empty() { "" } else { "  " });
            names.push_str(&key);
        }
    }
    names
}

/// Breaks a sentence into lines of `room` cells, at blanks, and inside of words that are longer than a line.
fn folded(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + width(word) < room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(wrapped(word, room)),
        }
    }
    lines
}

/// Scores an item: a match of the name ranks before a match of only the sentence.
fn score(fuzzy: &mut Fuzzy, item: &PaletteItem) -> Option<(bool, u32)> {
    let action = match &item.pick {
        PaletteChoice::Action(action) => action.name(),
        PaletteChoice::Theme(name) => name,
    };
    let by_name = [item.name.as_str(), action].into_iter().filter_map(|text| fuzzy.score(text)).max();
    by_name.map(|score| (true, score)).or_else(|| fuzzy.score(&item.help).map(|score| (false, score)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_by_the_cells_it_takes() {
        assert_eq!(folded("größer für später", 11), ["größer für", "später"]);
        assert_eq!(folded("日本 語日 本", 7), ["日本", "語日 本"]);
        assert_eq!(folded("a 日本語日本語 b", 7), ["a", "日本語", "日本語", "b"]);
        assert_eq!(folded("one two", 7), ["one two"]);
        assert_eq!(folded("", 7), [""]);
    }

    #[test]
    fn keys_fill_their_column_by_the_cells_they_take() {
        let keys = |text: &str| fitting(text.split(' ').map(str::to_owned));
        assert_eq!(keys("ä ö ü é è à"), "ä  ö  ü  é  è");
        assert_eq!(keys("日 本 語 字 文"), "日  本  語  字");
        assert_eq!(keys("a b c d e f"), "a  b  c  d  e");
    }
}
