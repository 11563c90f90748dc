//! What is spent only once an event is in the ring, and the accounts of a gated publisher.

use super::{Events, QUOTE, TRADE, Trade, stage};
use proptest::prelude::*;
use std::time::Duration;
use tagring::bus::{Bus, Envelope, Overflow, Stamping};
use tagring::clock::Ticks;
use tagring::event::{Family, Payload, StoreEvent};
use tagring::gate::{
    Configured, Dedup, Entry, Gate, NotAfter, NotPublished, Offer, Quota, Rate, Reason, Rejection, TimeOrder, Validate,
};
use tagring::ring::Copied;

/// Refuses while it is told to.
struct Shut(bool);

impl<F: Family> Gate<F> for Shut {
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        let (payload, remedy) = (offer.name, "open it");
        let refused = Rejection::Refused { payload, what: "shut", value: 1, limit: 0, remedy };
        if self.0 { Err(refused) } else { Ok(()) }
    }
}

fn numbered(sequence: u64) -> Entry {
    Entry::key(0).client(0, sequence).intended(Ticks(sequence))
}

#[test]
fn issue_4561_a_token_is_not_spent_where_a_later_gate_refuses() {
    let (_, _, feed, ..) = stage(8);
    let mut feed = feed.gate((Rate::per_second(1, 1).unwrap(), Shut(true))).unwrap();
    for _ in 0..5 {
        let error = feed.try_publish(0, &TRADE).unwrap_err();
        assert_eq!(error.to_string(), "bus md: own: Trade: shut: 1, allowed is 0; open it [TR-0917]");
    }
    feed.gates_mut().1 = Shut(false);
    assert!(feed.try_publish(0, &TRADE).is_ok(), "the token is still there");
    assert_eq!(feed.try_publish(0, &TRADE).unwrap_err().code(), "TR-0908");
}

/// Each way to publish on a full ring: nothing is spent, and the same event enters once there is room.
#[test]
fn issue_4566_nothing_is_marked_as_seen_where_the_ring_refuses() {
    for way in 0..4 {
        let (_, _, feed, mut slot, _) = stage(2);
        let gates = (
            Dedup::new(1, 64).unwrap(),
            Rate::per_second(1, 3).unwrap(),
            TimeOrder::of_publisher(),
            Quota::in_flight(2).unwrap(),
            Validate::new(),
            NotAfter::deadline(),
        );
        let mut feed = feed.overflow(Overflow::Shed).gate(gates).unwrap();
        // Two of the tokens, and all cells: one by another way that the gates do not see, so that the quota has room.
        feed.try_publish(numbered(1), &TRADE).unwrap();
        let mut inner = feed.into_inner();
        inner.try_publish(0, &TRADE).unwrap();
        let gates = (Dedup::new(1, 64).unwrap(), Rate::per_second(1, 1).unwrap(), TimeOrder::of_publisher());
        let mut feed = inner.gate(gates).unwrap();
        let result = match way {
            0 => feed.try_publish(numbered(7), &TRADE).map(Some),
            1 => feed.publish_timeout(numbered(7), &TRADE, Duration::ZERO).map(Some),
            2 => feed.publish(numbered(7), &TRADE).map(Some),
            _ => feed.send(numbered(7), &TRADE),
        };
        let code = result.as_ref().err().map(NotPublished::code);
        // A waiting publisher of this thread's own slot would wait for itself.
        assert_eq!(code, [Some("TR-0411"), Some("TR-0413"), Some("TR-0413"), None][way]);
        assert!(result.is_err() || result == Ok(None), "{result:?}");
        assert!(code.is_none() || result.unwrap_err().failure().is_some_and(|failure| failure.is_full()));
        let counts = feed.counts();
        assert_eq!((counts.published(), counts.failed() + counts.shed(), counts.rejected()), (0, 1, 0));
        while slot.turn() {}
        assert!(feed.try_publish(numbered(7), &TRADE).is_ok(), "way {way}: seen before, or no token");
        assert_eq!(feed.try_publish(numbered(7), &TRADE).unwrap_err().code(), "TR-0911");
        assert_eq!(feed.try_publish(numbered(8), &TRADE).unwrap_err().code(), "TR-0908");
        assert_eq!(counts.offered(), 4);
    }
}

