//! What the ring promises by itself: bounded places, typed refusals, order, whole batches, events in place, and no hang after a panic.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tagring::ring::{
    Claim, Copied, LossyReader, Polled, PublishError, Reader, Ring, RingError, SharedPublisher, WaitStrategy,
};

const SOON: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above; `old` came from `System`, as all of ours do.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::yield_now();
    }
}

/// All that is there to be read now, committed.
fn read(reader: &mut Reader<u64>) -> Vec<u64> {
    let mut events = Vec::new();
    while let Polled::Batch(batch) = reader.poll(usize::MAX) {
        events.extend(batch.iter().map(|(_, event)| *event));
        batch.commit();
    }
    events
}

/// All that a lossy reader can copy now.
fn copy(reader: &mut LossyReader<u64>) -> Vec<u64> {
    let next = || match reader.poll() {
        Copied::Event { event, .. } => Some(event),
        _ => None,
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn issue_4533_a_million_attachments_leave_nothing_behind() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let before = ALLOCATIONS.get();
    for _ in 0..1_000_000 {
        ring.attach().unwrap();
    }
    assert_eq!((ALLOCATIONS.get() - before, ring.readers().count()), (0, 0));
    (0..20).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i)));
}

#[test]
fn issue_4533_the_sixty_fifth_reader_is_refused_and_a_place_given_back_is_used_again() {
    let (ring, _publisher) = Ring::<u64>::single(8).unwrap();
    let mut readers: Vec<_> = (0..64).map(|_| ring.attach().unwrap()).collect();
    let refused = ring.attach().map(|_| ()).unwrap_err();
    assert_eq!(refused, RingError::PlacesExhausted { places: 64 });
    assert!(refused.to_string().contains("64 reader places") && refused.to_string().contains("TR-0402"), "{refused}");
    let gone = readers.remove(40).id();
    let missing = ring.attach_after(&[gone]).map(|_| ()).unwrap_err();
    assert_eq!((missing, missing.code()), (RingError::NotAttached { reader: gone }, "TR-0403"));
    assert_eq!(ring.attach().unwrap().id().index(), gone.index());
    let upstream = ring.attach_after(&[readers[0].id()]).unwrap().id();
    assert_eq!(upstream.index(), gone.index(), "a refused attachment kept nothing");
    let first = readers[0].id();
    drop(ring.attach_after(&[first, readers[1].id(), first, first]).unwrap());
    readers.clear();
    let again: Vec<_> = (0..64).map(|_| ring.attach().unwrap()).collect();
    assert_eq!(again[0].id().index(), first.index(), "a reader named twice is held once");
}

#[test]
fn issue_4535_a_full_ring_names_the_reader_furthest_behind_and_nothing_is_half_written() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let (mut quick, mut slow) = (ring.attach().unwrap(), ring.attach().unwrap());
    (0..4).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i)));
    assert_eq!(read(&mut quick), [0, 1, 2, 3]);
    let full = PublishError::Full { reader: Some(slow.id()), behind: 4 };
    assert_eq!(publisher.try_publish(9), Err(full));
    assert_eq!(publisher.try_publish_with(|_| panic!("there is no room to build for")), Err(full));
    assert_eq!(publisher.try_publish_batch(&[9, 9]), Err(full));
    assert_eq!(publisher.try_claim(1).map(|_| ()), Err(full));
    let waits = [publisher.publish_timeout(9, SHORT), publisher.publish_batch_timeout(&[9, 9], SHORT)];
    for late in waits {
        let Err(PublishError::TimedOut { reader, behind: 4, waited }) = late else { panic!("{late:?}") };
        assert!(reader == Some(slow.id()) && waited >= SHORT);
    }
    assert_eq!(
        full.to_string(),
        "publish: the ring is full: reader 1 is 4 events behind; wait, shed, or enlarge the ring [TR-0411]"
    );
    assert_eq!(ring.published(), 4);
    for _ in 0..2 {
        let Polled::Batch(batch) = slow.poll(1) else { panic!("an event is there") };
        batch.commit();
    }
    assert_eq!(publisher.try_publish_batch(&[4, 5, 6]), Err(PublishError::Full { reader: Some(slow.id()), behind: 2 }));
    assert_eq!(publisher.try_publish_batch(&[4, 5]), Ok(4));
    assert_eq!((read(&mut slow), read(&mut quick)), (vec![2, 3, 4, 5], vec![4, 5]));
}

