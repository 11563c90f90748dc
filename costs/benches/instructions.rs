//! Instructions of each part of an event's way, for a lap of 1,024 events: what `tests/budget.rs` counts and compares. To look at one:
//! `GUNGRAUN_RUNNER=$PWD/target/debug/count-instructions cargo bench -p tagring-costs` (which also leaves callgrind's files in `target/gungraun`).
//!
//! A bench gets its work warm and hands it back, so that neither its making nor its end is counted.

#![allow(missing_docs, reason = "the macros make public items of the benches")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use std::hint::black_box;
use tagring::bus::Measure;
use tagring::gate::Gate;
use tagring_costs::kinds::kinds::{Events, K01};
use tagring_costs::{
    BATCH, BusWork, EVENTS, GatedWork, Many, ORDER, Orders, Single, eight_in_one, eight_slots, full_batches, full_many,
    full_single, gated, many, one_slot, single, validate_and_rate,
};

#[library_benchmark]
#[bench::single(single([7; 7]))]
fn publish_words(mut work: Box<Single>) -> Box<Single> {
    for _ in 0..EVENTS {
        work.publisher.try_publish(work.value).expect("room");
    }
    work
}

#[library_benchmark]
#[bench::single(single(ORDER))]
fn publish_struct(mut work: Box<Orders>) -> Box<Orders> {
    for _ in 0..EVENTS {
        work.publisher.try_publish(work.value).expect("room");
    }
    work
}

#[library_benchmark]
#[bench::many(many())]
fn publish_shared(mut work: Box<Many>) -> Box<Many> {
    for _ in 0..EVENTS {
        work.publisher.try_publish(work.value).expect("room");
    }
    work
}

#[library_benchmark]
#[bench::of_64(single([7; 7]))]
fn publish_claim(mut work: Box<Single>) -> Box<Single> {
    for _ in 0..EVENTS / BATCH {
        let mut claim = work.publisher.try_claim(BATCH as usize).expect("room");
        (0..BATCH).for_each(|_| claim.push(work.value));
        claim.publish();
    }
    work
}

#[library_benchmark]
#[bench::single(full_single())]
#[bench::batches(full_batches())]
fn poll(mut work: Box<Single>) -> Box<Single> {
    work.poll();
    work
}

#[library_benchmark]
#[bench::many(full_many())]
fn poll_shared(mut work: Box<Many>) -> Box<Many> {
    work.poll();
    work
}

#[library_benchmark]
#[bench::single(single([7; 7]))]
fn publish_then_poll(mut work: Box<Single>) -> Box<Single> {
    for _ in 0..EVENTS {
        work.publisher.try_publish(work.value).expect("room");
        work.reader.poll(64, |event, _, _| _ = black_box(event));
    }
    work
}

#[library_benchmark]
#[bench::one_by_one(one_slot(Measure::Off))]
fn bus_publish(mut work: Box<BusWork>) -> Box<BusWork> {
    for i in 0..EVENTS {
        work.publisher.try_publish(7, &K01 { qty: i, price: 100, more: [0; 3] }).expect("room");
    }
    work
}

#[library_benchmark]
#[bench::open(gated(()))]
#[bench::validate_and_rate(gated(validate_and_rate()))]
fn bus_publish_gated<G: Gate<Events>>(mut work: Box<GatedWork<G>>) -> Box<GatedWork<G>> {
    for i in 0..EVENTS {
        work.publisher.try_publish(7, &K01 { qty: i, price: 100, more: [0; 3] }).expect("room");
    }
    work
}

#[library_benchmark]
#[bench::of_64(one_slot(Measure::Off))]
fn bus_publish_batch(mut work: Box<BusWork>) -> Box<BusWork> {
    for _ in 0..EVENTS / BATCH {
        let mut batch = work.publisher.batch(BATCH as usize).expect("room");
        (0..BATCH).for_each(|i| batch.push(7, &K01 { qty: i, price: 100, more: [0; 3] }));
    }
    work
}

#[library_benchmark]
#[bench::off(one_slot(Measure::Off).full())]
#[bench::slot(one_slot(Measure::Slot).full())]
#[bench::slot_and_tags(one_slot(Measure::SlotAndTags).full())]
#[bench::eight_in_one_off(eight_in_one(Measure::Off).full())]
#[bench::eight_in_one_slot(eight_in_one(Measure::Slot).full())]
#[bench::eight_in_one_slot_and_tags(eight_in_one(Measure::SlotAndTags).full())]
#[bench::eight_slots_off(eight_slots(Measure::Off).full())]
#[bench::eight_slots_slot(eight_slots(Measure::Slot).full())]
#[bench::eight_slots_slot_and_tags(eight_slots(Measure::SlotAndTags).full())]
fn dispatch(mut work: Box<BusWork>) -> Box<BusWork> {
    work.dispatch();
    work
}

#[library_benchmark]
#[bench::off(one_slot(Measure::Off))]
#[bench::slot(one_slot(Measure::Slot))]
#[bench::slot_and_tags(one_slot(Measure::SlotAndTags))]
fn bus_publish_then_dispatch(mut work: Box<BusWork>) -> Box<BusWork> {
    for i in 0..EVENTS {
        work.publisher.try_publish(7, &K01 { qty: i, price: 100, more: [0; 3] }).expect("room");
        work.dispatch();
    }
    work
}

library_benchmark_group!(
    name = hot_path,
    benchmarks = [
        publish_words,
        publish_struct,
        publish_shared,
        publish_claim,
        poll,
        poll_shared,
        publish_then_poll,
        bus_publish,
        bus_publish_gated,
        bus_publish_batch,
        dispatch,
        bus_publish_then_dispatch,
    ]
);

main!(library_benchmark_groups = hot_path);
