//! What an event does not cost after warm-up: copies, steps of encoding, allocations; and what a batch saves. Through the public API, with an
//! allocator that counts. (System calls, switches and page faults: `hot_path_costs.rs`; instructions: `costs/`.)

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, LocalSlot, Outcome, Stamping};
use tagring::event::{Event, Payload, StoreEvent};
use tagring::retain::DeadLetters;
use tagring::ring::{Copied, Ring};
use tagring::zerocopy::IntoBytes;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Order = 2, v1 { pub id: u64, pub price: i64, pub qty: u32, pub account: u32, pub flags: [u8; 8], pub owner: u64 }
}
use market::{Events, Order, Trade};

const CAPACITY: usize = 256;
/// Laps that are counted.
const LAPS: u64 = 40;
const EVENTS: u64 = LAPS * CAPACITY as u64;

thread_local! {
    /// Allocations and reallocations of this thread.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above; `old` came from `System`, as all of ours do.
        unsafe { System.realloc(old, layout, size) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of `work` when it is done again, warm.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_allocations_of_this_thread_are_counted() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 1);
}

/// Refuses every `refuse`-th event; 0: none.
#[derive(Default)]
struct Sum {
    qty: u64,
    bytes: u64,
    seen: u64,
    refuse: u64,
}

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.seen += 1;
        self.qty += event.get::<Trade>().map_or(0, |trade| trade.qty);
        self.bytes += ctx.scratch().alloc_slice_copy(ctx.bytes()).len() as u64;
        if self.refuse > 0 && self.seen.is_multiple_of(self.refuse) { Outcome::Dead } else { Outcome::Done }
    }
}

fn run<H: Handler>(slot: &mut LocalSlot<H>) {
    while slot.turn() {}
}

