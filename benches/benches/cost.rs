//! Mean costs on one thread, without another core's cache in play: `cargo bench -p tagring-benches --bench cost`.
//!
//! What the tail bench measures is dominated by moving lines between cores; this is what remains when nothing moves.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tagring::bus::{Bus, Measure};
use tagring::ring::{BoundReader, Publisher, Ring};
use tagring_benches::clock;
use tagring_benches::kinds::kinds::Events;
use tagring_benches::kinds::{self, Eight};

const CAPACITY: usize = 1_024;
type Event = [u64; 7];

fn ring() -> (Publisher<Event>, BoundReader<Event>) {
    let (ring, publisher) = Ring::single(CAPACITY).expect("a power of two");
    (publisher, ring.attach().expect("a free place").bind())
}

/// One event published and read, one at a time and in batches.
fn publish_and_poll(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish + poll");
    let (mut publisher, mut reader) = ring();
    group.throughput(Throughput::Elements(1));
    group.bench_function("one publisher", |b| {
        b.iter(|| {
            publisher.try_publish(black_box([1; 7])).expect("room");
            reader.poll(64, |event, _, _| _ = black_box(event))
        });
    });
    let (many_ring, mut shared) = Ring::<Event>::many(CAPACITY).expect("a power of two");
    let mut many_reader = many_ring.attach().expect("a free place").bind();
    group.bench_function("one of many publishers", |b| {
        b.iter(|| {
            shared.try_publish(black_box([1; 7])).expect("room");
            many_reader.poll(64, |event, _, _| _ = black_box(event))
        });
    });
    for count in [8_usize, 64] {
        group.throughput(Throughput::Elements(count as u64));
        let batch = vec![[1; 7]; count];
        group.bench_with_input(BenchmarkId::new("batch", count), &batch, |b, batch| {
            b.iter(|| {
                publisher.try_publish_batch(black_box(batch)).expect("room");
                reader.poll(64, |event, _, _| _ = black_box(event))
            });
        });
        group.bench_with_input(BenchmarkId::new("claim", count), &count, |b, &count| {
            b.iter(|| {
                let mut claim = publisher.try_claim(count).expect("room");
                (0..count).for_each(|i| claim.push(black_box([i as u64; 7])));
                claim.publish();
                reader.poll(64, |event, _, _| _ = black_box(event))
            });
        });
    }
    group.finish();
}

/// Polls that find nothing: the price of looking.
fn empty_poll(c: &mut Criterion) {
    let (_publisher, mut reader) = ring();
    c.bench_function("empty poll", |b| b.iter(|| reader.poll(64, |event, _, _| _ = black_box(event))));
}

/// The clocks a slot may read.
fn clocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("clock");
    group.bench_function("stamp (RDTSC)", |b| b.iter(clock::stamp));
    group.bench_function("arrival (RDTSCP)", |b| b.iter(clock::arrival));
    group.bench_function("fenced (LFENCE; RDTSC)", |b| b.iter(clock::fenced));
    group.bench_function("Instant::now", |b| b.iter(std::time::Instant::now));
    group.finish();
}

/// A batch of 64 events of 64 kinds: through a table of sums over a bare ring, which is what any dispatcher pays at least, and through a bus
/// to eight handlers in one slot.
fn dispatch(c: &mut Criterion) {
    let (mut publisher, mut reader) = ring();
    let batch: Vec<Event> = (0..64_u64).map(|i| [i.wrapping_mul(0x9E37_79B9) % 64, i, i, i, i, i, i]).collect();
    let mut sums = [0_u64; 64];
    let mut group = c.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 kinds, table of sums", |b| {
        b.iter(|| {
            publisher.try_publish_batch(black_box(&batch)).expect("room");
            reader.poll(64, |event, _, _| {
                let sum = &mut sums[event[0] as usize % 64];
                *sum = sum.wrapping_add(event[1]);
            })
        });
    });
    black_box(sums);
    for measure in [Measure::Off, Measure::Slot, Measure::SlotAndTags] {
        let (bus, mut publisher) = Bus::<Events>::builder("cost").capacity(CAPACITY).single().expect("a power of two");
        let slot = bus.slot("eight").measure(measure).attach_here(Eight::<0>::default());
        let mut slot = slot.expect("a free place");
        group.bench_function(format!("bus to 8 handlers, {measure:?}"), |b| {
            b.iter(|| {
                let mut batch = publisher.batch(64).expect("room");
                (0..64).for_each(|i| kinds::push(&mut batch, kinds::tag_of(i), i));
                batch.publish();
                while slot.turn() {}
            });
        });
    }
    group.finish();
}

criterion_group!(costs, publish_and_poll, empty_poll, clocks, dispatch);
criterion_main!(costs);
