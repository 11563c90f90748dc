//! Slots of a bus through the public API: delivery, tags, order, panics, detaching, threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{
    AttachError, Bus, Context, CoreError, DetachError, Envelope, Handler, Outcome, PanicPolicy, SlotState, SlotThread,
    ThreadError, allowed_cores,
};
use tagring::clock::Clock;
use tagring::event::{Event, Payload, TagSet};
use tagring::ring::WaitStrategy;
use tagring::tags;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
    pub struct Book = 3, v2 { pub levels: u64 }
}
use market::{Book, Events, Quote, Trade, View};

const SOON: Duration = Duration::from_secs(20);

/// Counts what it sees, and shows the count to others.
#[derive(Default)]
struct Count {
    seen: Vec<(u64, u64)>,
    shown: Arc<AtomicU64>,
}

impl Handler for Count {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let value = match View::of(event) {
            Some(View::Trade(trade)) => trade.qty,
            Some(View::Quote(quote)) => quote.bid.unsigned_abs(),
            Some(View::Book(book)) => book.levels,
            None => return Outcome::Dead,
        };
        self.seen.push((ctx.sequence(), value));
        self.shown.fetch_add(1, Ordering::Release);
        Outcome::Done
    }
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

#[test]
fn events_reach_their_slots_in_order_and_the_bus_closes_with_its_publisher() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let all = bus.slot("all").attach(&thread, Count::default()).unwrap();
    let trades = bus.slot("trades").tags(tags![Trade]).after(all.id()).attach(&thread, Count::default()).unwrap();
    for i in 0..1000 {
        publisher.publish(7, &trade(i)).unwrap();
        publisher.publish(Envelope::key(7), &Quote { bid: 5, ask: 6 }).unwrap();
    }
    drop(publisher);
    let all = (all.join(SOON).unwrap(), all.stats());
    let trades = (trades.join(SOON).unwrap(), trades.stats(), trades.latencies());
    assert_eq!(all.0.seen.len(), 2000);
    assert!(all.0.seen.iter().zip(0..).all(|((sequence, _), expected)| *sequence == expected));
    assert_eq!(trades.0.seen.iter().map(|&(_, qty)| qty).collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    assert_eq!((trades.1.delivered, trades.1.filtered, trades.1.state), (1000, 1000, SlotState::Stopped));
    assert_eq!(trades.2.service.count(), 1000);
    assert_eq!(trades.2.hop.count(), 1000);
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4534_a_retagged_slot_sees_exactly_what_its_tags_say() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(256).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("s").tags(tags![Trade]).attach(&thread, Count::default()).unwrap();
    for round in 0..200 {
        publisher.publish(0, &trade(round)).unwrap();
        slot.retag(tags![Book], SOON).unwrap();
        // Trades from here on are outside the set; the one above may have been handled before or not wanted any more.
        publisher.publish(0, &trade(1_000_000)).unwrap();
        publisher.publish(0, &Book { levels: 5_000 + round }).unwrap();
        slot.retag(tags![Trade, Book], SOON).unwrap();
    }
    slot.remove_tags(tags![Book], SOON).unwrap();
    slot.add_tags(tags![Quote], SOON).unwrap();
    assert_eq!(slot.tags(), tags![Trade, Quote]);
    drop(publisher);
    let seen = slot.join(SOON).unwrap().seen;
    assert_eq!(seen.iter().filter(|&&(_, value)| (5_000..6_000).contains(&value)).count(), 200, "no book is missed");
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4534_nothing_is_delivered_after_detach_and_nothing_missed_while_attached() {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(1024).many().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let stop = Arc::new(AtomicU64::new(0));
    let noise = std::thread::spawn({
        let (mut publisher, stop) = (publisher.clone(), Arc::clone(&stop));
        move || {
            while stop.load(Ordering::Relaxed) == 0 {
                publisher.publish(0, &Quote { bid: 0, ask: 0 }).unwrap();
            }
        }
    });
    let mut publisher = publisher;
    for round in 0..200 {
        let count = Count::default();
        let shown = Arc::clone(&count.shown);
        let slot = bus.slot("s").tags(tags![Trade]).attach(&thread, count).unwrap();
        publisher.publish(0, &trade(round)).unwrap();
        eventually("the trade is delivered", || slot.stats().delivered == 1);
        let stopped = slot.detach(SOON).map(|handler| handler.seen.len());
        assert_eq!((stopped, shown.load(Ordering::Acquire), bus.attached()), (Ok(1), 1, 0));
        // The thread goes on; what is published now reaches its other slots, and not this one.
        let witness = bus.slot("witness").tags(tags![Trade]).attach(&thread, Count::default()).unwrap();
        publisher.publish(0, &trade(round)).unwrap();
        eventually("the witness has seen it", || witness.stats().delivered == 1);
        assert_eq!((witness.detach(SOON).is_ok(), shown.load(Ordering::Acquire)), (true, 1));
    }
    stop.store(1, Ordering::Relaxed);
    noise.join().unwrap();
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4533_one_slot_too_many_is_an_error_and_detaching_gives_it_back() {
    let (bus, _publisher) = Bus::<Events>::builder("md").capacity(64).slots(2).single().unwrap();
    let a = bus.slot("a").attach_here(Count::default()).unwrap();
    let _b = bus.slot("b").attach_here(Count::default()).unwrap();
    let error = bus.slot("c").attach_here(Count::default()).map(|_| ()).unwrap_err();
    assert_eq!(error, AttachError::SlotsExhausted { bus: "md".into(), slots: 2 });
    assert!(error.to_string().contains("TR-0611"), "{error}");
    a.detach().unwrap();
    bus.slot("c").attach_here(Count::default()).unwrap();
}

#[test]
fn issue_4535_a_full_bus_names_the_slot_that_holds_it_back() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(4).single().unwrap();
    let mut slot = bus.slot("slow one").attach_here(Count::default()).unwrap();
    (0..4).for_each(|i| assert_eq!(publisher.try_publish(0, &trade(i)).unwrap(), i));
    let full = publisher.try_publish(0, &trade(4)).unwrap_err();
    assert!(full.is_full());
    assert_eq!(full.slot, Some("slow one".into()));
    let text = full.to_string();
    assert!(text.contains("bus md") && text.contains("slow one") && text.contains("TR-0411"), "{text}");
    let late = publisher.publish_timeout(0, &trade(4), Duration::from_millis(5));
    assert!(late.unwrap_err().is_full());
    assert!(slot.turn());
    assert_eq!(publisher.try_publish(0, &trade(4)).unwrap(), 4);
    while slot.turn() {}
    assert_eq!(slot.detach().unwrap().seen, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
}

/// Panics on trades of quantity 13.
#[derive(Default)]
struct Unlucky {
    seen: u64,
    restarts: u64,
}

impl Handler for Unlucky {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if event.get::<Trade>().is_some_and(|trade| trade.qty == 13) {
            panic!("thirteen");
        }
        self.seen += 1;
        Outcome::Done
    }
    fn on_restart(&mut self, _: &mut Context) {
        self.restarts += 1;
    }
}

fn twenty_trades(policy: PanicPolicy) -> (Unlucky, tagring::bus::SlotStats) {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(8).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("unlucky").policy(policy).attach(&thread, Unlucky::default()).unwrap();
    (0..20).for_each(|i| {
        publisher.publish(0, &trade(i)).unwrap();
    });
    drop(publisher);
    let handler = slot.join(SOON).unwrap();
    assert!(thread.shutdown(SOON).ended);
    (handler, slot.stats())
}

#[test]
fn a_panic_is_skipped_restarted_or_quarantined_and_never_holds_the_bus() {
    let (handler, stats) = twenty_trades(PanicPolicy::Skip);
    assert_eq!((handler.seen, stats.delivered, stats.dead, stats.panics), (19, 19, 1, 1));
    assert_eq!(stats.last_panic.as_deref(), Some("thirteen"));

    let (window, pause) = (Duration::from_secs(60), Duration::from_millis(1));
    let (handler, stats) = twenty_trades(PanicPolicy::Restart { max: 3, window, pause, pause_max: pause });
    assert_eq!((handler.seen, handler.restarts, stats.dead, stats.state), (19, 1, 1, SlotState::Stopped));

    let (handler, stats) = twenty_trades(PanicPolicy::Restart { max: 0, window, pause, pause_max: pause });
    assert_eq!((handler.seen, handler.restarts, stats.state), (13, 0, SlotState::Failed));

    let (handler, stats) = twenty_trades(PanicPolicy::Quarantine);
    assert_eq!((handler.seen, stats.dead, stats.state), (13, 1, SlotState::Quarantined));
}

#[test]
fn handlers_share_a_slot_as_a_tuple_and_slots_share_a_thread() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let pair = bus.slot("pair").attach(&thread, (Count::default(), Unlucky::default())).unwrap();
    let other = bus.slot("other").wait(WaitStrategy::SpinThenPark).attach(&thread, Count::default()).unwrap();
    (0..10).for_each(|i| {
        publisher.publish(0, &trade(i)).unwrap();
    });
    drop(publisher);
    let (count, unlucky) = pair.join(SOON).unwrap();
    assert_eq!((count.seen.len(), unlucky.seen, other.join(SOON).unwrap().seen.len()), (10, 10, 10));
}

