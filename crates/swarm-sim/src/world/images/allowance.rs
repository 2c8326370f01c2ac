//! How many manifests a registry hands out to one address in a while.
//!
//! As Docker Hub has it: `RateLimit-Limit: 100;w=21600`, GET of a manifest counts and HEAD does not
//! (`docs.docker.com/docker-hub/usage/pulls`).

use crate::world::model::{Nanos, SECOND};

/// What is allowed, and what of it is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    most: u64,
    window: u64,
    spent: u64,
    since: Nanos,
}

impl Allowance {
    /// Reads `100;w=21600`: so many in so many seconds.
    pub fn of(text: &str) -> Option<Self> {
        let (most, window) = text.split_once(";w=")?;
        let (most, window) = (most.trim().parse().ok()?, window.trim().parse().ok().filter(|window| *window > 0)?);
        Some(Self { most, window, spent: 0, since: 0 })
    }

    /// Takes one if there is one left; whether there was.
    pub fn take(&mut self, now: Nanos) -> bool {
        if self.spent == 0 || now >= self.since.saturating_add(self.window.saturating_mul(SECOND)) {
            (self.since, self.spent) = (now, 0);
        }
        let there = self.spent < self.most;
        self.spent += u64::from(there);
        there
    }

    /// What is told of it: the limit and what remains of it.
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
        let mut allowance = Allowance::of("2;w=60").unwrap();
        let left = |allowance: &Allowance, now: Nanos| allowance.told(now * SECOND).1;
        assert_eq!(allowance.told(0), ("2;w=60".to_owned(), "2;w=60".to_owned()));
        let taken: Vec<bool> = [100, 130, 159].map(|now| allowance.take(now * SECOND)).to_vec();
        assert_eq!((taken, left(&allowance, 159).as_str()), (vec![true, true, false], "0;w=60"));
        assert_eq!(left(&allowance, 160), "2;w=60", "the time is over");
        assert!(allowance.take(160 * SECOND));
        assert_eq!(left(&allowance, 160), "1;w=60");
        for text in ["", "100", "100;w=0", "x;w=1", "1;w="] {
            assert_eq!(Allowance::of(text), None, "{text}");
        }
    }
}