#[test]
fn issue_4535_many_publishers_are_refused_alike() {
    let (ring, mut publisher) = Ring::<u64>::many(4).unwrap();
    let mut other = publisher.clone();
    let mut slow = ring.attach().unwrap();
    assert_eq!((publisher.try_publish_batch(&[0, 1]), other.try_publish_batch(&[2, 3])), (Ok(0), Ok(2)));
    let full = PublishError::Full { reader: Some(slow.id()), behind: 4 };
    assert_eq!([publisher.try_publish(9), other.try_publish_with(|| 9), other.try_publish_batch(&[9])], [Err(full); 3]);
    assert!(matches!(other.publish_timeout(9, SHORT), Err(PublishError::TimedOut { waited, .. }) if waited >= SHORT));
    assert_eq!(read(&mut slow), [0, 1, 2, 3]);
    let claim = publisher.try_claim(4).unwrap();
    assert_eq!(other.try_publish(9), Err(full), "the claim of another publisher holds the ring through its reader");
    drop((claim, slow));
    let claim = publisher.try_claim(4).unwrap();
    let unfinished = other.try_publish(9).unwrap_err();
    assert_eq!(unfinished, PublishError::Full { reader: None, behind: 4 }, "no reader: the claim itself");
    assert!(unfinished.to_string().contains("another publisher holds a claim 4 events back"), "{unfinished}");
    drop(claim);
    assert_eq!(other.try_publish(9), Ok(12));
}

#[test]
fn issue_4535_a_publisher_that_would_wait_for_its_own_thread_is_told() {
    let (ring, mut publisher) = Ring::<u64>::single(2).unwrap();
    let mut reader = ring.attach().unwrap().bind();
    assert_eq!(publisher.publish_batch(&[0, 1]), Ok(0));
    let blocked = PublishError::SelfBlocked { reader: reader.id(), behind: 2 };
    assert_eq!(
        [publisher.publish(2), publisher.publish_timeout(2, SOON), publisher.publish_batch(&[2])],
        [Err(blocked); 3]
    );
    assert_eq!(publisher.publish(2).unwrap_err().code(), "TR-0413");
    assert_eq!(publisher.try_publish(2), Err(PublishError::Full { reader: Some(reader.id()), behind: 2 }));
    assert_eq!(reader.poll(1, |event, _, _| assert_eq!(*event, 0)), 1);
    assert_eq!(publisher.publish(2), Ok(2));
}

#[test]
fn issue_4535_a_reader_whose_thread_has_died_holds_nobody() {
    for many in [false, true] {
        let (ring, mut one, mut some) = match many {
            false => Ring::<u64>::single(4).map(|(ring, publisher)| (ring, Some(publisher), None)).unwrap(),
            true => Ring::<u64>::many(4).map(|(ring, publisher)| (ring, None, Some(publisher))).unwrap(),
        };
        let reader = ring.attach().unwrap();
        std::thread::spawn(move || std::mem::forget(reader.bind())).join().unwrap();
        assert_eq!(ring.readers().count(), 1);
        let mut publish = |i| one.as_mut().map_or_else(|| some.as_mut().unwrap().publish(i), |one| one.publish(i));
        (0..10).for_each(|i| assert_eq!(publish(i), Ok(i)));
        assert_eq!(ring.readers().count(), 0, "its place was taken back");
    }
}

