//! Shows what this machine does to a thread that does nothing: gaps between readings of the clock. Latencies are to be held against it.
//! `jitter [SECONDS [CORE]]`; `perf/jitter` calls it.

use tagring::bus::{allowed_cores, pin_current_thread};
use tagring::clock::Clock;
use tagring::counters::Histogram;

/// Upper ends of the sizes that are counted, in ns.
const SIZES: [u64; 7] = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, u64::MAX];
const NAMES: [&str; 7] =
    ["below 100 ns", "below 1 us", "below 10 us", "below 100 us", "below 1 ms", "below 10 ms", "longer"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let seconds: f64 = words.next().map_or(Ok(0.2), |word| word.parse())?;
    let core = words.next().map(|word| word.parse()).transpose()?.or(allowed_cores().last().copied());
    if let Some(core) = core {
        pin_current_thread(core)?;
    }
    let clock = Clock::system();
    let (mut gaps, reader) = Histogram::new();
    let start = clock.now_after_load();
    let span = clock.from_ns((seconds * 1e9) as u64);
    let mut last = start;
    while last.since(start) < span {
        let now = clock.now_after_load();
        gaps.record(now.since(last));
        last = now;
    }
    let gaps = reader.snapshot().with_unit(|ticks| clock.to_ns(ticks));
    println!(
        "core {}, {seconds} s, {} readings of the clock",
        core.map_or("any".into(), |c| c.to_string()),
        gaps.count()
    );
    for (name, q) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("p99.999", 0.99999)] {
        println!("  {name:<8} {:>12} ns", gaps.quantile(q));
    }
    println!("  {:<8} {:>12} ns\n\n  gaps         {:>12} {:>10}", "max", gaps.max(), "count", "of time");
    let mut from = 0;
    for (to, name) in SIZES.into_iter().zip(NAMES) {
        let inside = gaps.points().iter().filter(|(ns, _)| (from..to).contains(ns));
        let (count, ns) = inside.fold((0, 0), |(count, sum), &(ns, n)| (count + n, sum + ns * n));
        println!("  {name:<12} {count:>12} {:>8.4} %", ns as f64 / (seconds * 1e7));
        from = to;
    }
    println!("\nno latency on this core is better than these gaps");
    Ok(())
}
