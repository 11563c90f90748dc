//! Time for the hot path: the invariant TSC where the machine has one, the monotonic clock where not, a hand-moved clock for tests.
//! Calendar time appears at the edges only.
//!
//! Floors above: none but `sync`. A clock's ticks mean something only to that clock; differences become nanoseconds through it.

mod calibrate;
mod monotonic;
mod rate;
mod report;
mod tsc;

pub use report::{ClockReport, ClockSource, TscRefusal};

use rate::TickRate;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment, in the ticks of the clock that read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Ticks(pub u64);

impl Ticks {
    /// Ticks from `earlier` to this moment; 0 when it is not earlier (clocks of two cores may differ by a few ticks).
    #[must_use]
    #[inline(always)]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A time source, chosen once. Cheap to clone; each read is a predictable branch and the instruction itself.
///
/// ```
/// use tagring::clock::Clock;
///
/// let clock = Clock::system();
/// let (start, end) = (clock.now(), clock.now());
/// assert!(clock.to_ns(end.since(start)) < 1_000_000_000);
/// println!("{}", clock.report());
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Tsc(&'static TickRate),
    /// With the reason why it is not the TSC, if that was wanted.
    Monotonic(Option<&'static TscRefusal>),
    Manual(Arc<AtomicU64>),
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualHand(Arc<AtomicU64>);

impl ManualHand {
    /// Moves the clock on.
    pub fn advance_ns(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::Relaxed);
    }

    /// Moves the clock on or back.
    pub fn jump_ns(&self, by_ns: i64) {
        let jumped = self.0.load(Ordering::Relaxed).saturating_add_signed(by_ns);
        self.0.store(jumped, Ordering::Relaxed);
    }

    /// Sets the clock, also backwards: what a bad clock would do.
    pub fn set_ns(&self, ns: u64) {
        self.0.store(ns, Ordering::Relaxed);
    }
}

impl Clock {
    /// The best clock of this machine: the TSC if the processor says that it is invariant, the kernel offers it as a clock source and
    /// two calibrations agree, else the monotonic clock. [`Self::report`] says which and why. The first call takes 10 to 20 ms.
    #[must_use]
    pub fn system() -> Self {
        Self::choose(calibrate::this_machine())
    }

    fn choose(machine: Result<&'static TickRate, &'static TscRefusal>) -> Self {
        match machine {
            Ok(rate) => Self(Source::Tsc(rate)),
            Err(refusal) => Self(Source::Monotonic(Some(refusal))),
        }
    }

    /// The operating system's monotonic clock, whatever the machine; a tick is a nanosecond.
    #[must_use]
    pub fn monotonic() -> Self {
        Self(Source::Monotonic(None))
    }

    /// A clock that only its hand moves; a tick is a nanosecond.
    #[must_use]
    pub fn manual(start_ns: u64) -> (Self, ManualHand) {
        let time = Arc::new(AtomicU64::new(start_ns));
        (Self(Source::Manual(Arc::clone(&time))), ManualHand(time))
    }

    /// The time, by the cheapest read. It may be executed ahead of loads that stand before it: for stamping what one does oneself.
    #[must_use]
    #[inline(always)]
    pub fn now(&self) -> Ticks {
        let now = match &self.0 {
            Source::Tsc(_) => Ticks(tsc::read()),
            source => Self::slow(source),
        };
        #[cfg(feature = "faults")]
        let now = self.jumped(now);
        now
    }

    /// The time, read after every load that stands before it has completed (RDTSCP; Intel SDM volume 2B): for timing the arrival of
    /// something. A plain read is executed while the load is still under way, and the latency comes out too short.
    #[must_use]
    #[inline(always)]
    pub fn now_after_load(&self) -> Ticks {
        let now = match &self.0 {
            Source::Tsc(_) => Ticks(tsc::read_after_load()),
            source => Self::slow(source),
        };
        #[cfg(feature = "faults")]
        let now = self.jumped(now);
        now
    }

    /// What a clock says that has jumped at the fault point `clock.read`.
    #[cfg(feature = "faults")]
    fn jumped(&self, now: Ticks) -> Ticks {
        let by_ns = crate::faults::clock_off_ns();
        let by = self.from_ns(by_ns.unsigned_abs());
        Ticks(if by_ns < 0 { now.0.saturating_sub(by) } else { now.0.saturating_add(by) })
    }

    #[cold]
    fn slow(source: &Source) -> Ticks {
        match source {
            Source::Tsc(_) => Ticks(tsc::read()),
            Source::Monotonic(_) => Ticks(monotonic::monotonic_ns()),
            Source::Manual(time) => Ticks(time.load(Ordering::Relaxed)),
        }
    }

    /// A number of ticks in nanoseconds, rounded to the nearest; `u64::MAX` if that does not fit.
    #[must_use]
    #[inline]
    pub fn to_ns(&self, ticks: u64) -> u64 {
        match &self.0 {
            Source::Tsc(rate) => rate.to_ns(ticks),
            _ => ticks,
        }
    }

    /// Nanoseconds in ticks, rounded to the nearest; `u64::MAX` if that does not fit.
    #[must_use]
    pub fn from_ns(&self, ns: u64) -> u64 {
        match &self.0 {
            Source::Tsc(rate) => rate.to_ticks(ns),
            _ => ns,
        }
    }

    /// Calendar time of a moment, in nanoseconds since 1970, by the calendar as it is set now. For the edges: it reads two clocks. A
    /// manual clock is its own calendar.
    #[must_use]
    pub fn wall_ns(&self, at: Ticks) -> u64 {
        if let Source::Manual(_) = self.0 {
            return at.0;
        }
        let (wall, now) = (monotonic::calendar_ns(), self.now());
        wall.saturating_add(self.to_ns(at.since(now))).saturating_sub(self.to_ns(now.since(at)))
    }

    /// Which source it is, how fast it ticks, and why no better one was taken.
    #[must_use]
    pub fn report(&self) -> ClockReport {
        match &self.0 {
            Source::Tsc(rate) => ClockReport::tsc(rate),
            Source::Monotonic(refusal) => ClockReport::nanoseconds(ClockSource::Monotonic, refusal.cloned()),
            Source::Manual(_) => ClockReport::nanoseconds(ClockSource::Manual, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4596_a_machine_without_a_counter_falls_back_and_says_so() {
        static REFUSAL: TscRefusal = TscRefusal::NotInvariant;
        let clock = Clock::choose(Err(&REFUSAL));
        let report = clock.report();
        assert_eq!((report.source, report.reason), (ClockSource::Monotonic, Some(TscRefusal::NotInvariant)));
        assert_eq!((report.ticks_per_second, clock.to_ns(7), clock.from_ns(7)), (1_000_000_000, 7, 7));
        let start = clock.now();
        assert!(start.0 > 0 && clock.now_after_load() >= start);
    }
}