#[test]
fn issue_4535_what_can_never_fit_and_what_comes_too_late_are_errors() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let mut reader = ring.attach().unwrap();
    let large = PublishError::BatchTooLarge { len: 5, capacity: 4 };
    assert_eq!(publisher.publish_batch(&[0; 5]), Err(large));
    assert_eq!(publisher.try_claim(5).map(|_| ()), Err(large));
    assert_eq!(publisher.publish_batch(&[0; 5]).unwrap_err().code(), "TR-0415");
    assert_eq!(publisher.try_publish_batch(&[0; 4]), Ok(0), "the whole ring may be one batch");
    assert_eq!((ring.capacity(), publisher.capacity(), ring.is_closed()), (4, 4, false));
    ring.close();
    assert!(ring.is_closed());
    assert_eq!(
        [publisher.try_publish(9), publisher.publish(9), publisher.publish_timeout(9, SOON)],
        [Err(PublishError::Closed); 3]
    );
    assert_eq!(publisher.publish(9).unwrap_err().code(), "TR-0414");
    assert_eq!(read(&mut reader), [0; 4], "what came before is read");
    assert!(matches!(reader.poll(1), Polled::Closed));
    for capacity in [0, 1, 3, 6, 1000, (1 << 32) + 1, 1 << 33, usize::MAX] {
        let refused = Ring::<u64>::single(capacity).map(|_| ()).unwrap_err();
        assert_eq!(refused, RingError::Capacity { capacity });
        assert_eq!(Ring::<u64>::many(capacity).map(|_| ()).unwrap_err(), refused);
        assert!(refused.to_string().contains(&capacity.to_string()), "{refused}");
    }
    let text = Ring::<u64>::single(1000).map(|_| ()).unwrap_err().to_string();
    assert_eq!(text, "ring: capacity 1000 is not a power of two from 2 to 4294967296; take 1024 [TR-0401]");
}

#[test]
fn issue_4537_the_last_events_are_there_to_be_copied_and_a_gap_is_exact() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut from_the_start = ring.last(u64::MAX);
    assert_eq!(from_the_start.poll(), Copied::Empty);
    (0..5).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i)));
    assert_eq!((copy(&mut ring.last(3)), copy(&mut ring.lossy())), (vec![2, 3, 4], vec![]));
    (5..30).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i)));
    assert_eq!(copy(&mut ring.last(u64::MAX)), (22..30).collect::<Vec<_>>(), "one lap, no more");
    // Its cell holds 24 by now; the oldest that may still be whole is 17, and an eighth of the ring is left to the publisher.
    assert_eq!(from_the_start.poll(), Copied::Gap { from: 0, to: 18 });
    let (mut copied, mut gaps) = (Vec::new(), 18);
    loop {
        match from_the_start.poll() {
            Copied::Event { sequence, event } => copied.push((sequence, event)),
            Copied::Gap { from, to } => gaps += to - from,
            Copied::Empty | Copied::Closed => break,
        }
    }
    assert_eq!((from_the_start.lost(), from_the_start.position(), gaps + copied.len() as u64), (gaps, 30, 30));
    assert!(copied.iter().copied().eq((gaps..30).map(|i| (i, i))), "what it did not lose, it copied: {copied:?}");
    drop(publisher);
    assert_eq!(from_the_start.poll(), Copied::Closed);
}

/// Publishes its number and counts up, in uneven pieces.
fn publish_unevenly(mut publisher: SharedPublisher<[u64; 2]>, id: u64, count: u64) {
    let mut next = 0;
    while next < count {
        let piece = (next * 7 + id * 3) % 5 + 1;
        let events: Vec<_> = (next..count.min(next + piece)).map(|i| [id, i]).collect();
        match events.as_slice() {
            [event] => publisher.publish(*event).unwrap(),
            events => publisher.publish_batch(events).unwrap(),
        };
        next += events.len() as u64;
        (0..(next ^ id) % 3).for_each(|_| std::thread::yield_now());
    }
}

#[test]
fn issue_4567_all_readers_see_one_order_that_keeps_each_publishers_own() {
    const COUNT: u64 = 5_000;
    let (ring, publisher) = Ring::<[u64; 2]>::many(64).unwrap();
    let mut readers = [ring.attach().unwrap(), ring.attach().unwrap()];
    std::thread::scope(|scope| {
        for id in 0..4 {
            let publisher = publisher.clone();
            scope.spawn(move || publish_unevenly(publisher, id, COUNT));
        }
        drop(publisher);
        let orders = readers.each_mut().map(|reader| {
            scope.spawn(move || {
                let mut order = Vec::new();
                while reader.wait_timeout(SOON) {
                    let Polled::Batch(batch) = reader.poll(32) else { unreachable!("there is something") };
                    order.extend(batch.iter().map(|(sequence, event)| (sequence, *event)));
                    batch.commit();
                }
                order
            })
        });
        let [one, two] = orders.map(|order| order.join().unwrap());
        assert_eq!(one, two);
        assert!(one.iter().enumerate().all(|(i, (sequence, _))| *sequence == i as u64), "no sequence is missing");
        for id in 0..4 {
            let of_one = one.iter().filter(|(_, [publisher, _])| *publisher == id).map(|(_, [_, number])| *number);
            assert!(of_one.eq(0..COUNT), "publisher {id}");
        }
    });
}

