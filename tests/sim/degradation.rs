//! Overload and recovery: a slot that sticks while its feed goes on, the modes that come of it, and what becomes of each event.

use crate::house::{Events, Quote, Trade, config, on};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::{Event, Payload};
use tagring::guard::{Mode, ModeCause, ModeChange, ShedReason};
use tagring::runtime::Notice;
use tagring::runtime::config::{Config, DegradationConfig, HistoryConfig, ModeConfig};
use tagring::testkit::{Faults, Sim};

const SOON: Duration = Duration::from_secs(20);
const SEEDS: u64 = 4;
const EVENTS: u64 = 10_000;

/// Quotes go first, trades stay to the last.
fn degradation() -> DegradationConfig {
    let mode = |lag_events, keep: &[&str]| ModeConfig {
        lag_events,
        keep: keep.iter().map(ToString::to_string).collect(),
        ..ModeConfig::default()
    };
    DegradationConfig {
        stay_ms: 5,
        degraded: ModeConfig { shed_age_ms: 3, ..mode(300, &[]) },
        shedding: mode(800, &["Trade"]),
        halted: mode(2_000, &["Trade"]),
        ..DegradationConfig::default()
    }
}

/// Counts what it is given: trades and quotes.
#[derive(Clone, Default)]
struct Given(Arc<[AtomicU64; 2]>);

impl Given {
    fn counts(&self) -> [u64; 2] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

impl Handler for Given {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0[usize::from(event.tag() == Quote::TAG)].fetch_add(1, Ordering::Relaxed);
        Outcome::Done
    }
}

type Changes = Arc<Mutex<Vec<ModeChange>>>;

/// Publishes so many, one trade in ten, at its own pace: a look at the clock every few events.
fn feed(sim: &Sim, count: u64) {
    let mut publisher = sim.bus::<Events>("md").publisher("tape").unwrap();
    sim.feed("tape", move |feed| {
        for qty in (0..count).take_while(|_| !feed.is_stopping()) {
            match qty % 10 {
                0 => publisher.send(0, &Trade { qty })?,
                _ => publisher.send(0, &Quote { bid: 1 })?,
            };
        }
        Ok(())
    });
}

fn changes(sim: &mut Sim) -> Changes {
    let changes = Changes::default();
    let seen = Arc::clone(&changes);
    sim.on_notice(move |notice| {
        if let Notice::ModeChanged { bus, change } = notice {
            assert_eq!(bus.as_str(), "md");
            seen.lock().unwrap().push(*change);
        }
    });
    changes
}

fn with_modes(degradation: DegradationConfig) -> Config {
    let mut config = config(1 << 12, &[("work", on("a"))]);
    config.runtime.check_every_ms = 1;
    config.buses.get_mut("md").unwrap().degradation = degradation;
    config
}

#[test]
fn issue_4587_a_bus_degrades_and_recovers_mode_by_mode_and_kept_tags_are_untouched() {
    for seed in 0..SEEDS {
        let faults = Faults::none().stick_at("md.work", 1_000, Duration::from_millis(60));
        let mut sim = Sim::with(with_modes(degradation()), seed, faults);
        let changes = changes(&mut sim);
        let md = sim.bus::<Events>("md");
        let given = Given::default();
        let _work = md.attach("work", given.clone());
        feed(&sim, EVENTS);
        sim.start();
        assert!(sim.run_until(SOON, |sim| sim.feeds_ended()
            && sim.running().snapshot().bus("md").unwrap().modes.as_ref().unwrap().mode == Mode::Normal));
        let snapshot = sim.running().snapshot();
        let bus = snapshot.bus("md").unwrap();
        let (modes, stats) = (bus.modes.clone().unwrap(), &bus.slots[0].stats);
        assert!(sim.shutdown().is_clean());

        let changes = changes.lock().unwrap().clone();
        let visited: Vec<Mode> = changes.iter().map(|change| change.to).collect();
        assert!(visited.contains(&Mode::Halted), "seed {seed}: {changes:?}");
        let tail = [Mode::Halted, Mode::Shedding, Mode::Degraded, Mode::Normal];
        assert!(visited.ends_with(&tail), "seed {seed}: worse at once, better one at a time: {visited:?}");
        for change in &changes {
            match change.cause {
                ModeCause::Lag => assert!(change.to > change.from && change.value >= change.limit, "{change}"),
                cause => assert_eq!((cause, change.to), (ModeCause::Recovered, change.from.better()), "{change}"),
            }
        }
        let entered = Mode::ALL.map(|mode| visited.iter().filter(|to| **to == mode).count() as u64);
        assert_eq!(modes.entered, entered);

        let [trades, quotes] = given.counts();
        assert_eq!(trades, EVENTS / 10, "seed {seed}: a kept tag loses nothing");
        let of_quotes =
            |reason| modes.shed.iter().filter(move |(_, shed)| shed.payload == "Quote" && shed.reason == reason);
        let [by_mode, by_age] =
            ShedReason::ALL.map(|reason| of_quotes(reason).map(|(_, shed)| shed.count).sum::<u64>());
        assert!(by_mode > 0 && quotes > 0, "seed {seed}: {quotes} {by_mode} {by_age}");
        assert_eq!(quotes + by_mode + by_age, EVENTS - EVENTS / 10, "seed {seed}: each is handled or accounted for");
        assert_eq!(stats.shed, by_mode + by_age);
        assert_eq!((modes.shed_for(ShedReason::Mode), modes.shed_for(ShedReason::Age)), (by_mode, by_age));
    }
}

