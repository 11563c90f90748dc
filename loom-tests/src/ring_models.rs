//! The ring under loom. Each model names the ordering it guards; each was seen to fail once with that ordering weakened, as its
//! comment says.

use crate::ring::{BoundReader, Copied, Doorbell, Polled, PublishError, Publisher, Reader, Ring, SharedPublisher};
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain64, Ordering};
use std::time::Duration;

/// Explores all interleavings with at most so many preemptions.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

fn put(publisher: &mut Publisher<u64>, value: u64) {
    while publisher.try_publish(value).is_err() {
        thread::yield_now();
    }
}

fn put_shared(publisher: &mut SharedPublisher<u64>, value: u64) {
    while publisher.try_publish(value).is_err() {
        thread::yield_now();
    }
}

/// Reads until `count` events were seen, handing each batch back.
fn take(reader: &mut Reader<u64>, count: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    while seen.len() < count {
        match reader.poll(8) {
            Polled::Batch(batch) => {
                seen.extend(batch.iter().map(|(_, value)| *value));
                batch.commit();
            }
            _ => thread::yield_now(),
        }
    }
    seen
}

/// A small ring laps: three events in two cells.
/// Guards `cell-published` (stamp Release / Acquire) and `reader-advanced` (sequence Release / Acquire).
/// Weakened: the stamp's store to Relaxed, its load to Relaxed, the sequence's store to Relaxed, its load to Relaxed: each time
/// loom found an unordered access to the event.
#[test]
fn one_publisher_one_reader() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let mut reader = ring.attach().unwrap();
        let other = thread::spawn(move || (10..13).for_each(|value| put(&mut publisher, value)));
        assert_eq!(take(&mut reader, 3), [10, 11, 12]);
        other.join().unwrap();
    });
}

/// The horizon lets a reader that is behind go on without looking at stamps: here over the fourth event, after the third's stamp.
/// Guards `horizon`. Weakened: its store to Relaxed, its load to Relaxed: loom found an unordered read of the fourth event.
#[test]
fn the_horizon_publishes() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(4).unwrap();
        let mut reader = ring.attach().unwrap();
        let other = thread::spawn(move || (10..14).for_each(|value| put(&mut publisher, value)));
        assert_eq!(take(&mut reader, 4), [10, 11, 12, 13]);
        other.join().unwrap();
    });
}

/// A batch appears whole: who sees its first event has all of it at hand.
/// Guards the order in `Claim::drop`: the horizon, then the first stamp. Swapped, loom found a batch seen in part.
#[test]
fn issue_4581_a_batch_appears_whole() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(4).unwrap();
        let mut reader = ring.attach().unwrap();
        let other = thread::spawn(move || publisher.try_publish_batch(&[10, 11, 12]).unwrap());
        loop {
            if let Polled::Batch(batch) = reader.poll(8) {
                assert_eq!(batch.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [10, 11, 12]);
                batch.commit();
                break;
            }
            thread::yield_now();
        }
        other.join().unwrap();
    });
}

/// Two publishers claim from one cursor and never meet in a cell.
/// Guards the gate of many publishers (`reader-advanced`, acquired by each of them) and `cell-published`.
/// Weakened: the sequence's load to Relaxed: loom found an unordered overwrite.
#[test]
fn issue_4567_two_publishers_one_reader() {
    explore(2, || {
        let (ring, mut one) = Ring::many(2).unwrap();
        let mut reader = ring.attach().unwrap();
        one.try_publish(10).unwrap();
        let mut two = one.clone();
        let first = thread::spawn(move || put_shared(&mut one, 11));
        let second = thread::spawn(move || put_shared(&mut two, 20));
        let mut seen = take(&mut reader, 3);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(seen[0], 10);
        seen.sort_unstable();
        assert_eq!(seen, [10, 11, 20]);
    });
}

/// Two publishers put a batch each into one ring; the reader goes as far as the last hint says, whoever gave it, and what that says of the
/// other one's cells is no promise: stamps decide.
/// Guards `cell-published` where the horizon is only a hint. Weakened: a reader that believed the hint, without a look at the stamps, met a cell that
/// was not published.
#[test]
fn batches_of_two_publishers_are_read_by_their_stamps() {
    explore(2, || {
        let (ring, mut one) = Ring::many(4).unwrap();
        let mut reader = ring.attach().unwrap();
        let mut two = one.clone();
        let first = thread::spawn(move || assert!(one.try_publish_batch(&[10, 11]).is_ok()));
        assert!(two.try_publish_batch(&[20, 21]).is_ok());
        let seen = take(&mut reader, 4);
        first.join().unwrap();
        assert!(seen == [10, 11, 20, 21] || seen == [20, 21, 10, 11], "{seen:?}");
    });
}

