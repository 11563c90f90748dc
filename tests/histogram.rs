//! Laws of the histogram: against a sorted list of the values, against `hdrhistogram`, while it is written, and what it allocates.

use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tagring::counters::{Histogram, HistogramSnapshot};

/// Values above are counted in the last bucket.
const VALUE_MAX: u64 = (1 << 40) - 1;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above; `old` came from `System`, as all of ours do.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Values of every magnitude alike, as latencies have; a few above the range.
fn value() -> impl Strategy<Value = u64> {
    (0_u32..=42, any::<u64>()).prop_map(|(bits, noise)| noise & ((1 << bits) - 1))
}

fn in_range() -> impl Strategy<Value = u64> {
    value().prop_map(|value| value.min(VALUE_MAX))
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(value(), 0..200)
}

fn snapshot(values: &[u64]) -> HistogramSnapshot {
    let (mut writer, reader) = Histogram::new();
    values.iter().for_each(|&value| writer.record(value));
    reader.snapshot()
}

/// The value of rank `ceil(q * count)`, which is what a quantile is defined as.
fn at_rank(sorted: &[u64], q: f64) -> u64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn hgrm(snapshot: &HistogramSnapshot) -> String {
    let mut text = Vec::new();
    snapshot.write_hgrm(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The lines between header and footer, as value, share and total count.
fn percentile_lines(text: &str) -> Vec<(f64, f64, u64)> {
    let data = text.lines().skip(2).take_while(|line| !line.starts_with('#'));
    data.map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns[0].parse().unwrap(), columns[1].parse().unwrap(), columns[2].parse().unwrap())
    })
    .collect()
}

#[test]
fn issue_4576_the_least_value_is_exact_also_beyond_the_range() {
    for values in [vec![1 << 40], vec![1 << 50, 1 << 41], vec![(1 << 40) - 1, 1 << 45]] {
        let seen = snapshot(&values);
        let ends = (values.iter().min().copied(), values.iter().max().copied());
        assert_eq!((Some(seen.min()), Some(seen.max())), ends);
    }
}