#[test]
fn issue_4581_a_batch_appears_as_a_whole_and_its_last_event_says_so() {
    let (ring, mut publisher) = Ring::<u64>::single(16).unwrap();
    let mut reader = ring.attach().unwrap().bind();
    let mut claim = publisher.try_claim(3).unwrap();
    assert_eq!((claim.first(), claim.remaining()), (0, 3));
    claim.push(10);
    claim.push(11);
    assert!(!reader.is_ready(), "nothing is seen of a batch that is not published");
    claim.push(12);
    assert_eq!(claim.remaining(), 0);
    claim.publish();
    assert_eq!(publisher.publish_batch(&[13, 14]), Ok(3));
    let mut seen = Vec::new();
    assert_eq!(reader.poll(4, |event, sequence, at_end| seen.push((sequence, *event, at_end))), 4);
    assert_eq!(reader.poll(4, |event, sequence, at_end| seen.push((sequence, *event, at_end))), 1);
    assert_eq!(seen, [(0, 10, false), (1, 11, false), (2, 12, false), (3, 13, true), (4, 14, true)]);
    assert_eq!(publisher.publish_batch(&[]), Ok(5), "an empty batch is no event");
    assert_eq!(publisher.try_claim(0).map(Claim::publish), Ok(()));
    assert_eq!(reader.poll(4, |_, _, _| panic!("nothing was published")), 0);
    let (ring, mut publisher) = Ring::<u64>::many(2).unwrap();
    let mut lossy = ring.lossy();
    assert_eq!(publisher.try_claim(0).map(Claim::publish), Ok(()));
    assert_eq!((publisher.publish_batch(&[]), publisher.publish(7), copy(&mut lossy)), (Ok(0), Ok(0), vec![7]));
}

#[test]
fn issue_4581_a_claim_takes_no_more_than_it_asked_for() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut reader = ring.attach().unwrap();
    let mut claim = publisher.try_claim(1).unwrap();
    claim.push(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| claim.push(2))).unwrap_err();
    assert_eq!(panicked.downcast_ref::<String>().unwrap(), "a claim of 1 cells is full");
    claim.publish();
    assert_eq!(read(&mut reader), [1]);
}

#[test]
fn issue_4584_readers_borrow_an_event_where_it_was_written() {
    let (ring, mut publisher) = Ring::<[u64; 7]>::single(4).unwrap();
    let mut readers = [ring.attach().unwrap(), ring.attach().unwrap()];
    let mut places = [Vec::new(), Vec::new()];
    for i in 0..8 {
        publisher.try_publish([i; 7]).unwrap();
        for (reader, places) in readers.iter_mut().zip(&mut places) {
            let Polled::Batch(batch) = reader.poll(1) else { panic!("an event is there") };
            places.extend(batch.iter().map(|(_, event)| std::ptr::from_ref(event) as usize));
            batch.commit();
        }
    }
    assert_eq!(places[0], places[1]);
    assert_eq!(places[0][..4], places[0][4..], "a lap later, the same cells");
    assert!(places[0][..4].windows(2).all(|pair| pair[1] - pair[0] == 64) && places[0][0] % 64 == 8);
}

fn push_two_and_panic(mut claim: Claim<'_, u64>) {
    claim.push(1);
    claim.push(2);
    panic!("between claim and publish");
}

