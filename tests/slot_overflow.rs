//! Slots that are too slow: who waits, who loses what, and whether it is said exactly which.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tagring::bus::{
    Bus, Context, Fate, Gap, Handler, LocalSlot, Outcome, Publisher, SlotOverflow, SlotState, SlotThread, SlotView,
};
use tagring::event::{Event, Family, Tag, TagSet};
use tagring::tags;

tagring::events! {
    pub mod market;
    /// A price that replaces the one before.
    pub struct Quote = 1, v1 { pub price: u64, pub check: u64 }
    /// A print.
    pub struct Trade = 2, v1 { pub qty: u64 }
    /// An order to everybody.
    pub struct Halt = 3, v1 { pub reason: u64 }
}
use market::{Events, Halt, Quote, Trade};

const LIMIT: Duration = Duration::from_secs(20);

/// A gap: from, to, and how many of each tag.
type Missed = (u64, u64, Vec<(Tag, u64)>);

/// What a handler has seen.
#[derive(Default)]
struct Seen {
    events: Vec<(u64, Tag, u32, u64)>,
    merged: u64,
    gaps: Vec<Missed>,
}

impl Handler for Seen {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let value = match (event.get::<Quote>(), event.get::<Trade>(), event.get::<Halt>()) {
            (Some(quote), ..) => {
                assert_eq!(quote.check, !quote.price, "a torn event");
                quote.price
            }
            (_, Some(trade), _) => trade.qty,
            (_, _, Some(halt)) => halt.reason,
            _ => panic!("an event of no family"),
        };
        self.events.push((ctx.sequence(), event.tag(), event.key(), value));
        self.merged += ctx.merged();
        Outcome::Done
    }

    fn on_gap(&mut self, gap: &Gap<'_>, _: &mut Context) {
        self.gaps.push((gap.from, gap.to, gap.tags.to_vec()));
    }
}

fn quote(price: u64) -> Quote {
    Quote { price, check: !price }
}

fn bus(capacity: usize) -> (Bus<Events>, Publisher<Events>) {
    Bus::<Events>::builder("md").capacity(capacity).single().unwrap()
}

fn drain(slot: &mut LocalSlot<Seen>) {
    while slot.turn() {}
}

/// Everything that was published since the slot joined has met its fate, and the tags add up to it.
fn assert_adds_up(view: &SlotView, published: u64) {
    let (stats, tags) = view.fates();
    let sum = |fate: Fate| tags.iter().map(|(_, fates)| fates[fate as usize]).sum::<u64>();
    assert_eq!(sum(Fate::Delivered), stats.delivered);
    assert_eq!(sum(Fate::Dropped), stats.dropped);
    assert_eq!(sum(Fate::Conflated), stats.conflated);
    assert_eq!(sum(Fate::Filtered), stats.filtered);
    let all = tags.iter().flat_map(|(_, fates)| fates).sum::<u64>();
    assert_eq!(stats.joined + all + stats.holes, published, "{stats:?}");
    assert_eq!(stats.position, published);
}

#[test]
fn a_slot_that_drops_the_oldest_never_fills_the_ring_and_is_told_its_gap() {
    let (bus, mut feed) = bus(64);
    let mut slot = bus.slot("slow").overflow(SlotOverflow::DropOldest).attach_here(Seen::default()).unwrap();
    for i in 0..1_000 {
        feed.try_publish(i as u32 % 3, &quote(i)).unwrap();
        feed.try_publish(9, &Trade { qty: i }).unwrap();
    }
    drain(&mut slot);
    let view = slot.handle().view().clone();
    assert_adds_up(&view, 2_000);
    let seen = slot.detach().unwrap();
    let dropped = view.stats().dropped;
    assert!(dropped >= 2_000 - 64, "{dropped}");
    // One gap, from the first event on, before the first event; all behind it is there.
    let (from, to, tags) = &seen.gaps[0];
    assert_eq!((seen.gaps.len(), *from, *to), (1, 0, dropped));
    assert_eq!(
        tags.as_slice(),
        [(tags![Quote].iter().next().unwrap(), dropped / 2), (tags![Trade].iter().next().unwrap(), dropped / 2)]
    );
    assert_eq!(seen.events.iter().map(|event| event.0).collect::<Vec<_>>(), (dropped..2_000).collect::<Vec<_>>());
}

