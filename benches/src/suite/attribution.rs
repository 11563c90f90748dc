//! What it costs that a slot could say of each slow event where its time went: the same slot with that and without, on one thread.

use super::{Found, Part, Setup};
use crate::bars::Bar;
use crate::table::{Apart, Column, Table};
use core::time::Duration;
use std::hint::black_box;
use std::time::Instant;
use tagring::bus::{Bus, Context, Handler, LocalSlot, Outcome, Publisher, Tail};
use tagring::event::Event;

pub(super) const PART: Part = Part { name: "attribution", about: "what it costs to explain slow events", measure };

const ON: &str = "slow events recorded";
const OFF: &str = "slow events not recorded";
const CAPACITY: u64 = 1 << 10;

tagring::events! {
    /// One event.
    pub mod one;
    /// Something to add.
    pub struct Tick = 1, v1 { pub value: u64 }
}
use one::{Events, Tick};

/// Adds up.
struct Sum(u64);

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 = self.0.wrapping_add(event.get::<Tick>().map_or(0, |tick| tick.value));
        black_box(self.0);
        Outcome::Done
    }
}

/// A slot on the caller's thread that records what takes longer than a second: nothing.
struct Bench {
    publisher: Publisher<Events>,
    slot: LocalSlot<Sum>,
    laps: u64,
}

impl Bench {
    fn new(tail: Tail, laps: u64) -> Self {
        let (bus, publisher) =
            Bus::<Events>::builder("attribution").capacity(CAPACITY as usize).single().expect("a power of two");
        let slot = bus.slot("sum").tail(tail).attach_here(Sum(0)).expect("a free place");
        Self { publisher, slot, laps }
    }

    /// Nanoseconds of one of a lap's things.
    fn each(&mut self, mut before: impl FnMut(&mut Self), mut timed: impl FnMut(&mut Self)) -> f64 {
        let mut ns = 0;
        for _ in 0..self.laps {
            before(self);
            let start = Instant::now();
            timed(self);
            ns += start.elapsed().as_nanos();
        }
        ns as f64 / (self.laps * CAPACITY) as f64
    }

    fn figures(&mut self) -> Vec<f64> {
        let fill = |bench: &mut Self| {
            let mut batch = bench.publisher.batch(CAPACITY as usize).expect("room");
            (0..CAPACITY).for_each(|value| batch.push(0, &Tick { value }));
        };
        let busy = self.each(fill, |bench| while bench.slot.turn() {});
        let alone = self.each(
            |_| {},
            |bench| {
                for value in 0..CAPACITY {
                    assert!(bench.publisher.try_publish(0, &Tick { value }).is_ok());
                    bench.slot.turn();
                }
            },
        );
        let nothing = self.each(|_| {}, |bench| (0..CAPACITY).for_each(|_| _ = black_box(bench.slot.turn())));
        vec![busy, alone, nothing]
    }
}

fn measure(setup: &Setup) -> Found {
    let columns = ["busy, ns an event", "caught up, ns an event", "nothing there, ns a poll"].map(Column::plain);
    let laps = setup.pick(16, 8, 1);
    let row = |tail| {
        let mut bench = Bench::new(tail, laps);
        move || bench.figures()
    };
    let table: Table<'static> = setup.table_anywhere("A slot that measures by tag", &columns);
    let table = table.limit(OFF, row(Tail::off())).ours(ON, row(Tail::over(Duration::from_secs(1))));
    let table = setup.run(table);
    let bar = |column, what| Bar::difference(what, (&table, column), (ON, OFF), 2.0, Apart::Any);
    let bars = [bar(0, "explaining slow events, a busy slot"), bar(1, "explaining slow events, a slot that keeps up")];
    Found { bars: bars.into_iter().flatten().collect(), tables: vec![table], ..Found::default() }
}
