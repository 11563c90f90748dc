//! A copy of a histogram at one moment: quantiles, merging, export to HdrHistogram and to `.hgrm` files.

use super::histogram::{Cells, MAX_BITS, range_of};
use std::io::{self, Write};
use std::sync::atomic::Ordering;

/// Points per halving of the distance to 100 % in a `.hgrm` file, as HdrHistogram's tools use.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
/// Ranges of doubled width, and the linear resolution of each: what HdrHistogram calls buckets and sub-buckets, for the footer.
const HDR_BUCKETS: usize = 31;
const HDR_SUB_BUCKETS: usize = 1024;

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
        let counts = cells.buckets.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        let filled: Vec<(usize, u64)> = counts.filter(|&(_, count)| count > 0).collect();
        let (Some(&(first, _)), Some(&(last, _))) = (filled.first(), filled.last()) else { return Self::default() };
        let middle = |bucket| {
            let (low, width) = range_of(bucket);
            low + width / 2
        };
        let points: Vec<(u64, u64)> = filled.iter().map(|&(bucket, count)| (middle(bucket), count)).collect();
        // The writer stores the extremes after the bucket: where one is not there yet, the bucket's own edge stands in, so that the
        // least value is never above the greatest.
        let ((low, low_width), (high, high_width)) = (range_of(first), range_of(last));
        let (min, max) = (cells.min.load(Ordering::Relaxed), cells.max.load(Ordering::Relaxed));
        // The last bucket also holds what is beyond the range.
        let is_last = low + low_width == 1 << MAX_BITS;
        let min = if min < low + low_width || (is_last && min != u64::MAX) { min } else { low };
        Self {
            count: points.iter().map(|&(_, count)| count).sum(),
            points,
            sum: u128::from(cells.sum.load(Ordering::Relaxed)),
            min,
            max: if max >= high { max } else { min.max(high + high_width - 1) },
            saturated: cells.saturated.load(Ordering::Relaxed),
        }
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

    /// The sum of all values, exactly while it fits 64 bits; a histogram's own sum stays at `u64::MAX` from there on.
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
        if rank == 1 {
            return self.min;
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

    /// What was recorded after `earlier`, a snapshot of the same histogram in the same unit: percentiles of an interval. The least value, and the
    /// greatest where `earlier` knew a greater one, are those of their buckets, within 1/1024. Where `earlier` is the later one, or of another
    /// histogram, what it has more of counts as none.
    ///
    /// ```
    /// use tagring::counters::Histogram;
    ///
    /// let (mut writer, reader) = Histogram::new();
    /// writer.record_n(900, 1_000);
    /// let first_second = reader.snapshot();
    /// writer.record_n(20, 50);
    /// let second = reader.snapshot().since(&first_second);
    /// assert_eq!((second.count(), second.max()), (50, 20));
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut before = earlier.points.iter().peekable();
        let mut points = Vec::new();
        for &(value, count) in &self.points {
            while before.next_if(|&&(known, _)| known < value).is_some() {}
            let known = before.next_if(|&&(known, _)| known == value).map_or(0, |&(_, known)| known);
            if count > known {
                points.push((value, count - known));
            }
        }
        let (Some(&(first, _)), Some(&(last, _))) = (points.first(), points.last()) else { return Self::default() };
        let is_greater = earlier.count == 0 || self.max > earlier.max;
        Self {
            count: points.iter().map(|&(_, count)| count).sum(),
            sum: self.sum.saturating_sub(earlier.sum),
            min: if earlier.count == 0 || self.min < earlier.min { self.min } else { first.clamp(self.min, self.max) },
            max: if is_greater { self.max } else { last.clamp(self.min, self.max) },
            saturated: self.saturated.saturating_sub(earlier.saturated),
            points,
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
        // The least and the greatest value are known exactly: one count each of the first and the last bucket.
        let mut inner = self.count;
        for end in [self.max, self.min] {
            hdr.saturating_record_n(end, u64::from(inner > 0));
            inner = inner.saturating_sub(1);
        }
        let last = self.points.len().saturating_sub(1);
        for (i, &(value, count)) in self.points.iter().enumerate() {
            let ends = u64::from(i == 0) + u64::from(i == last);
            hdr.saturating_record_n(value.clamp(self.min, self.max), count.saturating_sub(ends));
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
        let mut total = 0;
        for step in hdr.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
            // The last line is the greatest value, known exactly, where the iterator gives its bucket's edge.
            let (value, quantile) = (step.value_iterated_to().min(self.max) as f64, step.quantile_iterated_to());
            total += step.count_since_last_iteration();
            match quantile < 1.0 {
                true => {
                    writeln!(out, "{value:>12.3} {quantile:.12} {total:>10} {:>14.2}", 1.0 / (1.0 - quantile))?;
                }
                false => writeln!(out, "{value:>12.3} {quantile:.12} {total:>10}")?,
            }
        }
        writeln!(out, "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]", self.mean(), hdr.stdev())?;
        writeln!(out, "#[Max     = {:>12.3}, Total count    = {:>12}]", self.max as f64, self.count)?;
        writeln!(out, "#[Buckets = {HDR_BUCKETS:>12}, SubBuckets     = {HDR_SUB_BUCKETS:>12}]")
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
