//! Dead letters through the public API: what is kept, for how long, who gets it back, and that nothing is lost or counted twice.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{
    Bus, Context, DeadReason, Handler, LocalSlot, Measure, Outcome, PanicPolicy, SlotState, SlotThread,
};
use tagring::clock::Clock;
use tagring::event::Event;
use tagring::retain::{DeadLetters, RedeliverError, Redelivery};
use tagring::tags;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
}
use market::{Events, Quote, Trade};

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

/// Refuses every event up to an attempt, and notes what it had.
struct Refuse {
    below: u32,
    /// Quantity, sequence, attempt.
    seen: Vec<(u64, u64, u32)>,
    first: Option<u64>,
    last: u64,
}

impl Refuse {
    fn below(attempt: u32) -> Self {
        Self { below: attempt, seen: Vec::with_capacity(1_000), first: None, last: 0 }
    }

    fn always() -> Self {
        Self::below(u32::MAX)
    }
}

impl Handler for Refuse {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        if self.seen.len() < self.seen.capacity() {
            self.seen.push((event.get::<Trade>().map_or(0, |trade| trade.qty), ctx.sequence(), ctx.attempt()));
        }
        self.first.get_or_insert(ALLOCATIONS.get());
        self.last = ALLOCATIONS.get();
        if ctx.attempt() < self.below { Outcome::Dead } else { Outcome::Done }
    }
}

fn run<H: Handler>(slot: &mut LocalSlot<H>) {
    while slot.turn() {}
}

/// Every event that died is held or counted as something else; every sequence of the ring is counted once.
fn check<H: Handler>(letters: &DeadLetters<Events>, slot: &LocalSlot<H>) {
    let stats = letters.stats();
    let gone = stats.overflowed + stats.given_up + stats.drained + stats.purged + stats.returned;
    assert_eq!(stats.refused + stats.panicked, stats.held + gone, "{stats:?}");
    let slot = slot.handle().stats();
    assert_eq!(slot.joined + slot.delivered + slot.filtered + slot.dead + slot.holes, slot.position, "{slot:?}");
    assert_eq!(stats.refused + stats.panicked, slot.dead + slot.redelivered_dead);
    assert_eq!(stats.returned, slot.redelivered + slot.redelivered_dead);
}

#[test]
fn issue_4538_a_handler_that_fails_for_ever_costs_no_memory_and_every_event_is_counted() {
    const EVENTS: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    const KEPT: usize = 1_000;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(1 << 12).single().unwrap();
    let letters = DeadLetters::new(&bus, KEPT).unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("refuses").measure(Measure::Off).dead_letters(&letters);
    let slot = slot.attach(&thread, Refuse::always()).unwrap();
    for qty in 0..EVENTS {
        publisher.publish(0, &trade(qty)).unwrap();
    }
    drop(publisher);
    let handler = slot.join(SOON).unwrap();
    assert_eq!(handler.last - handler.first.unwrap(), 0, "allocations of the slot's thread");
    let (stats, kept) = (slot.stats(), KEPT as u64);
    assert_eq!((stats.dead, stats.delivered, stats.position), (EVENTS, 0, EVENTS));
    let books = letters.stats();
    assert_eq!((books.held, books.refused, books.overflowed), (kept, EVENTS, EVENTS - kept));
    let drained = letters.drain(usize::MAX);
    let expected = (0..kept).map(|sequence| (sequence, 1, DeadReason::Refused));
    assert!(drained.iter().map(|letter| (letter.sequence, letter.attempt, letter.reason)).eq(expected));
    assert!(drained.iter().all(|letter| letter.event().get::<Trade>() == Some(&trade(letter.sequence))));
    assert_eq!((letters.len(), letters.stats().drained), (0, kept));
}

