//! A reader whose handler does not return is revoked: the ring goes on without it, and what it borrows stays what it was.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tagring::ring::{Copied, Polled, PublishError, Reader, ReaderId, Ring};

const SOON: Duration = Duration::from_secs(60);

type Publish = Box<dyn FnMut(&[u64]) -> Result<u64, PublishError>>;

fn ring(many: bool, capacity: usize) -> (Ring<u64>, Publish) {
    if many {
        let (ring, mut publisher) = Ring::many(capacity).unwrap();
        return (ring, Box::new(move |values| publisher.try_publish_batch(values)));
    }
    let (ring, mut publisher) = Ring::single(capacity).unwrap();
    let publish = move |values: &[u64]| match values {
        [value] => publisher.try_publish(*value),
        values => publisher.try_publish_batch(values),
    };
    (ring, Box::new(publish))
}

/// A thread that hangs in the first event of its turn until it is let go.
struct Stuck {
    id: ReaderId,
    let_go: Sender<()>,
    left: Receiver<()>,
    /// The event as it was at first and at the end, and what the turn went on to.
    thread: JoinHandle<(u64, u64, Vec<u64>)>,
}

impl Stuck {
    /// Hangs in the next event that is read; a turn of `limit`.
    fn new(reader: Reader<u64>, limit: usize) -> Self {
        let (id, (let_go, wait), (hang, hangs), (leave, left)) = (reader.id(), channel(), channel(), channel());
        let thread = std::thread::spawn(move || {
            let (mut reader, mut first, mut rest) = (reader.bind(), None, Vec::new());
            reader.turn(limit, |turn| {
                let (event, ..) = turn.next().unwrap();
                let before = *event;
                hang.send(()).unwrap();
                wait.recv_timeout(SOON).unwrap();
                first = Some((before, *event));
                rest.extend(std::iter::from_fn(|| turn.next().map(|(event, ..)| *event)));
            });
            assert!(reader.is_revoked() && reader.is_finished() && !reader.is_ready());
            assert_eq!(reader.turn(limit, |_| panic!("a revoked reader takes no turn")), 0);
            assert!(!reader.skip_with(|_, _| panic!("nor does it step over anything")));
            drop(reader);
            leave.send(()).unwrap();
            let (before, after) = first.unwrap();
            (before, after, rest)
        });
        hangs.recv_timeout(SOON).unwrap();
        Self { id, let_go, left, thread }
    }

    /// The handler returns; the event it had, and what came after it.
    fn leave(self) -> (u64, Vec<u64>) {
        self.let_go.send(()).unwrap();
        self.left.recv_timeout(SOON).unwrap();
        let (before, after, rest) = self.thread.join().unwrap();
        assert_eq!(before, after, "its event stayed what it was");
        (before, rest)
    }
}

/// All that is there now, with its sequences.
fn read(reader: &mut Reader<u64>) -> Vec<(u64, u64)> {
    let mut events = Vec::new();
    while let Polled::Batch(batch) = reader.poll(usize::MAX) {
        events.extend(batch.iter().map(|(sequence, event)| (sequence, *event)));
        batch.commit();
    }
    events
}

/// Publishes `count` more events in pieces, each read at once; returns their sequences. An event carries its number.
fn publish(publish: &mut Publish, reader: &mut Reader<u64>, number: &mut u64, count: u64, piece: u64) -> Vec<u64> {
    let (end, mut sequences) = (*number + count, Vec::new());
    while *number < end {
        let values: Vec<u64> = (*number..end.min(*number + piece)).collect();
        // A batch that does not fit before the pinned cells leaves holes up to behind them, which must be read first.
        let first = publish(&values).unwrap_or_else(|_| {
            assert_eq!(read(reader), []);
            publish(&values).unwrap()
        });
        let expected: Vec<(u64, u64)> = (first..).zip(values.iter().copied()).collect();
        assert_eq!(read(reader), expected, "each once, in order, nothing else");
        sequences.extend(expected.iter().map(|(sequence, _)| *sequence));
        *number += values.len() as u64;
    }
    sequences
}

