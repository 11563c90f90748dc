//! How a reader waits, and the doorbell that wakes those who sleep.
//!
//! Publishers and upstream readers look at the doorbell after every publication: one load of a line that nobody writes while
//! nobody sleeps. Only a reader that parks pays a system call, and only a publication that meets a sleeper pays a wake-up.

use crate::sync::{AtomicU32, Ordering, fence_heavy, fence_light, futex_wait, futex_wake_all, spin_loop, yield_now};
use core::time::Duration;
use crossbeam_utils::CachePadded;

/// How long a thread parks at most before it looks around again (closed, detached, another strategy).
pub const PARK_LIMIT: Duration = Duration::from_millis(100);
/// The same where the kernel has no asymmetric fence and a wake-up could be missed.
const NAP_LIMIT: Duration = Duration::from_millis(1);
/// Empty polls before a spinning strategy yields or parks: a few microseconds.
const SPINS: u32 = 1_000;
/// Yields between spinning and parking.
const YIELDS: u32 = 16;

/// How a reader waits for the next event. May be changed while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum WaitStrategy {
    /// Spin and never give the core away: the shortest hop; wants a core of its own.
    Spin = 0,
    /// Spin for a few microseconds, then yield between polls: for shared cores.
    #[default]
    SpinThenYield = 1,
    /// Spin for a few microseconds, yield a few times, then sleep until a publication: for idle buses.
    SpinThenPark = 2,
}

impl WaitStrategy {
    pub(super) fn from_u32(value: u32) -> Self {
        match value {
            0 => Self::Spin,
            2 => Self::SpinThenPark,
            _ => Self::SpinThenYield,
        }
    }
}

/// Where sleepers are announced and woken. One ring has one; rings whose slots share threads share one.
#[derive(Debug, Default)]
pub struct Doorbell {
    line: CachePadded<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// Threads that sleep or are about to. Written by sleepers only.
    sleepers: AtomicU32,
    /// Rings of the bell; the word sleepers sleep on.
    epoch: AtomicU32,
}

impl Doorbell {
    /// A doorbell nobody sleeps at.
    #[must_use]
    pub fn new() -> Self {
        Self { line: CachePadded::new(Line { sleepers: AtomicU32::new(0), epoch: AtomicU32::new(0) }) }
    }

    /// Wakes sleepers if there are any. Called after each publication.
    #[inline(always)]
    pub fn ring_if_asleep(&self) {
        fence_light(); // SYNC sleeper-announced
        if self.line.sleepers.load(Ordering::Relaxed) != 0 {
            self.ring();
        }
    }

    /// Wakes all sleepers.
    #[cold]
    pub fn ring(&self) {
        crate::fault!(crate::faults::points::BELL, "bell"; Drop => return);
        self.line.epoch.fetch_add(1, Ordering::Release); // SYNC bell-rung
        futex_wake_all(&self.line.epoch);
    }

    /// Sleeps until the bell rings or `limit` passes, unless `ready` says that there is no need.
    pub fn sleep_unless(&self, limit: Duration, mut ready: impl FnMut() -> bool) {
        let epoch = self.line.epoch.load(Ordering::Acquire); // SYNC bell-rung
        self.line.sleepers.fetch_add(1, Ordering::Relaxed);
        let seen = fence_heavy(); // SYNC sleeper-announced
        if !ready() {
            futex_wait(&self.line.epoch, epoch, if seen { limit } else { limit.min(NAP_LIMIT) });
        }
        self.line.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Threads that sleep or are about to.
    #[must_use]
    pub fn sleepers(&self) -> u32 {
        self.line.sleepers.load(Ordering::Relaxed)
    }
}

/// The state of one wait: how many empty polls so far. Start a new one after each event.
#[derive(Debug, Default, Clone, Copy)]
pub struct Idle {
    polls: u32,
}

impl Idle {
    /// A fresh wait.
    #[must_use]
    pub const fn new() -> Self {
        Self { polls: 0 }
    }

    /// There was something to do: the next wait starts afresh.
    #[inline(always)]
    pub fn reset(&mut self) {
        self.polls = 0;
    }

    /// Whether the next step spins, and so keeps its core.
    #[inline(always)]
    #[must_use]
    pub fn keeps_core(&self, strategy: WaitStrategy) -> bool {
        strategy == WaitStrategy::Spin || self.polls < SPINS - 1
    }

    /// One empty poll: spins, yields or sleeps (at most `limit`), as the strategy says.
    #[inline]
    pub fn step(&mut self, strategy: WaitStrategy, bell: &Doorbell, limit: Duration, ready: impl FnMut() -> bool) {
        self.polls = self.polls.saturating_add(1);
        if strategy == WaitStrategy::Spin || self.polls < SPINS {
            spin_loop();
        } else if strategy == WaitStrategy::SpinThenYield || self.polls < SPINS + YIELDS {
            yield_now();
        } else {
            bell.sleep_unless(limit, ready);
        }
    }
}
