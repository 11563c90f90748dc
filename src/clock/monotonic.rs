//! The operating system's clocks in nanoseconds, read through the vDSO without entering the kernel.
//!
//! [`Clock`](super::Clock) uses the monotonic one as its fallback and the calendar at the edges, `calibrate` the raw one as its
//! yardstick. Invariant: all three fit 64 bits of nanoseconds until the year 2554.

use rustix::time::{ClockId, clock_gettime};

/// The yardstick of the calibration: on Linux not slewed by NTP, so that its pace is constant.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::MonotonicRaw;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// Nanoseconds since an arbitrary origin; the pace is NTP's.
///
/// A call of its own, so that where a clock is read the counter's two instructions are not spread out by this.
#[inline(never)]
pub(super) fn monotonic_ns() -> u64 {
    read_ns(ClockId::Monotonic)
}

/// Nanoseconds since an arbitrary origin; the pace is the hardware's.
pub(super) fn steady_ns() -> u64 {
    read_ns(STEADY)
}

/// Nanoseconds since 1970-01-01 00:00 UTC; may be set back by whoever keeps the machine's time.
pub(super) fn calendar_ns() -> u64 {
    read_ns(ClockId::Realtime)
}

#[inline]
fn read_ns(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    // The wrapping forms keep a panic out of the hot path; neither wraps before 2554, nor is negative after 1970.
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
