//! Deadlines: where they lie, what they cost families that have none, who sees them, and how derived events come by them.

use core::any::TypeId;
use core::time::Duration;
use tagring::bus::{Bus, Context, Envelope, Fate, Handler, Outcome, Publisher};
use tagring::clock::{Clock, Ticks};
use tagring::event::{Event, EventCell, Family, Header, Payload, StoreEvent, TimedCell};
use tagring::testkit::Drive;
use tagring::zerocopy::IntoBytes;

tagring::events! { pub mod plain; pub struct Order = 1, v1 { pub id: u64, pub levels: [u64; 4] } }
tagring::events! {
    /// Orders that are of use for a while.
    pub mod orders with deadline;
    pub struct Order = 1023, v1 { pub id: u64, pub levels: [u64; 3] }
}
tagring::events! { pub mod wide with deadline; pub struct Order = 1, v1 { pub id: u64, pub levels: [u64; 4] } }

fn order(id: u64) -> orders::Order {
    orders::Order { id, levels: [u64::MAX; 3] }
}

fn cell(id: u64) -> <orders::Events as Family>::Cell {
    StoreEvent::store(Header::new(orders::Order::TAG, 7, Ticks(9), 0), &order(id))
}

#[test]
fn issue_4610_a_deadline_takes_eight_bytes_of_the_families_that_ask_for_one() {
    fn cell_of<F: Family>() -> (TypeId, bool, usize) {
        (TypeId::of::<F::Cell>(), F::DEADLINE, F::Cell::PAYLOAD)
    }
    assert_eq!(cell_of::<plain::Events>(), (TypeId::of::<EventCell<7>>(), false, 40), "as before");
    assert_eq!(cell_of::<orders::Events>(), (TypeId::of::<TimedCell<7>>(), true, 32), "one cache line still");
    assert_eq!(cell_of::<wide::Events>(), (TypeId::of::<TimedCell<15>>(), true, 96), "40 bytes and 8 need two");
}

#[test]
fn issue_4610_an_event_says_its_deadline_and_keeps_payload_and_header() {
    for (at, says) in [
        (None, None),
        (Some(Ticks(5)), Some(Ticks(5))),
        (Some(Ticks(u64::MAX)), Some(Ticks(u64::MAX))),
        (Some(Ticks(0)), Some(Ticks(1))),
    ] {
        let cell = cell(3).expiring(at);
        let event = cell.as_event();
        assert_eq!((cell.deadline(), event.deadline()), (says, says));
        assert_eq!((event.tag(), event.key(), event.get::<orders::Order>()), (orders::Order::TAG, 7, Some(&order(3))));
        assert_eq!(event.payload_bytes(), order(3).as_bytes(), "the deadline is no part of the payload");
        assert!(format!("{event:?}").contains("tag: 1023"), "{event:?}");
        assert_eq!(format!("{event:?}").contains("deadline"), says.is_some(), "{event:?}");
    }
    let cell = cell(3).expiring(Some(Ticks(5)));
    let expired = |now| (cell.has_expired(Ticks(now)), cell.as_event().has_expired(Ticks(now)));
    assert_eq!([expired(4), expired(5), expired(6)], [(false, false), (true, true), (true, true)]);
}

#[test]
fn issue_4610_a_family_without_deadlines_has_none_whatever_header_it_is_given() {
    let payload = plain::Order { id: 1, levels: [77; 4] };
    let timed = *cell(3).expiring(Some(Ticks(5))).as_event().header();
    let cell: EventCell<7> = StoreEvent::store(timed, &payload);
    let cell = cell.expiring(Some(Ticks(5)));
    assert_eq!((cell.deadline(), cell.as_event().deadline(), cell.has_expired(Ticks(u64::MAX))), (None, None, false));
    assert_eq!(cell.as_event().payload_bytes(), payload.as_bytes());
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "declare it `pub mod plain with deadline;`")]
fn issue_4610_a_deadline_for_a_family_without_is_a_mistake() {
    let (_bus, mut feed) = Bus::<plain::Events>::builder("plain").capacity(2).single().unwrap();
    let _ = feed.try_publish(Envelope::key(1).deadline(Ticks(5)), &plain::Order { id: 1, levels: [0; 4] });
}

/// Notes each event's deadline and what remained of it.
#[derive(Default)]
struct Notes {
    seen: Vec<(u64, Option<Ticks>, Option<Duration>)>,
    at_end: Vec<Option<Ticks>>,
}

impl Handler for Notes {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        assert_eq!(event.deadline(), ctx.deadline());
        let id = event.get::<orders::Order>().unwrap().id;
        self.seen.push((id, ctx.deadline(), ctx.remaining()));
        Outcome::Done
    }
    fn on_batch_end(&mut self, ctx: &mut Context) {
        self.at_end.push(ctx.deadline());
    }
}

