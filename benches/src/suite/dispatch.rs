//! What it takes to bring events of 64 tags to eight handlers, on one thread, from a ring that is full: only the reading side is timed. Beside
//! the bus stand what people write by hand, and what they have: maps from names to boxed closures, and a task for each event.

use super::{Found, Part, Setup};
use crate::allocations;
use crate::bars::Bar;
use crate::kinds::kinds::Events;
use crate::kinds::{self, Eight, H1, H2, H3, H4, H5, H6, H7, H8};
use crate::table::{Apart, Column, Table};
use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;
use tagring::bus::{Bus, Handler, Measure, Publisher};
use tagring::event::{Event, Family, StoreEvent, TagSet};
use tagring::ring::{BoundReader, Copied, Ring};

pub(super) const LIGHT: Part =
    Part { name: "dispatch", about: "64 tags to 8 handlers that add up", measure: measure::<0> };
pub(super) const HEAVY: Part =
    Part { name: "dispatch-heavy", about: "64 tags to 8 handlers that compute", measure: measure::<32> };

const CAPACITY: u64 = 1 << 10;
const MATCH: &str = "match by hand";
const OFF: &str = "tagring, one slot, not measured";
const TAGS: &str = "tagring, one slot, measured by tag";

type CellOf = <Events as Family>::Cell;

fn measure<const ROUNDS: usize>(setup: &Setup) -> Found {
    let laps = setup.pick(16, 8, 1);
    let title = if ROUNDS == 0 { "64 tags to 8 light handlers" } else { "64 tags to 8 heavy handlers" };
    let columns = [Column::plain("ns an event"), Column::plain("allocations an event")];
    let table = setup.run(rows::<ROUNDS>(setup.table_anywhere(title, &columns), laps));
    let bar = |ours, most| Bar::difference(&format!("{title}: {ours}"), (&table, 0), (ours, MATCH), most, Apart::Any);
    let bars = [bar(OFF, 1.0), bar(TAGS, 3.0)].into_iter().flatten().collect();
    Found { tables: vec![table], bars, ..Found::default() }
}