/// Without any reader, two publishers lap a ring of two cells and still never write one cell at once.
/// Guards `finished_up_to`: with the limit taken from the claim counter alone, loom found two writers in one cell.
#[test]
fn two_publishers_without_readers() {
    explore(2, || {
        let (_ring, mut one) = Ring::many(2).unwrap();
        let mut two = one.clone();
        let first = thread::spawn(move || (10..12).for_each(|value| put_shared(&mut one, value)));
        let second = thread::spawn(move || (20..22).for_each(|value| put_shared(&mut two, value)));
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// A reader joins while events flow: what is published after it has joined is seen, in order, and nothing it holds is overwritten.
/// Guards `join`, both fences. Weakened: the reader's fence taken out, the publisher's fence taken out: each time loom found an
/// event overwritten that the reader had not passed.
#[test]
fn issue_4534_a_reader_joins_while_events_flow() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let joined = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let other = thread::spawn({
            let joined = Arc::clone(&joined);
            move || {
                for value in 0..3 {
                    // Whether the reader had joined before this was published.
                    let wanted = joined.load(loom::sync::atomic::Ordering::Acquire);
                    let mut tries = 0;
                    while publisher.try_publish(value).is_err() && tries < 4 {
                        tries += 1;
                        thread::yield_now();
                    }
                    if wanted || tries == 4 {
                        return (publisher, value, wanted && tries < 4);
                    }
                }
                (publisher, 3, false)
            }
        });
        let mut reader = ring.attach().unwrap();
        joined.store(true, loom::sync::atomic::Ordering::Release);
        let start = reader.position();
        let mut next = start;
        let mut read = |reader: &mut Reader<u64>| {
            if let Polled::Batch(batch) = reader.poll(8) {
                for (sequence, value) in batch.iter() {
                    assert_eq!((sequence, *value), (next, next), "in order, none torn, none missed");
                    next += 1;
                }
                batch.commit();
            }
        };
        read(&mut reader);
        let (publisher, value, wanted) = other.join().unwrap();
        (0..3).for_each(|_| read(&mut reader));
        assert!(!wanted || (start <= value && next > value), "{value} was published after the reader joined");
        drop(publisher);
    });
}

/// A reader joins among two publishers, one of which is in the middle of a claim.
/// Guards `settle`: with the place raised to the cursor at once, loom found two writers in one cell.
#[test]
fn a_reader_joins_among_many_publishers() {
    explore(2, || {
        let (ring, mut one) = Ring::many(2).unwrap();
        let mut two = one.clone();
        let first = thread::spawn(move || {
            let _ = one.try_publish(10);
        });
        let second = thread::spawn(move || {
            for value in 20..22 {
                let _ = two.try_publish(value);
            }
        });
        let mut reader = ring.attach().unwrap();
        first.join().unwrap();
        second.join().unwrap();
        let (start, published) = (reader.position(), ring.published());
        let seen = take(&mut reader, (published - start) as usize);
        assert!(seen.iter().all(|value| [10, 20, 21].contains(value)));
    });
}

/// A reader joins while a claim is open, and reads what comes behind it before the claim is done.
/// Guards what `settle` says in the end: with the place left at the join, loom found a reader that had read all and said that it had not.
#[test]
fn a_reader_that_joined_amid_a_claim_says_where_it_is() {
    explore(2, || {
        let (ring, mut one) = Ring::many(2).unwrap();
        let mut two = one.clone();
        let first = thread::spawn(move || one.try_publish(10).is_ok());
        let second = thread::spawn(move || two.try_publish(20).is_ok());
        let mut reader = ring.attach().unwrap();
        let mut poll = || {
            if let Polled::Batch(batch) = reader.poll(8) {
                batch.commit();
            }
            reader.position()
        };
        poll();
        assert!(first.join().unwrap() && second.join().unwrap());
        while poll() < ring.published() {}
        poll();
        assert_eq!(ring.readers().map(|(_, next)| next).collect::<Vec<_>>(), [ring.published()]);
    });
}

