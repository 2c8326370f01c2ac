//! Where an image stands in a line of the pins, however far it is typed.

use std::ops::Range;

use pinnace_core::image::ImageRef;

/// The value of an `image` in a line, in characters of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// All of it, quotes included where there are some.
    pub outer: Range<usize>,
    /// What stands there, without quotes.
    text: String,
    /// How many characters of that are before the cursor.
    before: usize,
}

/// What is typed of an image, up to the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// All of it.
    pub text: String,
    /// The repository, where that is one already.
    pub repository: Option<String>,
    /// The tag as far as it is typed; none: there is no `:` before the cursor.
    pub tag: Option<String>,
}

impl Spot {
    /// Finds the value that the cursor is in; none in a comment, in another key, or before the `=`.
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
        // An image has no blanks: where the closing quote is missing it ends at one, or where a comment begins.
        let is_end = |at: &usize| match quote {
            Some(quote) if line.iter().skip(inner).any(|c| *c == quote) => line[*at] == quote,
            Some(_) => line[*at].is_whitespace(),
            None => line[*at].is_whitespace() || line[*at] == '#',
        };
        let end = (inner..line.len()).find(is_end).unwrap_or(line.len());
        let is_closed = quote.is_some() && line.get(end).copied() == quote;
        let outer = start..end + usize::from(is_closed);
        // Behind the value as well, as long as no comment is there.
        if line.get(outer.end..cursor.min(line.len())).is_some_and(|rest| rest.contains(&'#')) {
            return None;
        }
        let text: String = line.get(inner..end).unwrap_or_default().iter().collect();
        let before = cursor.saturating_sub(inner).min(end - inner);
        Some(Self { outer, text, before })
    }

    /// What stands there.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is typed, up to the cursor.
    pub fn typed(&self) -> Typed {
        let text: String = self.text.chars().take(self.before).collect();
        let name = text.split('@').next().unwrap_or_default();
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') && !is_host(repository) => (repository, Some(tag.to_owned())),
            _ => (name, None),
        };
        let repository = ImageRef::parse(repository).is_ok().then(|| repository.to_owned());
        Typed { repository: repository.filter(|it| !is_host(it)), tag, text }
    }
}

/// Whether this is the host of a registry so far: what follows its `:` is a port.
fn is_host(text: &str) -> bool {
    !text.contains('/') && (text.contains('.') || text.split(':').next() == Some("localhost"))
}
