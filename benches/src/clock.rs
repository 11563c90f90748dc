//! Time stamps from the processor's counter. A stamp that times an arrival is ordered behind the load that saw it arrive:
//! a plain RDTSC may run ahead of that load and halve the latency.

use std::time::{Duration, Instant};

/// A stamp for the caller's own action: whatever comes after in the program comes after in time, near enough.
#[inline(always)]
#[must_use]
pub fn stamp() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has RDTSC; it reads a counter and touches nothing else.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    monotonic()
}

/// A stamp for an arrival: waits until all loads before it are done.
#[inline(always)]
#[must_use]
pub fn arrival() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor this runs on has RDTSCP; it reads counters into `aux` and touches nothing else.
    unsafe {
        let mut aux = 0;
        core::arch::x86_64::__rdtscp(&raw mut aux)
    }
    #[cfg(not(target_arch = "x86_64"))]
    monotonic()
}

/// As [`arrival`], made of LFENCE and RDTSC.
#[inline(always)]
#[must_use]
pub fn fenced() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as in `stamp` and `arrival`; LFENCE only waits.
    unsafe {
        core::arch::x86_64::_mm_lfence();
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    monotonic()
}

/// Nanoseconds since the first call, where there is no counter to read.
#[cfg(not(target_arch = "x86_64"))]
fn monotonic() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Nanoseconds in one tick of the counter.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    ns_per_tick: f64,
}

impl Scale {
    /// Compares the counter with the monotonic clock for 50 ms.
    #[must_use]
    pub fn calibrate() -> Self {
        let (start, first) = (Instant::now(), fenced());
        while start.elapsed() < Duration::from_millis(50) {}
        let (elapsed, last) = (start.elapsed(), fenced());
        Self { ns_per_tick: elapsed.as_nanos() as f64 / (last - first) as f64 }
    }

    /// For ticks that are nanoseconds already.
    pub const NANOSECONDS: Self = Self { ns_per_tick: 1.0 };

    /// Ticks as nanoseconds.
    #[must_use]
    pub fn ns(self, ticks: f64) -> f64 {
        ticks * self.ns_per_tick
    }
}

/// Mean nanoseconds of one call of `read`, over `count` calls in a row.
pub fn cost_ns(count: u32, mut read: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        read();
    }
    start.elapsed().as_nanos() as f64 / f64::from(count)
}