#[test]
fn a_slot_that_drops_the_newest_keeps_its_backlog() {
    let (bus, mut feed) = bus(64);
    let mut slot = bus
        .slot("slow")
        .overflow(SlotOverflow::DropNewest)
        .backlog(10)
        .turn_limit(1)
        .attach_here(Seen::default())
        .unwrap();
    for i in 0..50 {
        feed.try_publish(0, &quote(i)).unwrap();
    }
    assert!(slot.turn(), "takes in what there is, and handles one");
    for i in 50..100 {
        feed.try_publish(0, &quote(i)).unwrap();
    }
    drain(&mut slot);
    let view = slot.handle().view().clone();
    assert_adds_up(&view, 100);
    let seen = slot.detach().unwrap();
    let prices: Vec<u64> = seen.events.iter().map(|event| event.3).collect();
    assert_eq!(prices[..10], (0..10).collect::<Vec<_>>(), "what came first is kept");
    assert_eq!(view.stats().dropped, 100 - prices.len() as u64);
    assert!(prices.len() < 30, "{prices:?}");
}

#[test]
fn a_conflating_slot_sees_the_newest_of_each_key_in_the_order_of_change() {
    let (bus, mut feed) = bus(64);
    let mut slot = bus.slot("screen").overflow(SlotOverflow::Conflate).attach_here(Seen::default()).unwrap();
    for i in 0..5_000 {
        feed.try_publish((i % 7) as u32, &quote(i)).unwrap();
    }
    feed.try_publish(3, &Trade { qty: 1 }).unwrap();
    drain(&mut slot);
    let view = slot.handle().view().clone();
    assert_adds_up(&view, 5_001);
    let seen = slot.detach().unwrap();
    let newest: Vec<(u32, u64)> = seen.events.iter().map(|event| (event.2, event.3)).collect();
    // Each key's last price: 4993..5000 in some order of keys, which began to differ in the order 0, 1, 2, ..
    assert_eq!(newest, [(0, 4_998), (1, 4_999), (2, 4_993), (3, 4_994), (4, 4_995), (5, 4_996), (6, 4_997), (3, 1)]);
    assert_eq!((seen.merged, view.stats().conflated, view.stats().dropped), (5_001 - 8, 5_001 - 8, 0));
    assert!(seen.gaps.is_empty(), "nothing is lost");
}

#[test]
fn keys_beyond_the_bound_are_dropped_and_said_so() {
    let (bus, mut feed) = bus(64);
    let mut slot =
        bus.slot("screen").overflow(SlotOverflow::Conflate).conflate_keys(4).attach_here(Seen::default()).unwrap();
    (0..50).for_each(|key| assert!(feed.try_publish(key, &quote(key.into())).unwrap() < u64::MAX));
    drain(&mut slot);
    let view = slot.handle().view().clone();
    assert_adds_up(&view, 50);
    let seen = slot.detach().unwrap();
    assert!(view.stats().dropped > 0 && seen.gaps.iter().map(|gap| gap.2[0].1).sum::<u64>() == view.stats().dropped);
}

