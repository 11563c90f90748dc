//! Keys of a bus's degradation.

use super::house::Gate;
use super::house::{Count, Doing, Events, OpenAtLast, Quote, Trade, config, eventually, runtime, slot};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;
use tagring::bus::{Envelope, Outcome, Publisher};
use tagring::clock::Ticks;
use tagring::guard::{Mode, ShedReason};
use tagring::runtime::config::{Config, DegradationConfig, ModeConfig};
use tagring::runtime::{Running, RuntimeBus};

/// A mode in which trades live: what sheds what it is measured by is soon left again.
fn trades() -> ModeConfig {
    ModeConfig { keep: vec!["Trade".into()], ..ModeConfig::default() }
}

/// A degradation of which one mode is set.
fn of(mode: Mode, config: ModeConfig) -> DegradationConfig {
    let mut degradation = DegradationConfig { stay_ms: 0, ..DegradationConfig::default() };
    match mode {
        Mode::Degraded => degradation.degraded = config,
        Mode::Shedding => degradation.shedding = config,
        _ => degradation.halted = config,
    }
    degradation
}

fn with(degradation: DegradationConfig) -> Config {
    let mut config = config(64, &[("s", slot())]);
    config.buses.get_mut("md").unwrap().degradation = degradation;
    config
}

struct Held {
    _open: OpenAtLast,
    running: Running,
    md: RuntimeBus<Events>,
    publisher: Publisher<Events>,
}

/// A bus whose slot is held at its first event.
fn held(degradation: DegradationConfig) -> Held {
    let runtime = runtime(with(degradation));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let hold = gate.clone();
    let _ = md.attach(
        "s",
        Doing::new(move |_| {
            hold.wait();
            Outcome::Done
        }),
    );
    let publisher = md.publisher("p").unwrap();
    Held { _open: OpenAtLast(gate), running: runtime.start().unwrap(), md, publisher }
}

impl Held {
    /// So many looks of the service thread later.
    fn look(&self, looks: u64) {
        let checks = self.running.snapshot().checks;
        eventually("it looks", || self.running.snapshot().checks > checks + looks);
    }

    fn mode(&self) -> Mode {
        self.md.modes().unwrap().mode()
    }
}

const MODES: [Mode; 3] = [Mode::Degraded, Mode::Shedding, Mode::Halted];

#[test]
pub(crate) fn issue_4570_mode_lag_events() {
    for (mode, lag_events) in MODES.into_iter().flat_map(|mode| [(mode, 8), (mode, 9)]) {
        let mut held = held(of(mode, ModeConfig { lag_events, ..trades() }));
        (0..8).for_each(|qty| assert!(held.publisher.try_publish(0, &Trade { qty }).is_ok()));
        held.look(3);
        assert_eq!(held.mode(), if lag_events == 8 { mode } else { Mode::Normal });
    }
}

#[test]
pub(crate) fn issue_4570_mode_age_ms() {
    for (mode, age_ms) in MODES.into_iter().flat_map(|mode| [(mode, 1), (mode, 3_600_000)]) {
        let mut held = held(of(mode, ModeConfig { age_ms, ..trades() }));
        let intended = Ticks(held.running.clock().now().0.saturating_sub(held.running.clock().from_ns(20_000_000)));
        held.publisher.try_publish(Envelope::key(0).intended(intended), &Trade { qty: 1 }).unwrap();
        held.look(3);
        assert_eq!(held.mode(), if age_ms == 1 { mode } else { Mode::Normal });
    }
}

#[test]
pub(crate) fn issue_4570_mode_memory_bytes() {
    for (mode, memory_bytes) in MODES.into_iter().flat_map(|mode| [(mode, 4_096), (mode, 1 << 60)]) {
        let held = held(of(mode, ModeConfig { memory_bytes, ..ModeConfig::default() }));
        held.look(3);
        assert_eq!(held.mode(), if memory_bytes == 4_096 { mode } else { Mode::Normal });
    }
}