fn rows<const ROUNDS: usize>(table: Table<'static>, laps: u64) -> Table<'static> {
    table
        .limit("the same match, without a ring", inline::<ROUNDS>(laps))
        .limit(MATCH, by_hand(laps, by_match::<ROUNDS>()))
        .limit("table of functions by hand", by_hand(laps, by_table::<ROUNDS>()))
        .ours(OFF, one_slot::<ROUNDS>(laps, Measure::Off))
        .ours("tagring, one slot, measured", one_slot::<ROUNDS>(laps, Measure::Slot))
        .ours(TAGS, one_slot::<ROUNDS>(laps, Measure::SlotAndTags))
        .ours("tagring, eight slots, not measured", eight_slots::<ROUNDS>(laps, Measure::Off))
        .ours("tagring, eight slots, measured by tag", eight_slots::<ROUNDS>(laps, Measure::SlotAndTags))
        .peer("map of names to boxed closures", by_hand(laps, by_name::<ROUNDS>(false)))
        .peer("the same, the name formatted", by_hand(laps, by_name::<ROUNDS>(true)))
        .peer("a tokio task for each event and handler", tasks::<ROUNDS>(laps))
}

/// Nanoseconds and allocations of an event, over some laps; only `read` is timed.
fn timed(laps: u64, mut fill: impl FnMut(), mut read: impl FnMut()) -> Vec<f64> {
    let (mut ns, mut allocated) = (0.0, allocations::here().map(|_| 0));
    for _ in 0..laps {
        fill();
        let (before, start) = (allocations::here(), Instant::now());
        read();
        ns += start.elapsed().as_nanos() as f64;
        // The look itself allocates once.
        let during = before.zip(allocations::here()).map(|(before, after)| after - before - 1);
        allocated = allocated.zip(during).map(|(sum, more)| sum + more);
    }
    let events = (laps * CAPACITY) as f64;
    vec![ns / events, allocated.map_or(f64::NAN, |allocated| allocated as f64 / events)]
}

fn fill(publisher: &mut Publisher<Events>) {
    let mut batch = publisher.batch(CAPACITY as usize).expect("room");
    (0..CAPACITY).for_each(|i| kinds::push(&mut batch, kinds::tag_of(i), i));
}

/// A lap of events as a bus writes them.
fn cells() -> Vec<CellOf> {
    let (bus, mut publisher) =
        Bus::<Events>::builder("cells").capacity(CAPACITY as usize).single().expect("a power of two");
    fill(&mut publisher);
    let mut last = bus.last(CAPACITY);
    let next = || match last.poll() {
        Copied::Event { event, .. } => Some(event),
        _ => None,
    };
    core::iter::from_fn(next).collect()
}

fn inline<const ROUNDS: usize>(laps: u64) -> impl FnMut() -> Vec<f64> {
    let (cells, mut handle) = (cells(), by_match::<ROUNDS>());
    move || timed(laps, || {}, || cells.iter().for_each(|cell| handle(black_box(cell).as_event())))
}

/// A bare ring of the same cells, and what its user does with each.
fn by_hand(laps: u64, mut handle: impl FnMut(&Event)) -> impl FnMut() -> Vec<f64> {
    let cells = cells();
    let (ring, mut publisher) = Ring::<CellOf>::single(CAPACITY as usize).expect("a power of two");
    let mut reader: BoundReader<CellOf> = ring.attach().expect("a free place").bind();
    move || {
        let fill = || assert!(publisher.try_publish_batch(&cells).is_ok());
        timed(laps, fill, || while reader.poll(256, |cell, _, _| handle(cell.as_event())) > 0 {})
    }
}

/// The sums of eight handlers.
fn add<const ROUNDS: usize>(sums: &mut [u64; 8], tag: u64, qty: u64) {
    let sum = &mut sums[(tag as usize - 1) / 8 % 8];
    *sum = kinds::work::<ROUNDS>(*sum, qty ^ tag);
}

fn by_match<const ROUNDS: usize>() -> impl FnMut(&Event) {
    let mut eight = Eight::<ROUNDS>::default();
    move |event| {
        eight.take(event);
        black_box(&mut eight);
    }
}

fn by_table<const ROUNDS: usize>() -> impl FnMut(&Event) {
    let mut sums = [0; 8];
    fn to<const ROUNDS: usize, const HANDLER: usize>(sums: &mut [u64; 8], tag: u64, qty: u64) {
        sums[HANDLER] = kinds::work::<ROUNDS>(sums[HANDLER], qty ^ tag);
    }
    let handlers: [fn(&mut [u64; 8], u64, u64); 8] = [
        to::<ROUNDS, 0>,
        to::<ROUNDS, 1>,
        to::<ROUNDS, 2>,
        to::<ROUNDS, 3>,
        to::<ROUNDS, 4>,
        to::<ROUNDS, 5>,
        to::<ROUNDS, 6>,
        to::<ROUNDS, 7>,
    ];
    let table: [_; 64] = core::array::from_fn(|tag| handlers[tag / 8]);
    move |event| {
        let tag = u64::from(event.tag().get());
        black_box(&table)[(tag as usize - 1) % 64](&mut sums, tag, qty(event));
        black_box(&mut sums);
    }
}

fn qty(event: &Event) -> u64 {
    u64::from_le_bytes(event.payload_bytes()[..8].try_into().expect("eight bytes"))
}

fn by_name<const ROUNDS: usize>(formatted: bool) -> impl FnMut(&Event) {
    type Closures = Vec<Box<dyn Fn(u64, u64)>>;
    let sums = Rc::new(Cell::new([0; 8]));
    let closure = || {
        let sums = Rc::clone(&sums);
        let call: Box<dyn Fn(u64, u64)> = Box::new(move |tag, qty| {
            let mut now = sums.get();
            add::<ROUNDS>(&mut now, tag, qty);
            sums.set(now);
        });
        call
    };
    let name = |tag: u64| format!("market.kind.{tag}");
    let map: HashMap<String, Closures> = (1..=64).map(|tag| (name(tag), vec![closure()])).collect();
    let names: Vec<String> = (0..=64).map(name).collect();
    move |event| {
        let tag = u64::from(event.tag().get());
        let made = formatted.then(|| name(tag));
        let closures = &map[made.as_ref().unwrap_or(&names[tag as usize])];
        closures.iter().for_each(|call| call(tag, qty(event)));
    }
}

/// A task is spawned for each event; all have run when the lap is over.
fn tasks<const ROUNDS: usize>(laps: u64) -> impl FnMut() -> Vec<f64> {
    let (cells, sums) = (cells(), Rc::new(Cell::new([0; 8])));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    move || {
        let lap = || {
            let local = tokio::task::LocalSet::new();
            for cell in &cells {
                let (tag, qty, sums) = (u64::from(cell.as_event().tag().get()), qty(cell.as_event()), Rc::clone(&sums));
                local.spawn_local(async move {
                    let mut now = sums.get();
                    add::<ROUNDS>(&mut now, tag, qty);
                    sums.set(now);
                });
            }
            runtime.block_on(local);
        };
        timed(laps, || {}, lap)
    }
}

type TakeTurn = Box<dyn FnMut() -> bool>;

fn slot<H: Handler>(bus: &Bus<Events>, measure: Measure, tags: TagSet, handler: H) -> TakeTurn {
    let slot = bus.slot("s").tags(tags).measure(measure).attach_here(handler);
    let mut slot = slot.expect("a free place");
    Box::new(move || slot.turn())
}

fn slots(laps: u64, mut publisher: Publisher<Events>, mut slots: Vec<TakeTurn>) -> impl FnMut() -> Vec<f64> {
    move || timed(laps, || fill(&mut publisher), || slots.iter_mut().for_each(|turn| while turn() {}))
}

fn bus() -> (Bus<Events>, Publisher<Events>) {
    Bus::<Events>::builder("dispatch").capacity(CAPACITY as usize).single().expect("a power of two")
}

fn one_slot<const ROUNDS: usize>(laps: u64, measure: Measure) -> impl FnMut() -> Vec<f64> {
    let (bus, publisher) = bus();
    let one = slot(&bus, measure, TagSet::ALL, Eight::<ROUNDS>::default());
    slots(laps, publisher, vec![one])
}

fn eight_slots<const ROUNDS: usize>(laps: u64, measure: Measure) -> impl FnMut() -> Vec<f64> {
    let (bus, publisher) = bus();
    macro_rules! all {
        ($($handler:ident),*) => {
            vec![$(slot(&bus, measure, $handler::<ROUNDS>::tags(), $handler::<ROUNDS>::default())),*]
        };
    }
    let all = all![H1, H2, H3, H4, H5, H6, H7, H8];
    slots(laps, publisher, all)
}
