//! The test kit, as a user's test would use it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tagring::bus::{Bus, Context, Envelope, Handler, Outcome, PanicPolicy, SlotState, SlotThread};
use tagring::clock::Ticks;
use tagring::event::{Event, Payload};
use tagring::tags;
use tagring::testkit::{Drive, Fault, Faulty, Record, Recorder};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64 }
}
use market::{Events, Quote, Trade};

const SOON: Duration = Duration::from_secs(20);

fn trade(qty: u64) -> Trade {
    Trade { price: 100, qty }
}

fn quantities(records: &tagring::testkit::Records) -> Vec<u64> {
    records.of::<Trade>().iter().map(|trade| trade.qty).collect()
}

#[test]
fn issue_4596_a_recorder_writes_down_what_its_slot_saw() {
    let (recorder, records) = Recorder::new(3);
    let mut drive = Drive::<Events, _>::new(recorder);
    assert_eq!((records.starts(), records.seen()), (1, 0));
    drive.publish(7, &trade(5));
    drive.advance_ns(10);
    drive.publish_with_bytes(8, &Quote { bid: -1 }, b"abc");
    assert!(drive.turn() && drive.turn() && !drive.turn());
    let events = records.events();
    let facts =
        |event: &Record| (event.tag, event.key, event.sequence, event.published, event.end_of_batch, event.bytes.len());
    assert_eq!(facts(&events[0]), (Trade::TAG, 7, 0, Ticks(1_000_000_000), true, 0));
    assert_eq!(facts(&events[1]), (Quote::TAG, 8, 1, Ticks(1_000_000_010), true, 3));
    assert_eq!((events[0].get::<Trade>(), events[0].get::<Quote>()), (Some(trade(5)), None));
    assert_eq!((&events[1].payload[..8], &*events[1].bytes), (&(-1_i64).to_ne_bytes()[..], &b"abc"[..]));
    drive.publish_batch(0, &[10, 11, 12, 13, 14].map(trade));
    drop(drive.finish());
    assert_eq!(quantities(&records), [5, 10], "three events are kept");
    assert_eq!((records.seen(), records.batch_ends(), records.stops(), records.restarts()), (7, 3, 1, 0));
}

#[test]
fn issue_4596_a_driven_slot_does_the_same_each_time() {
    let script = || {
        let (recorder, records) = Recorder::new(1000);
        let mut drive = Drive::<Events, _>::with(recorder, |slot| slot.tags(tags![Trade]).turn_limit(4));
        for i in 0..30 {
            drive.publish(Envelope::key(i as u32).intended(Ticks(drive.now().0 - 5)), &trade(i));
            drive.publish(0, &Quote { bid: 0 });
            drive.advance_ns(i * 3);
            if i % 7 == 0 {
                assert!(drive.turn());
            }
        }
        let turns = drive.run();
        let latencies = drive.latencies();
        let stats = drive.stats();
        drop(drive.finish());
        (records.events(), turns, latencies.hop, latencies.age, latencies.service, stats)
    };
    let (one, two) = (script(), script());
    assert_eq!(one, two);
    assert_eq!((one.0.len(), one.5.delivered, one.5.filtered), (30, 30, 30));
    assert_eq!(one.3.min(), one.2.min() + 5, "age counts from the intended time");
    assert_eq!(one.4.max(), 0, "no time passes in a handler that does not move the clock");
}

#[test]
fn issue_4596_a_handler_that_moves_the_clock_takes_that_long() {
    struct Slow(tagring::clock::ManualHand);
    impl Handler for Slow {
        fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
            self.0.advance_ns(event.get::<Trade>().map_or(0, |trade| trade.qty));
            Outcome::Done
        }
    }
    let (clock, hand) = tagring::clock::Clock::manual(0);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).clock(clock).single().unwrap();
    let mut slot = bus.slot("slow").attach_here(Slow(hand)).unwrap();
    let mut batch = publisher.batch(3).unwrap();
    [3, 1, 900].iter().for_each(|&qty| batch.push(0, &trade(qty)));
    batch.publish();
    assert!(slot.turn());
    let latencies = slot.handle().latencies();
    assert_eq!((latencies.service.min(), latencies.service.max(), latencies.service.sum()), (1, 900, 904));
    assert_eq!((latencies.hop.min(), latencies.hop.max()), (0, 4));
}

#[test]
fn issue_4596_faults_come_as_scripted() {
    let run = |fault, policy| {
        let (recorder, records) = Recorder::new(100);
        let faulty = Faulty::new(recorder).at(2, fault).at(4, fault);
        let mut drive = Drive::<Events, _>::with(faulty, |slot| slot.policy(policy)).expecting_panics();
        for qty in 0..6 {
            drive.publish(0, &trade(qty));
        }
        let since = std::time::Instant::now();
        let handled = |drive: &Drive<_, _>| drive.stats().delivered + drive.stats().dead;
        while !drive.slot().is_done() && handled(&drive) < 6 {
            assert!(since.elapsed() < SOON, "{:?}", drive.stats());
            drive.turn();
            drive.advance_ns(1_000);
        }
        drive.turn();
        let stats = drive.stats();
        (quantities(&records), stats.dead, stats.panics, records.restarts(), stats.state)
    };
    let pause = Duration::from_micros(10);
    let restart = PanicPolicy::Restart { max: 9, window: SOON, pause, pause_max: pause };
    let rest = vec![0, 1, 3, 5];
    assert_eq!(run(Fault::Dead, PanicPolicy::Quarantine), (rest.clone(), 2, 0, 0, SlotState::Running));
    assert_eq!(run(Fault::Panic, PanicPolicy::Skip), (rest.clone(), 2, 2, 0, SlotState::Running));
    assert_eq!(run(Fault::Panic, restart), (rest, 2, 2, 2, SlotState::Running));
    assert_eq!(run(Fault::Panic, PanicPolicy::Quarantine), (vec![0, 1], 1, 1, 0, SlotState::Quarantined));
    assert_eq!(run(Fault::Stop, PanicPolicy::Quarantine), (vec![0, 1], 0, 0, 0, SlotState::Stopped));
}

#[test]
fn issue_4596_a_test_cannot_miss_a_panic_of_its_handler() {
    let (recorder, _) = Recorder::new(1);
    let mut drive = Drive::<Events, _>::new(Faulty::new(recorder).at(0, Fault::Panic));
    drive.publish(0, &trade(1));
    let panic = catch_unwind(AssertUnwindSafe(|| drive.turn())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("the handler panicked: as scripted, at event 0"), "{text}");
}

#[test]
fn issue_4596_records_are_read_while_the_slot_runs_on_its_thread() {
    let (recorder, records) = Recorder::new(10);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("recorder").attach(&thread, recorder).unwrap();
    assert!(!records.wait_for(1, Duration::ZERO));
    for qty in 0..50 {
        publisher.publish(0, &trade(qty)).unwrap();
    }
    assert!(records.wait_for(50, SOON));
    assert_eq!(quantities(&records), (0..10).collect::<Vec<_>>());
    slot.detach(SOON).unwrap();
    assert_eq!((records.seen(), records.stops()), (50, 1));
    assert!(thread.shutdown(SOON).ended);
}
