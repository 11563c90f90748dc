//! The simulated runtime.

use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome, Publisher, SlotState};
use tagring::event::Event;
use tagring::runtime::config::*;
use tagring::testkit::{Faults, Rates, Recorder, Sim, seeds};

tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
}
use market::{Events, Trade};

fn cfg() -> Config {
    let mut config = Config::default();
    let mut md = BusConfig { capacity_cells: 8, ..BusConfig::default() };
    md.slots.insert("volume".into(), SlotConfig { measure: MeasureChoice::Off, ..SlotConfig::default() });
    config.buses.insert("md".into(), md);
    config.feeds.insert("tape".into(), FeedConfig::default());
    config
}

fn run(seed: u64) -> u64 {
    let mut sim = Sim::with(cfg(), seed, Faults::none());
    let md = sim.bus::<Events>("md");
    let (recorder, records) = Recorder::new(1000);
    let _slot = md.attach("volume", recorder);
    let mut tape = md.publisher("tape").unwrap();
    sim.feed("tape", move |feed| {
        for qty in (0..200).take_while(|_| !feed.is_stopping()) {
            tape.send(0, &Trade { qty })?;
        }
        Ok(())
    });
    sim.start();
    assert!(sim.run_until(Duration::from_secs(1), Sim::feeds_ended));
    let report = sim.shutdown();
    assert!(report.is_clean(), "{report}");
    assert_eq!(records.seen(), 200);
    println!("{} steps {:?}", sim.steps(), sim.now());
    sim.trace_digest()
}

#[test]
fn first() {
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
