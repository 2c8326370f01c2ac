//! The compiled-in keymaps and themes; their files also serve as documentation.

use super::inheritance::FileCatalog;
use super::source_text::SourceText;
use super::{keymap, theme};

/// Embeds files, given by their paths from the repository's root.
macro_rules! texts {
    ($($file:literal),+ $(,)?) => {
        &[$(SourceText {
            file: concat!("(built in) ", $file),
            text: include_str!(concat!("../../../../", $file)),
        },)+]
    };
}

/// The compiled-in keymaps.
pub(crate) const KEYMAPS: &[SourceText<'static>] = texts!["keymaps/default.toml", "keymaps/emacs.toml"];

/// The compiled-in themes.
pub(crate) const THEMES: &[SourceText<'static>] =
    texts!["themes/night.toml", "themes/day.toml", "themes/contrast.toml", "themes/ansi16.toml"];

pub(super) fn keymaps<'t>(user: &'t [SourceText<'t>]) -> FileCatalog<'t> {
    keymap::shelf(KEYMAPS, user)
}

pub(super) fn themes<'t>(user: &'t [SourceText<'t>]) -> FileCatalog<'t> {
    theme::shelf(THEMES, user)
}