/// A full ring whose first `turn` cells hang in a handler.
fn hang(many: bool, capacity: usize) -> (Ring<u64>, Publish, Reader<u64>, Stuck, u64) {
    let (ring, mut publish) = ring(many, capacity);
    let (stuck, mut reader) = (ring.attach().unwrap(), ring.attach().unwrap());
    let values: Vec<u64> = (0..capacity as u64).collect();
    assert_eq!(publish(&values), Ok(0));
    assert_eq!(read(&mut reader).len(), capacity);
    let stuck = Stuck::new(stuck, usize::MAX);
    assert_eq!(publish(&[0]), Err(PublishError::Full { reader: Some(stuck.id), behind: capacity as u64 }));
    (ring, publish, reader, stuck, (capacity as u64 / 4).max(1))
}

#[test]
fn a_ring_goes_on_without_a_reader_that_hangs() {
    for (many, capacity) in [(false, 2), (true, 2), (false, 4), (true, 4), (false, 64), (true, 64)] {
        let (ring, mut publish_some, mut reader, stuck, pinned) = hang(many, capacity);
        assert!(ring.revoke(stuck.id) && ring.is_revoked(stuck.id) && !ring.revoke(stuck.id));
        assert_eq!((ring.reader_at(stuck.id), ring.readers().count()), (Some(0), 1));
        let (mut number, capacity) = (capacity as u64, capacity as u64);
        let (from, sequences) = (number, publish(&mut publish_some, &mut reader, &mut number, 10 * capacity, 1));
        let expected: Vec<u64> = (from..).filter(|s| s % capacity >= pinned).take(sequences.len()).collect();
        assert_eq!(sequences, expected, "only the pinned cells are holes ({many}, {capacity})");
        let (event, rest) = stuck.leave();
        assert_eq!((event, rest), (0, vec![]), "what was stepped over meanwhile is a hole to the reader too");
        let sequences = publish(&mut publish_some, &mut reader, &mut number, 4 * capacity, 1);
        // A limit taken before may still leave its cells out, for one lap.
        let whole: Vec<u64> = sequences.into_iter().rev().take(2 * capacity as usize).collect();
        assert!(whole.windows(2).all(|pair| pair[0] == pair[1] + 1), "no hole any more ({many}, {capacity})");
        let again = ring.attach().unwrap();
        assert_eq!(again.id().index(), 0, "its place is free");
        assert_eq!((ring.readers().count(), ring.is_revoked(again.id())), (2, false), "and whoever takes it gates");
    }
}

#[test]
fn batches_go_around_what_is_pinned_and_say_when_they_are_too_long() {
    for many in [false, true] {
        let (ring, mut publish_some, mut reader, stuck, pinned) = hang(many, 16);
        assert!(ring.revoke(stuck.id));
        let mut number = 16;
        for piece in [3, 5, 12, 1, 7, 12] {
            let sequences = publish(&mut publish_some, &mut reader, &mut number, 10 * piece, piece);
            assert!(sequences.iter().all(|s| s % 16 >= pinned), "no event in a pinned cell");
            assert!(sequences.chunks(piece as usize).all(|piece| piece.windows(2).all(|pair| pair[0] + 1 == pair[1])));
        }
        assert_eq!(publish_some(&[0; 13]), Err(PublishError::BatchTooLarge { len: 13, capacity: 12 }));
        assert_eq!(publish_some(&[0; 17]), Err(PublishError::BatchTooLarge { len: 17, capacity: 16 }));
        assert_eq!(stuck.leave().0, 0);
        let sequences = publish(&mut publish_some, &mut reader, &mut number, 64, 16);
        assert_eq!(sequences.len(), 64, "the whole ring is there again");
    }
}

#[test]
fn a_claim_is_filled_around_what_is_pinned() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let (stuck, mut reader) = (ring.attach().unwrap(), ring.attach().unwrap());
    publisher.try_publish_batch(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let stuck = Stuck::new(stuck, 1);
    assert!(ring.revoke(stuck.id));
    assert_eq!(publisher.try_publish(8), Err(PublishError::Full { reader: Some(reader.id()), behind: 8 }));
    assert_eq!(read(&mut reader).len(), 8);
    let mut claim = publisher.try_claim(4).unwrap();
    assert_eq!((claim.first(), claim.remaining()), (9, 4), "one hole");
    (9..13).for_each(|i| claim.push(i));
    claim.publish();
    std::mem::forget(publisher.try_claim(2).unwrap());
    assert_eq!(publisher.try_publish_with(|sequence| sequence), Ok(15), "a forgotten claim is holes, as ever");
    assert_eq!(read(&mut reader), [(9, 9), (10, 10), (11, 11), (12, 12), (15, 15)]);
    assert_eq!(publisher.try_publish_with(|sequence| sequence), Ok(17));
    assert_eq!(stuck.leave(), (0, vec![]));
}

