//! Glob patterns for paths, where `*` stops at a `/`, and for texts, where it does not.

use fast_glob::{ErrorKind, glob_match, validate};

/// The replacement for `/` in text patterns, so that `*` matches across it.
const PLAIN: &str = "\u{1}";

/// A glob pattern: `*` matches any characters, `?` one character, `[a-z]` one of a set, `{a,b}` either
/// alternative, and `\` escapes the next character. In paths `*` and `?` stop at a `/`, and `**` matches
/// any number of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    pattern: String,
    is_path: bool,
}

impl Glob {
    /// Creates a pattern that must match a whole text.
    ///
    /// # Errors
    /// The byte offset of the mistake in the pattern, and a message.
    pub fn text(text: &str) -> Result<Self, (usize, String)> {
        check(text)?;
        Ok(Self { text: text.to_owned(), pattern: text.replace('/', PLAIN), is_path: false })
    }

    /// Creates a pattern that must match a whole path from the root.
    ///
    /// # Errors
    /// The byte offset of the mistake in the pattern, and a message. A pattern that does not begin with `/`
    /// is a mistake.
    pub fn path(text: &str) -> Result<Self, (usize, String)> {
        check(text)?;
        if !text.starts_with('/') {
            return Err((0, "a path must begin with `/`".to_owned()));
        }
        Ok(Self { text: text.to_owned(), pattern: text.to_owned(), is_path: true })
    }

    /// Returns whether the pattern matches the whole text or path.
    pub fn matches(&self, text: &str) -> bool {
        if self.is_path { glob_match(&self.pattern, text) } else { glob_match(&self.pattern, text.replace('/', PLAIN)) }
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check(text: &str) -> Result<(), (usize, String)> {
    if text.trim().is_empty() {
        return Err((0, "the pattern is empty".to_owned()));
    }
    if text.starts_with('!') {
        return Err((0, "a pattern cannot begin with `!`: write it as `\\!`".to_owned()));
    }
    if text.contains(char::is_control) {
        return Err((0, "the pattern contains a control character".to_owned()));
    }
    validate(text).map_err(|error| {
        let what = match error.kind {
            ErrorKind::UnclosedBrace => "a `{` is not closed",
            ErrorKind::UnclosedBracket => "a `[` is not closed",
            ErrorKind::TrailingBackslash => "it ends in a `\\`",
            _ => "it has too many `{…}`",
        };
        (error.index, what.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_texts() {
        for (glob, path, matches) in [
            ("/lib/*.so", "/lib/a.so", true),
            ("/lib/*.so", "/lib/a.so.1", false),
            ("/lib/*.so", "/lib/x/a.so", false),
            ("/lib/*.so", "/usr/lib/a.so", false),
            ("/lib/**/*.so", "/lib/x/y/a.so", true),
            ("/lib/**", "/lib/x/y", true),
            ("/share/*.{control,sql}", "/share/a--1.sql", true),
            ("/share/*.{control,sql}", "/share/a.md", false),
            ("/bin/s[a-h]", "/bin/sh", true),
            ("/a/\\*", "/a/x", false),
        ] {
            assert_eq!(Glob::path(glob).unwrap().matches(path), matches, "{glob} {path}");
        }
        for (glob, text, matches) in [
            ("https://github.com/*", "https://github.com/a/b", true),
            ("*/debian:12*", "docker.io/library/debian:12-slim", true),
            ("[0-9]*.[0-9]*.[0-9]*", "1.31.0-rc", true),
            ("[0-9]*.[0-9]*.[0-9]*", "v1.31", false),
            ("PostgreSQL", "postgresql", false),
            ("{MIT,Apache-2.0}", "Apache-2.0", true),
            ("*", "", true),
        ] {
            assert_eq!(Glob::text(glob).unwrap().matches(text), matches, "{glob} {text}");
        }
    }

    #[test]
    fn mistakes() {
        for (glob, at, what) in [
            (" ", 0, "the pattern is empty"),
            ("/a/{b,c", 3, "a `{` is not closed"),
            ("/a/[b", 3, "a `[` is not closed"),
            ("/a\\", 2, "it ends in a `\\`"),
            ("!/a", 0, "a pattern cannot begin with `!`: write it as `\\!`"),
            ("/{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}", 31, "it has too many `{…}`"),
            ("lib/*.so", 0, "a path must begin with `/`"),
        ] {
            assert_eq!(Glob::path(glob), Err((at, what.to_owned())), "{glob}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(glob in ".{0,40}", path in ".{0,40}", odd in "[\\[\\]{},*?!\\\\/a-c]{0,30}") {
            for glob in [glob, odd] {
                if let Ok(glob) = Glob::text(&glob) {
                    glob.matches(&path);
                }
                if let Ok(glob) = Glob::path(&format!("/{glob}")) {
                    glob.matches(&path);
                }
            }
        }
    }
}