#[test]
fn issue_4610_a_handler_sees_how_much_time_is_left() {
    let mut drive = Drive::<orders::Events, _>::new(Notes::default());
    let (now, clock) = (drive.now(), drive.bus().clock().clone());
    let limited = Envelope::key(1).expires_in(Duration::from_nanos(300), &clock);
    assert_eq!(limited.deadline, Some(Ticks(now.0 + 300)));
    drive.publish(limited, &order(1));
    drive.publish(2, &order(2));
    drive.publish_batch(limited, &[order(3), order(4)]);
    drive.publish_with_bytes(limited, &order(5), b"beside it");
    drive.publish(2, &order(6));
    drive.advance_ns(100);
    while drive.turn() {
        drive.advance_ns(100);
    }
    let left = |ns| Some(Duration::from_nanos(ns));
    let at = limited.deadline;
    let notes = drive.finish();
    // A turn for the first, one up to the end of the batch, one each for the others: at 100, 200, 300 and 400.
    let expected = [
        (1, at, left(200)),
        (2, None, None),
        (3, at, left(100)),
        (4, at, left(100)),
        (5, at, left(0)),
        (6, None, None),
    ];
    assert_eq!(notes.seen, expected);
    assert_eq!(notes.at_end, [at, at, at, None]);
}

/// Answers each order with one that inherits, with an own deadline where the order's id is one.
struct Forward(Publisher<orders::Events>);

impl Handler for Forward {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let own = event.get::<orders::Order>().unwrap().id;
        let to = Envelope::key(event.key());
        let to = if own == 0 { to } else { to.deadline(Ticks(own)) };
        self.0.try_publish(to.inherit(ctx), &order(own)).map_or(Outcome::Dead, |_| Outcome::Done)
    }
}

#[test]
fn issue_4610_a_derived_event_inherits_the_earlier_deadline() {
    let (clock, _hand) = Clock::manual(10);
    let second = Bus::<orders::Events>::builder("second").capacity(8).clock(clock.clone());
    let (second, second_feed) = second.single().unwrap();
    let mut last = second.slot("last").attach_here(Notes::default()).unwrap();
    let (first, mut feed) = Bus::<orders::Events>::builder("first").capacity(8).clock(clock).single().unwrap();
    let mut forward = first.slot("forward").attach_here(Forward(second_feed)).unwrap();
    for (own, given) in [(0, None), (0, Some(50)), (40, None), (40, Some(50)), (60, Some(50))] {
        let to = Envelope { deadline: given.map(Ticks), ..Envelope::key(1) };
        feed.try_publish(to, &order(own)).unwrap();
    }
    while forward.turn() {}
    while last.turn() {}
    let seen: Vec<_> = last.detach().unwrap().seen.iter().map(|(_, at, _)| at.map(|at| at.0)).collect();
    assert_eq!(seen, [None, Some(50), Some(40), Some(40), Some(50)]);
}

/// A slot that leaves out what has expired, its clock's hand, and a feed.
#[test]
fn issue_4610_an_expired_event_skips_the_handler_and_is_counted() {
    let mut drive = Drive::<orders::Events, _>::with(Notes::default(), |slot| slot.expires().accounts());
    let clock = drive.bus().clock().clone();
    let within = |ns| Envelope::key(1).expires_in(Duration::from_nanos(ns), &clock);
    drive.publish(within(100), &order(1));
    drive.publish(within(101), &order(2));
    drive.publish(3, &order(3));
    drive.publish_batch(within(50), &[order(4), order(5)]);
    drive.advance_ns(100);
    drive.run();
    let stats = drive.stats();
    assert_eq!((stats.delivered, stats.expired, stats.position), (2, 3, 5));
    let (_, fates) = drive.slot().handle().fates();
    let of_orders = fates.iter().find(|(tag, _)| *tag == orders::Order::TAG).unwrap().1;
    assert_eq!([Fate::Delivered, Fate::Expired].map(|fate| of_orders[fate as usize]), [2, 3], "by tag");
    let seen: Vec<u64> = drive.finish().seen.iter().map(|(id, ..)| *id).collect();
    assert_eq!(seen, [2, 3]);
}

#[test]
fn issue_4610_without_being_asked_a_slot_hands_over_what_has_expired() {
    let mut drive = Drive::<orders::Events, _>::new(Notes::default());
    let at = drive.now();
    drive.publish(Envelope::key(1).deadline(at), &order(1));
    drive.advance_ns(100);
    drive.run();
    assert_eq!((drive.stats().delivered, drive.stats().expired), (1, 0));
}

#[test]
fn issue_4610_what_follows_from_an_event_expires_with_it() {
    let (clock, hand) = Clock::manual(10);
    let second = Bus::<orders::Events>::builder("second").capacity(8).clock(clock.clone());
    let (second, second_feed) = second.single().unwrap();
    let mut last = second.slot("last").expires().attach_here(Notes::default()).unwrap();
    let (first, mut feed) = Bus::<orders::Events>::builder("first").capacity(8).clock(clock).single().unwrap();
    let mut forward = first.slot("forward").expires().attach_here(Forward(second_feed)).unwrap();
    for at in [50, 60, 20] {
        feed.try_publish(Envelope::key(1).deadline(Ticks(at)), &order(0)).unwrap();
    }
    hand.set_ns(20);
    while forward.turn() {}
    hand.set_ns(55);
    while last.turn() {}
    let stats = [forward.handle().stats(), last.handle().stats()].map(|stats| (stats.delivered, stats.expired));
    assert_eq!(stats, [(2, 1), (1, 1)], "20 is over in the first bus, 50 in the second");
    let seen: Vec<_> = last.detach().unwrap().seen.iter().map(|(_, at, _)| *at).collect();
    assert_eq!(seen, [Some(Ticks(60))]);
}
