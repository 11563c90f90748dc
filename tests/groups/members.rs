//! What a group promises, one thing at a time.

use crate::house::{Events, HARMLESS, Log, PANICS, REFUSED, SOON, Trade, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;
use tagring::bus::{
    AttachError, Bus, Context, Envelope, Group, GroupError, Handler, LocalSlot, Member, Outcome, PanicPolicy,
    Publisher, SlotState, SlotThread,
};
use tagring::clock::Ticks;
use tagring::event::Event;
use tagring::ring::{RingError, WaitStrategy};

fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::yield_now();
    }
}

fn bus(capacity: usize) -> (Bus<Events>, Publisher<Events>) {
    Bus::<Events>::builder("md").capacity(capacity).single().unwrap()
}

fn here(bus: &Bus<Events>, group: &Group<Events>, log: &Log, who: u64) -> LocalSlot<Member<Events, Worker>> {
    let member = group.member(Worker::new(log, who)).unwrap();
    bus.slot(&format!("work-{who}")).attach_here(member).unwrap()
}

/// Publishes the keys in turn, each with numbers of its own.
struct Tape {
    feed: Publisher<Events>,
    published: BTreeMap<u32, u64>,
}

impl Tape {
    fn new(feed: Publisher<Events>) -> Self {
        Self { feed, published: BTreeMap::new() }
    }

    fn send(&mut self, key: u32, fatal: u64) {
        let number = self.published.entry(key).or_default();
        self.feed.publish_timeout(key, &Trade { number: *number, fatal }, SOON).unwrap();
        *number += 1;
    }

    fn total(&self) -> usize {
        self.published.values().sum::<u64>() as usize
    }
}

#[test]
fn issue_4607_a_change_of_members_moves_only_what_it_must_and_shares_stay_even() {
    let (bus, _feed) = bus(64);
    let group = bus.group("work").build().unwrap();
    let log = Log::default();
    let mut slots: Vec<_> = (0..5).map(|who| here(&bus, &group, &log, who)).collect();
    let held = |slots: &mut Vec<LocalSlot<_>>| {
        (0..3).for_each(|_| {
            slots.iter_mut().for_each(|slot: &mut LocalSlot<_>| {
                slot.turn();
            })
        });
        let stats = group.stats();
        assert_eq!((stats.free, stats.members.iter().map(|member| member.held).sum::<u32>()), (0, 256));
        (stats.members.iter().map(|member| member.held).collect::<Vec<_>>(), stats.moved)
    };
    let (five, moved) = held(&mut slots);
    // 256 to the first, then what each newcomer is to have.
    assert_eq!((five, moved), (vec![52, 51, 51, 51, 51], 256 + 128 + 85 + 64 + 51));
    let owners: Vec<_> = (0..100).map(|key| group.owner_of(key).unwrap()).collect();
    let gone = slots.remove(2);
    drop(gone.detach());
    let (mut four, after) = held(&mut slots);
    four.sort_unstable();
    assert_eq!((four, after - moved), (vec![64; 4], 51));
    let stayed = (0..100).filter(|&key| group.owner_of(key).unwrap() == owners[key as usize]).count();
    let others = owners.iter().filter(|owner| owner.as_str() != "work-2").count();
    assert_eq!(stayed, others, "a key of a member that stays does not move");
    assert_eq!(group.stats().rebalances, 6);
}