/// A reader goes while the publisher finds the ring full: the publisher goes on.
/// Guards `reader-advanced` at detach: with the store of FREE Relaxed, loom found an unordered overwrite.
#[test]
fn a_reader_detaches_and_the_publisher_goes_on() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let mut reader = ring.attach().unwrap();
        publisher.try_publish(10).unwrap();
        publisher.try_publish(11).unwrap();
        let other = thread::spawn(move || {
            if let Polled::Batch(batch) = reader.poll(1) {
                assert_eq!(batch.iter().next(), Some((0, &10)));
            }
            drop(reader);
        });
        put(&mut publisher, 12);
        other.join().unwrap();
        drop(ring);
    });
}

/// The second reader runs after the first: it sees what the first made of each event, also when the first goes away.
/// Guards `reader-advanced` between readers: with the upstream sequence's store or load Relaxed, loom found the first reader's
/// result read without order.
#[test]
fn a_reader_runs_after_another() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let mut first = ring.attach().unwrap();
        let mut second = ring.attach_after(&[first.id()]).unwrap();
        let made = loom::sync::Arc::new(loom::cell::UnsafeCell::new(0_u64));
        publisher.try_publish(10).unwrap();
        let upstream = thread::spawn({
            let made = loom::sync::Arc::clone(&made);
            move || {
                let Polled::Batch(batch) = first.poll(8) else { panic!("the event is there") };
                // SAFETY: loom checks that this is ordered with the read below.
                made.with_mut(|made| unsafe { *made = 11 });
                batch.commit();
                first
            }
        });
        loop {
            if let Polled::Batch(batch) = second.poll(8) {
                // Before the batch is handed back: that would fence.
                // SAFETY: loom checks that this is ordered with the write above.
                assert_eq!(made.with(|made| unsafe { *made }), 11);
                assert_eq!(batch.iter().next(), Some((0, &10)));
                batch.commit();
                break;
            }
            thread::yield_now();
        }
        upstream.join().unwrap();
    });
}

/// The reader that another runs after goes away without handling anything: the other goes on with the publisher alone.
/// Guards `end_of`: with a place that is gone counted as one that never moves, loom found a reader that waits for ever.
#[test]
fn a_reader_outlives_the_one_it_runs_after() {
    explore(2, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let first = ring.attach().unwrap();
        let mut second = ring.attach_after(&[first.id()]).unwrap();
        let other = thread::spawn(move || put(&mut publisher, 10));
        drop(first);
        assert_eq!(take(&mut second, 1), [10]);
        other.join().unwrap();
    });
}

/// A sleeper is woken by the publication it waits for.
/// Guards `sleeper-announced`: with the fence on either side taken out, loom found a sleeper that is never woken.
#[test]
fn no_wake_up_is_lost() {
    crate::sync::with_light_fences(|| {
        explore(3, || {
            let bell = Arc::new(Doorbell::new());
            let (ring, mut publisher) = Ring::single_at(2, Arc::clone(&bell)).unwrap();
            let mut reader = ring.attach().unwrap();
            // The publisher is kept: when it is dropped it rings in any case.
            let other = thread::spawn(move || {
                publisher.try_publish(10).unwrap();
                publisher
            });
            let mut seen = false;
            while !seen {
                bell.sleep_unless(Duration::MAX, || {
                    seen = matches!(reader.poll(1), Polled::Batch(_));
                    seen
                });
                seen = seen || matches!(reader.poll(1), Polled::Batch(_));
            }
            other.join().unwrap();
        })
    });
}

/// A lossy reader copies while the publisher laps it: every copy is whole, every gap exact.
/// Guards `cell-overwritten`: with the Release fence after BUSY, or the Acquire fence before the second look, taken out, loom found
/// a torn copy.
#[test]
fn issue_4537_a_lossy_copy_is_whole() {
    explore(2, || {
        let (ring, mut publisher) = Ring::<[u64; 2]>::single(2).unwrap();
        let mut lossy = ring.lossy();
        let other = thread::spawn(move || {
            for value in 0..3 {
                publisher.try_publish([value, !value]).unwrap();
            }
        });
        let mut next = 0;
        for _ in 0..3 {
            match lossy.poll() {
                Copied::Event { sequence, event } => {
                    assert_eq!((sequence, event), (next, [next, !next]));
                    next += 1;
                }
                Copied::Gap { from, to } => {
                    assert_eq!(from, next);
                    assert!(to > from && to <= 3);
                    next = to;
                }
                Copied::Empty | Copied::Closed => {}
            }
        }
        other.join().unwrap();
    });
}