#[test]
fn a_panic_between_claim_and_publish_leaves_a_hole_and_no_hang() {
    let (ring, mut publisher) = Ring::<u64>::many(8).unwrap();
    let (mut other, mut reader, mut lossy) = (publisher.clone(), ring.attach().unwrap(), ring.lossy());
    for filled in [true, false] {
        let claim = publisher.try_claim(4).unwrap();
        other.try_publish(5).unwrap();
        let work = || if filled { push_two_and_panic(claim) } else { panic!("{} cells", claim.remaining()) };
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        let expected: &[u64] = if filled { &[1, 2, 5] } else { &[5] };
        assert_eq!((read(&mut reader).as_slice(), copy(&mut lossy).as_slice()), (expected, expected));
    }
    assert_eq!(reader.position(), 10);

    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut reader = ring.attach().unwrap();
    let claim = publisher.try_claim(4).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| push_two_and_panic(claim))).is_err());
    assert_eq!(publisher.try_publish(3), Ok(2), "the only publisher takes its unfilled cells back");
    assert_eq!(read(&mut reader), [1, 2, 3]);
    let built = catch_unwind(AssertUnwindSafe(|| publisher.try_publish_with(|_| panic!("while building"))));
    assert!(built.is_err());
    assert_eq!((publisher.try_publish(4), read(&mut reader)), (Ok(3), vec![4]));
}

#[test]
fn a_forgotten_claim_becomes_holes_with_the_next_call_or_with_the_end() {
    let (ring, mut publisher) = Ring::<u64>::many(8).unwrap();
    let (other, mut reader) = (publisher.clone(), ring.attach().unwrap());
    std::mem::forget(publisher.try_claim(2).unwrap());
    assert!(matches!(reader.poll(1), Polled::Empty));
    assert_eq!(publisher.try_publish(1), Ok(2));
    assert_eq!(read(&mut reader), [1]);
    std::mem::forget(publisher.try_claim(2).unwrap());
    drop(publisher);
    assert!(matches!(reader.poll(9), Polled::Batch(batch) if batch.iter().count() == 0 && batch.sequences() == (3..5)));
    drop(other);
    assert!(read(&mut reader).is_empty() && matches!(reader.poll(1), Polled::Closed));
}

#[test]
fn a_panicking_handler_sees_its_event_again_or_steps_over_it() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut reader = ring.attach().unwrap().bind();
    publisher.publish_batch(&[0, 1, 2]).unwrap();
    let mut poll = || catch_unwind(AssertUnwindSafe(|| reader.poll(8, |event, _, _| assert_ne!(*event, 1)))).is_err();
    assert!(poll() && poll());
    assert_eq!(reader.position(), 1);
    assert!(reader.skip());
    assert_eq!((reader.poll(8, |event, _, _| assert_eq!(*event, 2)), reader.skip()), (1, false));
}

#[test]
fn an_event_that_is_stepped_over_may_be_kept() {
    let (ring, mut publisher) = Ring::<u64>::many(8).unwrap();
    let mut reader = ring.attach().unwrap().bind();
    publisher.publish(7).unwrap();
    drop(publisher.try_claim(1).unwrap());
    let panicked = catch_unwind(AssertUnwindSafe(|| reader.skip_with(|_, _| panic!("while it is kept")))).is_err();
    let mut kept = Vec::new();
    let mut skip = || reader.skip_with(|event, sequence| kept.push((sequence, *event)));
    assert_eq!((panicked, skip(), skip(), skip()), (true, true, true, false), "an event, a hole, nothing");
    assert_eq!((kept, reader.position()), (vec![(0, 7)], 2));
}

#[test]
fn a_parked_reader_wakes_for_an_event_for_the_end_and_for_another_strategy() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut reader = ring.attach().unwrap();
    reader.set_wait_strategy(WaitStrategy::SpinThenPark);
    let (id, woken, asked) = (reader.id(), AtomicBool::new(false), AtomicBool::new(false));
    let sleeps = || eventually("the reader sleeps", || ring.doorbell().sleepers() == 1);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(reader.wait_timeout(SOON), "an event");
            assert_eq!(read(&mut reader), [7]);
            woken.store(true, Ordering::Release);
            assert!(!reader.wait_timeout(SOON), "the end");
            asked.store(true, Ordering::Release);
        });
        sleeps();
        publisher.try_publish(7).unwrap();
        eventually("it wakes", || woken.load(Ordering::Acquire));
        sleeps();
        ring.set_wait_strategy(id, WaitStrategy::SpinThenYield);
        eventually("it sleeps no more", || ring.doorbell().sleepers() == 0);
        assert!(!asked.load(Ordering::Acquire), "and still waits");
        drop(publisher);
        other.join().unwrap();
    });
    assert!(matches!(reader.poll(1), Polled::Closed));
    assert_eq!(reader.bind().wait_strategy(), WaitStrategy::SpinThenYield);
}

