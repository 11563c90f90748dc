//! Where the time of slow events went, through the public API: each cause is brought about on a clock that only the test moves, and is the one
//! that is named, to the nanosecond.

use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, LocalSlot, Measure, Outcome, PanicPolicy, Publisher, Tail, TailCause};
use tagring::bus::{Envelope, Parts};
use tagring::clock::{Clock, ManualHand};
use tagring::event::{Event, Payload};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    /// Takes as long as it says, here or at the end of its batch.
    pub struct Work = 1, v1 { pub here_us: u64, pub at_end_us: u64 }
    /// Makes its handler panic.
    pub struct Bad = 2, v1 { pub why: u64 }
}
use market::{Bad, Events, Work};

const US: u64 = 1_000;

/// Moves the clock as its events say.
struct Worker {
    hand: ManualHand,
    at_end_us: u64,
}

impl Handler for Worker {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let work = event.get::<Work>().unwrap_or_else(|| panic!("bad"));
        self.hand.advance_ns(work.here_us * US);
        self.at_end_us += work.at_end_us;
        Outcome::Done
    }

    fn on_batch_end(&mut self, _: &mut Context) {
        self.hand.advance_ns(std::mem::take(&mut self.at_end_us) * US);
    }
}

struct Bench {
    feed: Publisher<Events>,
    slot: LocalSlot<Worker>,
    clock: Clock,
    hand: ManualHand,
}

fn bench(tail: Tail) -> Bench {
    let (clock, hand) = Clock::manual(1_000_000);
    let (bus, feed) = Bus::<Events>::builder("md").capacity(4096).clock(clock.clone()).single().unwrap();
    let worker = Worker { hand: hand.clone(), at_end_us: 0 };
    let policy = PanicPolicy::Restart {
        max: 9,
        window: Duration::from_secs(1),
        pause: Duration::from_millis(1),
        pause_max: Duration::from_millis(1),
    };
    let slot = bus.slot("worker").tail(tail).policy(policy).attach_here(worker).unwrap();
    Bench { feed, slot, clock, hand }
}

impl Bench {
    fn publish(&mut self, here_us: u64, at_end_us: u64) {
        self.feed.publish(0, &Work { here_us, at_end_us }).unwrap();
    }

    /// Eight polls that find nothing: the slot looks at the clock.
    fn idle(&mut self) {
        (0..8).for_each(|_| assert!(!self.slot.turn()));
    }

    /// Turns until there is nothing left.
    fn drain(&mut self) {
        while self.slot.turn() {}
    }

    /// What the latest outlier's time went into, in microseconds.
    fn latest(&self) -> Vec<(TailCause, u64)> {
        let tail = self.slot.handle().tail();
        let parts = tail.latest.last().map_or(Parts::default(), |outlier| outlier.parts);
        TailCause::ALL.into_iter().filter_map(|c| (parts[c] > 0).then_some((c, parts[c] / US))).collect()
    }
}

#[test]
fn a_slow_handler_and_those_behind_it_are_told_apart() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    bench.idle();
    bench.publish(100, 0);
    bench.publish(1, 0);
    bench.drain();
    let tail = bench.slot.handle().tail();
    let told: Vec<_> = tail.latest.iter().map(|one| (one.sequence, one.cause(), one.total_ns() / US)).collect();
    assert_eq!(told, [(0, TailCause::Handler, 100), (1, TailCause::Queue, 101)]);
    assert_eq!((tail.latest[0].tag, tail.latest[0].events), (Work::TAG, 1));
    assert_eq!(bench.latest(), [(TailCause::Queue, 100), (TailCause::Handler, 1)]);
}

#[test]
fn a_late_publisher_is_named() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    let intended = bench.clock.now();
    bench.hand.advance_ns(64 * US);
    bench.idle();
    bench.feed.publish(Envelope::from(0).intended(intended), &Work { here_us: 1, at_end_us: 0 }).unwrap();
    assert!(bench.slot.turn());
    assert_eq!(bench.latest(), [(TailCause::Publisher, 64), (TailCause::Handler, 1)]);
}

#[test]
fn the_end_of_a_batch_is_the_slots_own() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    bench.idle();
    // A lone event is a batch; the next one waits for its end.
    bench.publish(1, 80);
    bench.publish(1, 0);
    bench.drain();
    assert_eq!(bench.latest(), [(TailCause::Queue, 1), (TailCause::Callback, 80), (TailCause::Handler, 1)]);
}

#[test]
fn a_thread_that_did_other_things_is_named_and_so_is_its_backlog() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    bench.idle();
    bench.publish(2, 0);
    bench.hand.advance_ns(90 * US);
    bench.publish(1, 0);
    bench.hand.advance_ns(60 * US);
    bench.drain();
    let tail = bench.slot.handle().tail();
    let parts =
        |i: usize| (tail.latest[i].parts[TailCause::Neighbour] / US, tail.latest[i].parts[TailCause::Queue] / US);
    assert_eq!((parts(0), parts(1)), ((150, 0), (60, 2)));
}