/// The publisher goes: what it published is read before the reader says closed.
/// Guards `ring-closed`: with its store or its load Relaxed, loom found a reader that was told of the end before the last event.
/// (A ring of four: in one of two, the first event is followed by a new limit, whose fence would hide a weakened store.)
#[test]
fn closed_comes_after_the_last_event() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(4).unwrap();
        let mut reader = ring.attach().unwrap();
        let other = thread::spawn(move || {
            publisher.try_publish(10).unwrap();
        });
        let mut seen = 0;
        loop {
            match reader.poll(8) {
                Polled::Batch(batch) => {
                    seen += batch.iter().count();
                    batch.commit();
                }
                Polled::Empty => thread::yield_now(),
                Polled::Closed => break,
            }
        }
        assert_eq!(seen, 1);
        other.join().unwrap();
    });
}

/// Both sides of `fence_light` and `fence_heavy` are full fences here, as in the models of sleeping.
fn explore_revoking(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    crate::sync::with_light_fences(|| explore(preemptions, model));
}

/// One turn, in which each event stays what it was while it is borrowed: loom objects to a write that is not ordered behind the borrow, and
/// the value is looked at again.
fn borrow_for_a_while(reader: &mut BoundReader<u64>) {
    reader.turn(8, |turn| {
        while let Some((event, sequence, _)) = turn.next() {
            assert_eq!(*event, 10 + sequence);
            thread::yield_now();
            assert_eq!(*event, 10 + sequence, "overwritten while it was borrowed");
        }
    });
}

/// A reader begins a turn while it is revoked and a publisher laps it: it borrows nothing, or what it borrows stays.
/// Guards `reader-revoked` and `cells-pinned`. Weakened: the light fence of the turn taken out, the heavy fence of who revokes taken out,
/// the look at the mark before the store of the turn's end, the bit set before the pin, the bit's store to Relaxed, its load to
/// Relaxed: each time loom found a write to an event that was borrowed.
#[test]
fn a_reader_is_revoked_in_its_turn() {
    explore_revoking(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = ring.attach().unwrap();
        let id = reader.id();
        publisher.try_publish_batch(&[10, 11]).unwrap();
        // Bound here, so that it can be revoked from the start: the models have one thread id.
        let mut reader = Bound(reader.bind());
        let stuck = thread::spawn(move || {
            borrow_for_a_while(reader.get());
            reader
        });
        let other = thread::spawn(move || {
            for _ in 0..2 {
                let _ = publisher.try_publish_with(|sequence| 10 + sequence);
            }
            publisher
        });
        ring.revoke(id);
        let reader = stuck.join().unwrap();
        let mut publisher = other.join().unwrap();
        assert!(reader.0.is_revoked());
        // The pin is at most a cell: of two sequences, one is there to be published.
        publisher.try_publish_with(|sequence| 10 + sequence).unwrap();
        drop(reader);
        assert_eq!(ring.readers().count(), 0);
    });
}

/// A bound reader on its way to another thread of the model. All of a model's threads are one thread of the system, and the reader is used by
/// one of them at a time.
struct Bound(BoundReader<u64>);

impl Bound {
    fn get(&mut self) -> &mut BoundReader<u64> {
        &mut self.0
    }
}

// SAFETY: loom runs all of a model on one thread of the system.
unsafe impl Send for Bound {}

/// A reader is revoked when it is done with one turn and begins the next: what the first borrowed was handed back before it is written.
/// Guards `turn-held`. Weakened: the store of the turn's end to Relaxed, its load to Relaxed: loom found an unordered overwrite.
/// (Without light fences, which would order it too: so the first turn has begun when the reader is revoked, and the second borrows nothing.)
#[test]
fn a_reader_is_revoked_between_turns() {
    explore(2, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = ring.attach().unwrap();
        let id = reader.id();
        publisher.try_publish_batch(&[10, 11]).unwrap();
        let (begun, mut reader) = (Begun::new(), Bound(reader.bind()));
        let busy = thread::spawn({
            let begun = begun.clone();
            move || {
                reader.get().turn(1, |turn| {
                    begun.say();
                    assert!(turn.next().is_none_or(|event| event == (&10, 0, true)), "unless it was stepped over");
                });
                reader.get().turn(1, |_| ());
                reader
            }
        });
        let revoker = thread::spawn({
            let ring = ring.clone();
            move || {
                begun.wait();
                assert!(ring.revoke(id));
            }
        });
        let _ = publisher.try_publish_with(|sequence| 10 + sequence);
        revoker.join().unwrap();
        drop(busy.join().unwrap());
    });
}

