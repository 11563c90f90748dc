//! When the next event is due. Open loop: the schedule does not move when the bus is slow, so lateness shows as age.

use super::ending::Ending;
use crate::args::Pace;
use std::sync::Arc;
use std::time::Duration;
use tagring::clock::{Clock, Ticks};

/// A recorded gap that is longer, or a time that claims so, is not waited for: what follows goes on at once. A day.
const GAP_MAX_NS: u64 = 24 * 60 * 60 * 1_000_000_000;
/// Waits longer than this sleep for part of the time: a recorded pause should not heat a core.
const SLEEP_NS: u64 = 2_000_000;

pub(crate) struct Pacer {
    clock: Clock,
    schedule: Schedule,
    start: Ticks,
    deadline: Option<Ticks>,
    ending: Arc<Ending>,
    shares_core: bool,
}

enum Schedule {
    Max,
    /// Recorded time of the first message, and how many recorded ns pass in one.
    Recorded {
        first_ns: Option<u64>,
        /// The message before.
        last_ns: u64,
        times: f64,
        due: Ticks,
    },
    Rate {
        ticks_per_event: f64,
        events: u64,
    },
}

/// The feed is to end.
pub(crate) struct Ended;

impl Pacer {
    pub(crate) fn new(clock: &Clock, pace: Pace, seconds: Option<f64>, ending: Arc<Ending>, shares_core: bool) -> Self {
        let start = clock.now();
        let per_second = clock.from_ns(1_000_000_000) as f64;
        let schedule = match pace {
            Pace::Max => Schedule::Max,
            Pace::Times(times) => Schedule::Recorded { first_ns: None, last_ns: 0, times, due: start },
            Pace::PerSecond(rate) => Schedule::Rate { ticks_per_event: per_second / rate, events: 0 },
        };
        let deadline = seconds.map(|seconds| Ticks(start.0 + (seconds * per_second) as u64));
        Self { clock: clock.clone(), schedule, start, deadline, ending, shares_core }
    }

    /// Whether there is a schedule at all.
    pub(crate) fn is_paced(&self) -> bool {
        !matches!(self.schedule, Schedule::Max)
    }

    /// The run stood still for so long: everything is due later.
    pub(crate) fn shift(&mut self, ns: u64) {
        let ticks = self.clock.from_ns(ns);
        self.start.0 += ticks;
        if let Some(deadline) = &mut self.deadline {
            deadline.0 += ticks;
        }
    }

    /// A message recorded at `ns` begins.
    #[inline]
    pub(crate) fn message(&mut self, ns: u64) -> Result<(), Ended> {
        let Schedule::Recorded { first_ns, last_ns, times, due } = &mut self.schedule else { return Ok(()) };
        let first = first_ns.get_or_insert(ns);
        let until_last = last_ns.saturating_sub(*first);
        if ns.saturating_sub(*first) > until_last.saturating_add(GAP_MAX_NS) {
            *first = ns - until_last;
        }
        *last_ns = ns;
        let since = ns.saturating_sub(*first);
        *due = Ticks(self.start.0.saturating_add(self.clock.from_ns((since as f64 / *times) as u64)));
        let due = *due;
        self.wait_until(due)
    }

    /// When the next event is due; waits for it. `None`: at once, and no time is intended.
    #[inline]
    pub(crate) fn event(&mut self) -> Result<Option<Ticks>, Ended> {
        match &mut self.schedule {
            Schedule::Max => Ok(None),
            Schedule::Recorded { due, .. } => Ok(Some(*due)),
            Schedule::Rate { ticks_per_event, events } => {
                let due = Ticks(self.start.0.saturating_add((*events as f64 * *ticks_per_event) as u64));
                *events += 1;
                self.wait_until(due)?;
                Ok(Some(due))
            }
        }
    }

    /// Whether the user or the clock has ended the feed. Reads the clock.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Ended> {
        let late = self.deadline.is_some_and(|deadline| self.clock.now() >= deadline);
        if late || self.ending.is_set() { Err(Ended) } else { Ok(()) }
    }

    #[inline]
    fn wait_until(&self, due: Ticks) -> Result<(), Ended> {
        if self.clock.now() >= due { Ok(()) } else { self.idle_until(due) }
    }

    /// Ahead of the schedule. A function of its own, so that a profile tells this time from that of decoding.
    #[inline(never)]
    fn idle_until(&self, due: Ticks) -> Result<(), Ended> {
        loop {
            let now = self.clock.now();
            if now >= due {
                return Ok(());
            }
            self.check()?;
            let left = self.clock.to_ns(due.since(now));
            if left > SLEEP_NS {
                std::thread::sleep(Duration::from_nanos((left / 2).min(50_000_000)));
            } else if self.shares_core {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}