#[test]
fn issue_4607_passed_events_count_as_filtered_and_everything_adds_up() {
    let (bus, feed) = bus(256);
    let group = bus.group("work").build().unwrap();
    let log = Log::default();
    let mut slots: Vec<_> = (0..3).map(|who| here(&bus, &group, &log, who)).collect();
    while slots.iter_mut().fold(false, |busy, slot| busy | slot.turn()) {}
    let mut tape = Tape::new(feed);
    (0..200).for_each(|key| tape.send(key % 50, if key % 40 == 7 { REFUSED } else { HARMLESS }));
    while slots.iter_mut().fold(false, |busy, slot| busy | slot.turn()) {}
    // Looked at from another thread.
    let stats = std::thread::scope(|scope| scope.spawn(|| group.stats()).join().unwrap());
    let views: Vec<_> = slots.iter().map(|slot| slot.handle().view().stats()).collect();
    for (view, member) in views.iter().zip(&stats.members) {
        assert_eq!(view.joined + view.delivered + view.filtered + view.dead + view.holes, view.position);
        assert_eq!((view.delivered + view.dead, view.filtered), (member.counts.handled, member.counts.passed));
    }
    assert_eq!((stats.totals().handled, views.iter().map(|view| view.dead).sum::<u64>()), (200, 5));
    assert_eq!(stats.totals().passed, 400);
    assert_eq!(log.judge(&tape.published), Ok(BTreeSet::new()));
}

#[test]
fn issue_4607_a_newcomer_takes_up_keys_where_their_holder_was_and_reads_again_what_it_missed() {
    let (bus, feed) = bus(64);
    let group = bus.group("work").partitions(2).build().unwrap();
    let log = Log::default();
    let mut slow = here(&bus, &group, &log, 0);
    let mut quick = here(&bus, &group, &log, 1);
    let mut tape = Tape::new(feed);
    (0..20).for_each(|key| tape.send(key % 8, HARMLESS));
    // The newcomer reads past all of it, the holder has not begun: nothing has changed hands.
    while quick.turn() {}
    assert_eq!((log.len(), quick.handle().stats().filtered), (0, 20));
    // Two members, one partition each. The old one lets go behind its first turn; the newcomer, which is at the end, reads again.
    while slow.turn() {}
    assert!(log.len() < 20);
    while quick.turn() {}
    assert_eq!((log.len(), log.judge(&tape.published)), (20, Ok(BTreeSet::new())));
    let held = |group: &Group<Events>| group.stats().members.iter().map(|member| member.held).collect::<Vec<_>>();
    assert_eq!(held(&group), [1, 1]);
    (0..20).for_each(|key| tape.send(key % 8, HARMLESS));
    // Now the quick one passes over the other's, which then goes without having begun them.
    while quick.turn() {}
    drop(slow.detach());
    while quick.turn() {}
    let (counts, past) = (group.stats().members[0].counts, group.stats().past);
    assert!(counts.caught_up > 10 && counts.handled > 0 && past.handled > 0, "{counts:?} {past:?}");
    assert_eq!(counts.caught_up + counts.handled + past.handled, 40);
    assert_eq!((held(&group), log.judge(&tape.published)), (vec![2], Ok(BTreeSet::new())));
}

#[test]
fn issue_4607_the_guard_holds_what_may_be_read_again_and_no_more() {
    let (bus, mut feed) = bus(8);
    let group = bus.group("work").build().unwrap();
    let log = Log::default();
    let mut slots = [here(&bus, &group, &log, 0), here(&bus, &group, &log, 1)];
    while slots.iter_mut().fold(false, |busy, slot| busy | slot.turn()) {}
    let trade = Trade { number: 0, fatal: HARMLESS };
    for key in 0..8 {
        feed.try_publish(key, &trade).unwrap();
    }
    while slots[0].turn() {}
    // One has passed everything; what the other would leave is held.
    assert!(feed.try_publish(9, &trade).unwrap_err().is_full());
    while slots[1].turn() {}
    assert_eq!(group.stats().guard, Some(8));
    for key in 0..8 {
        feed.try_publish(key, &trade).unwrap();
    }
    // The last one that goes takes the guard along: the ring is nobody's.
    slots.into_iter().for_each(|slot| drop(slot.detach()));
    let stats = group.stats();
    assert_eq!((stats.guard, stats.abandoned, bus.lags().len()), (None, 8, 0));
    for key in 0..20 {
        feed.try_publish(key, &trade).unwrap();
    }
}

