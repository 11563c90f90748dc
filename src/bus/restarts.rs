//! When a handler that panicked may go on: at most so many restarts within a sliding window, each after a pause with exponential
//! back-off and full jitter. All times are those of the bus's clock, so that a clock moved by hand drives it too.
//!
//! The pause is drawn evenly from 0 to `min(pause_max, pause * 2^n)`, `n` being the restarts in the window before this one. (Marc Brooker,
//! "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: slots that fell over together do not come back together.)

use super::jitter::SplitMix64;
use super::policy::PanicPolicy;
use crate::clock::{Clock, Ticks};
use core::time::Duration;
use std::collections::VecDeque;

/// No pause is longer, however often it was doubled: a day.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// No window is longer in effect: 500 years.
const WINDOW_MAX_NS: u64 = u64::MAX - 1;

/// The restarts of one slot.
pub(super) struct Restarts {
    generator: SplitMix64,
    /// When the restarts of the window were, the oldest first; never more than the policy's `max`. Grows by one per panic, which
    /// allocates anyway.
    window: VecDeque<Ticks>,
    until: Option<Ticks>,
}

impl Restarts {
    pub(super) fn new(seed: u64) -> Self {
        Self { generator: SplitMix64::new(seed), window: VecDeque::new(), until: None }
    }

    /// Whether the slot pauses, or its pause is over and it has not gone on yet.
    #[inline(always)]
    pub(super) fn is_pausing(&self) -> bool {
        self.until.is_some()
    }

    /// What is left of the pause.
    pub(super) fn left(&self, clock: &Clock) -> Option<Duration> {
        self.until.map(|until| Duration::from_nanos(clock.to_ns(until.since(clock.now()))))
    }

    /// The pause is over, if so.
    pub(super) fn end_pause(&mut self, now: Ticks) -> bool {
        let over = self.until.is_none_or(|until| now >= until);
        if over {
            self.until = None;
        }
        over
    }

    /// Counts a restart at `now` and begins its pause; false when the window already holds as many as the policy allows.
    #[cold]
    pub(super) fn next(&mut self, policy: PanicPolicy, clock: &Clock, now: Ticks) -> bool {
        let PanicPolicy::Restart { max, window, pause, pause_max } = policy else { return false };
        let window = clock.from_ns(nanos(window).min(WINDOW_MAX_NS));
        while self.window.front().is_some_and(|&then| now.since(then) > window) {
            self.window.pop_front();
        }
        if self.window.len() >= max as usize {
            return false;
        }
        let doubled = pause.saturating_mul(1 << self.window.len().min(30));
        let bound = clock.from_ns(nanos(doubled.min(pause_max).min(PAUSE_MAX)));
        self.window.push_back(now);
        self.until = Some(Ticks(now.0.saturating_add(self.generator.up_to(bound))));
        true
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn policy(max: u32, pause_ms: u64, pause_max_ms: u64) -> PanicPolicy {
        PanicPolicy::Restart {
            max,
            window: Duration::from_secs(1),
            pause: Duration::from_millis(pause_ms),
            pause_max: Duration::from_millis(pause_max_ms),
        }
    }

    fn pauses(count: usize, seed: u64) -> Vec<u64> {
        let (clock, _hand) = Clock::manual(0);
        let mut restarts = Restarts::new(seed);
        let draw = |_| {
            assert!(restarts.next(policy(u32::MAX, 10, 1_000), &clock, Ticks(0)));
            restarts.until.map_or(0, |until| until.0)
        };
        (0..count).map(draw).collect()
    }

    #[test]
    fn issue_4611_pauses_double_up_to_their_bound_and_are_drawn_evenly_below_it() {
        // Over many seeds: the n-th pause lies in [0, bound], fills each quarter of that alike, and its mean is half the bound.
        const SEEDS: u64 = 4_000;
        let drawn: Vec<Vec<u64>> = (0..SEEDS).map(|seed| pauses(10, seed * 7_919)).collect();
        for n in 0..10 {
            let bound = ((10 * MS) << n).min(1_000 * MS);
            let mut quarters = [0_u64; 4];
            let mut sum = 0;
            for pause in drawn.iter().map(|pauses| pauses[n]) {
                assert!(pause <= bound, "pause {n}: {pause} over {bound}");
                quarters[((pause * 4) / (bound + 1)) as usize] += 1;
                sum += pause;
            }
            // Six standard deviations of a binomial of 4,000 at a quarter: 164.
            assert!(quarters.iter().all(|count| count.abs_diff(SEEDS / 4) < 165), "pause {n}: {quarters:?}");
            let mean = sum / SEEDS;
            assert!(mean.abs_diff(bound / 2) < bound / 36, "pause {n}: mean {mean} of {bound}");
        }
    }

    #[test]
    fn issue_4611_a_seed_repeats_its_pauses_and_another_has_others() {
        assert_eq!(pauses(20, 3), pauses(20, 3));
        assert_ne!(pauses(20, 3), pauses(20, 4));
    }

    #[test]
    fn issue_4611_the_window_slides() {
        let (clock, _hand) = Clock::manual(0);
        let mut restarts = Restarts::new(1);
        let mut at = |ms: u64| restarts.next(policy(2, 0, 0), &clock, Ticks(ms * MS));
        // A window that tumbles would begin anew at 1,001 ms and allow two more at once.
        assert_eq!([at(0), at(900), at(950), at(1_001), at(1_500), at(1_901)], [true, true, false, true, false, true]);
    }

    #[test]
    fn a_pause_ends_by_the_clock_and_extremes_do_no_harm() {
        let (clock, hand) = Clock::manual(0);
        let mut restarts = Restarts::new(1);
        let longest = PanicPolicy::Restart {
            max: u32::MAX,
            window: Duration::MAX,
            pause: Duration::MAX,
            pause_max: Duration::MAX,
        };
        assert!(restarts.next(longest, &clock, clock.now()));
        assert!(restarts.left(&clock).is_some_and(|left| left <= PAUSE_MAX && !left.is_zero()));
        assert!(!restarts.end_pause(clock.now()) && restarts.is_pausing());
        hand.advance_ns(nanos(PAUSE_MAX));
        assert!(restarts.end_pause(clock.now()) && !restarts.is_pausing());
        assert!(!restarts.next(policy(0, 1, 1), &clock, clock.now()));
    }
}
