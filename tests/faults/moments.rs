//! The point that clocks pass.

use crate::house::{Trade, bus};
use tagring::bus::Measure;
use tagring::clock::Clock;
use tagring::faults::{Fault, points};
use tagring::testkit::{FaultScript, Recorder};

const HOUR_NS: i64 = 3_600_000_000_000;

#[test]
fn issue_4593_clock_that_jumps_stays_off_for_whoever_has_the_script() {
    for clock in [Clock::system(), Clock::monotonic(), Clock::manual(u64::MAX / 2).0] {
        let before = clock.now();
        let script = FaultScript::new().at(points::CLOCK_READ, 1, Fault::ClockJump { by_ns: HOUR_NS });
        let run = script.at(points::CLOCK_READ, 3, Fault::ClockJump { by_ns: -2 * HOUR_NS }).enter();
        let off_ns =
            |now: tagring::clock::Ticks| clock.to_ns(now.since(before)) as i64 - clock.to_ns(before.since(now)) as i64;
        let read: Vec<i64> =
            (0..5).map(|at| off_ns(if at == 2 { clock.now_after_load() } else { clock.now() })).collect();
        let hours: Vec<i64> = read.iter().map(|ns| (ns + HOUR_NS / 2).div_euclid(HOUR_NS)).collect();
        assert_eq!(hours, [0, 1, 1, -1, -1], "{read:?}");
        drop(run);
        assert!(off_ns(clock.now()) < HOUR_NS / 2);
    }
}

#[test]
fn issue_4593_clock_that_goes_back_makes_no_latency_negative() {
    let _run = FaultScript::new().chance(points::CLOCK_READ, 200_000, Fault::ClockJump { by_ns: -1_000_000 }).enter();
    let (bus, mut publisher) = bus(64);
    let mut slot = bus.slot("all").measure(Measure::Slot).attach_here(Recorder::new(0).0).unwrap();
    for qty in 0..200 {
        publisher.try_publish(0, &Trade { qty }).unwrap();
        slot.turn();
    }
    let latencies = slot.handle().latencies();
    assert_eq!((latencies.hop.count(), slot.handle().stats().delivered), (200, 200));
    assert!(latencies.hop.max() < HOUR_NS as u64, "{}", latencies.hop.max());
}