/// Whether a turn has begun, for models without light fences: all before it is ordered.
#[derive(Clone)]
struct Begun(loom::sync::Arc<loom::sync::atomic::AtomicBool>);

impl Begun {
    fn new() -> Self {
        Self(loom::sync::Arc::new(loom::sync::atomic::AtomicBool::new(false)))
    }

    fn say(&self) {
        self.0.store(true, loom::sync::atomic::Ordering::Release);
    }

    fn wait(&self) {
        while !self.0.load(loom::sync::atomic::Ordering::Acquire) {
            thread::yield_now();
        }
    }
}

/// Among many publishers, one of them steps over the cells of a revoked reader, and none writes them.
/// Guards the pins in every publisher's limit. With a limit that leaves them out, loom found a write to an event that was borrowed.
#[test]
fn a_reader_is_revoked_among_many_publishers() {
    explore_revoking(3, || {
        let (ring, mut one) = Ring::many(2).unwrap();
        let mut two = one.clone();
        let reader = ring.attach().unwrap();
        let id = reader.id();
        one.try_publish_batch(&[10, 11]).unwrap();
        let mut reader = Bound(reader.bind());
        let stuck = thread::spawn(move || {
            borrow_for_a_while(reader.get());
            reader
        });
        let other = thread::spawn(move || {
            let _ = one.try_publish(12);
        });
        ring.revoke(id);
        let published = two.try_publish(13).is_ok();
        let mut reader = stuck.join().unwrap();
        other.join().unwrap();
        assert!(reader.get().is_revoked() && (published || two.try_publish(13).is_ok()));
    });
}

/// A revoked reader comes back and leaves while a publisher goes on: its cells are written only behind that.
/// Guards `cells-pinned` at the end of a pin: with the bit cleared Relaxed, loom found a write that was not ordered behind the borrow.
/// (Without light fences, which would order it too.)
#[test]
fn a_revoked_reader_leaves() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = ring.attach().unwrap();
        let id = reader.id();
        publisher.try_publish_batch(&[10, 11]).unwrap();
        let (begun, mut reader) = (Begun::new(), Bound(reader.bind()));
        let stuck = thread::spawn({
            let begun = begun.clone();
            move || {
                reader.get().turn(1, |turn| {
                    begun.say();
                    assert!(turn.next().is_none_or(|event| event == (&10, 0, true)), "unless it was stepped over");
                });
                drop(reader);
            }
        });
        begun.wait();
        // False if it has left already.
        ring.revoke(id);
        for _ in 0..2 {
            let _ = publisher.try_publish_with(|sequence| 10 + sequence);
        }
        stuck.join().unwrap();
        let at = publisher.position();
        assert_eq!(publisher.try_publish_batch(&[10 + at, 11 + at]), Ok(at), "no cell is pinned any more");
    });
}

/// A reader is revoked at the moment when it leaves, and another takes its place: that one gates.
/// Guards `revoked-or-gone`: with the pin left to a reader that has left already, loom found the newcomer's events overwritten.
#[test]
fn a_reader_is_revoked_as_it_leaves() {
    explore_revoking(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = Bound(ring.attach().unwrap().bind());
        let id = reader.0.id();
        let other = thread::spawn({
            let ring = ring.clone();
            move || {
                drop(reader);
                ring.attach().unwrap()
            }
        });
        ring.revoke(id);
        let mut newcomer = other.join().unwrap();
        assert!(!ring.is_revoked(id) && !ring.is_revoked(newcomer.id()));
        publisher.try_publish_batch(&[10, 11]).unwrap();
        assert!(publisher.try_publish(12).is_err(), "the newcomer gates");
        assert_eq!(take(&mut newcomer, 2), [10, 11]);
    });
}

/// A reader that runs after a revoked one goes on with the publisher alone.
/// Guards `end_of`: with a revoked place that still counts, loom found a reader that waits for ever.
#[test]
fn a_reader_goes_on_after_a_revoked_one() {
    explore_revoking(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let first = Bound(ring.attach().unwrap().bind());
        let mut second = ring.attach_after(&[first.0.id()]).unwrap();
        let id = first.0.id();
        publisher.try_publish(10).unwrap();
        let other = thread::spawn({
            let ring = ring.clone();
            move || assert!(ring.revoke(id))
        });
        assert_eq!(take(&mut second, 1), [10]);
        other.join().unwrap();
        drop(first);
    });
}
