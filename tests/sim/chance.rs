//! Configurations, schedules and faults by chance: whatever comes together, nothing hangs and everything adds up.

use crate::house::{Events, Quote, Relay, Relayed, Trade, bus, on};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tagring::bus::SlotState;
use tagring::runtime::ShutdownReport;
use tagring::runtime::config::{
    BusConfig, Config, FeedConfig, MeasureChoice, OverflowChoice, PanicChoice, PublisherConfig, SlotConfig,
    StampingChoice, StuckChoice, ThreadConfig,
};
use tagring::testkit::{Faults, Rates, Sim, SimBus, seeds};

/// Seeds of an ordinary run, some seconds; `./test --seeds` runs a hundred thousand, optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 5_000 };
/// What a shutdown may take beyond its deadline: 200 ms for what sticks, and a look or two.
const GRACE: Duration = Duration::from_millis(205);
/// Longer than anything sticks.
const CALM: Duration = Duration::from_millis(60);
const THREADS: [&str; 3] = ["t0", "t1", "t2"];
const BUSES: [&str; 3] = ["a", "b", "c"];

/// Numbers by chance, for the shape of a test; the simulation has its own.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }
    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
}

fn some_slot(dice: &mut Dice, earlier: u64) -> SlotConfig {
    let rare = dice.one_in(24);
    SlotConfig {
        after: (0..earlier).filter(|_| dice.one_in(3)).map(|at| format!("s{at}")).collect(),
        tags: if dice.one_in(4) { vec!["Trade".into()] } else { Vec::new() },
        measure: if dice.one_in(16) { MeasureChoice::Slot } else { MeasureChoice::Off },
        turn_limit_events: dice.pick(&[1, 3, 16, 256]),
        panic: match dice.below(3) {
            _ if rare => PanicChoice::Abort,
            0 => PanicChoice::Skip,
            1 => PanicChoice::Restart,
            _ => PanicChoice::Quarantine,
        },
        restarts_max: dice.below(4) as u32,
        restart_window_ms: 1 + dice.below(50),
        restart_pause_ms: dice.below(10),
        restart_pause_max_ms: 10 + dice.below(20),
        stuck_after_ms: dice.pick(&[0, 5, 15, 30]),
        lag_max_events: dice.below(8),
        stuck: match dice.below(2) {
            _ if dice.one_in(24) => StuckChoice::Abort,
            0 => StuckChoice::Report,
            _ => StuckChoice::Quarantine,
        },
        ..on(dice.pick(&THREADS))
    }
}

fn some_publisher(dice: &mut Dice, slot: &str) -> PublisherConfig {
    use OverflowChoice::{Fail, Shed, Timeout, Wait};
    PublisherConfig {
        slot: slot.into(),
        clones: dice.one_in(3),
        lane: 0,
        overflow: dice.pick(&[Wait, Wait, Timeout, Fail, Shed]),
        timeout_ms: dice.below(5),
        stamping: dice.pick(&[StampingChoice::EveryEvent, StampingChoice::OnTick]),
        ..PublisherConfig::default()
    }
}

/// Two or three buses, each fed by a feed or by the first slot of the one before.
pub(crate) fn some_config(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    config.runtime.check_every_ms = 1 + dice.below(5);
    config.runtime.shutdown_timeout_ms = 20 + dice.below(200);
    config.runtime.system_cells = 16;
    for thread in THREADS {
        config
            .threads
            .insert(thread.into(), ThreadConfig { threads_max: 1 + dice.below(2) as u32, ..ThreadConfig::default() });
    }
    for at in 0..2 + dice.below(2) as usize {
        let slots: Vec<_> = (0..1 + dice.below(3)).map(|at| (format!("s{at}"), some_slot(dice, at))).collect();
        let slots: Vec<_> = slots.iter().map(|(name, slot)| (name.as_str(), slot.clone())).collect();
        let mut bus = BusConfig {
            dead_letters_max: dice.pick(&[0, 1, 8, 64]),
            dead_letter_age_max_ms: dice.below(20),
            ..bus(2 << dice.below(6), &slots)
        };
        let by_slot = at > 0 && !dice.one_in(4);
        let holder = if by_slot { format!("{}.s0", BUSES[at - 1]) } else { String::new() };
        bus.publishers.insert("in".into(), PublisherConfig { clones: false, ..some_publisher(dice, &holder) });
        if !by_slot {
            config.feeds.insert(format!("f{at}"), FeedConfig::default());
        }
        config.buses.insert(BUSES[at].into(), bus);
    }
    config
}

/// A feed that publishes singly and in batches, and goes on when it was refused.
fn feed(sim: &Sim, name: &str, bus: &SimBus<Events>, count: u64, batches: bool) {
    let mut publisher = bus.publisher("in").unwrap();
    sim.feed(name, move |feed| {
        let mut qty = 0;
        while qty < count && !feed.is_stopping() {
            publisher.tick();
            let sent = if batches && qty % 8 == 0 {
                publisher.batch(2).map(|mut batch| (0..2).for_each(|_| batch.push(0, &Quote { bid: 1 })))
            } else {
                publisher.send(0, &Trade { qty }).map(drop)
            };
            match sent {
                Err(failure) if failure.is_closed() => return Ok(()),
                _ => qty += 1,
            }
        }
        Ok(())
    });
}