#[test]
fn issue_4588_in_its_last_mode_a_tag_is_shed_by_age() {
    let aged =
        DegradationConfig { shedding: ModeConfig { lag_events: 1 << 40, ..degradation().shedding }, ..degradation() };
    let aged = DegradationConfig { halted: ModeConfig { lag_events: 0, ..aged.halted.clone() }, ..aged };
    let faults = Faults::none().stick_at("md.work", 1_000, Duration::from_millis(60));
    let mut sim = Sim::with(with_modes(aged), 3, faults);
    let md = sim.bus::<Events>("md");
    let given = Given::default();
    let _work = md.attach("work", given.clone());
    feed(&sim, EVENTS);
    sim.start();
    assert!(sim.run_until(SOON, |sim| sim.feeds_ended() && md.modes().unwrap().mode() == Mode::Normal));
    let modes = md.modes().unwrap().snapshot();
    assert!(sim.shutdown().is_clean());
    let [trades, quotes] = given.counts();
    let by_age = modes.shed_for(ShedReason::Age);
    assert!(by_age > 0 && modes.shed_for(ShedReason::Mode) == 0, "{modes}");
    assert_eq!((trades, quotes + by_age), (EVENTS / 10, EVENTS - EVENTS / 10));
}

#[test]
fn issue_4588_history_keeps_what_a_mode_leaves_out() {
    let mut config = with_modes(degradation());
    let md = config.buses.get_mut("md").unwrap();
    md.history.insert("all".into(), HistoryConfig { count_max: 1_000, thread: "b".into(), ..HistoryConfig::default() });
    let mut sim = Sim::new(config, 1);
    let md = sim.bus::<Events>("md");
    let given = Given::default();
    let _work = md.attach("work", given.clone());
    md.modes().unwrap().force(Mode::Halted);
    feed(&sim, 1_000);
    sim.start();
    assert!(
        sim.run_until(SOON, |sim| sim.feeds_ended()
            && md.modes().unwrap().snapshot().shed_for(ShedReason::Mode) == 900)
    );
    sim.run_for(Duration::from_millis(5));
    let kept = sim.running().snapshot().bus("md").unwrap().history[0].stats.kept;
    assert_eq!((given.counts(), kept), ([100, 0], 1_000));
}

#[test]
fn issue_4587_a_hand_forces_a_mode_at_once_and_lets_go() {
    let mut sim = Sim::new(with_modes(DegradationConfig { stay_ms: 0, ..degradation() }), 1);
    let changes = changes(&mut sim);
    let md = sim.bus::<Events>("md");
    let given = Given::default();
    let _work = md.attach("work", given.clone());
    let modes = md.modes().unwrap();
    modes.force(Mode::Halted);
    feed(&sim, 1_000);
    sim.start();
    assert!(sim.run_until(SOON, Sim::feeds_ended));
    sim.run_for(Duration::from_millis(5));
    assert_eq!(given.counts(), [100, 0], "from the first event on");
    let snapshot = modes.snapshot();
    assert_eq!((snapshot.mode, snapshot.forced), (Mode::Halted, Some(Mode::Halted)));
    assert!(
        snapshot.spent_ns[Mode::Halted as usize] > 0
            && snapshot.to_string().starts_with("halted by hand, 900 left out")
    );
    modes.release();
    assert!(sim.run_until(SOON, |_| modes.mode() == Mode::Normal));
    let visited: Vec<_> = changes.lock().unwrap().iter().map(|change| (change.to, change.cause)).collect();
    let down = [Mode::Shedding, Mode::Degraded, Mode::Normal].map(|mode| (mode, ModeCause::Recovered));
    assert_eq!(visited, [&[(Mode::Halted, ModeCause::Hand)][..], &down].concat());
}