/// A handler that waits in the event that asks for it.
struct Gated {
    worker: Worker,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

const WAITS: u64 = 99;

impl Handler for Gated {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let outcome = self.worker.on_event(event, ctx);
        if event.get::<Trade>().is_some_and(|trade| trade.fatal == WAITS) {
            let (lock, bell) = &*self.gate;
            drop(bell.wait_while(lock.lock().unwrap(), |open| !*open).unwrap());
        }
        outcome
    }
}

fn open(gate: &Arc<(Mutex<bool>, Condvar)>) {
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
}

#[test]
fn issue_4607_a_member_that_sticks_is_cut_off_in_its_event_and_begins_no_other() {
    let (bus, feed) = bus(64);
    let group = bus.group("work").build().unwrap();
    let (log, gate) = (Log::default(), Arc::<(Mutex<bool>, Condvar)>::default());
    let threads = ["one", "two"].map(|name| SlotThread::builder(name).start().unwrap());
    let slots = [0, 1].map(|who| {
        let gated = Gated { worker: Worker::new(&log, who), gate: Arc::clone(&gate) };
        let member = group.member(gated).unwrap();
        let slot = bus.slot(&format!("work-{who}")).wait(WaitStrategy::SpinThenPark);
        slot.attach(&threads[who as usize], member).unwrap()
    });
    eventually("both have their share", || group.stats().members.iter().all(|member| member.held == 128));
    let stuck = (0..2).find(|&at| group.owner_of(5) == Some(slots[at].name())).unwrap();
    let mut tape = Tape::new(feed);
    (0..40).for_each(|key| tape.send(key % 10, if key == 5 { WAITS } else { HARMLESS }));
    eventually("it sticks", || slots[stuck].handling().is_some_and(|(at, _)| at == 5));
    eventually("the other has passed it", || slots[1 - stuck].progress().position == 40);
    assert!(group.quarantine(&slots[stuck]) && log.len() < 40);
    eventually("all is handled", || log.len() == 40);
    // Many laps further on.
    (0..500).for_each(|key| tape.send(key % 10, HARMLESS));
    eventually("all is handled", || log.len() == 540);
    assert!(!slots[stuck].is_done());
    open(&gate);
    let gone = slots[stuck].join(SOON).unwrap();
    assert_eq!((slots[stuck].state(), gone.handler().worker.who), (SlotState::Quarantined, stuck as u64));
    assert_eq!(log.judge(&tape.published), Ok(BTreeSet::new()), "it went on with its turn, and began none of it");
    drop(tape);
    drop(slots[1 - stuck].join(SOON).unwrap());
}

#[test]
fn issue_4607_on_threads_members_come_panic_and_go_while_a_million_keys_flow() {
    let events = if cfg!(debug_assertions) { 30_000 } else { 1_000_000 };
    let (bus, feed) = bus(256);
    let group = bus.group("work").build().unwrap();
    let log = Log::default();
    let threads = ["one", "two"].map(|name| SlotThread::builder(name).start().unwrap());
    let attach = |who: u64| {
        let member = group.member(Worker::new(&log, who)).unwrap();
        let policy = if who.is_multiple_of(2) { PanicPolicy::Quarantine } else { PanicPolicy::Skip };
        let slot = bus.slot(&format!("work-{who}")).policy(policy).turn_limit(1 + who as usize % 64);
        slot.attach(&threads[who as usize % 2], member).unwrap()
    };
    let mut slots: Vec<_> = (0..3).map(attach).collect();
    let mut tape = Tape::new(feed);
    let mut who = 3;
    for at in 0..events {
        tape.send((at * 7 + at / 64) % 97, if at % 2_000 == 1_999 { PANICS } else { HARMLESS });
        if at % 1_500 == 700 {
            slots.push(attach(who));
            who += 1;
        }
        if at % 1_500 == 1_400 && slots.len() > 2 {
            // Either way it goes in the middle of its work.
            let slot = slots.remove(at as usize % slots.len());
            match at % 3_000 {
                1_400 => drop(slot.detach(SOON)),
                _ => drop(slot.quarantine()),
            }
        }
    }
    let total = tape.total();
    eventually("all is handled", || log.len() >= total);
    assert_eq!(log.judge(&tape.published), Ok(BTreeSet::new()));
    drop(tape);
    threads.into_iter().for_each(|thread| assert!(thread.shutdown(SOON).ended));
    let totals = group.stats().totals();
    assert_eq!(totals.handled + totals.caught_up + totals.late_dead, total as u64);
}

