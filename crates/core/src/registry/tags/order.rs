//! In which order tags are offered.

use std::cmp::{Ordering, Reverse};

use crate::version::{family, leading};

/// What decides of the tag that runs.
pub(super) struct Running {
    family: String,
    major: Option<u64>,
}

impl Running {
    pub fn of(tag: &str) -> Self {
        Self { family: family(tag), major: major(tag) }
    }
}

fn major(tag: &str) -> Option<u64> {
    leading(tag).map(|version| version.major())
}

/// A tag's place among the others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    /// The version manifest proposes it, as the nth.
    Proposed(usize),
    /// It is of the family that runs.
    Related(Reverse<Natural<'a>>),
    /// It names a version: that major runs or not, which, its family, the tag.
    Versioned(Reverse<bool>, Reverse<u64>, String, Reverse<Natural<'a>>),
    /// It names none.
    Other(String, Reverse<Natural<'a>>),
}

impl<'a> Place<'a> {
    pub fn proposed(at: usize) -> Self {
        Self::Proposed(at)
    }

    pub fn of(tag: &'a str, running: Option<&Running>) -> Self {
        let (family, natural) = (family(tag), Reverse(Natural(tag)));
        if running.is_some_and(|running| running.family == family) {
            return Self::Related(natural);
        }
        match major(tag) {
            Some(major) => {
                let same = running.is_some_and(|running| running.major == Some(major));
                Self::Versioned(Reverse(same), Reverse(major), family, natural)
            }
            None => Self::Other(family, natural),
        }
    }
}

/// A text whose numbers count as numbers: `17.10` is after `17.9`, `v2` is `2`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Natural<'a>(pub &'a str);

impl Natural<'_> {
    /// Its parts: numbers by length and digits, so that none is too long; everything else character by character.
    fn parts(&self) -> impl Iterator<Item = (u8, usize, &str)> {
        let mut rest = self.0.strip_prefix('v').unwrap_or(self.0);
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            if first.is_ascii_digit() {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let (digits, after) = rest.split_at(end);
                rest = after;
                let digits = digits.trim_start_matches('0');
                return Some((1, digits.len(), digits));
            }
            let (character, after) = rest.split_at(first.len_utf8());
            rest = after;
            Some((0, 0, character))
        })
    }
}

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Natural<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Natural<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        for sorted in [
            &["main", "16", "16-20260206", "16-20261101", "17.9", "17.9.1", "v17.010", "17.10.1"][..],
            &["17.9-spock5.0.6-standard-2", "17.9-spock5.0.6-standard-10", "17.9-spock5.0.10-standard-1"],
            &["18446744073709551615", "18446744073709551616000", "18446744073709551616001"],
        ] {
            for pair in sorted.windows(2) {
                assert!(Natural(pair[0]) < Natural(pair[1]), "{pair:?}");
            }
        }
        assert_ne!(Natural("01"), Natural("1"), "other tags are other tags");
    }
}
