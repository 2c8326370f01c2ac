//! Inheritance of files: the chain from a named keymap or theme down to its root.

use toml::de::{DeTable, DeValue};

use super::source_text::{ConfigWarning, SourceText, TomlEntry, in_order};
use super::suggest::did_you_mean;

/// The value of `inherits` for a file that inherits from nothing.
const NOTHING: &str = "none";

/// The compiled-in files of one kind and the user's own; a user's file takes precedence over a compiled-in one
/// of the same name.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileCatalog<'t> {
    /// The word for such a file in messages, such as `theme`.
    pub word: &'static str,
    /// The name of the compiled-in file that all others inherit from by default.
    pub root: &'static str,
    pub builtin: &'static [SourceText<'static>],
    pub user: &'t [SourceText<'t>],
}

/// One parsed file of a chain.
#[derive(Debug)]
pub(super) struct ParsedFile<'t> {
    pub text: SourceText<'t>,
    pub table: DeTable<'t>,
}

impl<'t> FileCatalog<'t> {
    /// Lists each name once, compiled-in ones first.
    pub(super) fn names(&self) -> Vec<&'t str> {
        let mut names: Vec<&'t str> = Vec::new();
        for text in self.builtin.iter().chain(self.user) {
            if !names.contains(&text.name()) {
                names.push(text.name());
            }
        }
        names
    }

    /// Reads the named file and all files it inherits from, the root first. Returns nothing for an unknown
    /// name.
    pub(super) fn layers(&self, name: &str, warnings: &mut Vec<ConfigWarning>) -> Vec<ParsedFile<'t>> {
        let mut layers: Vec<ParsedFile<'t>> = Vec::new();
        let mut next = self.find(name);
        while let Some(text) = next {
            let table = text.parse(warnings);
            let parent = self.parent(text, &table, warnings);
            layers.push(ParsedFile { text, table });
            next = parent.and_then(|parent| {
                let circle = layers.iter().any(|layer| layer.text == parent);
                if !circle {
                    return Some(parent);
                }
                let message = format!("`{}` inherits from itself in a cycle", text.name());
                warnings.push(text.warning(&(0..0), message, None));
                let root = builtin(self.builtin, self.root)?;
                layers.iter().all(|layer| layer.text != root).then_some(root)
            });
        }
        layers.reverse();
        layers
    }

    fn find(&self, name: &str) -> Option<SourceText<'t>> {
        let own = self.user.iter().copied().find(|text| text.name() == name);
        own.or_else(|| builtin(self.builtin, name))
    }

    /// Finds the file that a file inherits from: the one it names, else the compiled-in one of the same name,
    /// else the root.
    fn parent(
        &self,
        text: SourceText<'t>,
        table: &DeTable<'t>,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Option<SourceText<'t>> {
        let is_builtin = self.builtin.contains(&text);
        let implied = || {
            let same_name = builtin(self.builtin, text.name());
            same_name.or_else(|| builtin(self.builtin, self.root)).filter(|_| !is_builtin)
        };
        let entries = in_order(table);
        let Some(entry) = entries.iter().find(|entry| entry.key == "inherits") else {
            return implied();
        };
        match self.inherited(text, entry) {
            Ok(parent) => parent,
            Err(warning) => {
                warnings.push(warning);
                implied()
            }
        }
    }

    fn inherited(
        &self,
        text: SourceText<'t>,
        entry: &TomlEntry<'_, 't>,
    ) -> Result<Option<SourceText<'t>>, ConfigWarning> {
        let DeValue::String(name) = entry.value else {
            return Err(entry.mistyped(&text, &format!("the name of a {}", self.word)));
        };
        if name == NOTHING {
            return Ok(None);
        }
        // A user's `night` that inherits `night` means the compiled-in one.
        let found = if name == text.name() { builtin(self.builtin, name) } else { self.find(name) };
        found.map(Some).ok_or_else(|| {
            let message = format!("unknown {} `{name}`", self.word);
            text.warning(&entry.span, message, did_you_mean(name, self.names()))
        })
    }
}

fn builtin<'t>(texts: &'static [SourceText<'static>], name: &str) -> Option<SourceText<'t>> {
    texts.iter().copied().find(|text| text.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILTIN: &[SourceText<'static>] =
        &[SourceText { file: "root.toml", text: "" }, SourceText { file: "other.toml", text: "inherits = \"root\"" }];

    fn chain(name: &str, user: &[SourceText<'_>]) -> (String, Vec<String>) {
        let shelf = FileCatalog { word: "theme", root: "root", builtin: BUILTIN, user };
        let mut warnings = Vec::new();
        let layers = shelf.layers(name, &mut warnings);
        let files: Vec<_> = layers.iter().map(|layer| layer.text.file).collect();
        (files.join(" < "), warnings.iter().map(|warning| warning.message.clone()).collect())
    }

    #[test]
    fn follows_what_files_stand_on() {
        let user = [
            SourceText { file: "u/mine.toml", text: "" },
            SourceText { file: "u/other.toml", text: "" },
            SourceText { file: "u/root.toml", text: "inherits = \"root\"" },
            SourceText { file: "u/on.toml", text: "inherits = \"mine\"" },
            SourceText { file: "u/bare.toml", text: "inherits = \"none\"" },
        ];
        for (name, expected) in [
            ("mine", "root.toml < u/mine.toml"),
            ("other", "root.toml < u/root.toml < other.toml < u/other.toml"),
            ("root", "root.toml < u/root.toml"),
            ("on", "root.toml < u/mine.toml < u/on.toml"),
            ("bare", "u/bare.toml"),
            ("nobody", ""),
        ] {
            assert_eq!(chain(name, &user), (expected.to_owned(), vec![]), "{name}");
        }
    }

    #[test]
    fn warns_of_circles_and_unknown_names_and_goes_on() {
        let user = [
            SourceText { file: "u/a.toml", text: "inherits = \"b\"" },
            SourceText { file: "u/b.toml", text: "inherits = \"a\"" },
            SourceText { file: "u/c.toml", text: "inherits = \"rot\"" },
            SourceText { file: "u/d.toml", text: "inherits = 3" },
        ];
        for (name, expected, message) in [
            ("a", "root.toml < u/b.toml < u/a.toml", "`b` inherits from itself in a cycle"),
            ("c", "root.toml < u/c.toml", "unknown theme `rot`"),
            ("d", "root.toml < u/d.toml", "`inherits` should be the name of a theme, not a whole number"),
        ] {
            assert_eq!(chain(name, &user), (expected.to_owned(), vec![message.to_owned()]));
        }
    }
}
