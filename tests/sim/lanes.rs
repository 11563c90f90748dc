//! A bus with lanes under simulation: whatever the schedule and the faults, each lane keeps its order, what is urgent waits for one turn at most, and the
//! accounts add up; one seed, one run.

use crate::house::{Events, Quote, Trade, config, on};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring::runtime::Accounts;
use tagring::runtime::config::{FeedConfig, LanesConfig, PanicChoice, PublisherConfig, SlotConfig};
use tagring::testkit::{Faults, Sim, seeds};

const TURN: u32 = 8;
const URGENT: u64 = 40;
const QUOTES: u64 = 2_000;
const SEEDS: u64 = if cfg!(debug_assertions) { 20 } else { 200 };

/// Lane and sequence of each event, and how many quotes came between an urgent event's publication and its handling.
#[derive(Default)]
struct Seen {
    events: Vec<(usize, u64)>,
    late_max: u64,
}

struct Desk {
    seen: Arc<Mutex<Seen>>,
    handled: Arc<Mutex<u64>>,
}

impl Handler for Desk {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let (mut seen, mut quotes) = (self.seen.lock().unwrap(), self.handled.lock().unwrap());
        seen.events.push((ctx.lane(), ctx.sequence()));
        match event.get::<Trade>() {
            Some(urgent) => seen.late_max = seen.late_max.max(*quotes - urgent.qty),
            None => *quotes += 1,
        }
        Outcome::Done
    }
}

fn run(seed: u64) -> (Vec<(usize, u64)>, u64) {
    let desk = SlotConfig { turn_limit_events: TURN, panic: PanicChoice::Skip, ..on("a") };
    let mut config = config(64, &[("desk", desk), ("also", on("b"))]);
    config.feeds.insert("control".into(), FeedConfig::default());
    let md = config.buses.get_mut("md").unwrap();
    md.lanes = LanesConfig { count: 2, ..LanesConfig::default() };
    md.publishers.insert("control".into(), PublisherConfig::default());
    md.publishers.insert("quotes".into(), PublisherConfig { lane: 1, ..PublisherConfig::default() });
    let mut sim = Sim::with(config, seed, Faults::none().panic_at("md.desk", 500).dead_at("md.also", 100));
    let (seen, handled) = (Arc::<Mutex<Seen>>::default(), Arc::<Mutex<u64>>::default());
    let md = sim.bus::<Events>("md");
    let desk = Desk { seen: Arc::clone(&seen), handled: Arc::clone(&handled) };
    let _slots = (md.attach("desk", desk), md.attach("also", Desk { seen: Arc::default(), handled: Arc::default() }));
    let (mut control, mut quotes) = (md.publisher("control").unwrap(), md.publisher("quotes").unwrap());
    sim.feed("tape", move |_| {
        for bid in 0..QUOTES as i64 {
            quotes.send(0, &Quote { bid })?;
        }
        Ok(())
    });
    sim.feed("control", move |feed| {
        for _ in 0..URGENT {
            // Where others run.
            if (0..3).any(|_| feed.is_stopping()) {
                break;
            }
            let before = *handled.lock().unwrap();
            control.send(0, &Trade { qty: before })?;
        }
        Ok(())
    });
    sim.start();
    while !sim.feeds_ended() {
        sim.run_for(Duration::from_micros(50));
        Accounts::of(&sim.running().snapshot()).check().unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    assert!(sim.shutdown().is_clean(), "seed {seed}");
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen.events, seen.late_max)
}

#[test]
fn issue_4582_lanes_hold_what_they_promise_under_any_schedule() {
    seeds(SEEDS, |seed| {
        let (events, late_max) = run(seed);
        for (lane, count) in [(0, URGENT), (1, QUOTES)] {
            let of_lane: Vec<u64> = events.iter().filter(|event| event.0 == lane).map(|event| event.1).collect();
            assert!(of_lane.is_sorted_by(|a, b| a < b), "seed {seed}: lane {lane} is out of order");
            assert!(of_lane.len() as u64 >= count - 1, "seed {seed}: one event panicked, no other is missing");
        }
        assert!(late_max <= u64::from(TURN), "seed {seed}: {late_max} quotes before an urgent event");
        assert_eq!(run(seed).0, events, "seed {seed}: one seed, one run");
    });
}
