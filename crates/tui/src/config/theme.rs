//! Themes: colours by role, from theme files laid over one another.

mod color;
mod color_depth;
mod read;
mod role;

use ratatui::style::Style;

pub use color_depth::ColorDepth;
pub use role::StyleRole;

use super::builtin;
use super::inheritance::FileCatalog;
use super::source_text::{ConfigWarning, SourceText};

/// The default theme, which all others inherit from.
pub(super) const ROOT: &str = "night";

/// A style for every role.
///
/// [`StyleRole::Screen`] is applied to the whole area first; the other roles set only what differs from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: String,
    styles: Vec<Style>,
}

impl Theme {
    /// Loads the named theme: a user's file over the files it inherits from, or a compiled-in one.
    pub fn load(name: &str, user: &[SourceText<'_>]) -> (Self, Vec<ConfigWarning>) {
        let mut warnings = Vec::new();
        let layers = builtin::themes(user).layers(name, &mut warnings);
        let styles = read::styles(&layers, &mut warnings);
        (Self { name: name.to_owned(), styles }, warnings)
    }

    /// Lists the names of all themes, compiled-in ones first.
    pub fn names<'t>(user: &'t [SourceText<'t>]) -> Vec<&'t str> {
        builtin::themes(user).names()
    }

    /// Returns the name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the style for a role.
    pub fn style(&self, role: StyleRole) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Returns the same theme, reduced to the colours a terminal can show.
    #[must_use]
    pub fn for_depth(&self, depth: ColorDepth) -> Self {
        let screen = self.style(StyleRole::Screen);
        let styles = StyleRole::ALL.iter().map(|role| depth.convert(*role, self.style(*role), screen));
        Self { name: self.name.clone(), styles: styles.collect() }
    }
}

/// Combines the compiled-in themes with the user's.
pub(super) fn shelf<'t>(builtin: &'static [SourceText<'static>], user: &'t [SourceText<'t>]) -> FileCatalog<'t> {
    FileCatalog { word: "theme", root: ROOT, builtin, user }
}

#[cfg(test)]
mod tests;
