//! What the bus promises about memory, copies, integers and counters, through the public API.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{Bus, BytesError, Context, Envelope, Handler, Measure, Outcome, SlotState, SlotThread, Stamping};
use tagring::clock::{Clock, Ticks};
use tagring::event::{Event, EventError, Family, Header, Payload, StoreEvent, Tag, TagSet};
use tagring::ring::{Copied, WaitStrategy};
use tagring::tags;
use tagring::testkit::Recorder;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 500, v1 { pub bid: i64, pub ask: i64 }
    pub struct Depth = 1023, v1 { pub levels: u64 }
}
use market::{Depth, Events, Quote, Trade};

const SOON: Duration = Duration::from_secs(60);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above; `old` came from `System`, as all of ours do.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_allocations_of_this_thread_are_counted() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}

fn trade(qty: u64) -> Trade {
    Trade { price: 100, qty }
}

fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::yield_now();
    }
}

/// Waits until there is room: these tests keep off the path of a full ring, which asks the kernel whether its slot still lives.
fn leave_room(is_room: impl Fn() -> bool) {
    while !is_room() {
        std::thread::yield_now();
    }
}

#[test]
fn issue_4539_names_become_integers_when_the_configuration_is_read() {
    let configured = ["Depth", "Trade"];
    let tags = configured.iter().map(|name| Events::tag_by_name(name)).collect::<Result<TagSet, _>>().unwrap();
    assert_eq!(tags, tags![Trade, Depth]);
    let (recorder, records) = Recorder::new(10);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let mut slot = bus.slot("s").tags(tags).attach_here(recorder).unwrap();
    publisher.try_publish(0, &trade(1)).unwrap();
    publisher.try_publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
    publisher.try_publish(0, &Depth { levels: 3 }).unwrap();
    while slot.turn() {}
    assert_eq!(records.events().iter().map(|event| event.tag).collect::<Vec<_>>(), [Trade::TAG, Depth::TAG]);
    let misspelt = ["Depth", "Trades"].iter().map(|name| Events::tag_by_name(name)).collect::<Result<TagSet, _>>();
    assert!(matches!(misspelt, Err(EventError::UnknownName { nearest: Some("Trade"), .. })));
}

/// Counts events, and what its thread allocates between the first and the last of them.
#[derive(Default)]
struct Steady {
    events: u64,
    bytes: u64,
    start: Option<u64>,
    end: u64,
}

impl Handler for Steady {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.events += u64::from(event.get::<Trade>().is_some());
        self.bytes += ctx.scratch().alloc_slice_copy(ctx.bytes()).len() as u64;
        self.start.get_or_insert(ALLOCATIONS.get());
        self.end = ALLOCATIONS.get();
        Outcome::Done
    }
}

impl Steady {
    fn allocated(&self) -> u64 {
        self.end - self.start.unwrap()
    }
}

#[test]
fn issue_4550_memory_is_flat_and_work_in_progress_is_a_number() {
    const EVENTS: u64 = if cfg!(debug_assertions) { 300_000 } else { 10_000_000 };
    const CAPACITY: u64 = 256;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(CAPACITY as usize).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("steady").attach(&thread, Steady::default()).unwrap();
    let publishing = allocations(|| {
        for qty in 0..EVENTS {
            leave_room(|| publisher.lag() < CAPACITY);
            publisher.publish(0, &trade(qty)).unwrap();
        }
    });
    assert_eq!((bus.published(), bus.lags().len()), (EVENTS, 1));
    assert!(bus.lags()[0].1 <= CAPACITY);
    drop(publisher);
    let handler = slot.join(SOON).unwrap();
    assert_eq!((handler.events, handler.allocated(), publishing), (EVENTS, 0, 0));
    assert!(bus.lags().is_empty());
}

#[test]
fn issue_4557_time_is_read_as_often_as_the_publisher_says() {
    let (clock, hand) = Clock::manual(10);
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(16).clock(clock).single().unwrap();
    let mut last = bus.last(0);
    let mut times = || {
        let next = || match last.poll() {
            Copied::Event { event, .. } => Some(event.as_event().header().publish_ticks().0),
            _ => None,
        };
        core::iter::from_fn(next).collect::<Vec<_>>()
    };
    let mut publisher = publisher.stamping(Stamping::EveryEvent);
    for _ in 0..2 {
        hand.advance_ns(1);
        publisher.try_publish(0, &trade(0)).unwrap();
    }
    assert_eq!(times(), [11, 12]);
    let mut batch = publisher.batch(2).unwrap();
    for _ in 0..2 {
        hand.advance_ns(1);
        batch.push(0, &trade(0));
    }
    batch.publish();
    assert_eq!(times(), [12, 12], "a batch has one time");
    let mut publisher = publisher.stamping(Stamping::OnTick);
    assert_eq!(publisher.tick(), Ticks(14));
    hand.advance_ns(5);
    publisher.try_publish(0, &trade(0)).unwrap();
    let late = Envelope::key(0).intended(Ticks(4));
    publisher.try_publish(late, &trade(0)).unwrap();
    publisher.batch(1).unwrap().push(0, &trade(0));
    assert_eq!(times(), [14, 14, 14], "no clock is read between ticks");
}