/// Publishes the sum of each batch to a second bus.
struct Sums {
    sum: u64,
    to: Option<tagring::bus::Publisher<Events>>,
}

impl Handler for Sums {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.sum += event.get::<Trade>().map_or(0, |trade| trade.qty);
        Outcome::Done
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        if let Some(to) = &mut self.to {
            to.try_publish(0, &Book { levels: std::mem::take(&mut self.sum) }).unwrap();
        }
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.to = None;
    }
}

#[test]
fn a_handler_publishes_to_a_second_bus() {
    let bell = Arc::default();
    let (first, mut publisher) = Bus::<Events>::builder("one").capacity(64).doorbell(&bell).single().unwrap();
    let (second, to) = Bus::<Events>::builder("two").capacity(64).doorbell(&bell).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let wait = WaitStrategy::SpinThenPark;
    let sums = first.slot("sums").wait(wait).attach(&thread, Sums { sum: 0, to: Some(to) }).unwrap();
    let sink = second.slot("sink").wait(wait).attach(&thread, Count::default()).unwrap();
    (1..=100).for_each(|i| {
        publisher.publish(0, &trade(i)).unwrap();
    });
    drop(publisher);
    sums.join(SOON).unwrap();
    assert_eq!(sink.join(SOON).unwrap().seen.iter().map(|&(_, sum)| sum).sum::<u64>(), 5050);
    assert!(thread.shutdown(SOON).ended);
}

