//! The liveness of a slot's owner, decided without comparing clocks.

use std::time::Duration;

/// The time without a slot write after which the owner shows no sign of life.
pub const STILL: Duration = Duration::from_secs(30);
/// The longest response time of a read that counts; a slower or failed read restarts the wait.
pub(crate) const PROMPT: Duration = Duration::from_secs(2);

/// The time for which a slot's version index did not move, counted only between reads that were answered
/// promptly.
///
/// While the swarm takes no writes, a live owner looks the same. The verdict is therefore "no sign of
/// life", never "dead".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotIdleTimer {
    index: u64,
    since: Option<Duration>,
}

impl SlotIdleTimer {
    /// Applies a read of the slot, and returns whether the index has not moved for [`STILL`].
    ///
    /// `asked` and `answered` are the times of the request and of the answer, by a local clock that
    /// includes suspension, like the boot clock.
    pub fn read(&mut self, index: u64, asked: Duration, answered: Duration) -> bool {
        if answered.saturating_sub(asked) > PROMPT {
            self.since = None;
            return false;
        }
        if self.index != index {
            (self.index, self.since) = (index, None);
        }
        // The index is known to be unchanged from the first answer to the latest request.
        let since = *self.since.get_or_insert(answered);
        asked.saturating_sub(since) >= STILL
    }

    /// Applies a failed read: the wait starts again with the next one.
    pub fn failed(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each read is (second of the request, milliseconds to the answer, index); index 0 is a failed read.
    /// The result is the second of the verdict.
    #[test]
    fn only_time_between_two_prompt_reads_counts() {
        let every = |from: u64, to: u64| (from..=to).map(|second| (second, 10, 7));
        let verdict = |reads: Vec<(u64, u64, u64)>| {
            let mut still = SlotIdleTimer::default();
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
