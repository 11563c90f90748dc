//! Points that publishers, slots and dead letters pass.

use crate::house::{Events, Trade, bus, ms, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tagring::bus::{Bus, Overflow, PanicPolicy, SlotState, SlotThread};
use tagring::faults::{Fault, points};
use tagring::retain::DeadLetters;
use tagring::ring::{Doorbell, WaitStrategy};
use tagring::testkit::{FaultScript, Recorder};

#[test]
fn issue_4593_publish_a_ring_that_is_full_for_a_moment() {
    let run = FaultScript::new().at(points::PUBLISH, 0.., Fault::Error).enter();
    let (bus, mut publisher) = bus(8);
    let trade = Trade { qty: 1 };
    let codes = [
        publisher.try_publish(0, &trade).unwrap_err().code(),
        publisher.publish_timeout(0, &trade, ms(3)).unwrap_err().code(),
        publisher.batch(2).map(drop).unwrap_err().code(),
    ];
    assert_eq!(codes, ["TR-0411", "TR-0412", "TR-0411"]);
    let mut publisher = publisher.overflow(Overflow::Shed);
    assert_eq!((publisher.send(0, &trade).unwrap(), publisher.shed(), bus.shed()), (None, 1, 1));
    let mut publisher = publisher.overflow(Overflow::Wait);
    assert_eq!(
        (publisher.send(0, &trade).unwrap(), publisher.waits()),
        (Some(0), 1),
        "there is room when it looks again"
    );
    assert_eq!((publisher.publish(0, &trade).unwrap(), run.count(), bus.published()), (1, 6, 2));
}

#[test]
fn issue_4593_publish_late_and_with_a_panic() {
    let run =
        FaultScript::new().at(points::PUBLISH, 0, Fault::Delay(ms(5))).at(points::PUBLISH, 1, Fault::Panic).enter();
    let (bus, mut publisher) = bus(8);
    let since = Instant::now();
    publisher.try_publish(0, &Trade { qty: 1 }).unwrap();
    assert!(since.elapsed() >= ms(5));
    let panic = catch_unwind(AssertUnwindSafe(|| publisher.try_publish(0, &Trade { qty: 2 }))).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "as scripted, at bus.publish of md");
    assert_eq!(
        (publisher.try_publish(0, &Trade { qty: 3 }).unwrap(), bus.published()),
        (1, 2),
        "nothing is half-written"
    );
    assert_eq!(run.unmet(), [] as [String; 0]);
}

#[test]
fn issue_4593_turn_left_out_and_late() {
    let script =
        FaultScript::new().at(points::TURN, 0..2, Fault::Drop).at(points::TURN.of("all"), 2, Fault::Delay(ms(5)));
    let _run = script.enter();
    let (bus, mut publisher) = bus(8);
    let mut slot = bus.slot("all").attach_here(Recorder::new(0).0).unwrap();
    publisher.try_publish(0, &Trade { qty: 1 }).unwrap();
    assert_eq!((slot.turn(), slot.turn(), slot.handle().stats().position), (false, false, 0));
    let since = Instant::now();
    assert!(slot.turn() && since.elapsed() >= ms(5));
    assert_eq!(slot.handle().stats().delivered, 1, "it goes on where it was");
}

#[test]
fn issue_4593_turn_in_which_the_thread_dies_holds_nobody() {
    let run = FaultScript::new().at(points::TURN.of("dies"), 40, Fault::Panic).enter();
    let (dies, lives) = (SlotThread::builder("dies").start().unwrap(), SlotThread::builder("lives").start().unwrap());
    let (bus, mut publisher) = bus(8);
    let attach = |name, thread| {
        let slot = bus.slot(name).wait(WaitStrategy::SpinThenYield);
        slot.attach(thread, Recorder::new(0).0).unwrap()
    };
    let (dead, alive) = (attach("dies", &dies), attach("lives", &lives));
    for qty in 0..1_000 {
        publisher.publish(0, &Trade { qty }).unwrap();
    }
    until("the other has all", || alive.stats().delivered == 1_000);
    until("its thread has died", || dead.is_done());
    let stats = dead.stats();
    assert!(stats.state.is_final() && stats.joined + stats.delivered + stats.holes == stats.position, "{stats:?}");
    assert_eq!(run.unmet(), [] as [String; 0]);
}

