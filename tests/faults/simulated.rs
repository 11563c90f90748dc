//! Points in a simulated runtime: to the exact moment, and again with the same seed.

use crate::house::{Events, Trade, ms};
use std::time::Duration;
use tagring::bus::SlotState;
use tagring::faults::{Fault, points};
use tagring::runtime::Accounts;
use tagring::runtime::config::{BusConfig, Config, FeedConfig, MeasureChoice, PanicChoice, SlotConfig};
use tagring::testkit::{FaultScript, Faults, Recorder, Sim, seeds};

fn sim(seed: u64, script: FaultScript) -> Sim {
    let slot = SlotConfig { measure: MeasureChoice::Off, panic: PanicChoice::Skip, ..SlotConfig::default() };
    let mut md = BusConfig { capacity_cells: 8, ..BusConfig::default() };
    md.slots.insert("all".into(), slot);
    let mut config = Config { buses: [("md".into(), md)].into(), ..Config::default() };
    config.feeds.insert("tape".into(), FeedConfig::default());
    config.runtime.check_every_ms = 10;
    let sim = Sim::with(config, seed, Faults::none().script(script));
    let bus = sim.bus::<Events>("md");
    let _ = bus.attach("all", Recorder::new(0).0);
    let mut tape = bus.publisher("tape").unwrap();
    sim.feed("tape", move |feed| {
        for qty in (0..100).take_while(|_| !feed.is_stopping()) {
            tape.send(0, &Trade { qty })?;
        }
        Ok(())
    });
    sim
}

#[test]
fn issue_4593_look_that_is_skipped_or_late() {
    let script = FaultScript::new().at(points::LOOK, 3..13, Fault::Drop).at(points::LOOK, 13, Fault::Delay(ms(500)));
    let mut sim = sim(1, script);
    sim.start();
    sim.run_for(ms(35));
    let checks = sim.running().snapshot().checks;
    sim.run_for(ms(80));
    assert_eq!(sim.running().snapshot().checks, checks, "it does not look");
    sim.run_for(ms(500));
    assert_eq!(sim.running().snapshot().checks, checks, "it is late");
    sim.run_for(ms(200));
    assert!(sim.running().snapshot().checks > checks + 5);
    assert_eq!(sim.script().unmet(), [] as [String; 0]);
    assert!(sim.shutdown().is_clean());
}

#[test]
fn issue_4565_snapshot_in_the_middle_of_which_events_flow_adds_up() {
    // A look in which 50 us pass, a dozen turns, between the slots and what was published.
    let script = FaultScript::new().at(points::SNAPSHOT.of("md"), 0.., Fault::Delay(Duration::from_micros(50)));
    let mut sim = sim(1, script);
    sim.start();
    let mut in_flight = Vec::new();
    while in_flight.last() != Some(&0) {
        let accounts = Accounts::of(&sim.running().snapshot());
        accounts.check().unwrap();
        in_flight.push(accounts.slot("md", "all").unwrap().in_flight);
    }
    assert!(in_flight.iter().any(|events| *events > 8), "more than the ring holds: time has passed, {in_flight:?}");
    assert!(sim.shutdown().is_clean());
}

#[test]
fn issue_4593_a_seed_repeats_a_run_with_chance_at_every_point() {
    let run = |seed| {
        let script = FaultScript::seeded(seed)
            .chance(points::PUBLISH, 100_000, Fault::Error)
            .chance(points::TURN, 50_000, Fault::Delay(ms(2)))
            .chance(points::EVENT, 50_000, Fault::Panic)
            .chance(points::LETTER, 300_000, Fault::Error)
            .chance(points::LOOK, 300_000, Fault::Drop)
            .chance(points::CLOCK_READ, 10_000, Fault::ClockJump { by_ns: -5_000_000 });
        let mut sim = sim(seed, script);
        sim.start();
        assert!(sim.run_until(ms(5_000), Sim::feeds_ended), "nothing hangs");
        let befell = sim.script().befell();
        let report = sim.shutdown();
        assert_eq!(report.bus("md").unwrap().slots[0].state, SlotState::Stopped);
        (sim.trace_digest(), befell)
    };
    let mut all = Vec::new();
    seeds(20, |seed| {
        let (digest, befell) = run(seed);
        assert!(!befell.is_empty() && run(seed) == (digest, befell));
        all.push(digest);
    });
    all.dedup();
    assert!(all.len() > 10 || all.len() == 1);
}