/// Blocks until it is let go.
struct Stuck(Arc<AtomicU64>);

impl Handler for Stuck {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        self.0.store(1, Ordering::Release);
        while self.0.load(Ordering::Acquire) != 2 {
            std::thread::yield_now();
        }
        Outcome::Done
    }
}

#[test]
fn neither_detach_nor_shutdown_waits_without_bound_for_a_stuck_handler() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Arc::new(AtomicU64::new(0));
    let slot = bus.slot("stuck").attach(&thread, Stuck(Arc::clone(&gate))).unwrap();
    publisher.publish(0, &trade(1)).unwrap();
    eventually("the handler is stuck", || gate.load(Ordering::Acquire) == 1);
    let error = slot.detach(Duration::from_millis(5)).map(|_| ()).unwrap_err();
    assert!(matches!(error, DetachError::TimedOut { sequence: 0, .. }), "{error}");
    let report = thread.shutdown(Duration::from_millis(5));
    assert!(!report.ended);
    gate.store(2, Ordering::Release);
    slot.join(SOON).unwrap();
}

#[test]
fn bytes_travel_beside_an_event_and_are_recycled_by_the_slowest_slot() {
    struct Read(Vec<Vec<u8>>);
    impl Handler for Read {
        fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
            assert_eq!(event.get::<Book>().map(|book| book.levels), Some(ctx.bytes().len() as u64));
            self.0.push(ctx.bytes().to_vec());
            assert!(ctx.scratch().alloc_slice_copy(ctx.bytes()).len() == ctx.bytes().len());
            Outcome::Done
        }
    }
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).byte_limit(100).single().unwrap();
    let mut slot = bus.slot("read").attach_here(Read(Vec::new())).unwrap();
    let too_large = publisher.try_publish_with_bytes(0, &Book { levels: 200 }, &[0; 200]).unwrap_err();
    assert!(too_large.to_string().contains("TR-0421"), "{too_large}");
    let mut expected = Vec::new();
    let mut full = 0;
    for i in 0..500_usize {
        let bytes = vec![i as u8; i % 61];
        let payload = Book { levels: bytes.len() as u64 };
        while let Err(error) = publisher.try_publish_with_bytes(0, &payload, &bytes) {
            assert!(matches!(error.code(), "TR-0422" | "TR-0411"), "{error}");
            assert_eq!(error.slot, Some("read".into()));
            full += 1;
            assert!(slot.turn());
        }
        expected.push(bytes);
    }
    drop(publisher);
    while slot.turn() {}
    assert!(full > 10);
    assert_eq!(slot.detach().unwrap_or_else(|| unreachable!()).0, expected);
}