proptest! {
    #[test]
    fn issue_4576_every_quantile_is_within_the_stated_error(
        mut values in prop::collection::vec(in_range(), 1..300),
        q in 0.0..=1.0_f64,
    ) {
        let seen = snapshot(&values);
        values.sort_unstable();
        for q in [q, 0.5, 0.9, 0.99, 0.999] {
            let (exact, told) = (at_rank(&values, q), seen.quantile(q));
            prop_assert!(told.abs_diff(exact) * 1024 <= exact, "q {q}: {told} instead of {exact}");
        }
        prop_assert_eq!((seen.quantile(0.0), seen.quantile(1.0)), (values[0], values[values.len() - 1]));
    }

    #[test]
    fn issue_4576_quantiles_rise_and_stay_within_the_extremes(values in values(), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
        let seen = snapshot(&values);
        let [low, high] = [a.min(b), a.max(b)].map(|q| seen.quantile(q));
        prop_assert!(seen.min() <= low && low <= high && high <= seen.max());
    }

    #[test]
    fn issue_4576_totals_are_exact(values in values()) {
        let seen = snapshot(&values);
        prop_assert_eq!(seen.count(), values.len() as u64);
        prop_assert_eq!(seen.sum(), values.iter().map(|&value| u128::from(value)).sum::<u128>());
        prop_assert_eq!(seen.min(), values.iter().copied().min().unwrap_or(0));
        prop_assert_eq!(seen.max(), values.iter().copied().max().unwrap_or(0));
        prop_assert_eq!(seen.saturated(), values.iter().filter(|&&value| value > VALUE_MAX).count() as u64);
        prop_assert_eq!(seen.points().iter().map(|&(_, count)| count).sum::<u64>(), seen.count());
        prop_assert!(seen.points().is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn issue_4576_recording_many_at_once_is_recording_them_one_by_one(
        batches in prop::collection::vec((value(), 0..20_u64), 0..50),
    ) {
        let (mut writer, reader) = Histogram::new();
        batches.iter().for_each(|&(value, n)| writer.record_n(value, n));
        let single: Vec<u64> = batches.iter().flat_map(|&(value, n)| vec![value; n as usize]).collect();
        prop_assert_eq!(reader.snapshot(), snapshot(&single));
    }

    #[test]
    fn issue_4595_an_interval_holds_what_was_recorded_in_it(before in values(), after in values()) {
        let (mut writer, reader) = Histogram::new();
        before.iter().for_each(|&value| writer.record(value));
        let earlier = reader.snapshot();
        after.iter().for_each(|&value| writer.record(value));
        let later = reader.snapshot();
        let (told, alone) = (later.since(&earlier), snapshot(&after));
        prop_assert_eq!(told.points(), alone.points());
        prop_assert_eq!((told.count(), told.sum(), told.saturated()), (alone.count(), alone.sum(), alone.saturated()));
        let in_range = after.iter().all(|&value| value <= VALUE_MAX);
        let near = |told: u64, exact: u64| !in_range || told.abs_diff(exact) * 1024 <= exact;
        prop_assert!(near(told.min(), alone.min()) && near(told.max(), alone.max()), "{told:?} instead of {alone:?}");
        prop_assert!(told.min() <= told.quantile(0.5) && told.quantile(0.5) <= told.max());
        // Put together again it is the whole; nothing comes after the later one.
        let whole = earlier.merge(&told);
        prop_assert_eq!(whole.points(), later.points());
        prop_assert_eq!(later.since(&later), HistogramSnapshot::default());
        prop_assert_eq!(earlier.since(&later), HistogramSnapshot::default());
        prop_assert_eq!(later.since(&HistogramSnapshot::default()), later);
    }

    #[test]
    fn issue_4576_merging_is_recording_into_one(a in values(), b in values(), c in values()) {
        let all = snapshot(&[&a[..], &b, &c].concat());
        let [a, b, c] = [a, b, c].map(|values| snapshot(&values));
        prop_assert_eq!(&a.merge(&b).merge(&c), &all);
        prop_assert_eq!(a.merge(&b.merge(&c)), all);
        prop_assert_eq!(a.merge(&b), b.merge(&a));
        prop_assert_eq!(HistogramSnapshot::default().merge(&a), a);
    }

    #[test]
    fn issue_4576_agrees_with_hdrhistogram(values in prop::collection::vec(in_range(), 1..300), q in 0.0..=1.0_f64) {
        let mut theirs = hdrhistogram::Histogram::<u64>::new_with_max(VALUE_MAX, 3).unwrap();
        values.iter().for_each(|&value| theirs.record(value).unwrap());
        let seen = snapshot(&values);
        let exported = seen.to_hdr();
        prop_assert_eq!(exported.len(), seen.count());
        prop_assert!(exported.equivalent(exported.max(), seen.max()) && exported.equivalent(exported.min(), seen.min()));
        for q in [q, 0.5, 0.99, 0.999] {
            // Each is within one part in 1,024 of the recorded value; theirs is the upper edge of a bucket, ours the middle.
            let near = |ours: u64, theirs: u64| ours.abs_diff(theirs) as f64 <= 2.01 / 1024.0 * ours as f64;
            let (ours, direct, export) = (seen.quantile(q), theirs.value_at_quantile(q), exported.value_at_quantile(q));
            prop_assert!(near(ours, direct) && near(ours, export), "q {q}: {ours}, direct {direct}, exported {export}");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where all have buckets of width 1, the percentiles are equal and the lines are those that `hdrhistogram` iterates over.
    #[test]
    fn issue_4576_small_values_export_exactly(values in prop::collection::vec(0_u64..512, 1..500), q in 0.0..=1.0_f64) {
        let mut theirs = hdrhistogram::Histogram::<u64>::new_with_max(VALUE_MAX, 3).unwrap();
        values.iter().for_each(|&value| theirs.record(value).unwrap());
        let seen = snapshot(&values);
        let exported = seen.to_hdr();
        for q in [0.0, q, 0.5, 0.999, 1.0] {
            prop_assert_eq!(exported.value_at_quantile(q), theirs.value_at_quantile(q));
        }
        let mut total = 0;
        let expected: Vec<(f64, f64, u64)> = theirs
            .iter_quantiles(5)
            .map(|line| {
                total += line.count_since_last_iteration();
                (line.value_iterated_to() as f64, line.quantile_iterated_to(), total)
            })
            .collect();
        let told = percentile_lines(&hgrm(&seen));
        prop_assert_eq!(told.len(), expected.len());
        for (told, expected) in told.iter().zip(&expected) {
            prop_assert!(told.0 == expected.0 && told.2 == expected.2, "{:?} {:?}", told, expected);
            prop_assert!((told.1 - expected.1).abs() < 1e-11, "{:?} {:?}", told, expected);
        }
    }

    #[test]
    fn issue_4576_an_hgrm_file_ends_with_the_greatest_value_and_the_whole_count(values in prop::collection::vec(value(), 1..200)) {
        let seen = snapshot(&values);
        let text = hgrm(&seen);
        let lines = percentile_lines(&text);
        prop_assert!(lines.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2), "{}", text);
        prop_assert_eq!(lines.last(), Some(&(seen.max() as f64, 1.0, seen.count())));
        let footer = format!("#[Max     = {:>12.3}, Total count    = {:>12}]", seen.max() as f64, seen.count());
        prop_assert!(text.contains(&footer), "{}", text);
    }

    #[test]
    fn issue_4576_another_unit_changes_values_and_no_counts(values in values(), q in 0.0..=1.0_f64) {
        let seen = snapshot(&values);
        let halved = seen.with_unit(|ticks| ticks / 2);
        prop_assert_eq!((halved.count(), halved.min(), halved.max()), (seen.count(), seen.min() / 2, seen.max() / 2));
        prop_assert_eq!((halved.sum(), halved.quantile(q)), (seen.sum() / 2, seen.quantile(q) / 2));
        prop_assert_eq!(seen.with_unit(|ticks| ticks), seen);
    }
}

#[test]
fn issue_4576_an_hgrm_file_has_the_layout_of_hdrhistogram() {
    let expected = "\x20      Value     Percentile TotalCount 1/(1-Percentile)

      10.000 0.000000000000          1           1.00
      10.000 0.100000000000          1           1.11
      10.000 0.200000000000          1           1.25
      10.000 0.300000000000          1           1.43
      20.000 0.400000000000          2           1.67
      20.000 0.500000000000          2           2.00
      20.000 0.550000000000          2           2.22
      20.000 0.600000000000          2           2.50
      20.000 0.650000000000          2           2.86
      30.000 0.700000000000          3           3.33
      30.000 1.000000000000          3
#[Mean    =       20.000, StdDeviation   =        8.165]
#[Max     =       30.000, Total count    =            3]
#[Buckets =           31, SubBuckets     =         1024]
";
    assert_eq!(hgrm(&snapshot(&[10, 20, 30])), expected);
}

#[test]
fn issue_4576_a_full_disk_is_reported() {
    let mut too_small = [0_u8; 40];
    let outcome = snapshot(&[1, 2, 3]).write_hgrm(&mut too_small.as_mut_slice());
    assert_eq!(outcome.unwrap_err().kind(), std::io::ErrorKind::WriteZero);
}

#[test]
fn issue_4576_nothing_recorded_reads_as_zero() {
    let (mut writer, reader) = Histogram::new();
    writer.record_n(77, 0);
    for seen in [HistogramSnapshot::default(), reader.snapshot()] {
        assert_eq!((seen.count(), seen.sum(), seen.min(), seen.max(), seen.quantile(0.5)), (0, 0, 0, 0, 0));
        assert_eq!((seen.mean(), seen.to_hdr().len()), (0.0, 0));
        assert!(hgrm(&seen).contains("#[Max     =        0.000, Total count    =            0]"));
    }
}

#[test]
fn issue_4576_values_beyond_the_range_are_counted_as_such() {
    let seen = snapshot(&[1, VALUE_MAX, VALUE_MAX + 1, u64::MAX]);
    assert_eq!((seen.count(), seen.saturated(), seen.max()), (4, 2, u64::MAX));
    assert_eq!(seen.sum(), u128::from(u64::MAX), "the sum stays at its greatest");
    assert_eq!(seen.quantile(1.0), u64::MAX);
    assert!(seen.quantile(0.75) <= VALUE_MAX);
    for values in [&[u64::MAX][..], &[3, u64::MAX], &[0, 1_234_567], &[3, VALUE_MAX, VALUE_MAX + 9]] {
        let (seen, hdr) = (snapshot(values), snapshot(values).to_hdr());
        assert_eq!(hdr.len(), values.len() as u64);
        assert!(hdr.equivalent(hdr.max(), seen.max()) && hdr.equivalent(hdr.min(), seen.min()), "{values:?} {hdr:?}");
    }
}

#[test]
fn issue_4576_odd_shares_are_taken_as_the_nearest() {
    let seen = snapshot(&[10, 20, 30]);
    let told = [-1.0, f64::NAN, f64::NEG_INFINITY, 1.5, f64::INFINITY].map(|q| seen.quantile(q));
    assert_eq!(told, [10, 10, 10, 30, 30]);
}

#[test]
fn issue_4585_recording_allocates_nothing() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(7)))) == 1, "allocations are counted");
    let (mut writer, reader) = Histogram::new();
    let recording = allocations(|| {
        for value in (0..60).map(|bits| 1_u64 << bits) {
            writer.record(value);
            writer.record_n(value + value / 3, 7);
        }
    });
    assert_eq!((recording, reader.snapshot().count()), (0, 60 * 8));
}