#[test]
fn what_a_group_cannot_be_is_said() {
    let (bus, _feed) = bus(16);
    let code = |error: GroupError| {
        assert!(error.to_string().ends_with(&format!(" [{}]", error.code())), "{error}");
        error.code()
    };
    for partitions in [0, 1, 3, 2048] {
        assert_eq!(code(bus.group("work").partitions(partitions).build().err().unwrap()), "TR-0950");
    }
    let (with_bytes, _other) = Bus::<Events>::builder("bytes").capacity(16).byte_limit(64).single().unwrap();
    assert_eq!(code(with_bytes.group("work").build().err().unwrap()), "TR-0954");
    let group = bus.group("work").partitions(2).build().unwrap();
    let member = || group.member(Worker::new(&Log::default(), 0));
    let taken: Vec<_> =
        (0..64).map(|_| bus.slot("slot").attach_here(Worker::new(&Log::default(), 0)).unwrap()).collect();
    let refused = member().err().unwrap();
    assert!(matches!(refused, GroupError::NoPlace { cause: RingError::PlacesExhausted { .. }, .. }));
    assert_eq!(code(refused), "TR-0951");
    drop(taken);
    let two = [member().unwrap(), member().unwrap()];
    assert_eq!(code(member().err().unwrap()), "TR-0952");
    let (elsewhere, _feed) = Bus::<Events>::builder("elsewhere").capacity(16).single().unwrap();
    let [one, other] = two;
    match elsewhere.slot("lost").attach_here(one) {
        Err(AttachError::StartPanicked { message, .. }) => assert!(message.ends_with("[TR-0953]"), "{message}"),
        _ => panic!("a member on another bus is refused"),
    }
    let lossy = bus.slot("lossy").overflow(tagring::bus::SlotOverflow::DropNewest);
    match lossy.attach_here(other) {
        Err(AttachError::StartPanicked { message, .. }) => assert!(message.ends_with("[TR-0963]"), "{message}"),
        _ => panic!("a member that loses events is refused"),
    }
    assert_eq!((group.stats().guard, bus.lags().len()), (None, 0), "nothing of it is left");
}

tagring::events! { pub mod signals with deadline; pub struct Signal = 1, v1 { pub id: u64 } }

/// Values, and what deadline each had.
type Had = Vec<(u64, Option<u64>)>;

/// Says of each event the deadline that a follower would inherit.
struct Heir(Arc<Mutex<Had>>);

impl Handler for Heir {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let id = event.get::<signals::Signal>().map_or(0, |signal| signal.id);
        self.0.lock().unwrap().push((id, ctx.deadline().map(|at| at.0)));
        Outcome::Done
    }
}

#[test]
fn issue_4607_an_event_that_is_read_again_has_its_own_sequence_and_deadline_at_hand() {
    let (bus, mut feed) = Bus::<signals::Events>::builder("signals").capacity(64).single().unwrap();
    let group = bus.group("work").partitions(2).build().unwrap();
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let attach = |name: &str| bus.slot(name).attach_here(group.member(Heir(Arc::clone(&seen))).unwrap()).unwrap();
    let (slow, mut quick) = (attach("slow"), attach("quick"));
    for id in 0..20 {
        let to = Envelope::key(id as u32).deadline(Ticks(u64::MAX / 2 + id));
        feed.publish(to, &signals::Signal { id }).unwrap();
    }
    while quick.turn() {}
    drop(slow.detach());
    while quick.turn() {}
    assert_eq!(group.stats().members[0].counts.caught_up, 20);
    let expected: Vec<_> = (0..20).map(|id| (id, Some(u64::MAX / 2 + id))).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}