#[test]
fn a_core_that_is_not_there_is_a_typed_error_with_what_is_there() {
    let error = SlotThread::builder("far").core(4_000).start().map(|_| ()).unwrap_err();
    let ThreadError::Core { cause: CoreError::NotAllowed { core: 4_000, ref allowed }, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(*allowed, allowed_cores());
    assert!(error.to_string().contains("TR-0601"), "{error}");
    let core = allowed_cores()[0];
    let thread = SlotThread::builder("near").core(core).start().unwrap();
    assert_eq!(thread.core(), Some(core));
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4596_a_manual_clock_makes_latencies_exact() {
    let (clock, hand) = Clock::manual(1_000);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).clock(clock.clone()).single().unwrap();
    let mut slot = bus.slot("s").attach_here(Count::default()).unwrap();
    publisher.try_publish(Envelope::key(1).intended(tagring::clock::Ticks(400)), &trade(1)).unwrap();
    hand.advance_ns(50);
    assert!(slot.turn());
    let latencies = slot.handle().latencies();
    assert_eq!((latencies.hop.max(), latencies.service.max(), latencies.age.max()), (50, 0, 650));
    let in_all = slot.handle().latencies_in_all();
    assert_eq!((&in_all.hop, &in_all.service, &in_all.age), (&latencies.hop, &latencies.service, &latencies.age));
    assert!(in_all.tags.is_empty());
    let of_trades = latencies.tags.iter().find(|of| of.tag == Trade::TAG).unwrap();
    assert_eq!((of_trades.hop.count(), of_trades.hop.max(), of_trades.age.max()), (1, 50, 650));
}

#[test]
fn issue_4537_the_ring_is_the_history_of_its_bus() {
    use tagring::event::StoreEvent;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(8).single().unwrap();
    (0..100).for_each(|i| {
        publisher.try_publish(0, &trade(i)).unwrap();
    });
    let mut last = bus.last(5);
    let mut seen = Vec::new();
    while let tagring::ring::Copied::Event { sequence, event } = last.poll() {
        seen.push((sequence, event.as_event().get::<Trade>().unwrap().qty));
    }
    assert_eq!(seen, [(95, 95), (96, 96), (97, 97), (98, 98), (99, 99)]);
    assert!(TagSet::ALL.contains(Trade::TAG));
}

/// Panics when it is told to, and when it is dropped.
struct Fragile {
    at: Option<u64>,
    at_end: bool,
    in_drop: bool,
    scratch: usize,
    /// The most scratch memory seen.
    grown: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl Fragile {
    fn with(set: impl FnOnce(&mut Self)) -> Self {
        let mut fragile =
            Self { at: None, at_end: false, in_drop: false, scratch: 0, grown: Arc::default(), failed: Arc::default() };
        set(&mut fragile);
        fragile
    }
}

impl Handler for Fragile {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let _ = ctx.scratch().alloc_slice_fill_copy(self.scratch, 0_u8);
        self.grown.fetch_max(ctx.scratch().allocated_bytes() as u64, Ordering::Relaxed);
        let quantity = event.get::<Trade>().map(|trade| trade.qty);
        assert!(self.at.is_none() || quantity != self.at, "fragile");
        if quantity == Some(7) { Outcome::Stop } else { Outcome::Done }
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        assert!(!self.at_end, "at the end");
    }
    fn on_failed(&mut self, _: &mut Context) {
        self.failed.store(1, Ordering::Release);
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.in_drop || std::thread::panicking(), "while dropped");
    }
}

