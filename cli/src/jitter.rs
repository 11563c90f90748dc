//! The platform's own jitter: what a loop that only reads the clock sees. Latencies are to be held against it, not against zero.

use tagring::clock::Clock;
use tagring::counters::{Histogram, HistogramSnapshot};

/// Gaps between readings of the clock, in nanoseconds, over some `ms` on the calling thread.
pub(crate) fn measure(clock: &Clock, ms: u64) -> HistogramSnapshot {
    let (mut writer, reader) = Histogram::new();
    let start = clock.now_after_load();
    let span = clock.from_ns(ms * 1_000_000);
    let mut last = start;
    while last.since(start) < span {
        let now = clock.now_after_load();
        writer.record(now.since(last));
        last = now;
    }
    reader.snapshot().with_unit(|ticks| clock.to_ns(ticks))
}