#[test]
fn a_reader_that_is_not_stepped_over_finishes_its_turn() {
    let (ring, mut publisher) = Ring::<u64>::single(16).unwrap();
    let stuck = ring.attach().unwrap();
    publisher.try_publish_batch(&[0, 1, 2, 3, 4, 5]).unwrap();
    let stuck = Stuck::new(stuck, usize::MAX);
    assert!(ring.revoke(stuck.id));
    assert_eq!(publisher.try_publish(6), Ok(6));
    assert_eq!(stuck.leave(), (0, vec![1, 2, 3]), "a quarter of the ring is a turn");
}

#[test]
fn a_waiting_publisher_and_a_reader_that_runs_after_are_let_go() {
    for many in [false, true] {
        let (ring, mut publisher, mut shared) = match many {
            false => Ring::<u64>::single(4).map(|(ring, publisher)| (ring, Some(publisher), None)).unwrap(),
            true => Ring::<u64>::many(4).map(|(ring, publisher)| (ring, None, Some(publisher))).unwrap(),
        };
        let first = ring.attach().unwrap();
        let second = ring.attach_after(&[first.id()]).unwrap();
        let mut third = ring.attach_after(&[second.id()]).unwrap();
        let mut publish = move |value| match &mut publisher {
            Some(publisher) => publisher.publish_timeout(value, SOON),
            None => shared.as_mut().unwrap().publish_timeout(value, SOON),
        };
        (0..4).for_each(|value| assert_eq!(publish(value), Ok(value)));
        assert!(matches!(third.poll(1), Polled::Empty) && !ring.revoke(second.id()), "the second is not bound");
        drop(second);
        let first = Stuck::new(first, 1);
        assert!(matches!(third.poll(1), Polled::Empty), "it waits for the first");
        std::thread::scope(|scope| {
            let waits = scope.spawn(move || (publish(4), publish));
            assert!(ring.revoke(first.id));
            drop(ring.attach_after(&[first.id]).unwrap());
            // The second is gone: it counts as the first, and the first as the publishers.
            assert!(third.wait_timeout(SOON));
            assert_eq!(read(&mut third), [(0, 0), (1, 1), (2, 2), (3, 3)]);
            let (waited, publish) = waits.join().unwrap();
            assert_eq!(waited, Ok(5), "sequence 4 is a hole");
            drop(publish);
        });
        assert_eq!(read(&mut third), [(5, 4)]);
        assert_eq!(first.leave(), (0, vec![]));
    }
}

#[test]
fn nobody_is_revoked_who_is_gone_not_bound_or_a_stranger() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let (other, _other_publisher) = Ring::<u64>::single(4).unwrap();
    let reader = ring.attach().unwrap();
    let (id, stranger) = (reader.id(), other.attach().unwrap().bind());
    assert!(!ring.revoke(id) && !ring.revoke(stranger.id()) && !ring.is_revoked(id), "not bound; of another ring");
    assert_eq!((ring.reader_at(id), ring.reader_at(stranger.id())), (Some(0), None));
    let mut reader = reader.bind();
    publisher.try_publish(7).unwrap();
    assert_eq!(reader.poll(1, |event, _, _| assert_eq!(*event, 7)), 1);
    drop(reader);
    assert!(!ring.revoke(id) && !ring.is_revoked(id) && ring.reader_at(id).is_none(), "gone");
}