#[test]
fn an_open_gate_is_the_publisher_itself() {
    let (_, _, feed, mut slot, keep) = stage(8);
    let mut feed = feed.gate(()).unwrap();
    feed.try_publish(3, &TRADE).unwrap();
    feed.send(4, &TRADE).unwrap();
    feed.batch(1).unwrap().push(5, &TRADE).unwrap();
    while slot.turn() {}
    assert_eq!(keep.keys(), [3, 4, 5]);
    assert_eq!((feed.counts().offered(), feed.rejected()), (0, 0), "nothing is counted");
    const { assert!(<() as Gate<Events>>::IS_OPEN && <((), ()) as Gate<Events>>::IS_OPEN) };
    const { assert!(!<((), Shut) as Gate<Events>>::IS_OPEN) };
}

#[test]
fn events_are_stamped_as_without_gates() {
    for stamping in [Stamping::EveryEvent, Stamping::OnTick] {
        let (hand, bus, feed, ..) = stage(8);
        let mut feed = feed.stamping(stamping).gate(Validate::new()).unwrap();
        let start = feed.tick();
        hand.advance_ns(10);
        feed.try_publish(0, &TRADE).unwrap();
        hand.advance_ns(10);
        let mut batch = feed.batch(1).unwrap();
        batch.push(0, &TRADE).unwrap();
        batch.publish();
        let mut bare = feed.into_inner();
        hand.advance_ns(10);
        bare.try_publish(0, &TRADE).unwrap();
        let mut last = bus.last(3);
        let times = [0, 1, 2].map(|_| match last.poll() {
            Copied::Event { event, .. } => event.as_event().header().publish_ticks().since(start),
            _ => panic!("it is still there"),
        });
        assert_eq!(times, if stamping == Stamping::EveryEvent { [10, 20, 30] } else { [0, 0, 0] });
    }
}

#[test]
fn bytes_of_variable_length_pass_gates_with_their_event() {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(8).byte_limit(64).single().unwrap();
    let mut feed = publisher.gate(Validate::new().range("Trade", "price", 1..=1_000).unwrap()).unwrap();
    feed.try_publish_with_bytes(0, &TRADE, b"abc").unwrap();
    let wrong = Trade { price: 0, ..TRADE };
    assert_eq!(feed.try_publish_with_bytes(0, &wrong, b"abc").unwrap_err().code(), "TR-0904");
    assert_eq!(feed.try_publish_with_bytes(0, &TRADE, &[0; 65]).unwrap_err().code(), "TR-0421");
    let counts = feed.counts();
    assert_eq!((bus.published(), counts.published(), counts.failed(), counts.rejected()), (1, 1, 1, 1));
}

#[test]
fn a_configured_gate_is_each_of_its_gates() {
    let (_, _, feed, ..) = stage(16);
    let mut feed = feed.gate(Configured::default()).unwrap();
    feed.try_publish(0, &Trade { side: 0, ..TRADE }).expect("none is there");
    assert_eq!(feed.counts().published(), 1, "it counts all the same");
    let (_, _, feed, _slot, _) = stage(16);
    let mut feed = feed
        .gate(Configured {
            validate: Some(Validate::new()),
            time_order: Some(TimeOrder::of_publisher()),
            not_after: Some(NotAfter::age(Duration::from_secs(1))),
            dedup: Some(Dedup::new(1, 64).unwrap()),
            quota: Some(Quota::in_flight(2).unwrap()),
            rate: Some(Rate::per_second(1, 3).unwrap()),
        })
        .unwrap();
    let mut said = |entry: Entry, trade: Trade| feed.try_publish(entry, &trade).err().map(|error| error.code());
    let entry = |sequence| Entry::key(0).client(0, sequence);
    assert_eq!(said(entry(1), Trade { side: 0, ..TRADE }), Some("TR-0903"));
    assert_eq!(said(entry(1), TRADE), None);
    assert_eq!(said(entry(1).intended(Ticks(5)), TRADE), Some("TR-0906"));
    assert_eq!(said(entry(1).deadline(Ticks(5)), TRADE), Some("TR-0916"));
    assert_eq!(said(entry(1), TRADE), Some("TR-0911"));
    assert_eq!(said(entry(2), TRADE), None);
    assert_eq!(said(entry(3), TRADE), Some("TR-0910"));
}

