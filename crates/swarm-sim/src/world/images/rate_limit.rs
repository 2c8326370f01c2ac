//! The pull rate limit of a registry.
//!
//! It works as on Docker Hub: `RateLimit-Limit: 100;w=21600`; a GET of a manifest counts, a HEAD does not
//! (`docs.docker.com/docker-hub/usage/pulls`).

use crate::world::model::{Nanos, SECOND};

/// A rate limit and its use in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    most: u64,
    window: u64,
    spent: u64,
    since: Nanos,
}

impl RateLimit {
    /// Parses `100;w=21600`: the number of manifests in a window of seconds.
    pub fn of(text: &str) -> Option<Self> {
        let (most, window) = text.split_once(";w=")?;
        let (most, window) = (most.trim().parse().ok()?, window.trim().parse().ok().filter(|window| *window > 0)?);
        Some(Self { most, window, spent: 0, since: 0 })
    }

    /// Counts one request; returns false if the limit is reached.
    pub fn take(&mut self, now: Nanos) -> bool {
        if self.spent == 0 || now >= self.since.saturating_add(self.window.saturating_mul(SECOND)) {
            (self.since, self.spent) = (now, 0);
        }
        let there = self.spent < self.most;
        self.spent += u64::from(there);
        there
    }

    /// Returns the values of the headers `RateLimit-Limit` and `RateLimit-Remaining`.
    pub fn told(&self, now: Nanos) -> (String, String) {
        let over = now >= self.since.saturating_add(self.window.saturating_mul(SECOND));
        let left = if over { self.most } else { self.most - self.spent };
        (format!("{};w={}", self.most, self.window), format!("{left};w={}", self.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spent_and_comes_back() {
        let mut allowance = RateLimit::of("2;w=60").unwrap();
        let left = |allowance: &RateLimit, now: Nanos| allowance.told(now * SECOND).1;
        assert_eq!(allowance.told(0), ("2;w=60".to_owned(), "2;w=60".to_owned()));
        let taken: Vec<bool> = [100, 130, 159].map(|now| allowance.take(now * SECOND)).to_vec();
        assert_eq!((taken, left(&allowance, 159).as_str()), (vec![true, true, false], "0;w=60"));
        assert_eq!(left(&allowance, 160), "2;w=60", "the time is over");
        assert!(allowance.take(160 * SECOND));
        assert_eq!(left(&allowance, 160), "1;w=60");
        for text in ["", "100", "100;w=0", "x;w=1", "1;w="] {
            assert_eq!(RateLimit::of(text), None, "{text}");
        }
    }
}
