//! Readers that publishers take events from, under loom. Who moves a reader's sequence over an event has it, alone and whole; the spill is one
//! thread's at a time.

use crate::ring::{EvictableReader, Ring, Spill};
use crate::ring_models::explore;
use loom::cell::UnsafeCell;
use loom::thread;

/// What publishers took, in a cell whose accesses loom checks against each other.
struct Taken(UnsafeCell<Vec<u64>>);

// SAFETY: loom checks each access; that is what the models are for.
unsafe impl Send for Taken {}

impl Taken {
    fn new() -> Self {
        Self(UnsafeCell::new(Vec::new()))
    }

    fn all(self) -> Vec<u64> {
        // SAFETY: `self` is this thread's.
        self.0.with(|taken| unsafe { (*taken).clone() })
    }
}

impl Spill<u64> for Taken {
    fn may_take(&self, event: &u64) -> bool {
        *event < 100
    }

    fn take(&mut self, sequence: u64, event: Option<&u64>) {
        assert_eq!(event, Some(&(10 + sequence)), "what is taken is whole");
        // SAFETY: loom objects where another thread has it.
        self.0.with_mut(|taken| unsafe { (*taken).push(sequence) });
    }
}

struct Moved(EvictableReader<u64, Taken>);
// SAFETY: loom runs all of a model on one thread of the system.
unsafe impl Send for Moved {}

/// Claims once, and says which sequences that were. What it copied is whole.
fn claim(reader: &mut EvictableReader<u64, Taken>) -> Vec<u64> {
    let mut copies = Vec::new();
    reader.claim(2, &mut copies, |_| true);
    copies
        .into_iter()
        .map(|(sequence, event)| {
            assert_eq!(event, Some(10 + sequence), "what is claimed is whole");
            sequence
        })
        .collect()
}

/// A publisher needs the cells that a reader claims at the same time: each event is had by one of them, and each is had.
/// Guards the exchange of the reader's sequence: with a plain store in its place loom found an event that was had twice.
#[test]
fn a_reader_claims_while_a_publisher_evicts() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = Moved(ring.attach().unwrap().bind_evictable(Taken::new()));
        publisher.try_publish_batch(&[10, 11]).unwrap();
        let other = thread::spawn(move || {
            let mut reader = reader;
            let first = claim(&mut reader.0);
            (first, reader)
        });
        let mut published = 2;
        for value in 12..14 {
            published += u64::from(publisher.try_publish(value).is_ok());
        }
        let (mut had, mut reader) = other.join().unwrap();
        assert_eq!(published, 4, "such a reader holds nobody up");
        had.extend(claim(&mut reader.0));
        let Ok(taken) = reader.0.exchange(Box::new(Taken::new())) else { panic!("no publisher is at it") };
        had.extend(taken.all());
        had.sort_unstable();
        assert_eq!(had, [0, 1, 2, 3]);
    });
}

/// The reader exchanges its spill while a publisher fills it.
/// Guards `spill-handed`. Weakened: the lending or the giving back to Relaxed: loom found two threads in one spill.
#[test]
fn a_spill_is_one_threads_at_a_time() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = Moved(ring.attach().unwrap().bind_evictable(Taken::new()));
        publisher.try_publish_batch(&[10, 11]).unwrap();
        let other = thread::spawn(move || {
            let mut reader = reader;
            let taken = reader.0.exchange(Box::new(Taken::new()));
            (taken.map(|taken| taken.all()).unwrap_or_default(), reader)
        });
        // Where the reader has its spill at this moment, the ring is full for that moment.
        while publisher.try_publish(12).is_err() {
            thread::yield_now();
        }
        let (mut had, mut reader) = other.join().unwrap();
        had.extend(claim(&mut reader.0));
        had.extend(claim(&mut reader.0));
        let Ok(taken) = reader.0.exchange(Box::new(Taken::new())) else { panic!("no publisher is at it") };
        had.extend(taken.all());
        had.sort_unstable();
        assert_eq!(had, [0, 1, 2]);
    });
}

/// A reader leaves while a publisher is at its spill: nobody waits, nothing is freed twice (loom's allocations are checked by the other models'
/// cells), and a newcomer in its place gates.
#[test]
fn a_reader_leaves_while_a_publisher_evicts() {
    explore(3, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let reader = Moved(ring.attach().unwrap().bind_evictable(Taken::new()));
        publisher.try_publish_batch(&[10, 11]).unwrap();
        let other = thread::spawn({
            let ring = ring.clone();
            move || {
                drop(reader);
                ring.attach().unwrap()
            }
        });
        while publisher.try_publish(12).is_err() {
            thread::yield_now();
        }
        let newcomer = other.join().unwrap();
        while publisher.try_publish(13).is_ok() {}
        assert_eq!(publisher.position(), newcomer.position() + 2, "the newcomer gates");
        drop(newcomer);
    });
}

/// Two publishers evict at once, and one of them finds the spill with the other.
#[test]
fn two_publishers_evict() {
    explore(2, || {
        let (ring, mut one) = Ring::many(2).unwrap();
        let mut two = one.clone();
        let mut reader = Moved(ring.attach().unwrap().bind_evictable(Taken::new()));
        one.try_publish_batch(&[10, 11]).unwrap();
        let other = thread::spawn(move || {
            while one.try_publish_with(|| 12).is_err() {
                thread::yield_now();
            }
        });
        // Which of the two is sequence 2 is not known: both say so in the same words.
        while two.try_publish_with(|| 12).is_err() {
            thread::yield_now();
        }
        other.join().unwrap();
        let Ok(taken) = reader.0.exchange(Box::new(Taken::new())) else { panic!("no publisher is at it") };
        assert_eq!(taken.all(), [0, 1]);
        let mut copies = Vec::new();
        while reader.0.claim(2, &mut copies, |_| true) > 0 {
            assert!(copies.iter().all(|(sequence, event)| *sequence >= 2 && *event == Some(12)));
        }
        assert_eq!(reader.0.position(), 4);
    });
}

/// An event that may not be taken gates like any other.
#[test]
fn an_event_that_may_not_be_taken_gates() {
    explore(2, || {
        let (ring, mut publisher) = Ring::single(2).unwrap();
        let _reader = Moved(ring.attach().unwrap().bind_evictable(Taken::new()));
        publisher.try_publish_batch(&[10, 101]).unwrap();
        publisher.try_publish(12).unwrap();
        assert!(publisher.try_publish(13).is_err());
    });
}