#[test]
fn policies_differ_by_tag() {
    let (bus, mut feed) = bus(64);
    let mut slot = bus
        .slot("mixed")
        .overflow(SlotOverflow::Gate)
        .overflow_of(tags![Quote], SlotOverflow::Conflate)
        .overflow_of(tags![Trade], SlotOverflow::DropNewest)
        .backlog(16)
        .turn_limit(1)
        .attach_here(Seen::default())
        .unwrap();
    for i in 0..500 {
        feed.try_publish((i % 2) as u32, &quote(i)).unwrap();
        feed.try_publish(0, &Trade { qty: i }).unwrap();
        slot.turn();
    }
    // What gates is not lost: once as many as are kept wait, they fill the ring.
    let halts = (0..).take_while(|&reason| feed.try_publish(0, &Halt { reason }).is_ok()).count() as u64;
    assert!((64..=64 + 16 + 16).contains(&halts), "{halts}");
    drain(&mut slot);
    let (view, published) = (slot.handle().view().clone(), feed.position());
    assert_adds_up(&view, published);
    let seen = slot.detach().unwrap();
    let reasons: Vec<u64> = seen.events.iter().filter(|event| event.1.get() == 3).map(|event| event.3).collect();
    assert_eq!(reasons, (0..halts).collect::<Vec<_>>());
    let (_, tags) = view.fates();
    let fate = |tag: usize, fate: Fate| tags[tag].1[fate as usize];
    assert!(fate(0, Fate::Conflated) > 0 && fate(0, Fate::Dropped) == 0);
    assert!(fate(1, Fate::Dropped) > 0 && fate(1, Fate::Conflated) == 0);
    assert_eq!(fate(2, Fate::Delivered), halts);
}

#[test]
fn what_a_slot_does_not_want_is_filtered_not_lost() {
    let (bus, mut feed) = bus(32);
    for overflow in [SlotOverflow::DropOldest, SlotOverflow::DropNewest, SlotOverflow::Conflate] {
        let mut slot = bus.slot("some").tags(tags![Trade]).overflow(overflow).attach_here(Seen::default()).unwrap();
        (0..300).for_each(|i| assert!(feed.try_publish(0, &quote(i)).unwrap() < u64::MAX));
        feed.try_publish(0, &Trade { qty: 4 }).unwrap();
        drain(&mut slot);
        let view = slot.handle().view().clone();
        assert_adds_up(&view, feed.position());
        assert_eq!((view.stats().filtered, view.stats().dropped, view.stats().delivered), (300, 0, 1), "{overflow}");
        drop(slot.detach());
    }
}

#[test]
fn a_panic_over_a_copy_is_one_dead_event() {
    struct Once(bool);
    impl Handler for Once {
        fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
            assert!(event.key() != 3 || core::mem::replace(&mut self.0, true), "once");
            Outcome::Done
        }
    }
    for overflow in [SlotOverflow::DropOldest, SlotOverflow::DropNewest, SlotOverflow::Conflate] {
        let (bus, mut feed) = bus(32);
        let slot = bus.slot("p").policy(tagring::bus::PanicPolicy::Skip).overflow(overflow);
        let mut slot = slot.attach_here(Once(false)).unwrap();
        (0..8).for_each(|key| assert!(feed.try_publish(key, &quote(1)).unwrap() < u64::MAX));
        while slot.turn() {}
        let view = slot.handle().view().clone();
        assert_adds_up(&view, 8);
        assert_eq!((view.stats().dead, view.stats().delivered), (1, 7), "{overflow}");
    }
}

#[test]
fn a_slot_that_is_cut_off_is_quarantined_and_the_others_go_on() {
    struct Stuck(Arc<AtomicBool>);
    impl Handler for Stuck {
        fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
            let since = Instant::now();
            while !self.0.load(Ordering::Acquire) && since.elapsed() < LIMIT {
                std::thread::yield_now();
            }
            Outcome::Done
        }
    }
    let (bus, mut feed) = bus(64);
    let thread = SlotThread::builder("stuck").start().unwrap();
    let go_on = Arc::new(AtomicBool::new(false));
    let stuck = bus.slot("stuck").overflow(SlotOverflow::CutOff).attach(&thread, Stuck(Arc::clone(&go_on))).unwrap();
    let mut other = bus.slot("other").attach_here(Seen::default()).unwrap();
    for i in 0..1_000 {
        while feed.try_publish(0, &quote(i)).is_err() {
            assert!(other.turn(), "only the other slot is waited for");
        }
    }
    go_on.store(true, Ordering::Release);
    let stuck = stuck.join(LIMIT);
    assert!(stuck.is_ok());
    drain(&mut other);
    assert_eq!(other.handle().stats().delivered, 1_000);
}