struct Built {
    sim: Sim,
    relays: Vec<(String, Arc<Relayed>)>,
}

fn build(seed: u64, dice: &mut Dice) -> Built {
    let config = some_config(dice);
    let rates = match dice.below(4) {
        0 => Rates { preemptions: 400_000, ..Rates::default() },
        1 => Rates::some(),
        _ => Rates {
            panics: 20_000,
            dead: 30_000,
            stops: 2_000,
            sticks: 5_000,
            detaches: 200,
            quarantines: 200,
            ..Rates::some()
        },
    };
    let sim = Sim::with(config.clone(), seed, Faults::none().random(rates));
    let mut relays = Vec::new();
    let names: Vec<&String> = config.buses.keys().collect();
    for (at, (name, bus)) in config.buses.iter().enumerate() {
        let sim_bus = sim.bus::<Events>(name);
        if config.feeds.contains_key(&format!("f{at}")) {
            feed(&sim, &format!("f{at}"), &sim_bus, 10 + dice.below(150), dice.one_in(2));
        }
        for slot in bus.slots.keys() {
            let next = names.get(at + 1).map(|next| (next, &config.buses[*next].publishers["in"].slot));
            let mine = next.filter(|(_, holder)| **holder == format!("{name}.{slot}"));
            let (relay, relayed) = Relay::new(mine.map(|(next, _)| sim.bus::<Events>(next).publisher("in").unwrap()));
            let _ = sim_bus.attach(slot, relay);
            relays.push((format!("{name}.{slot}"), relayed));
        }
    }
    if dice.one_in(4) {
        let _ = sim.runtime().system().unwrap();
    }
    Built { sim, relays }
}

/// What an operator does now and then: looks at dead letters, hands some back, attaches a slot anew.
pub(crate) fn operate(sim: &Sim, dice: &mut Dice) {
    for name in sim.running().config().buses.keys() {
        let bus = sim.bus::<Events>(name);
        let slots = sim.running().snapshot().bus(name).map(|bus| bus.slots.clone()).unwrap_or_default();
        let Some(slot) = (!slots.is_empty()).then(|| &slots[dice.below(slots.len() as u64) as usize]) else { continue };
        if let Some(letters) = bus.dead_letters() {
            match dice.below(4) {
                0 => drop(letters.drain(2)),
                1 => drop(letters.purge_older_than(Duration::from_millis(5))),
                2 => {
                    let view = bus.view(slot.slot.as_str());
                    let _ = view.map(|view| letters.redeliver(&view, 3, Duration::ZERO, |_| true));
                }
                _ => {}
            }
        }
        if slot.stats.state.is_final() && dice.one_in(3) {
            let config = sim.running().config().buses[name].slots[slot.slot.as_str()].clone();
            let (relay, _) = Relay::new(None);
            // It may be refused: one that it runs after is over, or it does not start in time.
            let _ = bus.attach_as(slot.slot.as_str(), config, relay);
        }
    }
}

fn check(sim: &Sim, report: &ShutdownReport, calm: bool, relays: &[(String, Arc<Relayed>)]) {
    assert!(report.took <= report.allowed + GRACE, "a shutdown that hangs: {report}");
    let in_time = calm && report.took < report.allowed;
    for bus in report.buses.iter().filter(|_| in_time) {
        for slot in bus.slots.iter().filter(|slot| !slot.was_over) {
            // A detached one may have waited behind a handler that only the shutdown has freed.
            let ended = matches!(slot.state, SlotState::Quarantined | SlotState::Failed);
            let excused = ended || sim.is_detached(bus.bus.as_str(), slot.slot.as_str());
            assert!((excused || slot.left == 0) && slot.holds.is_none(), "{} was not drained: {report}", slot.slot);
        }
    }
    assert!(!in_time || report.threads_left.is_empty(), "{report}");
    for (name, relayed) in relays {
        let (sent, seen) = (relayed.sent.load(Ordering::Relaxed), relayed.seen.load(Ordering::Relaxed));
        assert!(sent <= seen, "{name}: {sent} of {seen}");
    }
}

/// One seed: a digest of all that happened.
fn run(seed: u64) -> u64 {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    let Built { mut sim, relays } = build(seed, &mut dice);
    if sim.try_start().is_err() {
        return sim.trace_digest();
    }
    for _ in 0..1 + dice.below(6) {
        if sim.run_until(Duration::from_millis(1 + dice.below(20)), Sim::feeds_ended) || sim.aborted().is_some() {
            break;
        }
        operate(&sim, &mut dice);
    }
    let calm = dice.one_in(2);
    if calm {
        // Whoever sticks or was asked to go is done with that before the end.
        sim.end_chance();
        sim.run_for(CALM);
    }
    if let Some(report) = sim.try_shutdown() {
        check(&sim, &report, calm, &relays);
    }
    sim.trace_digest()
}

#[test]
fn issue_4596_whatever_goes_wrong_nothing_hangs_and_all_is_accounted_for() {
    seeds(SEEDS, |seed| {
        run(seed);
    });
}

#[test]
fn issue_4596_a_seed_repeats_its_run_exactly_and_another_has_another() {
    let digests: Vec<u64> = (0..50).map(run).collect();
    assert_eq!((0..50).map(run).collect::<Vec<_>>(), digests);
    let different: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(different.len(), 50);
}
