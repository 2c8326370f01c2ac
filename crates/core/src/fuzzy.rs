//! Fuzzy search: how well a text matches letters typed in its order.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// What was typed, ready to be searched for in many texts.
#[derive(Debug)]
pub struct Fuzzy {
    pattern: Pattern,
    matcher: Matcher,
    letters: Vec<char>,
}

impl Fuzzy {
    /// Reads what was typed: words apart by blanks, each of which has to be found; capitals do not count.
    pub fn new(typed: &str) -> Self {
        let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Never, AtomKind::Fuzzy);
        Self { pattern, matcher: Matcher::new(Config::DEFAULT), letters: Vec::new() }
    }

    /// Whether nothing was typed: everything matches then.
    pub fn is_empty(&self) -> bool {
        self.pattern.atoms.is_empty()
    }

    /// How well a text matches, more being better; `None` where it does not.
    pub fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(text, &mut self.letters), &mut self.matcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_words_and_neighbours_count() {
        let score = |typed: &str, text: &str| Fuzzy::new(typed).score(text);
        assert!(score("gb", "go back") > score("gb", "big blob of gab"));
        assert!(score("theme", "theme") > score("theme", "the method me"));
        assert!(score("back go", "Go Back").is_some());
        assert_eq!(score("xyz", "theme"), None);
        assert!(Fuzzy::new(" ").is_empty() && score("", "theme") == Some(0));
    }
}