proptest! {
    /// Random gates, tags, ways and turns: all that was offered is accounted for, by reason and by tag.
    #[test]
    fn issue_4561_offered_is_rejected_shed_failed_and_published(
        steps in proptest::collection::vec((0_u8..6, 0_u64..40, any::<bool>(), 0_u64..400_000), 1..300),
    ) {
        let (hand, bus, feed, mut slot, keep) = stage(8);
        let gates = (
            Validate::new().range("Trade", "price", 1..=1_000).unwrap(),
            Dedup::new(1, 64).unwrap(),
            Rate::per_second(5_000, 4).unwrap(),
            Quota::in_flight(6).unwrap(),
        );
        let mut feed = feed.overflow(Overflow::Shed).gate(gates).unwrap();
        let view = feed.counts();
        let (mut offered, mut rejected, mut shed, mut failed, mut published) = (0, 0, 0, 0, 0);
        for (way, number, valid, wait) in steps {
            hand.advance_ns(wait);
            let trade = Trade { price: i64::from(valid), ..TRADE };
            let to = Entry::from(Envelope::key(number as u32)).client(0, number);
            let result = match way {
                0 => feed.try_publish(to, &trade).map(Some),
                1 => feed.send(to, &trade),
                2 => feed.publish_timeout(to, &trade, Duration::ZERO).map(Some),
                3 => feed.try_publish(to, &QUOTE).map(Some),
                4 => {
                    // A batch that does not fit is none of the gates' business.
                    let Ok(mut batch) = feed.batch(1) else { continue };
                    batch.push(to, &trade).map(|()| Some(0))
                }
                _ => {
                    slot.turn();
                    continue;
                }
            };
            offered += 1;
            match result {
                Ok(Some(_)) => published += 1,
                Ok(None) => shed += 1,
                Err(NotPublished::Rejected { .. }) => rejected += 1,
                Err(_) => failed += 1,
            }
            prop_assert_eq!(
                (view.offered(), view.rejected(), view.shed(), view.failed(), view.published()),
                (offered, rejected, shed, failed, published)
            );
        }
        while slot.turn() {}
        prop_assert_eq!((bus.published(), keep.keys().len() as u64), (published, published));
        prop_assert_eq!(Reason::ALL.iter().map(|reason| view.rejected_for(*reason)).sum::<u64>(), rejected);
        prop_assert_eq!(view.by_tag().iter().map(|one| one.count).sum::<u64>(), rejected);
        let by_tag = Events::SCHEMAS.iter().map(|schema| view.rejected_of(schema.tag)).sum::<u64>();
        prop_assert_eq!((by_tag, view.rejected_of(super::Note::TAG)), (rejected, 0));
    }
}

#[test]
fn reasons_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.to_string()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at), "the order of counts");
}

#[test]
fn what_counts_as_published_is_in_the_ring() {
    let (_, bus, feed, ..) = stage(8);
    let mut feed = feed.gate(Validate::new()).unwrap();
    let view = feed.counts();
    let mut batch = feed.batch(3).unwrap();
    batch.push(0, &TRADE).unwrap();
    batch.push(0, &TRADE).unwrap();
    assert_eq!((view.published(), bus.published()), (0, 0));
    batch.publish();
    assert_eq!((view.published(), bus.published()), (2, 2));
}