/// What a bus in a mode that a hand holds gives its slot of ten trades and ten quotes, published late; and what it left out, by reason.
fn given(mode: Mode, degradation: DegradationConfig) -> (u64, [u64; 2]) {
    let runtime = runtime(with(degradation));
    let md = runtime.bus::<Events>("md").unwrap();
    let slot = md.attach("s", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    md.modes().unwrap().force(mode);
    let running = runtime.start().unwrap();
    let intended = Ticks(running.clock().now().0.saturating_sub(running.clock().from_ns(20_000_000)));
    for qty in 0..10 {
        publisher.publish(Envelope::key(0).intended(intended), &Trade { qty }).unwrap();
        publisher.publish(Envelope::key(0).intended(intended), &Quote { bid: 1, ask: 2 }).unwrap();
    }
    eventually("all is done", || running.slot("md", "s").unwrap().stats().position == 20);
    let modes = md.modes().unwrap().snapshot();
    drop(running);
    (slot.join(Duration::from_secs(20)).unwrap().seen, ShedReason::ALL.map(|reason| modes.shed_for(reason)))
}

#[test]
pub(crate) fn issue_4570_mode_keep() {
    for mode in MODES {
        let keep = |keep: &[&str]| ModeConfig {
            keep: keep.iter().map(ToString::to_string).collect(),
            ..ModeConfig::default()
        };
        assert_eq!(given(mode, of(mode, keep(&["Trade"]))), (10, [10, 0]), "{mode}");
        assert_eq!(given(mode, of(mode, keep(&["Trade", "Quote"]))), (20, [0, 0]), "{mode}");
        // By a threshold alone the bus has modes, and this one keeps what it keeps unasked.
        let unasked = if mode == Mode::Halted { (0, [20, 0]) } else { (20, [0, 0]) };
        assert_eq!(given(mode, of(mode, ModeConfig { lag_events: 1 << 40, ..keep(&[]) })), unasked, "{mode}");
    }
}

#[test]
pub(crate) fn issue_4570_mode_shed_age_ms() {
    for mode in MODES {
        for (shed_age_ms, expected) in [(0, (20, [0, 0])), (1, (10, [0, 10])), (3_600_000, (20, [0, 0]))] {
            let all: Vec<String> = ["Trade", "Quote"].map(str::to_owned).into();
            let mut degradation = of(mode, ModeConfig { shed_age_ms, keep: all.clone(), ..ModeConfig::default() });
            // Quotes go next.
            match mode {
                Mode::Degraded => degradation.shedding.keep = vec!["Trade".into()],
                Mode::Shedding => degradation.halted.keep = vec!["Trade".into()],
                _ => {}
            }
            // In the last mode there is no next one: all are held to their age.
            let expected = if mode == Mode::Halted && shed_age_ms == 1 { (0, [0, 20]) } else { expected };
            assert_eq!(given(mode, degradation), expected, "{mode} {shed_age_ms}");
        }
    }
}

#[test]
pub(crate) fn issue_4570_leave_percent() {
    for (leave_percent, left) in [(10, false), (90, true)] {
        let degraded = of(Mode::Degraded, ModeConfig { lag_events: 10, ..ModeConfig::default() });
        let runtime = runtime(with(DegradationConfig { leave_percent, ..degraded }));
        let md = runtime.bus::<Events>("md").unwrap();
        let (permit, permits) = channel::<()>();
        let permits = Mutex::new(permits);
        let _slot = md.attach(
            "s",
            Doing::new(move |_| {
                let _ = permits.lock().unwrap().recv();
                Outcome::Done
            }),
        );
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        let modes = md.modes().unwrap();
        // A turn of its own for the first five: the slot shows where it is between turns.
        (0..5).for_each(|qty| assert!(publisher.try_publish(0, &Trade { qty }).is_ok()));
        eventually("it is at work", || running.slot("md", "s").unwrap().handling().is_some());
        (5..11).for_each(|qty| assert!(publisher.try_publish(0, &Trade { qty }).is_ok()));
        eventually("it degrades", || modes.mode() == Mode::Degraded);
        (0..5).for_each(|_| permit.send(()).unwrap());
        eventually("some are done", || running.slot("md", "s").unwrap().stats().position >= 1);
        if left {
            eventually("it is left", || {
                modes.mode() == Mode::Normal || running.slot("md", "s").unwrap().stats().position == 11
            });
        }
        let behind = 11 - running.slot("md", "s").unwrap().stats().position;
        let checks = running.snapshot().checks;
        eventually("it looks", || running.snapshot().checks > checks + 3);
        assert_eq!(modes.mode(), if left { Mode::Normal } else { Mode::Degraded }, "{behind} behind");
        drop(permit);
    }
}

#[test]
pub(crate) fn issue_4570_stay_ms() {
    for stay_ms in [0, 3_600_000] {
        let config =
            DegradationConfig { stay_ms, ..of(Mode::Degraded, ModeConfig { lag_events: 60, ..ModeConfig::default() }) };
        let held = held(config);
        let modes = held.md.modes().unwrap();
        modes.force(Mode::Degraded);
        held.look(3);
        modes.release();
        held.look(3);
        assert_eq!(held.mode(), if stay_ms == 0 { Mode::Normal } else { Mode::Degraded });
    }
}