#[test]
fn the_state_of_a_slot_that_was_cut_off_is_quarantined() {
    let (bus, mut feed) = bus(16);
    let mut slot = bus.slot("late").overflow(SlotOverflow::CutOff).attach_here(Seen::default()).unwrap();
    (0..17).for_each(|i| assert!(feed.try_publish(0, &quote(i)).unwrap() < u64::MAX));
    while slot.turn() {}
    assert!(slot.is_done());
    assert_eq!((slot.handle().state(), slot.handle().stats().delivered), (SlotState::Quarantined, 0));
}

#[test]
fn nobody_runs_after_a_slot_that_may_lose_events() {
    let (bus, _feed) = bus(16);
    let lossy = bus.slot("lossy").overflow(SlotOverflow::DropOldest).attach_here(Seen::default()).unwrap();
    let error = bus.slot("next").after(lossy.handle().id()).attach_here(Seen::default()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "slot next: runs after slot lossy, which may lose events and is not waited for; give lossy the overflow `gate`, or run after the slots \
         that it runs after [TR-0625]"
    );
    drop(lossy);
    let gate = bus.slot("gate").attach_here(Seen::default()).unwrap();
    assert!(
        bus.slot("next").after(gate.handle().id()).attach_here(Seen::default()).is_ok(),
        "the place has another slot now"
    );
}

#[test]
fn tags_are_not_cut_off() {
    let (bus, _feed) = bus(16);
    let error =
        bus.slot("x").overflow_of(tags![Trade], SlotOverflow::CutOff).attach_here(Seen::default()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "slot x: the overflow `cut-off` is for a whole slot, not for some of its tags; set it for the slot, and for no tag another [TR-0626]"
    );
}

/// A handler that takes its time, and checks that what it gets is whole and in the order of its policy.
struct Slow {
    newest: Vec<u64>,
    seen: Arc<AtomicU64>,
    in_order: bool,
    gaps: Arc<Mutex<u64>>,
}

impl Handler for Slow {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let quote = event.get::<Quote>().unwrap();
        assert_eq!(quote.check, !quote.price, "a torn event");
        let newest = &mut self.newest[event.key() as usize];
        assert!(!self.in_order || quote.price > *newest, "{} after {newest}", quote.price);
        *newest = quote.price;
        self.seen.fetch_add(1, Ordering::Relaxed);
        if quote.price.is_multiple_of(64) {
            std::thread::sleep(Duration::from_micros(200));
        }
        Outcome::Done
    }

    fn on_gap(&mut self, gap: &Gap<'_>, _: &mut Context) {
        *self.gaps.lock().unwrap() += gap.events();
    }
}

