//! A slot that is too slow, under each policy, beside one that keeps up: what does the quick one notice? The slow slot sleeps in its handler, on a thread
//! of its own.

use super::{Found, Part, Setup};
use crate::bars::{Bar, Sense};
use crate::cores::{Cores, pin};
use crate::table::{Column, Table};
use core::time::Duration;
use std::time::Instant;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, SlotOverflow, SlotThread};
use tagring::event::Event;
use tagring::ring::WaitStrategy;

pub(super) const PART: Part =
    Part { name: "overflow", about: "a slow slot under each policy, beside a quick one", measure };

tagring::events! {
    /// The events of this measurement.
    pub mod market;
    /// A price.
    pub struct Quote = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::{Events, Quote};

const ALONE: &str = "no other slot";
const CELLS: usize = 1 << 14;
const KEYS: u64 = 500;
const SOON: Duration = Duration::from_secs(20);
/// How long the slow slot sleeps over each event.
const SLEEP: Duration = Duration::from_micros(500);

#[derive(Default)]
struct Sum(u64);

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 += event.get::<Quote>().map_or(0, |quote| quote.qty);
        Outcome::Done
    }
}

struct Slow;

impl Handler for Slow {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        std::thread::sleep(SLEEP);
        Outcome::Done
    }
}

fn measure(setup: &Setup) -> Found {
    let columns = [Column::more("at full speed, M/s"), Column::less("hop p50, ns"), Column::less("hop p99, ns")];
    let title = format!("A slot that keeps up, beside one that sleeps {SLEEP:?} over each event; hops at 1 M events/s");
    let (cores, events) = (setup.cores, setup.pick(1 << 20, 1 << 17, 1 << 9));
    let row = |overflow| {
        move || {
            let fast = round(cores, overflow, events, None).0;
            let (_, p50, p99) = round(cores, overflow, events / 4, Some(Duration::from_micros(1)));
            vec![fast / 1e6, p50, p99]
        }
    };
    let policies = [SlotOverflow::DropOldest, SlotOverflow::DropNewest, SlotOverflow::Conflate, SlotOverflow::CutOff];
    let mut table: Table<'static> = setup.table(&title, &columns).limit(ALONE, row(None));
    for overflow in policies {
        table = table.ours(name(overflow), row(Some(overflow)));
    }
    for overflow in [SlotOverflow::DropOldest, SlotOverflow::DropNewest, SlotOverflow::Conflate] {
        table = table.why(name(overflow), 0, "At full speed the publisher takes every event from the slow slot itself: a copy, and an account by tag or a look-up by key.");
    }
    let measured = table.run(setup.rounds.min(setup.pick(15, 5, 1)), &*setup.progress);
    let mut found = Found::default();
    for apart in measured.enough() {
        for overflow in policies {
            let what = format!("hop p50 beside a slow slot, {overflow}");
            found.bars.extend(Bar::new(&what, (&measured, 1), name(overflow), &[ALONE], (Sense::AtMost, 1.1), apart));
        }
    }
    found.tables.push(measured);
    found
}

const fn name(overflow: SlotOverflow) -> &'static str {
    match overflow {
        SlotOverflow::Gate => "gate",
        SlotOverflow::DropNewest => "beside a slow one, drop-newest",
        SlotOverflow::DropOldest => "beside a slow one, drop-oldest",
        SlotOverflow::Conflate => "beside a slow one, conflate",
        SlotOverflow::CutOff => "beside a slow one, cut-off",
    }
}

/// Publishes `events`, at full speed or one in each `pace`. Events a second, and the quick slot's hop: median and p99, in nanoseconds.
fn round(cores: Cores, slow: Option<SlotOverflow>, events: usize, pace: Option<Duration>) -> (f64, f64, f64) {
    let (bus, mut publisher) =
        Bus::<Events>::builder("md").capacity(CELLS).single().expect("the capacity is a power of two");
    let quick = SlotThread::builder("quick").core(cores.far.id).start().expect("the core is allowed");
    let other = SlotThread::builder("slow").start().expect("a thread");
    let measure = if pace.is_some() { Measure::Slot } else { Measure::Off };
    let sum = bus.slot("quick").measure(measure).attach(&quick, Sum::default()).expect("a slot is free");
    let slow = slow.map(|overflow| {
        let slot = bus.slot("slow").overflow(overflow).wait(WaitStrategy::SpinThenPark).measure(Measure::Off);
        slot.attach(&other, Slow).expect("a slot is free")
    });
    let start = std::thread::scope(|scope| {
        let publishing = scope.spawn(move || {
            pin(cores.near);
            let start = Instant::now();
            for i in 0..events as u64 {
                while pace.is_some_and(|pace| start.elapsed() < pace * i as u32) {
                    core::hint::spin_loop();
                }
                let quote = Quote { price: i as i64, qty: 1 };
                publisher.publish((i % KEYS) as u32, &quote).expect("the bus is open");
            }
            start
        });
        publishing.join().expect("the publisher ends")
    });
    let view = sum.view().clone();
    let handled = sum.join(SOON).expect("the slot ends with its bus").0;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(handled, events as u64);
    let hop = view.latencies().hop;
    if let Some(slow) = slow {
        slow.ask_to_stop();
    }
    let _ = quick.shutdown(SOON);
    let _ = other.shutdown(SOON);
    (events as f64 / seconds, hop.quantile(0.5) as f64, hop.quantile(0.99) as f64)
}