#[test]
fn issue_4558_bytes_over_the_limit_are_an_error_and_nothing_is_allocated_or_published() {
    const LIMIT: usize = 1024;
    let (recorder, records) = Recorder::new(10);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).byte_limit(LIMIT).single().unwrap();
    let mut slot = bus.slot("s").attach_here(recorder).unwrap();
    let bytes = vec![7; 4 * LIMIT];
    for len in [LIMIT + 1, 2 * LIMIT, 4 * LIMIT] {
        let refused = allocations(|| {
            let failure = publisher.try_publish_with_bytes(0, &trade(1), &bytes[..len]).unwrap_err();
            assert_eq!(failure.cause, BytesError::PayloadTooLarge { len, limit: LIMIT });
            assert_eq!((failure.code(), failure.is_full()), ("TR-0421", false));
        });
        assert_eq!((refused, bus.published()), (0, 0));
    }
    let accepted = allocations(|| assert_eq!(publisher.try_publish_with_bytes(0, &trade(1), &bytes[..LIMIT]), Ok(0)));
    assert_eq!((accepted, bus.published()), (0, 1), "the whole limit may be used");
    let full = allocations(|| {
        let failure = publisher.try_publish_with_bytes(0, &trade(2), &bytes[..1]).unwrap_err();
        assert!(matches!(failure.cause, BytesError::ArenaFull { len: 1, used: LIMIT, limit: LIMIT, .. }), "{failure}");
        assert_eq!(failure.slot, Some("s".into()));
    });
    assert_eq!((full, bus.published()), (0, 1));
    assert!(slot.turn());
    publisher.try_publish_with_bytes(0, &trade(2), &bytes[..1]).unwrap();
    assert!(slot.turn());
    assert_eq!(records.events().iter().map(|event| event.bytes.len()).collect::<Vec<_>>(), [LIMIT, 1]);

    let (_bus, mut without) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let failure = without.try_publish_with_bytes(0, &trade(1), &[1]).unwrap_err();
    assert_eq!(failure.cause, BytesError::PayloadTooLarge { len: 1, limit: 0 });
}

#[test]
fn issue_4559_a_tag_is_an_integer_wherever_it_is_kept() {
    fn plain<T: Copy + Eq + Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    assert_eq!((plain::<Tag>(), plain::<TagSet>(), plain::<Header>()), (2, 128, 16));
    assert_eq!((Trade::TAG.get(), Quote::TAG.get(), Depth::TAG.get()), (1, 500, 1023));
    let comparing = allocations(|| {
        assert!(Trade::TAG < Quote::TAG && tags![Trade, Depth].contains(Depth::TAG));
    });
    assert_eq!(comparing, 0);
}

/// Stops in the middle of a batch until it is let go.
struct Halfway(Arc<AtomicU64>);

impl Handler for Halfway {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if event.get::<Trade>().is_some_and(|trade| trade.qty == 5) {
            self.0.store(1, Ordering::Release);
            eventually("the test lets the handler go", || self.0.load(Ordering::Acquire) == 2);
        }
        Outcome::Done
    }
}

#[test]
fn issue_4576_counters_are_written_once_per_batch() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Arc::new(AtomicU64::new(0));
    let slot = bus.slot("halfway").tags(tags![Trade]).attach(&thread, Halfway(Arc::clone(&gate))).unwrap();
    let mut batch = publisher.batch(12).unwrap();
    (0..10).for_each(|qty| batch.push(0, &trade(qty)));
    (0..2).for_each(|_| batch.push(0, &Quote { bid: 1, ask: 2 }));
    batch.publish();
    eventually("the handler is halfway", || gate.load(Ordering::Acquire) == 1);
    let halfway = slot.stats();
    assert_eq!((halfway.delivered, halfway.filtered, halfway.batches), (0, 0, 0));
    gate.store(2, Ordering::Release);
    eventually("the batch is counted", || slot.stats().batches == 1);
    eventually("all of it", || slot.stats().delivered == 10 && slot.stats().filtered == 2);
    slot.detach(SOON).unwrap();
}

/// Notes where events and bytes lie.
#[derive(Default)]
struct Places(Vec<[usize; 3]>);

impl Handler for Places {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let header = core::ptr::from_ref(event.header()) as usize;
        let payload = event.get::<Trade>().map_or(0, |trade| core::ptr::from_ref(trade) as usize);
        self.0.push([header, payload, ctx.bytes().as_ptr() as usize]);
        Outcome::Done
    }
}

