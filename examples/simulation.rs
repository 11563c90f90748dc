//! Shows how to test a whole runtime: its configuration, its handlers, scripted and random faults, a thousand seeds, no waiting.

use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome, SlotState};
use tagring::event::Event;
use tagring::runtime::config::{BusConfig, Config, FeedConfig, PanicChoice, SlotConfig};
use tagring::testkit::{Faults, Rates, Sim, seeds};

tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
}
use market::{Events, Trade};

/// The handler under test: adds up what is traded.
#[derive(Default)]
struct Volume(u64);

impl Handler for Volume {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 += event.get::<Trade>().map_or(0, |trade| trade.qty);
        Outcome::Done
    }
}

fn one(seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut md = BusConfig { capacity_cells: 16, ..BusConfig::default() };
    md.slots.insert("volume".into(), SlotConfig { panic: PanicChoice::Skip, ..SlotConfig::default() });
    let mut config = Config { buses: [("md".into(), md)].into(), ..Config::default() };
    config.feeds.insert("tape".into(), FeedConfig::default());

    // The tenth event panics; beside that, threads are interrupted and stall by chance.
    let rates = Rates { preemptions: 200_000, stalls: 5_000, stall_max: Duration::from_millis(3), ..Rates::default() };
    let mut sim = Sim::with(config, seed, Faults::none().panic_at("md.volume", 9).random(rates));
    let md = sim.bus::<Events>("md");
    let volume = md.attach("volume", Volume::default());
    let mut tape = md.publisher("tape")?;
    sim.feed("tape", move |feed| {
        for qty in (1..=100).take_while(|_| !feed.is_stopping()) {
            tape.send(0, &Trade { qty })?;
        }
        Ok(())
    });
    sim.start();
    assert!(sim.run_until(Duration::from_secs(1), Sim::feeds_ended), "the feed comes to its end");
    let report = sim.shutdown();
    assert_eq!((report.is_clean(), volume.handle()?.state()), (true, SlotState::Stopped), "{report}");
    assert_eq!(volume.join(Duration::ZERO)?.into_inner().0, 5_050 - 10, "all but the tenth");
    Ok(())
}

fn main() {
    let count = seeds(1_000, |seed| one(seed).unwrap_or_else(|error| panic!("{error}")));
    println!("{count} runs, each with a panic, none lost anything else");
}