#[test]
fn a_reader_that_is_idle_when_it_is_revoked_pins_nothing() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let mut idle = ring.attach().unwrap().bind();
    (0..2).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i)));
    assert_eq!((idle.poll(1, |_, _, _| {}), idle.poll(1, |_, _, _| {})), (1, 1));
    assert!(ring.revoke(idle.id()));
    (2..30).for_each(|i| assert_eq!(publisher.try_publish(i), Ok(i), "no holes"));
    assert_eq!((idle.poll(1, |_, _, _| panic!("revoked")), idle.is_finished(), idle.is_revoked()), (0, true, true));
}

#[test]
fn a_lossy_reader_sees_holes_and_exact_gaps() {
    for many in [false, true] {
        let (ring, mut publish_some, mut reader, stuck, _) = hang(many, 8);
        let mut old = ring.last(8);
        assert!(ring.revoke(stuck.id));
        let (mut number, mut lossy) = (8, ring.lossy());
        let sequences = publish(&mut publish_some, &mut reader, &mut number, 6, 1);
        let mut copied = Vec::new();
        while let Copied::Event { sequence, event } = lossy.poll() {
            assert_eq!(event, 8 + copied.len() as u64);
            copied.push(sequence);
        }
        assert_eq!((copied, &sequences), (sequences.clone(), &vec![10, 11, 12, 13, 14, 15]));
        assert_eq!(old.poll(), Copied::Gap { from: 0, to: 2 }, "the cells of the first two are stepped over");
        assert_eq!(stuck.leave().0, 0);
    }
}

#[test]
fn a_revoked_reader_whose_thread_has_died_is_buried() {
    for many in [false, true] {
        let (ring, mut publish_some) = ring(many, 4);
        let (reader, mut other) = (ring.attach().unwrap(), ring.attach().unwrap());
        let id = reader.id();
        publish_some(&[0]).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let dies = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero()).unwrap();
            // In the middle of its turn, for ever.
            let mut reader = std::mem::ManuallyDrop::new(reader.bind());
            reader.turn(1, |turn| {
                assert!(turn.next().is_some());
                std::panic::resume_unwind(Box::new(()))
            });
        });
        let task = format!("/proc/self/task/{}", told.recv().unwrap());
        assert!(dies.join().is_err());
        // A thread that was joined is with the kernel for a moment yet, and alive as long.
        let since = std::time::Instant::now();
        while std::path::Path::new(&task).exists() {
            assert!(since.elapsed() < std::time::Duration::from_secs(20), "the thread is gone");
            std::thread::yield_now();
        }
        assert_eq!(read(&mut other), [(0, 0)]);
        assert!(ring.revoke(id));
        let mut number = 1;
        let holes = publish(&mut publish_some, &mut other, &mut number, 3 * 80, 1)
            .windows(2)
            .filter(|pair| pair[1] > pair[0] + 1)
            .count();
        assert!((1..=64).contains(&holes), "{holes}");
        assert_eq!(
            (ring.reader_at(id), ring.attach().unwrap().id().index()),
            (None, id.index()),
            "its place was taken back"
        );
    }
}

#[test]
fn where_every_cell_is_held_the_ring_is_full() {
    let (ring, mut publisher) = Ring::<u64>::single(4).unwrap();
    let readers: Vec<Reader<u64>> = (0..4).map(|_| ring.attach().unwrap()).collect();
    let mut hung = Vec::new();
    publisher.try_publish_batch(&[0, 1, 2, 3]).unwrap();
    for (skip, mut reader) in readers.into_iter().enumerate() {
        for _ in 0..skip {
            let Polled::Batch(batch) = reader.poll(1) else { panic!("an event is there") };
            batch.commit();
        }
        let stuck = Stuck::new(reader, 1);
        assert!(ring.revoke(stuck.id));
        hung.push(stuck);
    }
    let Err(PublishError::Full { reader: Some(named), .. }) = publisher.try_publish(4) else {
        panic!("no cell is free")
    };
    assert!(hung.iter().any(|stuck| stuck.id == named));
    assert_eq!(hung.remove(2).leave().0, 2);
    assert_eq!(publisher.try_publish(4), Ok(6));
    assert_eq!(publisher.try_publish_batch(&[5, 6]), Err(PublishError::BatchTooLarge { len: 2, capacity: 1 }));
    assert_eq!(hung.into_iter().map(|stuck| stuck.leave().0).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(publisher.try_publish_batch(&[5, 6]), Ok(7));
}
