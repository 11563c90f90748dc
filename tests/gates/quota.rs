//! Quotas: however much a publisher floods, it never has more than its quota in the ring, and the others find room.

use super::{Events, Keep, TRADE, stage};
use proptest::prelude::*;
use std::collections::VecDeque;
use tagring::bus::{Bus, LocalSlot, Measure};
use tagring::gate::{Quota, Reason};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The flooding publisher offers so many, ten times what the others do.
    Flood(usize),
    /// One of the others publishes.
    Other,
    /// A slot takes a turn.
    Turn(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_usize..20).prop_map(Step::Flood),
        3 => Just(Step::Other),
        2 => (0_usize..2).prop_map(Step::Turn),
    ];
    proptest::collection::vec(step, 1..400)
}

fn slot(bus: &Bus<Events>, turn: usize) -> LocalSlot<Keep> {
    bus.slot("s").measure(Measure::Off).turn_limit(turn).attach_here(Keep::default()).unwrap()
}

fn position(slot: &LocalSlot<Keep>) -> u64 {
    slot.handle().stats().position
}

proptest! {
    #[test]
    fn issue_4563_a_flooding_publisher_has_its_quota_in_the_ring_and_no_more_and_the_others_find_room(
        steps in steps(),
        quota in 1_usize..40,
    ) {
        const CELLS: usize = 64;
        let (bus, publisher) = Bus::<Events>::builder("orders").capacity(CELLS).many().unwrap();
        let mut slots = [slot(&bus, 7), slot(&bus, 3)];
        let mut other = publisher.clone();
        let mut flooding = publisher.gate(Quota::in_flight(quota).unwrap()).unwrap();
        // Sequences in the ring that the slowest slot has not done: the flooding publisher's, the other's.
        let (mut floods, mut others): (VecDeque<u64>, VecDeque<u64>) = Default::default();
        for step in steps {
            match step {
                Step::Flood(count) => {
                    for _ in 0..count {
                        let is_full = floods.len() + others.len() == CELLS;
                        match flooding.try_publish(1, &TRADE) {
                            Ok(sequence) => floods.push_back(sequence),
                            Err(error) => prop_assert!(
                                (error.code() == "TR-0910") == (floods.len() == quota) && (floods.len() == quota || is_full),
                                "{} with {} of {} in the ring", error, floods.len(), quota
                            ),
                        }
                        prop_assert!(floods.len() <= quota, "more than the quota: {}", floods.len());
                    }
                }
                Step::Other => match other.try_publish(2, &TRADE) {
                    Ok(sequence) => others.push_back(sequence),
                    // All that the flood cannot have is theirs.
                    Err(_) => prop_assert!(others.len() >= CELLS - quota, "starved with {}", others.len()),
                },
                Step::Turn(which) => {
                    slots[which].turn();
                    let done = slots.iter().map(position).min().unwrap();
                    [&mut floods, &mut others].into_iter().for_each(|queue| queue.retain(|&sequence| sequence >= done));
                }
            }
        }
    }
}

#[test]
fn issue_4563_a_quota_is_told_with_its_limit_and_counted() {
    let (_, _, feed, mut slot, _) = stage(64);
    let mut feed = feed.gate(Quota::in_flight(3).unwrap()).unwrap();
    (0..3).for_each(|_| assert!(feed.try_publish(0, &TRADE).is_ok()));
    assert_eq!(
        feed.publish(0, &TRADE).unwrap_err().to_string(),
        "bus md: quota: 3 events of this publisher are not yet handled, allowed are 3; wait for the slots, or raise the quota [TR-0910]"
    );
    assert_eq!(feed.counts().rejected_for(Reason::Quota), 1);
    while slot.turn() {}
    assert!(feed.publish(0, &TRADE).is_ok());
}

#[test]
fn issue_4563_a_batch_counts_for_the_quota_event_by_event() {
    let (_, bus, feed, mut slot, _) = stage(64);
    let mut feed = feed.gate(Quota::in_flight(5).unwrap()).unwrap();
    for round in 0..20_u64 {
        let mut batch = feed.batch(8).unwrap();
        let entered = (0..8).filter(|_| batch.push(0, &TRADE).is_ok()).count();
        batch.publish();
        assert_eq!((entered, bus.published()), (5, 5 * (round + 1)));
        while slot.turn() {}
    }
    let _ = feed.batch(4).unwrap().push(0, &TRADE);
    let mut batch = feed.batch(4).unwrap();
    assert!((0..4).all(|_| batch.push(0, &TRADE).is_ok()) && batch.remaining() == 0, "one and four are five");
    drop(batch);
    assert!(feed.try_publish(0, &TRADE).is_err());
}

#[test]
fn without_slots_nothing_is_in_flight() {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(8).single().unwrap();
    let mut feed = publisher.gate(Quota::in_flight(1).unwrap()).unwrap();
    (0..20).for_each(|_| assert!(feed.try_publish(0, &TRADE).is_ok()));
    assert_eq!(bus.published(), 20);
    // From here on there is one that is.
    let _slot = bus.slot("idle").attach_here(Keep::default()).unwrap();
    assert_eq!((0..5).filter(|_| feed.try_publish(0, &TRADE).is_ok()).count(), 1);
}

/// A slot that is not waited for holds no quota up; one that is does.
#[test]
fn issue_4563_slots_that_are_not_waited_for_use_up_no_quota() {
    use tagring::bus::SlotOverflow;
    for (overflow, let_in) in [(SlotOverflow::DropOldest, 40), (SlotOverflow::Conflate, 40), (SlotOverflow::Gate, 4)] {
        let (_, bus, feed, mut fast, _) = stage(64);
        let _slow = bus.slot("slow").measure(Measure::Off).overflow(overflow).attach_here(Keep::default()).unwrap();
        let mut feed = feed.gate(Quota::in_flight(4).unwrap()).unwrap();
        let count = (0..40).filter(|_| {
            while fast.turn() {}
            feed.try_publish(0, &TRADE).is_ok()
        });
        assert_eq!(count.count(), let_in, "{overflow:?}");
    }
}
