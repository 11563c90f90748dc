//! Times: what comes too late, and what goes back.

use super::{TRADE, stage};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use tagring::bus::Envelope;
use tagring::clock::Ticks;
use tagring::gate::{Entry, NotAfter, TimeOrder};

#[test]
fn an_event_that_is_too_old_when_it_is_published_is_rejected() {
    let (hand, bus, feed, ..) = stage(8);
    let mut feed = feed.gate(NotAfter::age(Duration::from_micros(5))).unwrap();
    let now = bus.clock().now();
    let to = Envelope::key(0).intended(now);
    feed.try_publish(to, &TRADE).unwrap();
    hand.advance_ns(5_000);
    feed.try_publish(to, &TRADE).unwrap();
    hand.advance_ns(1);
    assert_eq!(
        feed.try_publish(to, &TRADE).unwrap_err().to_string(),
        "bus md: not_after: Trade is 5001 ns old, allowed are 5000; drop it, or look for what held its publisher up [TR-0915]"
    );
    feed.try_publish(0, &TRADE).expect("without an intended time it has no age");
}

#[test]
fn an_event_whose_deadline_is_over_is_rejected() {
    let (hand, bus, feed, ..) = stage(8);
    let mut feed = feed.gate(NotAfter::deadline()).unwrap();
    let now = bus.clock().now();
    let entry = Entry::key(0).deadline(Ticks(now.0 + 1)).intended(Ticks(0));
    feed.try_publish(entry, &TRADE).expect("just in time, and its age does not matter");
    hand.advance_ns(1);
    assert_eq!(feed.try_publish(entry, &TRADE).unwrap_err().code(), "TR-0916", "from that moment on");
    hand.advance_ns(7);
    assert_eq!(
        feed.try_publish(entry, &TRADE).unwrap_err().to_string(),
        "bus md: not_after: Trade: its deadline is over for 7 ns; drop it, or allow more time [TR-0916]"
    );
}

#[test]
fn issue_4560_time_that_goes_back_is_told() {
    let at = |key: u32, time: u64| Envelope::key(key).intended(Ticks(time));
    let (_, _, feed, ..) = stage(8);
    let mut feed = feed.gate(TimeOrder::of_publisher()).unwrap();
    feed.try_publish(at(1, 100), &TRADE).unwrap();
    assert_eq!(
        feed.try_publish(at(2, 90), &TRADE).unwrap_err().to_string(),
        "bus md: time_order: Trade: its time is 10 ns before that of the event before it; publish in order of time [TR-0906]"
    );
    feed.try_publish(at(2, 100), &TRADE).expect("the same time is not before");

    let (_, _, feed, ..) = stage(8);
    let mut feed = feed.gate(TimeOrder::by_key(2).unwrap()).unwrap();
    feed.try_publish(at(1, 100), &TRADE).unwrap();
    feed.try_publish(at(2, 90), &TRADE).expect("each key has its own order");
    assert_eq!(
        feed.try_publish(at(1, 99), &TRADE).unwrap_err().to_string(),
        "bus md: time_order: Trade: its time is 1 ns before that of the event before it of key 1; publish in order of time [TR-0906]"
    );
    assert_eq!(
        feed.try_publish(at(3, 500), &TRADE).unwrap_err().to_string(),
        "bus md: time_order: key 3 is one more than the 2 that times are kept of; allow more keys [TR-0907]"
    );
    feed.try_publish(at(2, 91), &TRADE).expect("known keys go on");
}

#[test]
fn an_event_without_a_time_of_its_own_has_that_of_its_publication() {
    let (hand, _, feed, ..) = stage(8);
    let mut feed = feed.gate(TimeOrder::of_publisher()).unwrap();
    feed.try_publish(0, &TRADE).unwrap();
    hand.jump_ns(-1);
    assert_eq!(feed.try_publish(0, &TRADE).unwrap_err().code(), "TR-0906");
}

proptest! {
    #[test]
    fn issue_4560_the_order_of_each_key_is_kept(events in proptest::collection::vec((0_u32..40, 0_u64..30), 1..300)) {
        let (_, _, feed, mut slot, _) = stage(512);
        let mut feed = feed.gate(TimeOrder::by_key(20).unwrap()).unwrap();
        let mut last: HashMap<u32, u64> = HashMap::new();
        for (key, time) in events {
            // Keys that share much of their hash.
            let key = key << 27 | key;
            let said = feed.try_publish(Envelope::key(key).intended(Ticks(time)), &TRADE).err().map(|error| error.code());
            let should = match last.get(&key) {
                Some(&last) if time < last => Some("TR-0906"),
                None if last.len() == 20 => Some("TR-0907"),
                _ => None,
            };
            prop_assert_eq!(said, should);
            if should.is_none() {
                last.insert(key, time);
            }
        }
        while slot.turn() {}
    }
}

#[test]
fn the_deadline_of_the_envelope_counts_and_stays_with_the_event() {
    use super::timed;
    use tagring::event::StoreEvent;
    let (clock, hand) = tagring::clock::Clock::manual(1_000);
    let (bus, feed) = tagring::bus::Bus::<timed::Events>::builder("md").capacity(8).clock(clock).single().unwrap();
    let mut feed = feed.gate(NotAfter::deadline()).unwrap();
    let to = Envelope::key(0).deadline(Ticks(1_001));
    feed.try_publish(to, &timed::Signal { edge: 1 }).unwrap();
    let tagring::ring::Copied::Event { event, .. } = bus.last(1).poll() else { panic!("it is there") };
    assert_eq!(event.as_event().deadline(), Some(Ticks(1_001)));
    hand.advance_ns(1);
    assert_eq!(feed.try_publish(to, &timed::Signal { edge: 1 }).unwrap_err().code(), "TR-0916");
}
