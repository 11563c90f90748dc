//! What a clock says of itself, aloud: a fallback is never silent.

use core::fmt;

/// Where ticks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The processor's time-stamp counter.
    Tsc,
    /// The operating system's monotonic clock.
    Monotonic,
    /// A test's hand.
    Manual,
}

/// Which source a clock has, how fast it ticks, and why no better one was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockReport {
    /// The source.
    pub source: ClockSource,
    /// Its rate.
    pub ticks_per_second: u64,
    /// Difference between two calibrations, in parts per million.
    pub error_ppm: u64,
    /// Why it is not the TSC.
    pub reason: Option<&'static str>,
}

impl ClockReport {
    pub(super) fn monotonic(reason: Option<&'static str>) -> Self {
        Self { source: ClockSource::Monotonic, ticks_per_second: 1_000_000_000, error_ppm: 0, reason }
    }

    pub(super) fn manual() -> Self {
        Self { source: ClockSource::Manual, ticks_per_second: 1_000_000_000, error_ppm: 0, reason: None }
    }
}

impl fmt::Display for ClockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            ClockSource::Tsc => {
                let ghz = self.ticks_per_second as f64 / 1e9;
                write!(f, "TSC {ghz:.3} GHz, invariant, two calibrations agree within {} ppm", self.error_ppm)
            }
            ClockSource::Monotonic => {
                write!(f, "monotonic clock (slower to read): {}", self.reason.unwrap_or("asked for"))
            }
            ClockSource::Manual => f.write_str("manual clock"),
        }
    }
}
