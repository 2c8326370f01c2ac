//! Fuzzy search: scores texts against typed letters that have to occur in the same order.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A parsed search text, ready to be matched against many candidates.
#[derive(Debug)]
pub struct Fuzzy {
    pattern: Pattern,
    matcher: Matcher,
    letters: Vec<char>,
}

impl Fuzzy {
    /// Parses a search text: words are separated by blanks, every word has to match, and case is ignored.
    pub fn new(typed: &str) -> Self {
        let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Never, AtomKind::Fuzzy);
        Self { pattern, matcher: Matcher::new(Config::DEFAULT), letters: Vec::new() }
    }

    /// Returns whether the search text has no words; every candidate matches then.
    pub fn is_empty(&self) -> bool {
        self.pattern.atoms.is_empty()
    }

    /// Scores a text, higher is better; `None` if it does not match. An empty search scores 0.
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
