//! What the machine itself makes events wait: a loop that only reads the clock, on the core of the slots. Where it already waits longer than the
//! percentile asked for, no bus can hold that.

use tagring::counters::HistogramSnapshot;

/// How long an event that comes at any moment would wait at least, with probability `1 - q`, for the loop that left these gaps: the time that lies
/// in gaps is what counts, not how many there are.
pub(super) fn wait_at(gaps: &HistogramSnapshot, q: f64) -> u64 {
    let points = gaps.points();
    let whole: f64 = points.iter().map(|(gap, count)| *gap as f64 * *count as f64).sum();
    let mut allowed = whole * (1.0 - q);
    if whole <= 0.0 {
        return 0;
    }
    if allowed <= 0.0 {
        return gaps.max();
    }
    // From the longest gap down: `open` of them are longer than the wait at hand.
    let mut open = 0.0;
    for (at, (gap, count)) in points.iter().enumerate().rev() {
        open += *count as f64;
        let below = at.checked_sub(1).map_or(0, |at| points[at].0);
        let here = open * (gap - below) as f64;
        if here >= allowed {
            return (*gap as f64 - allowed / open) as u64;
        }
        allowed -= here;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagring::counters::Histogram;

    fn gaps(all: &[(u64, u64)]) -> HistogramSnapshot {
        let (mut writer, reader) = Histogram::new();
        all.iter().for_each(|(gap, count)| writer.record_n(*gap, *count));
        reader.snapshot()
    }

    #[test]
    fn issue_4595_the_wait_is_that_of_an_event_at_any_moment() {
        // Gaps all alike: the wait is spread evenly over one.
        let even = gaps(&[(100, 1_000)]);
        assert_eq!((wait_at(&even, 0.5), wait_at(&even, 0.9), wait_at(&even, 1.0)), (50, 90, 100));
        // One gap in a thousand takes half of all time: at the median one waits for the end of it or hardly at all.
        let stolen = gaps(&[(10, 1_000), (500, 20)]);
        assert_eq!(wait_at(&stolen, 0.25).min(10), wait_at(&stolen, 0.25));
        assert!((245..=260).contains(&wait_at(&stolen, 0.75)), "{}", wait_at(&stolen, 0.75));
        assert!((485..=500).contains(&wait_at(&stolen, 0.99)), "{}", wait_at(&stolen, 0.99));
        assert_eq!(wait_at(&HistogramSnapshot::default(), 0.99), 0);
    }
}