#[test]
fn a_pause_after_a_panic_is_named() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    bench.idle();
    bench.feed.publish(0, &Bad { why: 0 }).unwrap();
    bench.publish(1, 0);
    assert!(bench.slot.turn());
    bench.hand.advance_ns(2_000 * US);
    while !bench.slot.turn() {}
    assert_eq!(bench.latest(), [(TailCause::Pause, 2_000), (TailCause::Handler, 1)]);
}

#[test]
fn who_runs_after_a_slow_slot_waits_for_it() {
    let (clock, hand) = Clock::manual(1_000_000);
    let (bus, mut feed) = Bus::<Events>::builder("md").capacity(64).clock(clock).single().unwrap();
    let worker = || Worker { hand: hand.clone(), at_end_us: 0 };
    let over = Tail::over(Duration::from_micros(50));
    let mut first = bus.slot("first").tail(over).attach_here(worker()).unwrap();
    let mut second = bus.slot("second").after(first.handle().id()).tail(over).attach_here(worker()).unwrap();
    feed.publish(0, &Work { here_us: 0, at_end_us: 0 }).unwrap();
    // The second one finds nothing all the while.
    for _ in 0..4_000 {
        hand.advance_ns(US / 10);
        assert!(!second.turn());
    }
    assert!(first.turn() && second.turn());
    let parts = second.handle().tail().latest[0].parts;
    assert_eq!(parts.largest(), (TailCause::Upstream, 400 * US));
}

#[test]
fn a_group_inside_a_long_batch_is_one_outlier() {
    let mut bench = bench(Tail::over(Duration::from_micros(50)));
    bench.idle();
    // The first of a group is timed alone; the slow one is in its rest.
    let mut batch = bench.feed.batch(65).unwrap();
    (0..65).for_each(|i| batch.push(0, &Work { here_us: if i == 20 { 70 } else { 0 }, at_end_us: 0 }));
    batch.publish();
    bench.drain();
    let tail = bench.slot.handle().tail();
    let told: Vec<_> = tail.latest.iter().map(|one| (one.sequence, one.events, one.cause())).collect();
    assert_eq!(told, [(63, 63, TailCause::Handler), (64, 1, TailCause::Queue)]);
}

#[test]
fn the_threshold_follows_the_p99_and_what_is_off_records_nothing() {
    let mut following = bench(Tail::times_p99(2.0));
    let run = |bench: &mut Bench, here_us| {
        bench.publish(here_us, 0);
        while bench.slot.turn() {}
    };
    (0..2_000).for_each(|_| run(&mut following, 10));
    run(&mut following, 1_000);
    assert_eq!((following.slot.handle().outliers(), following.slot.handle().tail().threshold), (0, None));
    following.slot.handle().refresh_tail();
    let threshold = following.slot.handle().tail().threshold.unwrap();
    assert_eq!(threshold.as_micros(), 20, "twice age (nothing) and service (10)");
    run(&mut following, 19);
    run(&mut following, 21);
    assert_eq!(following.slot.handle().outliers(), 1);

    let mut off = bench(Tail::off());
    run(&mut off, 1_000_000);
    off.slot.handle().refresh_tail();
    assert_eq!((off.slot.handle().outliers(), off.slot.handle().records_tail()), (0, false));
    let (bus, _feed) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let worker = Worker { hand: off.hand.clone(), at_end_us: 0 };
    let unmeasured = bus.slot("s").measure(Measure::Off).tail(Tail::over(Duration::ZERO)).attach_here(worker).unwrap();
    assert!(!unmeasured.handle().records_tail(), "without a clock there is nothing to record");
}

#[test]
fn a_threshold_of_nothing_records_every_event_and_odd_ones_are_harmless() {
    let mut every = bench(Tail::over(Duration::ZERO).keep(0));
    for _ in 0..10 {
        every.publish(1, 0);
        every.slot.turn();
    }
    let tail = every.slot.handle().tail();
    assert_eq!((tail.count, tail.latest.len()), (10, 1), "at least one is kept");
    assert_eq!(every.slot.handle().outliers_since(9)[0].number, 9);
    assert!(every.slot.handle().outliers_since(10).is_empty());
    assert_eq!(Tail::times_p99(f64::NAN), Tail::times_p99(1.0));
    assert_eq!(Tail::off().keep(usize::MAX), Tail::off().keep(1 << 20), "no more than memory holds");
    let mut never = bench(Tail::over(Duration::MAX));
    never.publish(1_000_000, 0);
    assert!(never.slot.turn());
    assert_eq!(never.slot.handle().outliers(), 0);
}
