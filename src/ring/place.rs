//! Reader places: where each reader says how far it is. Publishers gate on the lowest sequence, downstream readers on the ones
//! they run after.
//!
//! A place's sequence is the next one its reader will handle: all below is done. `FREE` never gates. A place is taken by one
//! reader and pinned by every reader that runs after it, so that "after place 3" never comes to mean a stranger.

use super::error::{ReaderId, RingError};
use super::wait::WaitStrategy;
use crate::sync::{AtomicU32, AtomicU64, MAX_READERS, Ordering, is_alive, next_serial};
use crossbeam_utils::CachePadded;

/// The sequence of a place that gates nobody.
pub(super) const FREE: u64 = u64::MAX;

/// A place: one line written by its reader per batch, one written at attach and detach.
struct Place {
    sequence: CachePadded<AtomicU64>,
    terms: CachePadded<Terms>,
}

struct Terms {
    /// Places this one runs after, a bit each.
    after: AtomicU64,
    /// The reader itself and the readers that run after it. At 0 the place is given back.
    holders: AtomicU32,
    /// Kernel id of the thread a bound reader lives on; 0 when it is not bound.
    thread: AtomicU32,
    wait: AtomicU32,
    /// Which reader it is; 1 before the first.
    serial: AtomicU64,
}

/// All places of one ring.
pub(super) struct Places {
    /// A bit for each place that is taken or pinned.
    taken: CachePadded<AtomicU64>,
    places: Box<[Place]>,
}

/// The reader that gates publishers the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slowest {
    pub(super) sequence: u64,
    pub(super) reader: ReaderId,
}

fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        bit
    })
}

impl Places {
    pub(super) fn new() -> Self {
        let place = || Place {
            sequence: CachePadded::new(AtomicU64::new(FREE)),
            terms: CachePadded::new(Terms {
                after: AtomicU64::new(0),
                holders: AtomicU32::new(0),
                thread: AtomicU32::new(0),
                wait: AtomicU32::new(0),
                serial: AtomicU64::new(1),
            }),
        };
        Self { taken: CachePadded::new(AtomicU64::new(0)), places: (0..MAX_READERS).map(|_| place()).collect() }
    }

    /// Takes a free place for a reader that runs after `after`. Its sequence stays `FREE`.
    pub(super) fn take(&self, after: &[ReaderId], wait: WaitStrategy) -> Result<ReaderId, RingError> {
        let mut pinned = 0;
        for &reader in after {
            if !self.pin(reader) {
                bits(pinned).for_each(|i| self.unpin(i));
                return Err(RingError::NotAttached { reader });
            }
            if pinned & (1 << reader.index()) != 0 {
                self.unpin(reader.index());
            }
            pinned |= 1 << reader.index();
        }
        let Some(index) = self.take_bit() else {
            bits(pinned).for_each(|i| self.unpin(i));
            return Err(RingError::PlacesExhausted { places: MAX_READERS });
        };
        let terms = &self.places[index].terms;
        terms.after.store(pinned, Ordering::Relaxed);
        terms.thread.store(0, Ordering::Relaxed);
        terms.wait.store(wait as u32, Ordering::Relaxed);
        let serial = next_serial();
        terms.serial.store(serial, Ordering::Relaxed);
        terms.holders.store(1, Ordering::Release); // SYNC place-taken
        Ok(ReaderId::new(index, serial))
    }

    fn take_bit(&self) -> Option<usize> {
        let mut taken = self.taken.load(Ordering::Relaxed);
        loop {
            let index = (!taken).trailing_zeros() as usize;
            if index >= MAX_READERS {
                return None;
            }
            // SYNC place-freed (acquire): the last holder's stores to the place come before ours.
            match self.taken.compare_exchange(taken, taken | (1 << index), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(index),
                Err(now) => taken = now,
            }
        }
    }

    /// One more holder, unless that reader is gone.
    fn pin(&self, reader: ReaderId) -> bool {
        let place = &self.places[reader.index()];
        if !self.is_attached(reader) {
            return false;
        }
        let mut holders = place.terms.holders.load(Ordering::Relaxed);
        while holders != 0 {
            // SYNC place-taken (acquire): what `take` wrote is visible to who follows this reader.
            match place.terms.holders.compare_exchange(holders, holders + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if self.is_attached(reader) => return true,
                // It left, and another may have come, before it was held.
                Ok(_) => {
                    self.unpin(reader.index());
                    return false;
                }
                Err(now) => holders = now,
            }
        }
        false
    }

    /// Whether the place is still that reader's. A reader that leaves stores `FREE` before its place can be taken again.
    fn is_attached(&self, reader: ReaderId) -> bool {
        self.id(reader.index()) == reader && self.sequence(reader) != FREE
    }

    fn id(&self, index: usize) -> ReaderId {
        ReaderId::new(index, self.places[index].terms.serial.load(Ordering::Relaxed))
    }