/// Every snapshot that is taken while the writer goes on is one that can be read: no count shrinks, and the extremes are in order.
#[test]
fn issue_4576_snapshots_while_writing_are_whole_and_the_end_is_exact() {
    const RECORDS: u64 = 200_000;
    // Short histograms show the first values being written, a long one all else.
    for records in core::iter::repeat_n(20, 60).chain([RECORDS]) {
        let value = move |n: u64| 700 + n * 5_000 / records;
        let (mut writer, reader) = Histogram::new();
        let twin = reader.clone();
        let writing = std::thread::spawn(move || {
            for n in (0..records).rev() {
                writer.record(value(n));
                if n % 1_000 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let mut latest = HistogramSnapshot::default();
        while !writing.is_finished() {
            let seen = reader.snapshot();
            assert!(
                seen.count() >= latest.count() && seen.max() >= latest.max().min(seen.max()),
                "{seen:?} {latest:?}"
            );
            assert!(seen.min() <= seen.quantile(0.5) && seen.quantile(0.5) <= seen.max(), "{seen:?}");
            assert!(seen.count() == seen.to_hdr().len());
            latest = seen;
        }
        writing.join().unwrap();
        let end = twin.snapshot();
        assert_eq!((end.count(), end.min(), end.max()), (records, value(0), value(records - 1)));
        assert_eq!(end.sum(), (0..records).map(|n| u128::from(value(n))).sum::<u128>());
    }
}
