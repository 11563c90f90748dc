//! The clock through its public API: which source it takes, that it says so, and what every source keeps.

use proptest::prelude::*;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tagring::clock::{Clock, ClockSource, Ticks, TscRefusal};

fn every_source() -> [Clock; 3] {
    [Clock::system(), Clock::monotonic(), Clock::manual(7).0]
}

#[test]
fn issue_4596_the_system_clock_is_the_counter_or_says_why_not() {
    let report = Clock::system().report();
    println!("{report}");
    match (report.source, &report.reason) {
        (ClockSource::Tsc, None) => {
            assert!(report.to_string().contains("invariant"), "{report}");
            assert!(report.error_ppm < 200 && (100_000_000..15_000_000_000).contains(&report.ticks_per_second));
        }
        (ClockSource::Monotonic, Some(refusal)) => {
            assert_eq!(report.to_string(), format!("monotonic clock (slower to read): {refusal}"));
            assert_eq!(report.ticks_per_second, 1_000_000_000);
        }
        other => panic!("a silent fallback: {other:?}"),
    }
    assert_eq!(Clock::system().report(), report, "the counter is measured once");
}

/// What the kernel and the processor's flags say, read by other means than the library's: the clock is neither more nor less trusting.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn issue_4596_a_counter_that_processor_or_kernel_distrust_is_not_used() {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let sources = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/available_clocksource");
    let invariant = ["constant_tsc", "nonstop_tsc", "rdtscp"].iter().all(|flag| flags.contains(flag));
    let offered = sources.is_ok_and(|sources| sources.split_whitespace().any(|name| name == "tsc"));
    let report = Clock::system().report();
    let told = format!("invariant {invariant}, offered {offered}: {report}");
    match report.reason {
        None => assert!(invariant || !flags.contains("flags"), "{told}"),
        Some(TscRefusal::NotInvariant | TscRefusal::NoRdtscp) => assert!(!invariant, "{told}"),
        Some(TscRefusal::KernelDistrusts { .. }) => assert!(!offered, "{told}"),
        Some(_) => {}
    }
}

#[test]
fn issue_4596_no_clock_runs_backwards() {
    for clock in every_source() {
        let mut latest = clock.now_after_load();
        for _ in 0..10_000 {
            let plain = clock.now();
            let ordered = clock.now_after_load();
            assert!(ordered >= latest.max(plain), "{}: {ordered:?} after {plain:?}, {latest:?}", clock.report());
            latest = ordered;
        }
    }
}

#[test]
fn issue_4596_no_clock_runs_backwards_from_thread_to_thread() {
    for clock in every_source() {
        let (to, from) = std::sync::mpsc::sync_channel::<Ticks>(0);
        let sender = clock.clone();
        let other = std::thread::spawn(move || (0..500).for_each(|_| to.send(sender.now_after_load()).unwrap()));
        for sent in from {
            let now = clock.now_after_load();
            // A counter that differs between cores by less than a hand-over takes is not told apart from one that does not.
            assert!(now >= sent, "{}: {now:?} before {sent:?}", clock.report());
        }
        other.join().unwrap();
    }
}

/// A check of the calibration, not of the machine: `Instant` is read just outside and just inside of what the clock measures, so
/// the clock's own figure must lie between the two whatever the scheduler does, give or take the calibration's error.
#[test]
fn issue_4596_real_clocks_agree_with_instant() {
    const SLACK: f64 = 0.001;
    for clock in [Clock::system(), Clock::monotonic()] {
        let outer = Instant::now();
        let start = clock.now_after_load();
        let inner = Instant::now();
        while inner.elapsed().as_millis() < 20 {
            std::thread::yield_now();
        }
        let inside_ns = inner.elapsed().as_nanos() as f64;
        let own_ns = clock.to_ns(clock.now_after_load().since(start)) as f64;
        let outside_ns = outer.elapsed().as_nanos() as f64;
        let told = format!("{}: {inside_ns} {own_ns} {outside_ns}", clock.report());
        assert!(own_ns >= inside_ns * (1.0 - SLACK) && own_ns <= outside_ns * (1.0 + SLACK), "{told}");
    }
}

#[test]
fn issue_4596_a_manual_clock_stands_still_until_moved() {
    let (clock, hand) = Clock::manual(1_000);
    let twin = clock.clone();
    let start = clock.now();
    assert_eq!((start, clock.now_after_load()), (Ticks(1_000), start));
    hand.advance_ns(5);
    assert_eq!(std::thread::spawn(move || twin.now()).join().unwrap(), Ticks(1_005));
    hand.clone().set_ns(900);
    assert_eq!((clock.now(), clock.now().since(start)), (Ticks(900), 0), "a step back is no time at all");
    assert_eq!((clock.to_ns(77), clock.from_ns(77)), (77, 77));
    assert_eq!(clock.report().to_string(), "manual clock");
    assert_eq!(clock.wall_ns(Ticks(60)), 60, "manual time is its own calendar");
}

#[test]
fn issue_4596_calendar_time_is_the_machines_and_keeps_distances() {
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    for clock in [Clock::system(), Clock::monotonic()] {
        let (before, now) = (wall(), clock.now());
        let (told, after) = (clock.wall_ns(now), wall());
        // A minute: a calendar that is set right meanwhile moves by less.
        let minute = 60_000_000_000;
        assert!((before - minute..after + minute).contains(&told), "{before} {told} {after}");
        let second = clock.from_ns(1_000_000_000);
        let later = clock.wall_ns(Ticks(now.0 + second));
        assert!((later - told).abs_diff(1_000_000_000) < minute, "{told} {later}");
    }
}

proptest! {
    #[test]
    fn issue_4596_ticks_and_nanoseconds_round_trip(ns in 0..1_u64 << 55) {
        for clock in every_source() {
            let tick_ns = 1_000_000_000_u64.div_ceil(clock.report().ticks_per_second);
            prop_assert!(clock.to_ns(clock.from_ns(ns)).abs_diff(ns) <= 1 + tick_ns);
        }
    }

    #[test]
    fn issue_4596_conversion_keeps_the_order(a: u64, b: u64) {
        for clock in every_source() {
            prop_assert!(clock.to_ns(a.min(b)) <= clock.to_ns(a.max(b)));
            prop_assert!(clock.from_ns(a.min(b)) <= clock.from_ns(a.max(b)));
        }
    }
}
