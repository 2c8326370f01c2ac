//! The order of tags in a list of candidates.

use std::cmp::{Ordering, Reverse};

use crate::image_tag::{family, leading};

/// The family and major version of the running tag, which decide the order.
pub(super) struct TagFamily {
    family: String,
    major: Option<u64>,
}

impl TagFamily {
    pub fn of(tag: &str) -> Self {
        Self { family: family(tag), major: major(tag) }
    }
}

fn major(tag: &str) -> Option<u64> {
    leading(tag).map(|version| version.major())
}

/// The sort key of a tag.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TagRank<'a> {
    /// A proposal of the version manifest, by its position there.
    Proposed(usize),
    /// A tag of the family that runs, newest first.
    Related(Reverse<NaturalOrder<'a>>),
    /// A tag with a version: the major that runs first, then by major (descending), family and tag (descending).
    Versioned(Reverse<bool>, Reverse<u64>, String, Reverse<NaturalOrder<'a>>),
    /// A tag without a version, by family and tag (descending).
    Other(String, Reverse<NaturalOrder<'a>>),
}

impl<'a> TagRank<'a> {
    pub fn proposed(at: usize) -> Self {
        Self::Proposed(at)
    }

    pub fn of(tag: &'a str, running: Option<&TagFamily>) -> Self {
        let (family, natural) = (family(tag), Reverse(NaturalOrder(tag)));
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

/// A text in natural order: numbers compare as numbers, so `17.10` comes after `17.9`, and `v2` compares as `2`.
#[derive(Clone, Copy, Debug)]
pub(super) struct NaturalOrder<'a>(pub &'a str);

impl NaturalOrder<'_> {
    /// Splits the text into parts: numbers as length and digits, so that none overflows; everything else by
    /// character.
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

impl Ord for NaturalOrder<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for NaturalOrder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for NaturalOrder<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for NaturalOrder<'_> {}

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
                assert!(NaturalOrder(pair[0]) < NaturalOrder(pair[1]), "{pair:?}");
            }
        }
        assert_ne!(NaturalOrder("01"), NaturalOrder("1"), "other tags are other tags");
    }
}
