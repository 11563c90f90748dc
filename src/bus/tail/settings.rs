//! Which events are outliers, and how many of them a slot keeps.

use core::time::Duration;

/// Records kept unless asked otherwise: 68 kB.
const RECORDS: usize = 256;
/// Most that may be kept: 285 MB.
const RECORDS_MAX: usize = 1 << 20;
/// Times the running p99, unless asked otherwise.
const TIMES: f64 = 4.0;

/// From when on an event is an outlier, by its time from intended to handled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bus) enum Over {
    Never,
    Fixed(Duration),
    /// Times the running p99 of age and that of service, added up.
    Times(f64),
}

/// What a slot does about slow events. Only slots that measure can do anything ([`crate::bus::Measure`]).
///
/// ```
/// use std::time::Duration;
/// use tagring::bus::Tail;
///
/// let fixed = Tail::over(Duration::from_micros(50)).keep(1_000);
/// let by_itself = Tail::times_p99(8.0); // the default is 4
/// # let _ = (fixed, by_itself);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    pub(in crate::bus) over: Over,
    pub(in crate::bus) records: usize,
}

impl Default for Tail {
    /// Four times the running p99; the latest 256 are kept.
    fn default() -> Self {
        Self { over: Over::Times(TIMES), records: RECORDS }
    }
}

impl Tail {
    /// No records, no memory for them, no cost.
    #[must_use]
    pub const fn off() -> Self {
        Self { over: Over::Never, records: 0 }
    }

    /// Events that take longer than `limit` from their intended time to the end of their handling.
    #[must_use]
    pub const fn over(limit: Duration) -> Self {
        Self { over: Over::Fixed(limit), records: RECORDS }
    }

    /// Events that take `times` as long as the p99 of all before. There is none before a thousand events were measured and somebody has called
    /// [`crate::bus::SlotView::refresh_tail`], as a runtime does every second. Less than 1, or no number, counts as 1.
    #[must_use]
    pub const fn times_p99(times: f64) -> Self {
        Self { over: Over::Times(if times >= 1.0 { times } else { 1.0 }), records: RECORDS }
    }

    /// Keeps the latest `records`, 272 bytes each, at least 1 and at most 2^20. All outliers are counted and added up, kept or not.
    #[must_use]
    pub const fn keep(mut self, records: usize) -> Self {
        self.records = match records {
            0 => 1,
            1..=RECORDS_MAX => records,
            _ => RECORDS_MAX,
        };
        self
    }

    pub(in crate::bus) fn is_off(&self) -> bool {
        self.over == Over::Never
    }
}
