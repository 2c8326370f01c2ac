//! Keys as a user writes them: `ctrl-r`, `g g`, `G`, `shift-tab`.

use std::fmt::{self, Write};
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::suggest::did_you_mean;

/// A key press; the value is the same however a terminal reports it.
///
/// Shift is part of a character (`G`, `?`), so it is kept only for keys that are no character (`shift-tab`).
/// With ctrl a letter has no case, because most terminals cannot tell the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    code: BaseKey,
    ctrl: bool,
    alt: bool,
    shift: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum BaseKey {
    Char(char),
    Function(u8),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// The names of keys that are not a character; if a key has several, the first is the one written.
const NAMES: &[(&str, BaseKey)] = &[
    ("enter", BaseKey::Enter),
    ("return", BaseKey::Enter),
    ("esc", BaseKey::Esc),
    ("escape", BaseKey::Esc),
    ("tab", BaseKey::Tab),
    ("space", BaseKey::Char(' ')),
    ("backspace", BaseKey::Backspace),
    ("delete", BaseKey::Delete),
    ("del", BaseKey::Delete),
    ("insert", BaseKey::Insert),
    ("ins", BaseKey::Insert),
    ("up", BaseKey::Up),
    ("down", BaseKey::Down),
    ("left", BaseKey::Left),
    ("right", BaseKey::Right),
    ("home", BaseKey::Home),
    ("end", BaseKey::End),
    ("page-up", BaseKey::PageUp),
    ("pageup", BaseKey::PageUp),
    ("pgup", BaseKey::PageUp),
    ("page-down", BaseKey::PageDown),
    ("pagedown", BaseKey::PageDown),
    ("pgdn", BaseKey::PageDown),
];

const MODIFIERS: [&str; 3] = ["ctrl", "alt", "shift"];

impl Key {
    /// Converts a key event of the terminal. Returns none for a release, and for a key without a name here.
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        let known = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        if event.kind == KeyEventKind::Release || !known.contains(event.modifiers) {
            return None;
        }
        let has = |modifier| event.modifiers.contains(modifier);
        let code = BaseKey::from_crossterm(event.code)?;
        let shift = has(KeyModifiers::SHIFT) || event.code == KeyCode::BackTab;
        Some(Self::new(code, has(KeyModifiers::CONTROL), has(KeyModifiers::ALT), shift))
    }

    /// Returns the character that this key types into a text, if any.
    pub fn text(self) -> Option<char> {
        match self {
            Self { code: BaseKey::Char(c), ctrl: false, alt: false, .. } => Some(c),
            _ => None,
        }
    }

    /// Returns whether the key reaches [`crate::action::KeyContext::Global`] from a text: one with ctrl or alt, a
    /// function key, or esc.
    pub(crate) fn leaves_text(self) -> bool {
        self.ctrl || self.alt || matches!(self.code, BaseKey::Function(_) | BaseKey::Esc)
    }

    fn new(code: BaseKey, ctrl: bool, alt: bool, shift: bool) -> Self {
        let BaseKey::Char(c) = code else {
            return Self { code, ctrl, alt, shift };
        };
        let c = match (ctrl, shift) {
            (true, _) => c.to_ascii_lowercase(),
            (false, true) => upper(c).unwrap_or(c),
            (false, false) => c,
        };
        Self { code: BaseKey::Char(c), ctrl, alt, shift: false }
    }
}

impl BaseKey {
    fn from_crossterm(code: KeyCode) -> Option<Self> {
        Some(match code {
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::F(n) => Self::Function(n),
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Esc,
            KeyCode::Tab | KeyCode::BackTab => Self::Tab,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Delete => Self::Delete,
            KeyCode::Insert => Self::Insert,
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            _ => return None,
        })
    }

    fn from_name(name: &str) -> Option<Self> {
        let mut chars = name.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return (!c.is_control() && !c.is_whitespace()).then_some(Self::Char(c));
        }
        let name = name.to_ascii_lowercase();
        if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Some(*code);
        }
        let number: u8 = name.strip_prefix('f')?.parse().ok()?;
        (1..=35).contains(&number).then_some(Self::Function(number))
    }
}