#[test]
fn issue_4538_a_letter_says_what_died_where_why_and_how_long_ago() {
    struct Odd;
    impl Handler for Odd {
        fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
            match event.get::<Trade>().map(|trade| trade.qty) {
                Some(1) => panic!("one"),
                Some(2) => Outcome::Dead,
                _ => Outcome::Done,
            }
        }
    }
    let (clock, hand) = Clock::manual(1_000);
    let built = Bus::<Events>::builder("md").capacity(16).byte_limit(100).clock(clock.clone()).single();
    let (bus, mut publisher) = built.unwrap();
    let letters = DeadLetters::new(&bus, 10).unwrap();
    let slot = bus.slot("odd").policy(PanicPolicy::Skip).dead_letters(&letters);
    let mut slot = slot.attach_here(Odd).unwrap();
    for qty in 0..4 {
        publisher.try_publish_with_bytes(7, &trade(qty), &[9; 3][..qty as usize % 3]).unwrap();
        run(&mut slot);
        hand.advance_ns(100);
    }
    let found = letters.peek(10);
    let told: Vec<_> = found.iter().map(|letter| (letter.sequence, letter.reason, letter.bytes_len)).collect();
    assert_eq!(told, [(1, DeadReason::Panicked, 1), (2, DeadReason::Refused, 2)]);
    assert_eq!(found[0].age(&clock), Duration::from_nanos(300));
    assert!(found.iter().all(|letter| letter.slot == "odd".into() && letter.event().key() == 7));
    assert_eq!(slot.handle().stats().dead, 2);
    let handed = letters.redeliver(slot.handle(), 10, Duration::ZERO, |_| true).unwrap();
    assert_eq!(handed, Redelivery { with_bytes: 2, ..Redelivery::default() }, "their bytes are gone");
    assert_eq!(letters.len(), 2);
    check(&letters, &slot);
}

#[test]
fn issue_4538_letters_are_purged_by_their_age_on_the_bus_s_clock() {
    let (clock, hand) = Clock::manual(0);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).clock(clock).single().unwrap();
    let letters = DeadLetters::new(&bus, 10).unwrap();
    let mut slot = bus.slot("s").dead_letters(&letters).attach_here(Refuse::always()).unwrap();
    for qty in 0..5 {
        publisher.try_publish(0, &trade(qty)).unwrap();
        run(&mut slot);
        hand.advance_ns(1_000);
    }
    // They are 5, 4, 3, 2 and 1 microseconds old.
    assert_eq!(letters.purge_older_than(Duration::from_micros(3)), 2);
    assert_eq!(letters.peek(10).iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(letters.purge_older_than(Duration::MAX), 0);
    hand.advance_ns(1);
    assert_eq!((letters.purge_older_than(Duration::ZERO), letters.len(), letters.stats().purged), (3, 0, 5));
    check(&letters, &slot);
}

#[test]
fn issue_4538_letters_go_back_to_the_one_slot_they_came_from_and_may_fail_again() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let letters = DeadLetters::new(&bus, 10).unwrap().attempts_max(3);
    let attach = |name, handler| bus.slot(name).tags(tags![Trade]).dead_letters(&letters).attach_here(handler);
    let mut once = attach("once", Refuse::below(2)).unwrap();
    let mut never = attach("never", Refuse::always()).unwrap();
    let mut bystander = bus.slot("bystander").attach_here(Refuse::below(0)).unwrap();
    publisher.try_publish(0, &trade(5)).unwrap();
    publisher.try_publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
    publisher.try_publish(0, &trade(6)).unwrap();
    run(&mut once);
    run(&mut never);
    run(&mut bystander);
    assert_eq!(letters.len(), 4);
    // Its tag set has changed meanwhile: a letter comes back all the same.
    let _ = once.handle().retag(tags![Quote], Duration::ZERO);
    let back = letters.redeliver(once.handle(), 10, Duration::ZERO, |letter| letter.sequence == 2).unwrap();
    assert_eq!((back.handed, letters.len()), (1, 4), "on its way");
    run(&mut never);
    run(&mut bystander);
    run(&mut once);
    assert_eq!((letters.len(), once.handle().stats().redelivered), (3, 1));
    letters.redeliver(once.handle(), 10, Duration::ZERO, |_| true).unwrap();
    run(&mut once);
    assert_eq!(once.handle().progress().at, 2, "where it is in the ring");
    for left in [2, 0] {
        letters.redeliver(never.handle(), 10, Duration::ZERO, |_| true).unwrap();
        run(&mut never);
        assert_eq!(letters.len(), left, "the second time they fail for good");
    }
    let stats = never.handle().stats();
    assert_eq!((stats.dead, stats.redelivered, stats.redelivered_dead, letters.stats().given_up), (2, 0, 4, 2));
    let refused = letters.redeliver(bystander.handle(), 10, Duration::ZERO, |_| true).unwrap_err();
    assert_eq!(refused, RedeliverError::NotConnected { slot: "bystander".into() });
    assert!(refused.to_string().contains("[TR-0651]"), "{refused}");
    let seen = [once, never, bystander].map(|slot| slot.detach().unwrap().seen);
    assert_eq!(seen[0], [(5, 0, 1), (6, 2, 1), (6, 2, 2), (5, 0, 2)]);
    assert_eq!(seen[1], [(5, 0, 1), (6, 2, 1), (5, 0, 2), (6, 2, 2), (5, 0, 3), (6, 2, 3)]);
    assert_eq!(seen[2].len(), 3, "nothing of it");
}

