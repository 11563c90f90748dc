//! What the service thread looks at, how often, and what it does about it.

use super::children::aborts_in_child;
use super::house::{Doing, Events, Gate, OpenAtLast, Trade, config, eventually, runtime, slot};
use tagring::bus::{Outcome, Publisher, SlotState};
use tagring::runtime::config::{SlotConfig, StuckChoice};
use tagring::runtime::watchdog::Health;
use tagring::runtime::{Attachment, Running};

#[test]
pub(crate) fn issue_4570_check_every_ms() {
    let [often, seldom] = [1, 10_000].map(|check_every_ms| {
        let mut config = config(64, &[]);
        config.runtime.check_every_ms = check_every_ms;
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap();
        runtime.start().unwrap()
    });
    let checks = |running: &Running| running.snapshot().checks;
    let before = [&often, &seldom].map(checks);
    eventually("the one looks and looks", || checks(&often) > before[0] + 100);
    // It is woken for each stage reached, and may not have looked since.
    assert!(checks(&seldom) <= before[1] + 5, "{} {}", checks(&seldom), before[1]);
}

/// Two slots that differ in one key, held at their first event on threads of their own.
struct Held {
    /// First, so that nobody is held when the rest goes.
    _open: OpenAtLast,
    running: Running,
    slots: [Attachment<Doing>; 2],
    publisher: Publisher<Events>,
    gate: Gate,
}

fn held(one: SlotConfig, two: SlotConfig) -> Held {
    let one = SlotConfig { thread: "one".into(), ..one };
    let two = SlotConfig { thread: "two".into(), ..two };
    let runtime = runtime(config(64, &[("one", one), ("two", two)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let slots = ["one", "two"].map(|name| {
        let held = gate.clone();
        let hold = move |_| {
            held.wait();
            Outcome::Done
        };
        md.attach(name, Doing::new(hold)).unwrap()
    });
    let publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    Held { _open: OpenAtLast(gate.clone()), running, slots, publisher, gate }
}

impl Held {
    fn publish(&mut self, events: u64) {
        (0..events).for_each(|qty| assert!(self.publisher.publish(0, &Trade { qty }).is_ok()));
    }

    fn hold(&self) {
        eventually("both are held", || self.gate.arrivals() == 2);
    }

    /// So many looks of the service thread later.
    fn look(&self, looks: u64) {
        let checks = self.running.snapshot().checks;
        eventually("it looks", || self.running.snapshot().checks > checks + looks);
    }

    fn health(&self) -> [Health; 2] {
        self.slots.each_ref().map(Attachment::health)
    }
}

#[test]
pub(crate) fn issue_4570_stuck_after_ms() {
    for (other_ms, other) in [(0, Health::Well), (3_600_000, Health::Well), (20, Health::Stuck)] {
        let mut held =
            held(SlotConfig { stuck_after_ms: 20, ..slot() }, SlotConfig { stuck_after_ms: other_ms, ..slot() });
        held.publish(1);
        held.hold();
        eventually("the one is stuck", || held.health()[0] == Health::Stuck);
        held.look(20);
        assert_eq!(held.health(), [Health::Stuck, other], "{other_ms}");
    }
}

#[test]
pub(crate) fn issue_4570_lag_max_events() {
    for (other_max, other) in [(0, Health::Well), (10, Health::Well), (5, Health::Lagging)] {
        let lag = |lag_max_events| SlotConfig { lag_max_events, stuck_after_ms: 0, ..slot() };
        let mut held = held(lag(5), lag(other_max));
        held.publish(8);
        held.hold();
        eventually("the one lags", || held.health()[0] == Health::Lagging);
        held.look(5);
        assert_eq!(held.health(), [Health::Lagging, other], "{other_max}");
    }
}

#[test]
pub(crate) fn issue_4570_stuck() {
    let stuck = |stuck| SlotConfig { stuck, stuck_after_ms: 20, ..slot() };
    let mut held = held(stuck(StuckChoice::Report), stuck(StuckChoice::Quarantine));
    held.publish(1);
    held.hold();
    let states = || held.slots.each_ref().map(|slot| slot.handle().unwrap().state());
    eventually("the one is quarantined", || states()[1] == SlotState::Quarantined);
    eventually("the other is told of", || held.health()[0] == Health::Stuck);
    held.look(20);
    assert_eq!(states()[0], SlotState::Running, "and no more than that");
}

#[test]
pub(crate) fn issue_4570_stuck_abort() {
    if aborts_in_child("watched::issue_4570_stuck_abort", "the policy is abort") {
        let abort = SlotConfig { stuck: StuckChoice::Abort, stuck_after_ms: 20, ..slot() };
        let mut held = held(abort.clone(), abort);
        held.publish(1);
        eventually("it aborts", || false);
    }
}

#[test]
pub(crate) fn issue_4570_outliers() {
    let record = |over, times, most| SlotConfig {
        outlier_over_ns: over,
        outlier_times_p99: times,
        outliers_max: most,
        ..slot()
    };
    let kinds = [record(0, 0, 8), record(1, 0, 8), record(1, 0, 3), record(0, 1, 8), record(u64::MAX >> 30, 1, 8)];
    let told = kinds.map(|slot| {
        let runtime = runtime(config(4096, &[("s", slot)]));
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Doing::new(|_| Outcome::Done)).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let _running = runtime.start().unwrap();
        let handle = s.handle().unwrap();
        (0..2_000).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
        eventually("all are handled", || handle.stats().delivered == 2_000);
        if handle.tail().threshold.is_none() && handle.records_tail() {
            eventually("the threshold follows what was measured", || handle.tail().threshold.is_some());
        }
        let tail = handle.tail();
        (handle.records_tail(), tail.count > 0 || tail.threshold.is_some(), tail.latest.len().max(3))
    });
    assert_eq!(told[0], (false, false, 3), "nothing is recorded");
    assert_eq!((told[1], told[2]), ((true, true, 8), (true, true, 3)), "all are slow, and so many are kept");
    assert!(told[3].0 && told[3].1, "after a second");
    assert_eq!(told[4], (true, true, 3), "none takes so long");
}
