//! The outliers of one slot, for others to read: the latest ones, and sums over all of them by size and cause. The slot's thread alone writes.

use super::cause::{Parts, TailCause};
use super::outlier::{Outlier, WORDS};
use super::settings::{Over, Tail};
use crate::clock::Clock;
use crate::counters::Latest;
use crate::sync::{AtomicU64, Ordering};
use core::time::Duration;
use crossbeam_utils::CachePadded;

/// A band for each power of two; what is beyond the last one is in it.
const BANDS: usize = 41;
/// Values that a running p99 is made of at least.
const ENOUGH: u64 = 1_000;

/// What the slot's thread writes and others read.
pub(in crate::bus) struct TailLog {
    over: Over,
    /// In ticks; `u64::MAX`: nothing is an outlier. Written by whoever refreshes it.
    threshold: CachePadded<AtomicU64>,
    latest: Latest<WORDS>,
    bands: Box<[[AtomicU64; 1 + TailCause::COUNT]; BANDS]>,
}

/// Outliers of about one size, all that there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// The least time of the band, in nanoseconds: each begins where a power of two of clock ticks lies.
    pub from_ns: u64,
    /// How many events that were: of those timed as one each counts.
    pub events: u64,
    /// Their time by cause, in nanoseconds; of events timed as one, that of the last of them.
    pub parts: Parts,
}

/// What is known of a slot's slow events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotTail {
    /// From when on an event is an outlier now; `None`: none is.
    pub threshold: Option<Duration>,
    /// Outliers so far, kept or not; events that were timed as one count as one.
    pub count: u64,
    /// The latest ones, oldest first.
    pub latest: Vec<Outlier>,
    /// All of them, by size; bands without any are left out.
    pub bands: Vec<Band>,
}

impl SlotTail {
    /// Time by cause of all outliers that took at least about `from_ns`: bands begin at powers of two of clock ticks, and that of `from_ns`
    /// counts as a whole.
    #[must_use]
    pub fn parts_from(&self, from_ns: u64) -> Parts {
        let reaches = |band: &&Band| band.from_ns.saturating_mul(2) > from_ns || from_ns == 0;
        self.bands.iter().filter(reaches).fold(Parts::default(), |sum, band| sum.plus(&band.parts))
    }
}

impl TailLog {
    pub(in crate::bus) fn new(settings: Tail, clock: &Clock) -> Self {
        let threshold = match settings.over {
            Over::Fixed(limit) => clock.from_ns(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)),
            Over::Never | Over::Times(_) => u64::MAX,
        };
        let band = || core::array::from_fn(|_| AtomicU64::new(0));
        Self {
            over: settings.over,
            threshold: CachePadded::new(AtomicU64::new(threshold)),
            latest: Latest::new(settings.records),
            bands: Box::new(core::array::from_fn(|_| band())),
        }
    }

    #[inline(always)]
    pub(in crate::bus) fn threshold(&self) -> u64 {
        self.threshold.load(Ordering::Relaxed)
    }

    /// Whether the threshold follows what is measured.
    pub(in crate::bus) fn follows(&self) -> bool {
        matches!(self.over, Over::Times(_))
    }

    /// Sets the threshold by the p99 of the `count` events that were measured so far, where it follows that.
    pub(in crate::bus) fn refresh(&self, count: u64, p99_ticks: u64) {
        if let Over::Times(times) = self.over
            && count >= ENOUGH
        {
            self.threshold.store((p99_ticks as f64 * times) as u64, Ordering::Relaxed);
        }
    }

    /// Writes an outlier down. For the slot's thread alone.
    pub(super) fn write(&self, outlier: &Outlier) {
        let total = outlier.parts.total();
        let band = &self.bands[(total.max(1).ilog2() as usize).min(BANDS - 1)];
        let added = core::iter::once(&outlier.events).chain(&outlier.parts.0);
        for (cell, added) in band.iter().zip(added) {
            cell.store(cell.load(Ordering::Relaxed).saturating_add(*added), Ordering::Relaxed);
        }
        self.latest.push(&mut outlier.to_words());
    }

    /// Outliers so far.
    pub(in crate::bus) fn count(&self) -> u64 {
        self.latest.count()
    }

    /// The outliers from `number` on that are still there.
    pub(in crate::bus) fn since(&self, number: u64, clock: &Clock) -> Vec<Outlier> {
        let known = number.max(self.latest.first())..self.latest.count();
        let copies = known.filter_map(|number| self.latest.copy(number));
        copies.filter_map(|words| Outlier::from_words(&words, |ticks| clock.to_ns(ticks))).collect()
    }

    pub(in crate::bus) fn snapshot(&self, clock: &Clock) -> SlotTail {
        let threshold = self.threshold();
        let band = |(power, band): (usize, &[AtomicU64; 1 + TailCause::COUNT])| {
            let [events, ..] = band;
            let parts = Parts(core::array::from_fn(|i| clock.to_ns(band[1 + i].load(Ordering::Relaxed))));
            let from_ns = if power == 0 { 0 } else { clock.to_ns(1 << power) };
            Band { from_ns, events: events.load(Ordering::Relaxed), parts }
        };
        SlotTail {
            threshold: (threshold != u64::MAX).then(|| Duration::from_nanos(clock.to_ns(threshold))),
            count: self.count(),
            latest: self.since(0, clock),
            bands: self.bands.iter().enumerate().map(band).filter(|band| band.events > 0).collect(),
        }
    }
}