#[test]
fn issue_4538_what_a_slot_had_not_taken_when_it_ended_goes_to_the_next_of_its_name() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(256).single().unwrap();
    let letters = DeadLetters::new(&bus, 100).unwrap();
    let attach = || bus.slot("s").dead_letters(&letters).attach_here(Refuse::below(2)).unwrap();
    let mut first = attach();
    (0..100).for_each(|qty| assert_eq!(publisher.try_publish(0, &trade(qty)), Ok(qty)));
    run(&mut first);
    // On its own thread nobody waits: what does not fit on the way stays.
    let back = letters.redeliver(first.handle(), 100, SOON, |_| true).unwrap();
    assert_eq!((back, letters.len()), (Redelivery { handed: 64, with_bytes: 0, left: 36 }, 100));
    let view = first.handle().view().clone();
    first.detach().unwrap();
    assert!(view.is_done());
    assert_eq!(
        letters.peek(100).iter().map(|letter| letter.sequence).collect::<Vec<_>>(),
        (0..100).collect::<Vec<_>>()
    );
    let gone = letters.redeliver(&view, 100, SOON, |_| true).unwrap_err();
    assert_eq!((gone, gone.code()), (RedeliverError::Ended { slot: "s".into() }, "TR-0652"));
    let mut second = attach();
    for _ in 0..2 {
        letters.redeliver(second.handle(), 100, SOON, |_| true).unwrap();
        run(&mut second);
    }
    assert_eq!((letters.len(), second.handle().stats().redelivered), (0, 100));
}

#[test]
fn issue_4538_a_letter_that_panics_again_meets_the_policy_like_any_event() {
    struct Touchy;
    impl Handler for Touchy {
        fn on_event(&mut self, _: &Event, ctx: &mut Context) -> Outcome {
            assert!(ctx.attempt() != 2, "twice");
            Outcome::Dead
        }
    }
    for (policy, done, held) in [(PanicPolicy::Skip, false, 2), (PanicPolicy::Quarantine, true, 2)] {
        let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
        let letters = DeadLetters::new(&bus, 10).unwrap();
        let mut slot = bus.slot("s").policy(policy).dead_letters(&letters).attach_here(Touchy).unwrap();
        (0..2).for_each(|qty| assert_eq!(publisher.try_publish(0, &trade(qty)), Ok(qty)));
        run(&mut slot);
        letters.redeliver(slot.handle(), 1, Duration::ZERO, |_| true).unwrap();
        run(&mut slot);
        let found = letters.peek(10);
        assert_eq!((slot.is_done(), found.len(), slot.handle().stats().panics), (done, held, 1));
        assert_eq!((found[1].sequence, found[1].attempt, found[1].reason), (0, 2, DeadReason::Panicked));
        check(&letters, &slot);
    }
}

#[test]
fn issue_4538_slots_bury_and_others_drain_peek_and_hand_back_at_once_and_nothing_is_lost() {
    const EVENTS: u64 = if cfg!(debug_assertions) { 20_000 } else { 500_000 };
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(256).single().unwrap();
    let letters = DeadLetters::new(&bus, 100).unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slots = ["a", "b"].map(|name| {
        let slot = bus.slot(name).measure(Measure::Off).dead_letters(&letters);
        slot.attach(&thread, Refuse::below(2)).unwrap()
    });
    let over = Arc::new(AtomicU64::new(0));
    let helpers = [0, 1].map(|helper| {
        let (letters, over, views) =
            (letters.clone(), Arc::clone(&over), slots.each_ref().map(|slot| slot.view().clone()));
        std::thread::spawn(move || {
            let mut drained = 0;
            while over.load(Ordering::Acquire) == 0 {
                drained += letters.drain(3).len() as u64;
                let _ = letters.redeliver(&views[helper], 10, Duration::ZERO, |letter| letter.sequence % 2 == 0);
                assert!(letters.peek(7).len() <= 7 && letters.len() <= letters.capacity());
                std::thread::yield_now();
            }
            drained
        })
    });
    (0..EVENTS).for_each(|qty| assert_eq!(publisher.publish(0, &trade(qty)), Ok(qty)));
    eventually("both slots are through", || slots.iter().all(|slot| slot.stats().position == EVENTS));
    over.store(1, Ordering::Release);
    let drained: u64 = helpers.into_iter().map(|helper| helper.join().unwrap()).sum();
    drop(publisher);
    slots.iter().for_each(|slot| drop(slot.join(SOON).unwrap()));
    let (stats, rest) = (letters.stats(), letters.drain(usize::MAX).len() as u64);
    assert_eq!(stats.refused, 2 * EVENTS);
    assert_eq!(stats.drained, drained);
    assert_eq!(stats.held, rest);
    assert_eq!(stats.refused, rest + drained + stats.overflowed + stats.returned, "{stats:?}");
    let returned: u64 = slots.iter().map(|slot| slot.stats().redelivered).sum();
    assert_eq!(stats.returned, returned);
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4538_a_store_for_no_letters_counts_them() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let letters = DeadLetters::new(&bus, 0).unwrap();
    let mut slot = bus.slot("s").dead_letters(&letters).attach_here(Refuse::always()).unwrap();
    publisher.try_publish(0, &trade(1)).unwrap();
    run(&mut slot);
    assert_eq!((letters.len(), letters.overflowed()), (0, 1));
    assert!(DeadLetters::new(&bus, usize::MAX).is_err());
    check(&letters, &slot);
}

