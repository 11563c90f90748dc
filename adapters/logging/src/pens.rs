//! The way into the ring: a fixed number of publishers, each behind a lock that is tried and never waited for. A thread tries its own pen
//! first and then the others; so nothing is set up per thread, and a record costs one exchange, the claim and the copy.
//!
//! Invariant: nobody calls `lock` on a pen, only `try_lock`; so no thread ever sleeps at one, and no unlock ever has anybody to wake.

use crate::cell::{Draft, Head, LogCell};
use core::time::Duration;
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Instant;
use tagring::ring::SharedPublisher;

/// Pens: so many threads may be inside a record at the same moment. More of them lose records, counted as busy.
pub(crate) const PENS: usize = 64;

/// A publisher and what it did.
struct Pen {
    /// None once this logging has ended.
    publisher: Mutex<Option<SharedPublisher<LogCell>>>,
    recorded: AtomicU64,
    /// Found the ring full.
    lost: AtomicU64,
    cut: AtomicU64,
}

/// All pens, and what was lost before one was found.
pub(crate) struct Pens {
    pens: Box<[CachePadded<Pen>]>,
    busy: AtomicU64,
    closed: AtomicU64,
    /// Whoever comes out of a record takes its publisher away from now on.
    is_closing: AtomicBool,
}

/// Adds to a count whose only writer holds the pen.
fn count(cell: &AtomicU64) -> u64 {
    let counted = cell.load(Ordering::Relaxed) + 1;
    cell.store(counted, Ordering::Relaxed);
    counted
}

impl Pens {
    pub(crate) fn new(publisher: SharedPublisher<LogCell>) -> Self {
        let pen = |publisher| {
            let zero = || AtomicU64::new(0);
            CachePadded::new(Pen {
                publisher: Mutex::new(Some(publisher)),
                recorded: zero(),
                lost: zero(),
                cut: zero(),
            })
        };
        let mut pens: Vec<_> = (1..PENS).map(|_| pen(publisher.clone())).collect();
        pens.push(pen(publisher));
        let (busy, closed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { pens: pens.into(), busy, closed, is_closing: AtomicBool::new(false) }
    }

    /// Publishes a record, or counts why not; whether it is in the ring. Never waits.
    #[inline]
    pub(crate) fn write(&self, draft: &mut Draft, head: Head) -> bool {
        for probe in 0..PENS {
            let index = (head.thread as usize).wrapping_add(probe) % PENS;
            if let Some(mut held) = try_lock(&self.pens[index].publisher) {
                let Some(publisher) = &mut *held else {
                    self.closed.fetch_add(1, Ordering::Relaxed);
                    return false;
                };
                let is_in = self.pens[index].write(publisher, draft, Head { pen: index as u8, ..head });
                // Relaxed: it was set a whole grace before anybody stops waiting for this pen.
                if self.is_closing.load(Ordering::Relaxed) {
                    *held = None;
                }
                return is_in;
            }
        }
        self.busy.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Takes all pens away, waiting for records under way until `until`. A pen that is still in use then goes away when its record is over. The
    /// last one closes the ring: until the ring's reader has seen that, records may come.
    pub(crate) fn close(&self, until: Instant) {
        self.is_closing.store(true, Ordering::Relaxed);
        for pen in &self.pens {
            loop {
                if let Some(mut publisher) = try_lock(&pen.publisher) {
                    *publisher = None;
                    break;
                }
                if Instant::now() >= until {
                    break;
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    /// A thread that is inside a record for as long as `meanwhile` takes, and then publishes it.
    #[cfg(test)]
    pub(crate) fn write_slowly(&self, index: usize, meanwhile: impl FnOnce()) {
        let mut held = self.pens[index].publisher.try_lock().unwrap();
        meanwhile();
        assert!(self.pens[index].write(held.as_mut().unwrap(), &mut Draft::new(), Head::default()));
        if self.is_closing.load(Ordering::Relaxed) {
            *held = None;
        }
    }

    fn sum(&self, count: impl Fn(&Pen) -> &AtomicU64) -> u64 {
        self.pens.iter().map(|pen| count(pen).load(Ordering::Relaxed)).sum()
    }

    /// Records that a pen lost because the ring was full.
    pub(crate) fn lost_by(&self, pen: usize) -> u64 {
        self.pens[pen].lost.load(Ordering::Relaxed)
    }

    /// Records that found a pen with a publisher.
    pub(crate) fn taken(&self) -> u64 {
        self.sum(|pen| &pen.recorded)
    }

    pub(crate) fn full(&self) -> u64 {
        self.sum(|pen| &pen.lost)
    }

    pub(crate) fn cut(&self) -> u64 {
        self.sum(|pen| &pen.cut)
    }

    pub(crate) fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    pub(crate) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Pen {
    #[inline]
    fn write(&self, publisher: &mut SharedPublisher<LogCell>, draft: &mut Draft, head: Head) -> bool {
        count(&self.recorded);
        let lost = self.lost.load(Ordering::Relaxed) as u32;
        let cells = draft.seal(Head { lost, ..head });
        let published = match cells {
            [cell] => publisher.try_publish(*cell),
            cells => publisher.try_publish_batch(cells),
        };
        if published.is_err() {
            count(&self.lost);
        } else if draft.is_cut() {
            count(&self.cut);
        }
        published.is_ok()
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagring::ring::{Polled, Ring};

    #[test]
    fn issue_4583_a_record_that_finds_every_pen_in_use_is_lost_and_counted() {
        let (ring, publisher) = Ring::many(64).unwrap();
        let mut reader = ring.attach().unwrap();
        let pens = Pens::new(publisher);
        let held: Vec<_> = pens.pens.iter().map(|pen| pen.publisher.try_lock().unwrap()).collect();
        assert!(!pens.write(&mut Draft::new(), Head::default()));
        assert_eq!((pens.taken(), pens.busy(), pens.full()), (0, 1, 0));
        drop(held);
        assert!(pens.write(&mut Draft::new(), Head { thread: 70, ..Head::default() }));
        let in_use = pens.pens[6].publisher.try_lock().unwrap();
        pens.close(Instant::now());
        assert!(in_use.is_some(), "a pen in use is not taken away");
        drop(in_use);
        assert!(pens.write(&mut Draft::new(), Head { thread: 6, ..Head::default() }), "its record is in the ring");
        assert!(!pens.write(&mut Draft::new(), Head { thread: 6, ..Head::default() }), "and then it is gone");
        assert_eq!((pens.taken(), pens.busy(), pens.closed()), (2, 1, 1));
        let mut found = 0;
        while let Polled::Batch(batch) = reader.poll(10) {
            found += batch.iter().count();
            batch.commit();
        }
        assert_eq!(found, 2, "the two in the middle are there");
        assert!(matches!(reader.poll(1), Polled::Closed), "the last pen closes the ring");
    }
}