#[test]
fn a_wait_ends_with_its_limit() {
    let (ring, _publisher) = Ring::<u64>::single(8).unwrap();
    let mut reader = ring.attach().unwrap();
    for strategy in [WaitStrategy::Spin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark] {
        reader.set_wait_strategy(strategy);
        let since = Instant::now();
        assert!(!reader.wait_timeout(SHORT) && since.elapsed() >= SHORT);
    }
}

#[test]
fn a_reader_that_is_behind_gets_batches_from_many_publishers_too() {
    let (ring, mut one) = Ring::<u64>::many(512).unwrap();
    let mut two = one.clone();
    let mut reader = ring.attach().unwrap();
    for i in 0..100 {
        one.try_publish(i).unwrap();
        two.try_publish(1000 + i).unwrap();
    }
    // A lone event first, as a reader that has caught up takes it; then as far as it was told to look, then the rest.
    for (limit, expected) in [(64, 1), (64, 64), (usize::MAX, 127), (usize::MAX, 8)] {
        let Polled::Batch(batch) = reader.poll(limit) else { panic!("events are there") };
        assert_eq!(batch.iter().count(), expected);
        batch.commit();
    }
    assert!(matches!(reader.poll(1), Polled::Empty));
}

#[test]
fn a_reader_after_another_is_not_told_of_the_end_before_it_has_read_all() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut first = ring.attach().unwrap();
    let mut second = ring.attach_after(&[first.id()]).unwrap();
    publisher.try_publish(1).unwrap();
    drop(publisher);
    assert!(matches!(second.poll(8), Polled::Empty), "the first has not handled it");
    assert_eq!((read(&mut first), read(&mut second)), (vec![1], vec![1]));
    assert!(matches!(second.poll(8), Polled::Closed));
}

#[test]
fn part_of_a_batch_may_be_handed_back() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let mut reader = ring.attach().unwrap();
    publisher.publish_batch(&[0, 1, 2]).unwrap();
    assert_eq!((publisher.position(), publisher.lag()), (3, 3));
    let Polled::Batch(batch) = reader.poll(9) else { panic!("events are there") };
    batch.commit_to(2);
    assert_eq!((reader.position(), publisher.lag()), (2, 1));
    let Polled::Batch(batch) = reader.poll(9) else { panic!("an event is there") };
    let panicked = catch_unwind(AssertUnwindSafe(|| batch.commit_to(1))).unwrap_err();
    assert_eq!(panicked.downcast_ref::<String>().unwrap(), "commit_to(1) outside 2..3");
    assert_eq!(read(&mut reader), [2], "what was not committed is seen again");
}

