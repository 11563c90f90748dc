//! How a slot thread spends its time: handling, looking for something to handle, or resting. A thread that spins takes a whole core either way;
//! this tells the two apart.
//!
//! The clock is not read at every poll. Runs of [`WINDOW`] polls that found nothing, one right after the other, are timed; what such a poll
//! takes on average, times the number of all of them, is the time spent looking. Sleeps are timed one by one. What is left is handling, with
//! all that befell the thread meanwhile.

use crate::clock::{Clock, Ticks};
use crate::sync::{AtomicU64, Ordering};
use core::time::Duration;

/// Empty polls that are timed together (a power of two).
const WINDOW: u64 = 64;
/// A window that took so many times the shortest one was interrupted, and says nothing of what a poll takes.
const INTERRUPTED: u64 = 8;

/// What the thread writes and others read, in plain stores.
#[derive(Debug, Default)]
pub(super) struct DutyCounts {
    start: AtomicU64,
    /// Polls that were timed, and the ticks they took.
    timed_polls: AtomicU64,
    timed_ticks: AtomicU64,
    rest_ticks: AtomicU64,
}

/// The thread's own side.
#[derive(Debug)]
pub(super) struct Duty {
    clock: Clock,
    /// Polls in a row that found nothing.
    polls: u64,
    since: Ticks,
    /// The shortest window so far.
    shortest: u64,
}

fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Duty {
    pub(super) fn new(counts: &DutyCounts) -> Self {
        let clock = Clock::system();
        counts.start.store(clock.now().0, Ordering::Relaxed);
        Self { clock, polls: 0, since: Ticks(0), shortest: u64::MAX }
    }

    /// There was something to do.
    #[inline(always)]
    pub(super) fn busy(&mut self) {
        self.polls = 0;
    }

    /// There was nothing.
    #[inline(always)]
    pub(super) fn idle(&mut self, counts: &DutyCounts) {
        self.polls += 1;
        if self.polls.is_multiple_of(WINDOW) {
            self.look(counts);
        }
    }

    #[cold]
    fn look(&mut self, counts: &DutyCounts) {
        let now = self.clock.now();
        let took = now.since(self.since);
        // The first window of a row began at no known time.
        let is_whole = self.polls > WINDOW;
        self.shortest = if is_whole { self.shortest.min(took) } else { self.shortest };
        if is_whole && took <= self.shortest.saturating_mul(INTERRUPTED) {
            add(&counts.timed_polls, WINDOW);
            add(&counts.timed_ticks, took);
        }
        self.since = now;
    }

    /// For [`Self::rested`].
    pub(super) fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// The thread slept since then.
    pub(super) fn rested(&mut self, since: Ticks, counts: &DutyCounts) {
        add(&counts.rest_ticks, self.clock.now().since(since));
        self.polls = 0;
    }
}

/// What a thread's time went into so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DutyTimes {
    /// Since the thread began.
    pub alive: Duration,
    /// Polls that found nothing, while it kept its core: what they take on average times their number.
    pub looking: Duration,
    /// Asleep, or its core given away.
    pub resting: Duration,
}

impl DutyTimes {
    /// Handling events, and whatever befell the thread meanwhile: what is left of its life.
    #[must_use]
    pub fn handling(&self) -> Duration {
        self.alive.saturating_sub(self.looking).saturating_sub(self.resting)
    }

    /// The part of its life that the thread was handling events, 0 to 1.
    #[must_use]
    pub fn duty(&self) -> f64 {
        let alive = self.alive.as_secs_f64();
        if alive > 0.0 { self.handling().as_secs_f64() / alive } else { 0.0 }
    }
}

impl DutyCounts {
    /// `idle_polls`: those that found nothing and after which the thread kept its core.
    pub(super) fn times(&self, idle_polls: u64) -> DutyTimes {
        let clock = Clock::system();
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let start = load(&self.start);
        let alive = if start == 0 { 0 } else { clock.now().0.saturating_sub(start) };
        let (polls, ticks) = (load(&self.timed_polls), load(&self.timed_ticks));
        let each = if polls == 0 { 0.0 } else { ticks as f64 / polls as f64 };
        let resting = load(&self.rest_ticks).min(alive);
        let looking = ((idle_polls as f64 * each) as u64).min(alive - resting);
        let time = |ticks| Duration::from_nanos(clock.to_ns(ticks));
        DutyTimes { alive: time(alive), looking: time(looking), resting: time(resting) }
    }
}
