//! A copy of a histogram at one moment: quantiles, merging, export to HdrHistogram and to `.hgrm` files.

use super::histogram::{Cells, range_of};
use std::io::{self, Write};
use std::sync::atomic::Ordering;

/// Points per halving of the distance to 100 % in a `.hgrm` file, as HdrHistogram's tools use.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// What a histogram held at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HistogramSnapshot {
    /// Middle of each bucket that is not empty, and its count; values ascend.
    points: Vec<(u64, u64)>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
    saturated: u64,
}

impl HistogramSnapshot {
    pub(super) fn of(cells: &Cells) -> Self {
        let max = cells.max.load(Ordering::Relaxed);
        let points: Vec<(u64, u64)> = cells
            .buckets
            .iter()
            .enumerate()
            .map(|(bucket, count)| (bucket, count.load(Ordering::Relaxed)))
            .filter(|&(_, count)| count > 0)
            .map(|(bucket, count)| {
                let (low, width) = range_of(bucket);
                (low + width / 2, count)
            })
            .collect();
        let count = points.iter().map(|&(_, count)| count).sum();
        let min = if count == 0 { 0 } else { cells.min.load(Ordering::Relaxed) };
        let sum = u128::from(cells.sum.load(Ordering::Relaxed));
        Self { points, count, sum, min, max, saturated: cells.saturated.load(Ordering::Relaxed) }
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least value, exactly; 0 when empty.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.min
    }

    /// The greatest value, exactly; 0 when empty.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The sum of all values, exactly while it fits 64 bits.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The mean; 0 when empty.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// Values too large to be told apart.
    #[must_use]
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The value below or at which a share `q` (0 to 1) of all values lies, within 1/1024 of it; the ends are exact. 0 when empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        if rank == self.count {
            return self.max;
        }
        let mut below = 0;
        for &(value, count) in &self.points {
            below += count;
            if below >= rank {
                return value.clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// The values of both, as if recorded into one.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut points = self.points.clone();
        points.extend_from_slice(&other.points);
        let min = match (self.count, other.count) {
            (0, _) => other.min,
            (_, 0) => self.min,
            _ => self.min.min(other.min),
        };
        Self {
            points: folded(points),
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min,
            max: self.max.max(other.max),
            saturated: self.saturated + other.saturated,
        }
    }

    /// The same values in another unit, such as nanoseconds for ticks. `convert` never decreases.
    #[must_use]
    pub fn with_unit(&self, convert: impl Fn(u64) -> u64) -> Self {
        let points = self.points.iter().map(|&(value, count)| (convert(value), count)).collect();
        // The sum is converted as a whole: converting each value would add up the rounding.
        let sum = u64::try_from(self.sum).map_or(self.sum, |sum| u128::from(convert(sum)));
        let (min, max) = (convert(self.min), convert(self.max));
        Self { points: folded(points), sum, min, max, ..*self }
    }

    /// The non-empty buckets: middle and count, ascending.
    #[must_use]
    pub fn points(&self) -> &[(u64, u64)] {
        &self.points
    }

    /// The same as an HdrHistogram of three significant digits, for its percentiles, iterators and serialisation.
    #[must_use]
    pub fn to_hdr(&self) -> hdrhistogram::Histogram<u64> {
        let mut hdr = hdrhistogram::Histogram::new_with_max(self.max.max(2), 3)
            .unwrap_or_else(|error| unreachable!("3 digits up to any maximum of 2 or more are valid: {error:?}"));
        for &(value, count) in &self.points {
            hdr.saturating_record_n(value.clamp(self.min, self.max), count);
        }
        hdr
    }

    /// Writes the percentile distribution in the `.hgrm` text format, which HdrHistogram's plotters read.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_hgrm(&self, out: &mut impl Write) -> io::Result<()> {
        let hdr = self.to_hdr();
        writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
        for step in hdr.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
            let (value, quantile) = (step.value_iterated_to(), step.quantile_iterated_to());
            let total = hdr.count_between(0, value);
            match quantile < 1.0 {
                true => {
                    writeln!(out, "{value:>12.3} {quantile:>2.12} {total:>10} {:>14.2}", 1.0 / (1.0 - quantile))?;
                }
                false => writeln!(out, "{value:>12.3} {quantile:>2.12} {total:>10}")?,
            }
        }
        writeln!(out, "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]", self.mean(), hdr.stdev())?;
        writeln!(out, "#[Max     = {:>12.3}, Total count    = {:>12}]", self.max, self.count)
    }
}

/// Sorts by value and adds up equal ones.
fn folded(mut points: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    points.sort_unstable_by_key(|&(value, _)| value);
    points.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    points
}