#[test]
fn issue_4585_a_ring_allocates_nothing_whoever_publishes_and_however() {
    let (ring, mut single) = Ring::<u64>::single(CAPACITY).unwrap();
    let mut reader = ring.attach().unwrap().bind();
    let (many_ring, mut many) = Ring::<u64>::many(CAPACITY).unwrap();
    let mut many_reader = many_ring.attach().unwrap().bind();
    let mut lossy = ring.lossy();
    let allocated = allocations(|| {
        for i in 0..EVENTS {
            single.try_publish(i).unwrap();
            many.try_publish(i).unwrap();
            assert_eq!(reader.poll(CAPACITY, |_, _, _| {}) + many_reader.poll(CAPACITY, |_, _, _| {}), 2);
        }
        for i in 0..EVENTS / 64 {
            single.try_publish_batch(&[i; 32]).unwrap();
            let mut claim = single.try_claim(32).unwrap();
            (0..31).for_each(|i| claim.push(i));
            claim.publish();
            many.try_publish_batch(&[i; 64]).unwrap();
            assert_eq!(reader.poll(CAPACITY, |_, _, _| {}) + many_reader.poll(CAPACITY, |_, _, _| {}), 63 + 64);
        }
        while !matches!(lossy.poll(), Copied::Empty | Copied::Closed) {}
        let clone = many.clone();
        drop(clone);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn issue_4585_a_bus_with_bytes_batches_and_dead_letters_allocates_nothing() {
    let bus = Bus::<Events>::builder("md").capacity(CAPACITY).byte_limit(CAPACITY * 64);
    let (bus, mut publisher) = bus.single().unwrap();
    let letters = DeadLetters::new(&bus, 64).unwrap();
    let sum = Sum { refuse: 3, ..Sum::default() };
    let mut slot = bus.slot("sum").dead_letters(&letters).scratch_bytes(1 << 15).attach_here(sum).unwrap();
    let allocated = allocations(|| {
        for qty in 0..EVENTS {
            let bytes = &[7; 64][..qty as usize % 64];
            publisher.try_publish_with_bytes(0, &Trade { price: 1, qty }, bytes).unwrap();
            if qty % 16 == 15 {
                run(&mut slot);
            }
        }
        for _ in 0..LAPS {
            let mut batch = publisher.batch(64).unwrap();
            (0..64).for_each(|qty| batch.push(0, &Trade { price: 1, qty }));
            batch.publish();
            run(&mut slot);
        }
    });
    let stats = letters.stats();
    assert!(stats.refused > EVENTS / 4 && stats.overflowed > 0, "letters were written over: {stats:?}");
    assert_eq!(allocated, 0);
}

#[test]
fn issue_4580_the_bytes_in_the_ring_are_those_of_the_struct() {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let mut publisher = publisher.stamping(Stamping::OnTick);
    let mut last = bus.last(0);
    for id in 0..40 {
        let order = Order { id, price: -5, qty: 7, account: 9, flags: *b"ioc-post", owner: !id };
        publisher.try_publish(3, &order).unwrap();
        let Copied::Event { event: cell, .. } = last.poll() else { panic!("an event is there") };
        let event = cell.as_event();
        assert_eq!(&event.payload_bytes()[..size_of::<Order>()], order.as_bytes());
        // Stamp aside, a cell is the header's words and then the payload's.
        let words = cell.as_bytes();
        assert_eq!(&words[..16], event.header().as_bytes());
        assert_eq!(&words[16..16 + size_of::<Order>()], order.as_bytes());
        assert_eq!((event.tag(), event.key(), event.get::<Order>()), (Order::TAG, 3, Some(&order)));
    }
}

/// Notes where its events lie.
struct Addresses(Vec<usize>);

impl Handler for Addresses {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0.push(std::ptr::from_ref(event).cast::<u8>() as usize);
        self.0.push(event.get::<Order>().map_or(0, |order| std::ptr::from_ref(order) as usize));
        Outcome::Done
    }
}

#[test]
fn issue_4584_what_a_handler_borrows_lies_in_the_cell_of_its_sequence() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let mut slots = ["one", "two"].map(|name| bus.slot(name).attach_here(Addresses(Vec::with_capacity(200))).unwrap());
    let order = Order { id: 1, price: 2, qty: 3, account: 4, flags: [0; 8], owner: 5 };
    for _ in 0..40 {
        publisher.try_publish(0, &order).unwrap();
        slots.iter_mut().for_each(run);
    }
    let (cells, bytes) = bus.memory();
    for slot in slots {
        for (sequence, places) in slot.detach().unwrap().0.chunks(2).enumerate() {
            let cell = cells + sequence % 16 * 64;
            assert!(cell + 64 <= cells + bytes);
            assert_eq!(places, [cell + 8, cell + 8 + 16], "behind the stamp, and behind the header");
        }
    }
}

/// Notes what each call to it was.
#[derive(Default)]
struct Calls(Vec<Result<(u64, bool), u64>>);

impl Handler for Calls {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.0.push(Ok((event.get::<Trade>().unwrap().qty, ctx.end_of_batch())));
        Outcome::Done
    }

    fn on_batch_end(&mut self, _: &mut Context) {
        self.0.push(Err(self.0.iter().filter(|call| call.is_ok()).count() as u64));
    }
}

#[test]
fn issue_4581_a_batch_is_claimed_published_and_handled_as_one() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let mut slot = bus.slot("calls").attach_here(Calls::default()).unwrap();
    let mut batch = publisher.batch(3).unwrap();
    (0..3).for_each(|qty| batch.push(0, &Trade { price: 1, qty }));
    assert_eq!(batch.remaining(), 0);
    batch.publish();
    assert!(slot.turn() && !slot.turn());
    publisher.publish_timeout(0, &Trade { price: 1, qty: 3 }, Duration::ZERO).unwrap();
    assert!(slot.turn() && !slot.turn());
    let stats = slot.handle().stats();
    assert_eq!((stats.batches, stats.delivered), (2, 4));
    let calls = slot.detach().unwrap().0;
    let of_first = [Ok((0, false)), Ok((1, false)), Ok((2, true)), Err(3)];
    assert_eq!(calls, [&of_first[..], &[Ok((3, true)), Err(4)]].concat());
}
