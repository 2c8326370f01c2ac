//! Ids and other random values; the same seed makes the same world.

use std::fmt::Write as _;

use super::model::Id;

/// A small random number generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns an object id: 25 characters of `[a-z0-9]`.
    pub fn id(&mut self) -> Id {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut text = String::with_capacity(25);
        let (mut rest, mut left) = (self.roll(), 12);
        for _ in 0..25 {
            if left == 0 {
                (rest, left) = (self.roll(), 12);
            }
            let digit = usize::try_from(rest % 36).unwrap_or(0);
            text.push(char::from(DIGITS[digit]));
            rest /= 36;
            left -= 1;
        }
        text.into()
    }

    /// Returns a container id: 64 hexadecimal digits.
    pub fn container(&mut self) -> String {
        let mut text = String::with_capacity(64);
        for _ in 0..4 {
            let _ = write!(text, "{:016x}", self.roll());
        }
        text
    }
}