#[test]
fn issue_4538_letters_wait_for_a_pause_and_take_turns_with_the_ring() {
    /// Panics at each second attempt of quantity 0; notes the order.
    struct Notes(Vec<(u64, u32)>);
    impl Handler for Notes {
        fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
            let qty = event.get::<Trade>().map_or(0, |trade| trade.qty);
            self.0.push((qty, ctx.attempt()));
            assert!(qty != 0 || ctx.attempt() != 2, "nothing twice");
            if qty < 100 && ctx.attempt() == 1 { Outcome::Dead } else { Outcome::Done }
        }
    }
    let (clock, hand) = Clock::manual(1_000);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(1_024).clock(clock).single().unwrap();
    let letters = DeadLetters::new(&bus, 1_000).unwrap();
    let second = Duration::from_secs(1);
    let policy = PanicPolicy::Restart { max: 3, window: second, pause: second, pause_max: second };
    let slot = bus.slot("s").policy(policy).seed(1).dead_letters(&letters);
    let mut slot = slot.attach_here(Notes(Vec::new())).unwrap();
    (0..3).for_each(|qty| assert!(publisher.try_publish(0, &trade(qty)).is_ok()));
    run(&mut slot);
    letters.redeliver(slot.handle(), 10, Duration::ZERO, |_| true).unwrap();
    publisher.try_publish(0, &trade(100)).unwrap();
    assert!(slot.turn(), "the first letter panics");
    run(&mut slot);
    let stats = slot.handle().stats();
    assert_eq!((stats.state, stats.redelivered, stats.redelivered_dead), (SlotState::Restarting, 0, 1));
    assert_eq!(stats.position, 3, "the ring waits as well");
    hand.advance_ns(second.as_nanos() as u64);
    assert!(slot.turn(), "the ring's turn");
    assert_eq!((slot.handle().stats().position, slot.handle().stats().redelivered), (4, 0));
    publisher.try_publish(0, &trade(101)).unwrap();
    assert!(slot.turn(), "the letters'");
    assert_eq!((slot.handle().stats().position, slot.handle().stats().redelivered), (4, 2));
    run(&mut slot);
    check(&letters, &slot);
    let seen = slot.detach().unwrap().0;
    assert_eq!(seen, [(0, 1), (1, 1), (2, 1), (0, 2), (100, 1), (1, 2), (2, 2), (101, 1)]);
}

#[test]
fn issue_4538_letters_that_come_without_end_do_not_keep_the_ring_waiting() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(1_024).single().unwrap();
    let letters = DeadLetters::new(&bus, 1_000).unwrap();
    let mut slot = bus.slot("s").dead_letters(&letters).attach_here(Refuse::below(2)).unwrap();
    (0..200).for_each(|qty| assert_eq!(publisher.try_publish(0, &trade(qty)), Ok(qty)));
    run(&mut slot);
    let mut turn = |redelivered, position| {
        assert_eq!(letters.redeliver(slot.handle(), 32, Duration::ZERO, |_| true).unwrap().handed, 32);
        assert!(slot.turn());
        let stats = slot.handle().stats();
        assert_eq!((stats.redelivered, stats.position), (redelivered, position));
    };
    publisher.try_publish(0, &trade(200)).unwrap();
    turn(32, 200);
    turn(32, 201);
    publisher.try_publish(0, &trade(201)).unwrap();
    turn(96, 201);
    turn(96, 202);
}
