//! The user's configuration: settings, keymaps, themes and contracts. Texts come in, values and warnings come
//! out.
//!
//! This module reads no files and refuses nothing: text that cannot be understood becomes a [`ConfigWarning`] with
//! its position and a hint, and the rest is used.

pub mod builtin;
mod inheritance;
mod key;
mod keymap;
pub(crate) mod named_enum;
mod settings;
mod source_text;
mod suggest;
mod theme;

pub use crate::action::{Action, KeyContext};
pub use key::{Key, KeyParseError, KeySequence};
pub use keymap::{Binding, KeyMatch, Keymap};
pub use settings::{
    AvailableNames, ClusterSettings, EndpointSetting, JournalStore, Settings, VersionManifestSettings,
    VersionManifestSource,
};
pub use source_text::{ConfigWarning, SourceText};
pub use theme::{ColorDepth, StyleRole, Theme};

use pinnace_core::contract::Contracts;

/// The texts of the user's files, without the compiled-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigTexts<'t> {
    /// The text of `config.toml`, if the file exists.
    pub settings: Option<SourceText<'t>>,
    /// The files of `keymaps/`.
    pub keymaps: Vec<SourceText<'t>>,
    /// The files of `themes/`.
    pub themes: Vec<SourceText<'t>>,
    /// The files of `contracts/`.
    pub contracts: Vec<SourceText<'t>>,
}

/// The complete configuration, ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The settings of `config.toml`.
    pub settings: Settings,
    /// The selected keymap.
    pub keymap: Keymap,
    /// The selected theme.
    pub theme: Theme,
    /// All available keymaps.
    pub keymaps: Vec<Keymap>,
    /// All available themes.
    pub themes: Vec<Theme>,
    /// All available contracts.
    pub contracts: Contracts,
}

/// Builds the configuration from the user's texts. The warnings are in the order of settings, keymaps, themes,
/// contracts, each once.
pub fn load(texts: &ConfigTexts<'_>) -> (Config, Vec<ConfigWarning>) {
    let names = AvailableNames { keymaps: Keymap::names(&texts.keymaps), themes: Theme::names(&texts.themes) };
    let (settings, mut warnings) = match texts.settings {
        Some(text) => Settings::parse(text, &names),
        None => (Settings::default(), Vec::new()),
    };
    let mut add = |more: Vec<ConfigWarning>| {
        for warning in more {
            // A file that others inherit from is read once for each of them.
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    };
    let mut load_keymap = |name: &str| {
        let (keymap, more) = Keymap::load(name, &texts.keymaps);
        add(more);
        keymap
    };
    let keymap = load_keymap(&settings.keymap);
    let keymaps = names.keymaps.iter().map(|name| load_keymap(name)).collect();
    let mut load_theme = |name: &str| {
        let (theme, more) = Theme::load(name, &texts.themes);
        add(more);
        theme
    };
    let theme = load_theme(&settings.theme);
    let themes = names.themes.iter().map(|name| load_theme(name)).collect();
    let mut contracts = Contracts::default();
    for text in &texts.contracts {
        let slips = contracts.add(text.name(), text.text).into_iter();
        add(slips.map(|slip| ConfigWarning::of(text, slip)).collect());
    }
    (Config { settings, keymap, theme, keymaps, themes, contracts }, warnings)
}

impl Default for Config {
    fn default() -> Self {
        load(&ConfigTexts::default()).0
    }
}

impl Config {
    /// Returns the configuration with all themes reduced to the colours a terminal can show.
    #[must_use]
    pub fn for_depth(self, depth: ColorDepth) -> Self {
        Self {
            theme: self.theme.for_depth(depth),
            themes: self.themes.iter().map(|theme| theme.for_depth(depth)).collect(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_users_texts_there_is_nothing_to_warn_of() {
        let (config, warnings) = load(&ConfigTexts::default());
        assert_eq!(warnings, []);
        assert_eq!((config.theme.name(), config.keymap.name()), ("night", "default"));
        assert_eq!((config.themes.len(), config.keymaps.len()), (4, 2));
    }

    #[test]
    fn everything_a_user_wrote_is_used_and_complained_of_once() {
        let texts = ConfigTexts {
            settings: Some(SourceText { file: "config.toml", text: "theme = 'mine'\nkeymap = 'emacs'\n" }),
            keymaps: vec![SourceText {
                file: "keymaps/default.toml",
                text: "[fleet]\nx = 'fly'\nz = 'none'\nX = 'logs'\n",
            }],
            themes: vec![
                SourceText { file: "themes/mine.toml", text: "inherits = 'base'\n" },
                SourceText { file: "themes/base.toml", text: "[roles]\nfailng = 1\ndim = 8\n" },
            ],
            contracts: vec![SourceText { file: "contracts/api.toml", text: "size = '1 MB'\nsixe = 2\n" }],
        };
        let (config, warnings) = load(&texts);
        let messages: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown action `fly`",
                "`z` is not bound in [fleet]",
                "unknown role `failng`",
                "`sixe` is not a known key"
            ]
        );
        assert_eq!((warnings[3].file.as_str(), warnings[3].line), ("contracts/api.toml", 2));
        assert!(config.contracts.get("api").is_err() && config.contracts.get("service").is_ok());
        let pressed: KeySequence = "X".parse().unwrap();
        let found = config.keymap.lookup(KeyContext::Fleet, pressed.as_slice());
        assert_eq!(found, KeyMatch::Run(Action::Logs), "emacs stands on the user's default");
        assert_eq!(config.theme.style(StyleRole::Dim).fg, Some(ratatui::style::Color::Indexed(8)));
        let plain = config.for_depth(ColorDepth::None);
        assert_eq!(plain.theme.style(StyleRole::Dim).fg, None);
    }
}