#[test]
fn issue_4593_event_dead_panic_delay_and_stop() {
    let script = FaultScript::new().at(points::EVENT, 1, Fault::Dead).at(points::EVENT, 2, Fault::Panic);
    let run = script.at(points::EVENT, 3, Fault::Delay(ms(4))).at(points::EVENT.of("all"), 5, Fault::Stop).enter();
    let (bus, mut publisher) = bus(8);
    let letters = DeadLetters::new(&bus, 8).unwrap();
    let (recorder, records) = Recorder::new(8);
    let slot = bus.slot("all").policy(PanicPolicy::Skip).dead_letters(&letters);
    let mut slot = slot.attach_here(recorder).unwrap();
    (0..8).for_each(|qty| assert!(publisher.try_publish(0, &Trade { qty }).is_ok()));
    let since = Instant::now();
    while slot.turn() {}
    assert!(since.elapsed() >= ms(4));
    assert_eq!(records.of::<Trade>().iter().map(|trade| trade.qty).collect::<Vec<_>>(), [0, 3, 4]);
    let stats = slot.handle().stats();
    assert_eq!((stats.state, stats.delivered, stats.dead, stats.position), (SlotState::Stopped, 4, 2, 6));
    assert_eq!((letters.stats().refused, letters.stats().panicked, run.count()), (1, 1, 4));
    assert_eq!(stats.last_panic.as_deref(), Some("as scripted, at slot.event of all"));
}

#[test]
fn issue_4593_letter_for_which_there_is_no_room() {
    let script = FaultScript::new().at(points::EVENT, 0.., Fault::Dead).at(points::LETTER, 1..3, Fault::Error);
    let run = script.at(points::LETTER.of("all"), 3, Fault::Delay(ms(3))).enter();
    let (bus, mut publisher) = bus(8);
    let letters = DeadLetters::new(&bus, 8).unwrap();
    let mut slot = bus.slot("all").dead_letters(&letters).attach_here(Recorder::new(0).0).unwrap();
    (0..4).for_each(|qty| assert!(publisher.try_publish(0, &Trade { qty }).is_ok()));
    let since = Instant::now();
    while slot.turn() {}
    let stats = letters.stats();
    assert_eq!((stats.held, stats.refused, stats.overflowed, slot.handle().stats().dead), (2, 4, 2, 4));
    assert!(since.elapsed() >= ms(3));
    assert_eq!(run.unmet(), [] as [String; 0]);
}

#[test]
fn issue_4593_bell_that_is_not_heard_delays_a_sleeper_and_loses_nothing() {
    let run = FaultScript::new().at(points::BELL, 0..100, Fault::Drop).enter();
    let bell = Arc::new(Doorbell::new());
    let builder = Bus::<Events>::builder("md").capacity(8).doorbell(&bell);
    let (bus, mut publisher) = builder.single().unwrap();
    // Orders to the slot's thread ring a bell as well.
    let thread = SlotThread::builder("sleeps").start().unwrap();
    let slot = bus.slot("all").wait(WaitStrategy::SpinThenPark).attach(&thread, Recorder::new(0).0).unwrap();
    for qty in 0..3 {
        until("it sleeps", || bell.sleepers() > 0);
        publisher.try_publish(0, &Trade { qty }).unwrap();
        until("it wakes by itself", || slot.stats().delivered == qty + 1);
    }
    assert!(run.befell().iter().filter(|fault| fault.point == points::BELL).count() >= 3, "{:?}", run.befell());
}

#[test]
fn issue_4593_bell_that_rings_late() {
    let run = FaultScript::new().at(points::BELL, 0, Fault::Delay(ms(3))).enter();
    let since = Instant::now();
    tagring::ring::Doorbell::new().ring();
    assert!(since.elapsed() >= ms(3) && run.count() == 1);
}
