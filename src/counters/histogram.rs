//! A fixed log-linear histogram: 512 buckets per octave, so that a value is known to about three significant digits, from 0 to
//! 2^40. After Gil Tene's HdrHistogram, reduced to what a hot path needs: one writer, no resizing, no division, no allocation.

use super::snapshot::HistogramSnapshot;
use core::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per octave, as a power of two. The middle of a bucket is within 1/1024 of any value in it.
const SUB_BITS: u32 = 9;
const SUB: u64 = 1 << SUB_BITS;
/// Values from 2^40 on are put in the last bucket and counted as saturated. In nanoseconds: 18 minutes.
pub(super) const MAX_BITS: u32 = 40;
/// 512 buckets of width 1, then 512 per octave from 2^9 to 2^40.
pub(super) const BUCKETS: usize = (SUB as usize) * (1 + (MAX_BITS - SUB_BITS) as usize);

/// The bucket of a value.
#[inline(always)]
pub(super) fn bucket_of(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    // The octave above the linear part; 0 inside it.
    let octave = (u64::BITS - (value >> SUB_BITS).leading_zeros()) as usize;
    // In octave k > 0 values run from 2^(8+k) to 2^(9+k), in steps of 2^(k-1).
    let step = octave.saturating_sub(1);
    (step << SUB_BITS) + (value >> step) as usize
}

/// The least value of a bucket and the width of it.
pub(super) fn range_of(bucket: usize) -> (u64, u64) {
    let (bucket, sub) = (bucket as u64, SUB);
    if bucket < sub {
        return (bucket, 1);
    }
    let step = (bucket - sub) / sub;
    (((bucket - sub) % sub + sub) << step, 1 << step)
}

/// The shared cells. Written by one [`HistogramWriter`], in relaxed plain stores.
pub(super) struct Cells {
    pub(super) buckets: Box<[AtomicU64]>,
    pub(super) sum: AtomicU64,
    pub(super) min: AtomicU64,
    pub(super) max: AtomicU64,
    pub(super) saturated: AtomicU64,
}

/// Where histograms are made.
pub struct Histogram;

impl Histogram {
    /// A writer and a reader of a new, empty histogram. Takes about 130 kB, all at once.
    ///
    /// ```
    /// use tagring::counters::Histogram;
    ///
    /// let (mut writer, reader) = Histogram::new();
    /// (1..=1000).for_each(|ns| writer.record(ns));
    /// assert_eq!(reader.snapshot().quantile(0.5), 500);
    /// ```
    #[allow(clippy::new_ret_no_self, reason = "a histogram exists only as its two ends")]
    #[must_use]
    pub fn new() -> (HistogramWriter, HistogramReader) {
        let cells = Arc::new(Cells {
            // Not known to be zero, or the compiler asks for zeroed memory, whose pages are met one by one while recording.
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(black_box(0))).collect(),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            saturated: AtomicU64::new(0),
        });
        (HistogramWriter { cells: Arc::clone(&cells) }, HistogramReader { cells })
    }
}

/// The only writer of a histogram.
pub struct HistogramWriter {
    cells: Arc<Cells>,
}

impl HistogramWriter {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts one value `n` times.
    #[inline]
    pub fn record_n(&mut self, value: u64, n: u64) {
        if n == 0 {
            return;
        }
        let cells = &*self.cells;
        let bucket = &cells.buckets[bucket_of(value)];
        add(bucket, n);
        let sum = cells.sum.load(Ordering::Relaxed).saturating_add(value.saturating_mul(n));
        cells.sum.store(sum, Ordering::Relaxed);
        if value < cells.min.load(Ordering::Relaxed) {
            cells.min.store(value, Ordering::Relaxed);
        }
        if value > cells.max.load(Ordering::Relaxed) {
            cells.max.store(value, Ordering::Relaxed);
        }
        if value >> MAX_BITS != 0 {
            add(&cells.saturated, n);
        }
    }
}

/// Adds by load and store: there is one writer, so no read-modify-write instruction is needed.
#[inline(always)]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// A reader of a histogram.
#[derive(Clone)]
pub struct HistogramReader {
    cells: Arc<Cells>,
}

impl HistogramReader {
    /// What is counted so far. While the writer goes on, the values recorded during the copy may be in it or not.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot::of(&self.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_and_the_bucket_is_narrow(value in 0_u64..1 << MAX_BITS) {
            let bucket = bucket_of(value);
            prop_assert!(bucket < BUCKETS);
            let (low, width) = range_of(bucket);
            prop_assert!((low..low + width).contains(&value));
            prop_assert!(width == 1 || width * 512 <= low, "{low} {width}");
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let (low, width) = range_of(bucket);
            assert_eq!(low, next);
            assert_eq!(bucket_of(low), bucket);
            next = low + width;
        }
        assert_eq!(next, 1 << MAX_BITS);
    }
}
