//! Ticks as calendar time: the writer's, off the hot path. The calendar is looked at once a second, so that records of one second keep the
//! distances that their ticks have; where it is set back, so are times.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};
use tagring::clock::{Clock, Ticks};

/// How long one look at the calendar lasts.
const LOOK_NS: u64 = 1_000_000_000;

/// A clock and what the calendar said at one of its moments.
pub(crate) struct Calendar {
    clock: Clock,
    at: Ticks,
    wall_ns: u64,
}

impl Calendar {
    pub(crate) fn new(clock: Clock) -> Self {
        let at = clock.now();
        Self { wall_ns: clock.wall_ns(at), at, clock }
    }

    /// Looks at the calendar again, if the last look is old.
    pub(crate) fn look(&mut self) {
        let now = self.clock.now();
        if self.clock.to_ns(now.since(self.at)) >= LOOK_NS {
            (self.at, self.wall_ns) = (now, self.clock.wall_ns(now));
        }
    }

    /// Now, in ticks.
    pub(crate) fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// The time as text, in UTC with nanoseconds.
    pub(crate) fn text(&self, at: Ticks) -> impl core::fmt::Display + use<> {
        let (later, earlier) = (self.clock.to_ns(at.since(self.at)), self.clock.to_ns(self.at.since(at)));
        let ns = self.wall_ns.saturating_add(later).saturating_sub(earlier);
        let time = UNIX_EPOCH.checked_add(Duration::from_nanos(ns)).unwrap_or(SystemTime::UNIX_EPOCH);
        humantime::format_rfc3339_nanos(time)
    }
}