/// A publisher that waits for nobody, beside slow slots of every policy on a thread of their own, and one that gates. Nothing is torn, nothing is
/// out of order, everything adds up, and the newest price of each key has arrived where the slot conflates.
fn issue_4553_stress(many: bool) {
    const EVENTS: u64 = 200_000;
    const KEYS: u64 = 50;
    let builder = Bus::<Events>::builder("md").capacity(1_024);
    let (bus, mut one, mut shared) = if many {
        let (bus, publisher) = builder.many().unwrap();
        (bus, None, Some(publisher))
    } else {
        let (bus, publisher) = builder.single().unwrap();
        (bus, Some(publisher), None)
    };
    let slow = SlotThread::builder("slow").start().unwrap();
    let quick = SlotThread::builder("quick").start().unwrap();
    let policies = [SlotOverflow::DropOldest, SlotOverflow::DropNewest, SlotOverflow::Conflate];
    let handles: Vec<_> = policies
        .iter()
        .map(|&overflow| {
            let gaps = Arc::new(Mutex::new(0));
            let handler =
                Slow { newest: vec![0; KEYS as usize], seen: Arc::default(), in_order: true, gaps: Arc::clone(&gaps) };
            (
                overflow,
                gaps,
                bus.slot(&overflow.to_string()).overflow(overflow).backlog(256).attach(&slow, handler).unwrap(),
            )
        })
        .collect();
    let gate = bus.slot("gate").accounts().attach(&quick, Seen::default()).unwrap();
    for i in 1..=EVENTS {
        let key = (i % KEYS) as u32;
        match (&mut one, &mut shared) {
            (Some(feed), _) => feed.publish_timeout(key, &quote(i), LIMIT).unwrap(),
            (_, Some(feed)) => feed.publish_timeout(key, &quote(i), LIMIT).unwrap(),
            _ => unreachable!(),
        };
        if i % 1_000 == 0 {
            for (_, _, handle) in &handles {
                let (stats, tags) = handle.fates();
                let all: u64 = tags.iter().flat_map(|(_, fates)| fates).sum();
                assert_eq!(stats.joined + all + stats.holes, stats.position);
                assert!(stats.position <= bus.published());
            }
        }
    }
    drop((one, shared));
    let gate_view = gate.view().clone();
    assert_eq!(gate.join(LIMIT).unwrap().events.len() as u64, EVENTS, "a slot that gates loses nothing");
    assert_adds_up(&gate_view, EVENTS);
    for (overflow, gaps, handle) in handles {
        let view = handle.view().clone();
        let handler = handle.join(LIMIT).unwrap();
        assert_adds_up(&view, EVENTS);
        let stats = view.stats();
        assert_eq!(*gaps.lock().unwrap(), stats.dropped, "{overflow}: what was dropped was told");
        assert_eq!(handler.seen.load(Ordering::Relaxed), stats.delivered);
        if overflow == SlotOverflow::Conflate {
            assert_eq!(stats.dropped, 0);
            let last = |key: u64| EVENTS - (EVENTS - key) % KEYS;
            (0..KEYS).for_each(|key| assert_eq!(handler.newest[key as usize], last(key), "the newest of key {key}"));
        } else {
            assert_eq!(stats.conflated, 0);
        }
    }
}

#[test]
fn issue_4553_a_slow_slot_holds_nobody_up_and_says_what_it_lost() {
    issue_4553_stress(false);
}

#[test]
fn issue_4553_nor_among_many_publishers() {
    issue_4553_stress(true);
}

#[test]
fn a_family_knows_its_tags() {
    assert_eq!(Events::ALL.len(), 3);
    assert!(TagSet::EMPTY.is_empty());
}

#[test]
fn issue_4565_the_last_counts_of_a_slot_are_shown_also_to_who_reads_all_the_time() {
    for _ in 0..50 {
        let (bus, mut feed) = bus(64);
        let thread = SlotThread::builder("s").start().unwrap();
        let slot = bus.slot("s").accounts().attach(&thread, Seen::default()).unwrap();
        let view = slot.view().clone();
        let over = Arc::new(AtomicBool::new(false));
        let reader = std::thread::spawn({
            let (view, over) = (view.clone(), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    let _ = view.fates();
                }
            }
        });
        for i in 0..200 {
            feed.publish_timeout(0, &quote(i), LIMIT).unwrap();
        }
        drop(feed);
        slot.join(LIMIT).unwrap();
        over.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        assert_adds_up(&view, 200);
    }
}

#[test]
fn a_slot_whose_tags_are_all_cut_off_is_cut_off() {
    let (bus, mut feed) = bus(16);
    let slot = bus.slot("late").overflow_of(Events::ALL, SlotOverflow::CutOff);
    let mut slot = slot.attach_here(Seen::default()).unwrap();
    (0..40).for_each(|i| assert!(feed.try_publish(0, &quote(i)).unwrap() < u64::MAX));
    while slot.turn() {}
    assert_eq!(slot.handle().state(), SlotState::Quarantined);
}