/// Returns the capital of a letter; none if it has more than one character.
fn upper(c: char) -> Option<char> {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, held) in MODIFIERS.iter().zip([self.ctrl, self.alt, self.shift]) {
            if held {
                write!(f, "{name}-")?;
            }
        }
        match self.code {
            BaseKey::Function(number) => write!(f, "f{number}"),
            BaseKey::Char(c) if c != ' ' => f.write_char(c),
            code => {
                let name = NAMES.iter().find(|(_, known)| *known == code);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// The reason why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyParseError {
    /// No text where a key should be.
    #[error("a key is missing")]
    Missing,
    /// A part of the text that is neither a modifier nor a key.
    #[error("unknown key `{part}` in `{whole}`")]
    Unknown {
        /// The unknown part.
        part: String,
        /// The whole text.
        whole: String,
        /// The byte offset of the part in the whole text.
        at: usize,
        /// The suggested correction, if a known name is near.
        hint: Option<String>,
    },
    /// Shift with a character that has no capital, such as `shift-1`.
    #[error("`{whole}` depends on the keyboard layout")]
    ShiftedSign {
        /// The whole text.
        whole: String,
    },
}

impl KeyParseError {
    /// Returns the recommended action.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing => Some("unbind with `\"KEY\" = \"none\"`".to_owned()),
            Self::Unknown { hint, .. } => hint.clone(),
            Self::ShiftedSign { .. } => Some("write the resulting character, such as `!`".to_owned()),
        }
    }

    /// Returns the byte offset of the wrong part in the text.
    pub fn at(&self) -> usize {
        if let Self::Unknown { at, .. } = self { *at } else { 0 }
    }

    /// Turns an error about one key into an error about the sequence that contains it.
    fn inside(self, sequence: &str, offset: usize) -> Self {
        match self {
            Self::Unknown { part, at, hint, .. } => {
                Self::Unknown { part, whole: sequence.to_owned(), at: at + offset, hint }
            }
            other => other,
        }
    }
}

impl FromStr for Key {
    type Err = KeyParseError;

    fn from_str(whole: &str) -> Result<Self, KeyParseError> {
        let (mut rest, mut held) = (whole, [false; 3]);
        while let Some((index, after)) = split_modifier(rest) {
            held[index] = true;
            rest = after;
        }
        let [ctrl, alt, shift] = held;
        match BaseKey::from_name(rest) {
            Some(BaseKey::Char(c)) if shift && c != ' ' && upper(c).is_none_or(|up| up == c && !c.is_uppercase()) => {
                Err(KeyParseError::ShiftedSign { whole: whole.to_owned() })
            }
            Some(code) => Ok(Self::new(code, ctrl, alt, shift)),
            None if rest.is_empty() => Err(KeyParseError::Missing),
            None => Err(unknown(whole, rest)),
        }
    }
}

/// Splits a modifier such as `ctrl-` from the front. The last character is always a key, also in `ctrl--`.
fn split_modifier(text: &str) -> Option<(usize, &str)> {
    let (name, rest) = text.split_once('-').filter(|(_, rest)| !rest.is_empty())?;
    let index = MODIFIERS.iter().position(|modifier| modifier.eq_ignore_ascii_case(name))?;
    Some((index, rest))
}

fn unknown(whole: &str, rest: &str) -> KeyParseError {
    let names = NAMES.iter().map(|(name, _)| *name).chain(MODIFIERS);
    // In `crtl-r` only the modifier is wrong; in `page-dwn` the whole text is nearest to a known name.
    let of_whole = did_you_mean(rest, NAMES.iter().map(|(name, _)| *name));
    let part = match rest.split_once('-') {
        Some((first, _)) if of_whole.is_none() && !first.is_empty() => first,
        _ => rest,
    };
    KeyParseError::Unknown {
        part: part.to_owned(),
        whole: whole.to_owned(),
        at: whole.len() - rest.len(),
        hint: of_whole.or_else(|| did_you_mean(part, names)),
    }
}

/// One or more keys, pressed one after the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySequence(Vec<Key>);

impl KeySequence {
    /// Returns the keys in their order; at least one.
    pub fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// Returns whether the sequence begins with these keys and is longer.
    pub(crate) fn goes_on_after(&self, keys: &[Key]) -> bool {
        self.0.len() > keys.len() && self.0.starts_with(keys)
    }

    /// Returns whether the sequence reaches [`crate::action::KeyContext::Global`] from a text.
    pub(crate) fn leaves_text(&self) -> bool {
        self.0.first().is_some_and(|key| key.leaves_text())
    }
}

impl From<Key> for KeySequence {
    fn from(key: Key) -> Self {
        Self(vec![key])
    }
}

impl FromStr for KeySequence {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, KeyParseError> {
        let mut keys = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let offset = text.len() - rest.len();
            keys.push(word.parse().map_err(|error: KeyParseError| error.inside(text, offset))?);
            rest = after.trim_start();
        }
        if keys.is_empty() { Err(KeyParseError::Missing) } else { Ok(Self(keys)) }
    }
}

impl fmt::Display for KeySequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(Key::to_string).collect();
        f.pad(&words.join(" "))
    }
}

/// Serializes a type as its text, and deserializes it by parsing that text.
macro_rules! serde_as_text {
    ($Type:ty) => {
        impl Serialize for $Type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $Type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(Key);
serde_as_text!(KeySequence);

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
