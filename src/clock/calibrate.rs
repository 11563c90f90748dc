//! How many ticks a second has: two measurements of the counter against the monotonic clock that must agree. A constant of the
//! machine, so it is taken once per process.

use super::report::{ClockReport, ClockSource};
use super::tsc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// One measurement.
const SPAN: Duration = Duration::from_millis(8);
/// Bracketed reads tried at each end of a span; the tightest counts.
const TRIES: usize = 16;
/// How far the two measurements may differ. An interrupted read costs some 10 us of 8 ms.
const TOLERANCE_PPM: u64 = 500;
/// Fraction bits of the tick-to-nanosecond factor.
const SHIFT: u32 = 32;

/// What the calibration found.
#[derive(Clone, Debug)]
pub(super) struct Calibration {
    ticks_per_second: u64,
    /// Nanoseconds per tick, times 2^32.
    ns_per_tick: u64,
    error_ppm: u64,
}

/// This machine's calibration, or why its TSC is not used.
pub(super) fn machine() -> Result<&'static Calibration, &'static str> {
    static MACHINE: OnceLock<Result<Calibration, &'static str>> = OnceLock::new();
    MACHINE.get_or_init(|| tsc::is_invariant().and_then(|()| measure())).as_ref().map_err(|reason| *reason)
}

/// The counter and the monotonic clock read together: of some tries the one with the least time around it.
fn read_both() -> (u64, Instant) {
    let read = || {
        let before = tsc::read_after_loads();
        let instant = Instant::now();
        let after = tsc::read_after_loads();
        (after.saturating_sub(before), before + after.saturating_sub(before) / 2, instant)
    };
    let best = (0..TRIES).map(|_| read()).min_by_key(|&(width, ..)| width);
    let (_, ticks, instant) = best.unwrap_or_else(read);
    (ticks, instant)
}

fn rate() -> u64 {
    let (ticks, start) = read_both();
    while start.elapsed() < SPAN {
        std::hint::spin_loop();
    }
    let (end_ticks, end) = read_both();
    let ns = end.duration_since(start).as_nanos().max(1);
    (u128::from(end_ticks.saturating_sub(ticks)) * 1_000_000_000 / ns) as u64
}

fn measure() -> Result<Calibration, &'static str> {
    let (one, two) = (rate(), rate());
    let error_ppm = one.abs_diff(two) * 1_000_000 / one.max(two).max(1);
    if one == 0 || two == 0 {
        return Err("the TSC does not advance");
    }
    if error_ppm > TOLERANCE_PPM {
        return Err("two calibrations of the TSC disagree");
    }
    let ticks_per_second = u64::midpoint(one, two);
    let ns_per_tick = ((1_000_000_000_u128 << SHIFT) / u128::from(ticks_per_second)) as u64;
    Ok(Calibration { ticks_per_second, ns_per_tick, error_ppm })
}

impl Calibration {
    #[inline]
    pub(super) fn to_ns(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.ns_per_tick)) >> SHIFT) as u64
    }

    pub(super) fn ticks_of(&self, ns: u64) -> u64 {
        (u128::from(ns) * u128::from(self.ticks_per_second) / 1_000_000_000) as u64
    }

    pub(super) fn report(&self) -> ClockReport {
        ClockReport {
            source: ClockSource::Tsc,
            ticks_per_second: self.ticks_per_second,
            error_ppm: self.error_ppm,
            reason: None,
        }
    }
}