    fn unpin(&self, index: usize) {
        let terms = &self.places[index].terms;
        // SYNC place-released: each holder's use of the place happens before the last one gives it back.
        if terms.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let after = terms.after.load(Ordering::Relaxed);
            self.taken.fetch_and(!(1 << index), Ordering::Release); // SYNC place-freed
            bits(after).for_each(|i| self.unpin(i));
        }
    }

    /// The reader goes: its place gates nobody from here on, and is given back once nobody runs after it.
    pub(super) fn release(&self, reader: ReaderId) {
        self.store(reader, FREE);
        self.unpin(reader.index());
    }

    pub(super) fn after(&self, reader: ReaderId) -> u64 {
        self.places[reader.index()].terms.after.load(Ordering::Relaxed)
    }

    /// Says that all below `sequence` is done.
    #[inline(always)]
    pub(super) fn store(&self, reader: ReaderId, sequence: u64) {
        // SYNC reader-advanced: what the reader read happens before the publisher overwrites it, and what it wrote happens
        // before downstream readers go on.
        self.places[reader.index()].sequence.store(sequence, Ordering::Release);
    }

    #[inline(always)]
    pub(super) fn sequence(&self, reader: ReaderId) -> u64 {
        self.places[reader.index()].sequence.load(Ordering::Acquire) // SYNC reader-advanced
    }

    /// The lowest gating sequence, if any reader gates. `fence(SeqCst)` before this call is what makes a joining reader seen.
    pub(super) fn slowest(&self) -> Option<Slowest> {
        bits(self.taken.load(Ordering::Acquire)) // SYNC place-freed
            .map(|index| self.id(index))
            .map(|reader| Slowest { sequence: self.sequence(reader), reader })
            .filter(|slow| slow.sequence != FREE)
            .min_by_key(|slow| slow.sequence)
    }

    /// A reader below `sequence` that is bound to `thread`: a publisher there would wait for itself.
    pub(super) fn behind_on_thread(&self, sequence: u64, thread: u32) -> Option<Slowest> {
        self.readers()
            .map(|(reader, sequence)| Slowest { sequence, reader })
            .find(|slow| slow.sequence < sequence && self.thread(slow.reader) == thread)
    }

    /// Of readers that wait for each other at one sequence, the one that the others wait for.
    pub(super) fn furthest_upstream(&self, slow: Slowest) -> Slowest {
        let ahead = bits(self.after(slow.reader))
            .map(|index| Slowest { sequence: self.sequence(self.id(index)), reader: self.id(index) })
            .find(|ahead| ahead.sequence == slow.sequence);
        ahead.map_or(slow, |ahead| self.furthest_upstream(ahead))
    }

    /// How far readers that run after the places in `after` may go: the lowest of their sequences. A place whose reader is gone
    /// counts as the places it ran after itself. `FREE`: nothing left to wait for but the publishers.
    #[inline]
    pub(super) fn end_of(&self, after: u64) -> u64 {
        let mut end = FREE;
        for index in bits(after) {
            let reader = self.id(index);
            let mut sequence = self.sequence(reader);
            if sequence == FREE {
                sequence = self.end_of(self.after(reader));
            }
            end = end.min(sequence);
        }
        end
    }

    pub(super) fn wait_strategy(&self, reader: ReaderId) -> WaitStrategy {
        WaitStrategy::from_u32(self.places[reader.index()].terms.wait.load(Ordering::Relaxed))
    }

    /// Nothing, where that reader is gone.
    pub(super) fn set_wait_strategy(&self, reader: ReaderId, strategy: WaitStrategy) {
        if !self.is_attached(reader) {
            return;
        }
        self.places[reader.index()].terms.wait.store(strategy as u32, Ordering::Relaxed);
    }

    pub(super) fn thread(&self, reader: ReaderId) -> u32 {
        self.places[reader.index()].terms.thread.load(Ordering::Relaxed)
    }

    pub(super) fn bind(&self, reader: ReaderId, thread: u32) {
        self.places[reader.index()].terms.thread.store(thread, Ordering::Relaxed);
    }

    /// If the reader is bound to a thread that no longer exists, takes its place back. System calls: for the full-ring path.
    pub(super) fn bury_if_dead(&self, reader: ReaderId) -> bool {
        let thread = self.thread(reader);
        if thread == 0 || is_alive(thread) {
            return false;
        }
        // One publisher buries; the exchange also loses against a new reader that took the place meanwhile.
        let grave = &self.places[reader.index()].terms.thread;
        if grave.compare_exchange(thread, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.release(reader);
        }
        true
    }

    /// Every attached reader and its sequence, at this moment.
    pub(super) fn readers(&self) -> impl Iterator<Item = (ReaderId, u64)> + '_ {
        bits(self.taken.load(Ordering::Acquire)) // SYNC place-freed
            .map(|index| (self.id(index), self.sequence(self.id(index))))
            .filter(|&(_, sequence)| sequence != FREE)
    }
}