#[test]
fn no_handler_takes_its_neighbours_along() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots\0").start().unwrap();
    let neighbour = bus.slot("neighbour").attach(&thread, Count::default()).unwrap();
    // Its handle is gone, so that the thread drops the handler.
    drop(bus.slot("dropped").attach(&thread, Fragile::with(|it| it.in_drop = true)).unwrap());
    let forever = Duration::MAX;
    let forever = PanicPolicy::Restart { max: 9, window: SOON, pause: forever, pause_max: forever };
    let pausing = Fragile::with(|it| it.at = Some(3));
    let pausing = bus.slot("pausing").policy(forever).seed(1).attach(&thread, pausing).unwrap();
    let huge =
        bus.slot("huge").scratch_bytes(usize::MAX).attach(&thread, Fragile::with(|_| {})).map(|_| ()).unwrap_err();
    assert!(matches!(huge, AttachError::StartPanicked { .. }) && huge.code() == "TR-0614", "{huge}");
    (0..20).for_each(|i| assert!(publisher.publish(0, &trade(i)).is_ok()));
    drop(publisher);
    assert_eq!(neighbour.join(SOON).unwrap().seen.len(), 20);
    assert!(thread.is_running());
    assert_eq!(pausing.stats().state, SlotState::Restarting);
    assert!(pausing.detach(SOON).is_ok());
    assert_eq!(pausing.join(SOON).map(|_| ()).unwrap_err().code(), "TR-0624");
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn a_failed_handler_is_told_so_that_it_lets_its_publishers_go() {
    let no_restart = PanicPolicy::Restart { max: 0, window: SOON, pause: SOON, pause_max: SOON };
    for policy in [PanicPolicy::Quarantine, no_restart] {
        let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
        let fragile = Fragile::with(|it| it.at = Some(0));
        let failed = Arc::clone(&fragile.failed);
        let mut slot = bus.slot("fragile").policy(policy).attach_here(fragile).unwrap();
        publisher.publish(0, &trade(0)).unwrap();
        assert!(!slot.turn() && slot.is_done());
        assert_eq!(failed.load(Ordering::Acquire), 1);
    }
}

#[test]
fn a_handler_that_stops_and_panics_at_the_end_of_its_batch_has_stopped() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let fragile = Fragile::with(|it| it.at_end = true);
    let mut slot = bus.slot("fragile").policy(PanicPolicy::Skip).attach_here(fragile).unwrap();
    publisher.publish(0, &trade(7)).unwrap();
    publisher.publish(0, &trade(8)).unwrap();
    slot.turn();
    assert!(slot.is_done());
    let stats = slot.handle().stats();
    assert_eq!((stats.delivered, stats.panics, stats.state), (1, 1, SlotState::Stopped));
}

#[test]
fn issue_4550_a_handler_that_fails_again_and_again_keeps_its_scratch_flat() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let fragile = Fragile::with(|it| {
        it.at = Some(0);
        it.scratch = 4096
    });
    let grown = Arc::clone(&fragile.grown);
    let mut slot = bus.slot("fragile").policy(PanicPolicy::Skip).attach_here(fragile).unwrap();
    for _ in 0..1_000 {
        publisher.publish(0, &trade(0)).unwrap();
        slot.turn();
    }
    assert_eq!(slot.handle().stats().dead, 1_000);
    let grown = grown.load(Ordering::Relaxed);
    assert!((4_096..4 * 4_096).contains(&grown), "{grown} bytes for 4,096 at a time");
}

#[test]
fn a_slot_on_its_owners_thread_says_that_nobody_can_wait_for_it_there() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let mut slot = bus.slot("here").tags(tags![Quote]).attach_here(Count::default()).unwrap();
    assert_eq!(slot.handle().retag(tags![Trade], SOON).unwrap_err().code(), "TR-0622");
    publisher.publish(0, &trade(1)).unwrap();
    assert!(slot.turn());
    assert_eq!(slot.handle().stats().delivered, 1, "the tags are taken up with the next turn");
}
