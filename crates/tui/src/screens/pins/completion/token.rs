//! The image value in a line of the pins, complete or partly typed.

use std::ops::Range;

use pinnace_core::image::ImageRef;

/// The value of an `image` key in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageToken {
    /// The range of the value in characters of the line, including quotes, if any.
    pub outer: Range<usize>,
    /// The value without quotes.
    text: String,
    /// The number of characters of `text` before the cursor.
    before: usize,
}

/// The part of an image reference before the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialRef {
    /// The whole part.
    pub text: String,
    /// The repository, if the part has a valid one already.
    pub repository: Option<String>,
    /// The tag typed so far, may be empty; `None` if no `:` of a tag is before the cursor.
    pub tag: Option<String>,
}

impl ImageToken {
    /// Finds the value at the cursor; `None` in a comment, in another key, or before the `=`.
    pub fn find(line: &str, cursor: usize) -> Option<Self> {
        let line: Vec<char> = line.chars().collect();
        let blank = |at: usize| line.get(at).is_some_and(|c| c.is_whitespace());
        let skip = |mut at: usize| {
            while blank(at) {
                at += 1;
            }
            at
        };
        let key = skip(0);
        let name: String = line.iter().skip(key).take(5).collect();
        let equals = skip(key + 5);
        if name != "image" || line.get(equals) != Some(&'=') || cursor <= equals {
            return None;
        }
        let start = skip(equals + 1);
        let quote = line.get(start).copied().filter(|c| matches!(c, '"' | '\''));
        let inner = start + usize::from(quote.is_some());
        // An image has no blanks: without a closing quote the value ends at a
        // blank; without any quote, at a comment too.
        let is_end = |at: &usize| match quote {
            Some(quote) if line.iter().skip(inner).any(|c| *c == quote) => line[*at] == quote,
            Some(_) => line[*at].is_whitespace(),
            None => line[*at].is_whitespace() || line[*at] == '#',
        };
        let end = (inner..line.len()).find(is_end).unwrap_or(line.len());
        let is_closed = quote.is_some() && line.get(end).copied() == quote;
        let outer = start..end + usize::from(is_closed);
        // A cursor after the value counts too, unless a comment begins before it.
        if line.get(outer.end..cursor.min(line.len())).is_some_and(|rest| rest.contains(&'#')) {
            return None;
        }
        let text: String = line.get(inner..end).unwrap_or_default().iter().collect();
        let before = cursor.saturating_sub(inner).min(end - inner);
        Some(Self { outer, text, before })
    }

    /// Returns the value without quotes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Splits the part before the cursor into repository and tag.
    pub fn typed(&self) -> PartialRef {
        let text: String = self.text.chars().take(self.before).collect();
        let name = text.split('@').next().unwrap_or_default();
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') && !is_host(repository) => (repository, Some(tag.to_owned())),
            _ => (name, None),
        };
        let repository = ImageRef::parse(repository).is_ok().then(|| repository.to_owned());
        PartialRef { repository: repository.filter(|it| !is_host(it)), tag, text }
    }
}

/// Returns whether the text is the host of a registry, so that a `:` after it begins a port.
fn is_host(text: &str) -> bool {
    !text.contains('/') && (text.contains('.') || text.split(':').next() == Some("localhost"))
}
