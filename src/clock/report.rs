//! What a clock says of itself, aloud: which source, how fast, how sure, and why not the better one. A fallback always has a reason.

use super::rate::TickRate;
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

/// Why the time-stamp counter is not used as a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TscRefusal {
    /// Not an x86-64 processor.
    OtherProcessor {
        /// The processor's architecture, as Rust names it.
        arch: &'static str,
    },
    /// The processor does not promise a constant pace that also holds in sleep states.
    NotInvariant,
    /// The counter cannot be read in order with loads.
    NoRdtscp,
    /// Linux found the counter unstable, or different between cores.
    KernelDistrusts {
        /// The clock sources that it offers instead.
        available: String,
    },
    /// A later reading was smaller than an earlier one.
    WentBackwards {
        /// By how many ticks.
        ticks: u64,
    },
    /// Two measurements of the pace, one after the other, gave different results.
    PaceChanged {
        /// By how much, in parts per million.
        ppm: u64,
    },
    /// The measured pace is not one that a counter has.
    ImplausiblePace {
        /// The measured ticks per second.
        hz: u64,
    },
}

impl std::error::Error for TscRefusal {}

impl fmt::Display for TscRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProcessor { arch } => write!(f, "no TSC: {arch} is not x86-64"),
            Self::NotInvariant => write!(f, "TSC not invariant: CPUID leaf 0x80000007 has EDX bit 8 clear"),
            Self::NoRdtscp => write!(f, "TSC cannot be read in order: the processor has no RDTSCP"),
            Self::KernelDistrusts { available } => {
                write!(f, "TSC distrusted by the kernel, whose clock sources are: {available}")
            }
            Self::WentBackwards { ticks } => write!(f, "TSC ran backwards by {ticks} ticks while it was calibrated"),
            Self::PaceChanged { ppm } => write!(f, "TSC pace unsteady: two calibrations differ by {ppm} ppm"),
            Self::ImplausiblePace { hz } => write!(f, "TSC pace implausible: {hz} ticks a second"),
        }
    }
}

/// Which source a clock has, how fast it ticks, and why no better one was taken. Its `Display` is one line for the log.
///
/// ```
/// use tagring::clock::{Clock, ClockSource};
///
/// let report = Clock::monotonic().report();
/// assert_eq!(report.source, ClockSource::Monotonic);
/// assert_eq!(report.to_string(), "monotonic clock (slower to read): as asked");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockReport {
    /// The source.
    pub source: ClockSource,
    /// Its rate; 1,000,000,000 where a tick is a nanosecond.
    pub ticks_per_second: u64,
    /// How far the measured rate may be off, in parts per million; 0 where nothing was measured.
    pub error_ppm: u64,
    /// Why it is not the TSC, where that was wanted.
    pub reason: Option<TscRefusal>,
}

impl ClockReport {
    pub(super) fn tsc(rate: &TickRate) -> Self {
        let error_ppm = rate.error_ppm().ceil() as u64;
        Self { source: ClockSource::Tsc, ticks_per_second: rate.hz(), error_ppm, reason: None }
    }

    pub(super) fn nanoseconds(source: ClockSource, reason: Option<TscRefusal>) -> Self {
        Self { source, ticks_per_second: 1_000_000_000, error_ppm: 0, reason }
    }
}

impl fmt::Display for ClockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.source, &self.reason) {
            (ClockSource::Tsc, _) => {
                let ghz = self.ticks_per_second as f64 / 1e9;
                write!(f, "TSC {ghz:.3} GHz, invariant, calibrated within {} ppm", self.error_ppm)
            }
            (ClockSource::Monotonic, Some(refusal)) => write!(f, "monotonic clock (slower to read): {refusal}"),
            (ClockSource::Monotonic, None) => f.write_str("monotonic clock (slower to read): as asked"),
            (ClockSource::Manual, _) => f.write_str("manual clock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4596_the_choice_is_said_aloud() {
        let rate = TickRate::new(2_445_428_000, 2.3).unwrap();
        assert_eq!(ClockReport::tsc(&rate).to_string(), "TSC 2.445 GHz, invariant, calibrated within 3 ppm");
        let refusals = [
            (TscRefusal::OtherProcessor { arch: "aarch64" }, "aarch64"),
            (TscRefusal::NotInvariant, "not invariant"),
            (TscRefusal::NoRdtscp, "RDTSCP"),
            (TscRefusal::KernelDistrusts { available: "hpet acpi_pm".into() }, "hpet acpi_pm"),
            (TscRefusal::WentBackwards { ticks: 9 }, "backwards by 9 ticks"),
            (TscRefusal::PaceChanged { ppm: 700 }, "700 ppm"),
            (TscRefusal::ImplausiblePace { hz: 77 }, "77 ticks a second"),
        ];
        for (refusal, part) in refusals {
            let text = ClockReport::nanoseconds(ClockSource::Monotonic, Some(refusal)).to_string();
            assert!(text.starts_with("monotonic clock (slower to read): ") && text.contains(part), "{text}");
        }
    }
}