#[test]
fn a_claim_of_any_size_is_refused_before_it_is_added_up() {
    let (ring, mut publisher) = Ring::<u64>::many(8).unwrap();
    let mut reader = ring.attach().unwrap();
    publisher.publish_batch(&[11, 22]).unwrap();
    for len in [9, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
        let refused = publisher.try_claim(len).map(|_| ()).unwrap_err();
        assert_eq!(refused, PublishError::BatchTooLarge { len, capacity: 8 });
    }
    assert_eq!((publisher.try_publish(33), read(&mut reader)), (Ok(2), vec![11, 22, 33]));
    let (_ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    publisher.publish(1).unwrap();
    assert!(matches!(publisher.try_claim(usize::MAX), Err(PublishError::BatchTooLarge { .. })));
}

#[test]
fn a_reader_that_joined_amid_a_claim_says_how_far_it_is_once_the_claim_is_done() {
    let (ring, mut one) = Ring::<u64>::many(4).unwrap();
    let mut two = one.clone();
    let claim = one.try_claim(1).unwrap();
    let mut reader = ring.attach().unwrap();
    let mut downstream = ring.attach_after(&[reader.id()]).unwrap();
    two.publish_batch(&[1, 2, 3]).unwrap();
    assert_eq!(read(&mut reader), [1, 2, 3]);
    drop(claim);
    assert!(matches!(reader.poll(1), Polled::Empty));
    assert_eq!(ring.readers().map(|(_, next)| next).collect::<Vec<_>>()[0], 4);
    assert_eq!((read(&mut downstream), two.try_publish_batch(&[4, 5, 6, 7])), (vec![1, 2, 3], Ok(4)));
}

#[test]
fn the_end_comes_behind_what_was_claimed_before_the_close() {
    let (ring, mut one) = Ring::<u64>::many(8).unwrap();
    let (mut two, mut reader) = (one.clone(), ring.attach().unwrap());
    let mut claim = one.try_claim(1).unwrap();
    two.publish_batch(&[1, 2]).unwrap();
    ring.close();
    assert!(matches!(reader.poll(1), Polled::Empty), "not the end: a claim is open");
    claim.push(0);
    claim.publish();
    assert_eq!(read(&mut reader), [0, 1, 2]);
    assert!(matches!(reader.poll(1), Polled::Closed));
}

#[test]
fn a_lossy_reader_sees_nothing_of_a_claim_that_is_not_published() {
    let (ring, mut publisher) = Ring::<u64>::many(8).unwrap();
    publisher.publish(1).unwrap();
    let mut claim = publisher.try_claim(2).unwrap();
    claim.push(2);
    claim.push(3);
    let mut last = ring.last(1);
    assert_eq!((copy(&mut last), copy(&mut ring.lossy())), (vec![1], vec![]));
    claim.publish();
    assert_eq!(copy(&mut last), [2, 3]);
}

#[test]
fn nothing_answers_to_a_reader_that_has_gone() {
    let (ring, _publisher) = Ring::<u64>::single(8).unwrap();
    let (other, _other_publisher) = Ring::<u64>::single(8).unwrap();
    let (gone, stranger) = (ring.attach().unwrap().id(), other.attach().unwrap());
    let newcomer = ring.attach().unwrap().bind();
    assert_eq!((newcomer.id().index(), stranger.id().index()), (gone.index(), gone.index()));
    for reader in [gone, stranger.id()] {
        assert_eq!(ring.attach_after(&[reader]).map(|_| ()).unwrap_err(), RingError::NotAttached { reader });
        ring.set_wait_strategy(reader, WaitStrategy::Spin);
    }
    assert_eq!(newcomer.wait_strategy(), WaitStrategy::SpinThenYield);
}

#[test]
fn issue_4535_a_reader_behind_another_on_this_thread_is_found_too() {
    let (ring, mut publisher) = Ring::<u64>::single(2).unwrap();
    let first = ring.attach().unwrap();
    let upstream = ring.attach().unwrap().bind();
    drop(first);
    let downstream = ring.attach_after(&[upstream.id()]).unwrap();
    assert!(downstream.id().index() < upstream.id().index(), "by place, it comes first");
    publisher.publish_batch(&[0, 1]).unwrap();
    assert_eq!(publisher.publish(2), Err(PublishError::SelfBlocked { reader: upstream.id(), behind: 2 }));
    assert_eq!(publisher.try_publish(2), Err(PublishError::Full { reader: Some(upstream.id()), behind: 2 }));
}

#[test]
fn issue_4585_a_refusal_allocates_nothing() {
    let (ring, mut publisher) = Ring::<u64>::single(2).unwrap();
    let _reader = ring.attach().unwrap().bind();
    publisher.publish_batch(&[0, 1]).unwrap();
    let before = ALLOCATIONS.get();
    (0..1_000).for_each(|_| assert!(publisher.try_publish(2).is_err()));
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn issue_4535_refusals_find_a_dead_reader_in_the_end() {
    let (ring, mut publisher) = Ring::<u64>::single(2).unwrap();
    let reader = ring.attach().unwrap();
    std::thread::spawn(move || std::mem::forget(reader.bind())).join().unwrap();
    publisher.publish_batch(&[0, 1]).unwrap();
    let refusals = (0..1_000).take_while(|_| publisher.try_publish(2).is_err()).count();
    assert!((1..64).contains(&refusals), "{refusals}");
}
