//! Whether an owner shows a sign of life, judged without comparing clocks.

use std::time::Duration;

/// How long a slot must stand still.
pub const STILL: Duration = Duration::from_secs(30);
/// A read that takes longer, or fails, starts the wait again.
pub(crate) const PROMPT: Duration = Duration::from_secs(2);

/// How long a slot is known to stand still: by its index, and only between two reads that were answered at once.
///
/// With writes stuck a live owner looks the same, so the verdict is "no sign of life" and never "gone".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stillness {
    index: u64,
    since: Option<Duration>,
}

impl Stillness {
    /// Takes in a read, with when it was asked and answered by a clock of our own that never stands still; returns
    /// whether the slot has stood still for long enough.
    pub fn read(&mut self, index: u64, asked: Duration, answered: Duration) -> bool {
        if answered.saturating_sub(asked) > PROMPT {
            self.since = None;
            return false;
        }
        if self.index != index {
            (self.index, self.since) = (index, None);
        }
        // What stood there when the first read was answered stands there still when the last one is asked.
        let since = *self.since.get_or_insert(answered);
        asked.saturating_sub(since) >= STILL
    }

    /// A read failed: nothing is known of the time until the next one.
    pub fn failed(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads as (second asked, milliseconds to the answer, index; 0: it failed), and the second of the verdict.
    #[test]
    fn only_time_between_two_prompt_reads_counts() {
        let every = |from: u64, to: u64| (from..=to).map(|second| (second, 10, 7));
        let verdict = |reads: Vec<(u64, u64, u64)>| {
            let mut still = Stillness::default();
            reads.into_iter().find_map(|(second, takes, index)| {
                let asked = Duration::from_secs(second);
                if index == 0 {
                    still.failed();
                    return None;
                }
                still.read(index, asked, asked + Duration::from_millis(takes)).then_some(second)
            })
        };
        assert_eq!(verdict(every(0, 60).collect()), Some(31), "not 30 s after the first answer until then");
        assert_eq!(verdict(vec![(0, 10, 7), (40, 10, 7)]), Some(40), "two reads are enough");
        assert_eq!(verdict(every(0, 20).chain([(21, 0, 0)]).chain(every(22, 60)).collect()), Some(53));
        assert_eq!(verdict(every(0, 20).chain([(21, 2001, 7)]).chain(every(24, 60)).collect()), Some(55));
        assert_eq!(verdict(every(0, 20).chain([(21, 10, 8)]).chain(every(22, 60)).collect()), Some(53), "it moved");
        assert_eq!(verdict((0..60).map(|second| (second, 10, second)).collect()), None, "it beats");
        assert_eq!(verdict((0..20).map(|at| (at * 3, 2500, 7)).collect()), None, "nothing counts while reads are slow");
    }
}