#[test]
fn issue_4584_every_handler_borrows_the_event_where_it_was_written() {
    const CAPACITY: usize = 8;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(CAPACITY).byte_limit(1024).single().unwrap();
    let mut one = bus.slot("one").attach_here((Places::default(), Places::default())).unwrap();
    let mut two = bus.slot("two").attach_here(Places::default()).unwrap();
    for i in 0..3 * CAPACITY {
        publisher.try_publish_with_bytes(0, &trade(i as u64), &[i as u8; 16]).unwrap();
        assert!(one.turn() && two.turn());
    }
    let ((first, second), third) = (one.detach().unwrap(), two.detach().unwrap());
    assert_eq!((&first.0, &second.0), (&third.0, &third.0), "the same memory for all of them");
    let cell = |i: usize| first.0[i][0];
    for (i, [header, payload, bytes]) in first.0.iter().enumerate() {
        assert_eq!((header % 64, payload - header, bytes % 8), (8, 16, 0), "one cache line: stamp, header, payload");
        assert_eq!(*header, cell(i % CAPACITY), "the ring's cells are used again");
        assert_eq!(cell(i % CAPACITY) - cell(0), i % CAPACITY * 64);
    }
}

#[test]
fn issue_4585_nothing_is_allocated_after_warm_up() {
    const EVENTS: u64 = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(256).byte_limit(256 * 48).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let first = bus.slot("first").scratch_bytes(1 << 15).attach(&thread, Steady::default()).unwrap();
    let second = bus.slot("second").after(first.id()).measure(Measure::Off).wait(WaitStrategy::SpinThenPark);
    let second = second.scratch_bytes(1 << 15).attach(&thread, Steady::default()).unwrap();
    let bytes = [7; 48];
    let publishing = allocations(|| {
        for sent in 0..EVENTS {
            leave_room(|| publisher.lag() < 256);
            let bytes = &bytes[..sent as usize % bytes.len()];
            publisher.try_publish_with_bytes(0, &trade(sent), bytes).unwrap();
        }
    });
    let retagging = allocations(|| first.retag(tags![Trade, Quote], SOON).unwrap());
    drop(publisher);
    let (first, second) = (first.join(SOON).unwrap(), second.join(SOON).unwrap());
    assert_eq!((first.events, second.events, first.bytes), (EVENTS, EVENTS, second.bytes));
    assert_eq!([publishing, retagging, first.allocated(), second.allocated()], [0; 4]);
}

#[test]
fn issue_4585_many_publishers_allocate_nothing_either() {
    const EVENTS: u64 = 20_000;
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(1 << 16).many().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("steady").attach(&thread, Steady::default()).unwrap();
    let sessions = [0, 1].map(|key| {
        let mut publisher = publisher.clone();
        std::thread::spawn(move || {
            allocations(|| (0..EVENTS).for_each(|qty| assert!(publisher.publish(key, &trade(qty)).is_ok())))
        })
    });
    drop(publisher);
    assert_eq!(sessions.map(|session| session.join().unwrap()), [0, 0]);
    let handler = slot.join(SOON).unwrap();
    assert_eq!((handler.events, handler.allocated()), (2 * EVENTS, 0));
}

#[test]
fn a_slot_that_runs_after_another_reads_a_closed_bus_to_its_end() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let (one, records_of_one) = Recorder::new(100);
    let (two, records_of_two) = Recorder::new(100);
    let mut first = bus.slot("first").turn_limit(4).attach_here(one).unwrap();
    let mut second = bus.slot("second").after(first.handle().id()).attach_here(two).unwrap();
    let mut batch = publisher.batch(10).unwrap();
    (0..10).for_each(|qty| batch.push(0, &trade(qty)));
    batch.publish();
    drop(publisher);
    assert!(!second.turn() && !second.is_done(), "closed, and nothing to see yet");
    for seen in [4, 8, 10] {
        assert!(first.turn() && second.turn());
        assert_eq!((records_of_one.seen(), records_of_two.seen()), (seen, seen));
        assert!(!second.turn() && second.is_done() == (seen == 10));
    }
    assert!(!first.turn() && first.is_done());
    assert_eq!(second.handle().stats().state, SlotState::Stopped);
}

#[test]
fn a_pipeline_of_threads_loses_nothing_when_its_bus_closes() {
    for _ in 0..20 {
        let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
        let threads = ["a", "b", "c"].map(|name| SlotThread::builder(name).start().unwrap());
        let a = bus.slot("a").measure(Measure::Off).attach(&threads[0], Steady::default()).unwrap();
        let b = bus.slot("b").measure(Measure::Off).after(a.id()).attach(&threads[1], Steady::default()).unwrap();
        let c = bus.slot("c").measure(Measure::Off).after(b.id()).attach(&threads[2], Steady::default()).unwrap();
        (0..500).for_each(|qty| assert!(publisher.publish(0, &trade(qty)).is_ok()));
        drop(publisher);
        assert_eq!([c, b, a].map(|slot| slot.join(SOON).unwrap().events), [500; 3]);
    }
}
