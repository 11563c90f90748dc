//! Reader places: where each reader says how far it is. Publishers gate on the lowest sequence, downstream readers on the ones
//! they run after.
//!
//! A place's sequence is the next one its reader will handle: all below is done. `FREE` never gates. A place is taken by one
//! reader and kept by every reader that runs after it, so that "after place 3" never comes to mean a stranger. A reader that was revoked has
//! its bit in `revoked`: its sequence gates nobody, whatever it stores.

use super::error::{ReaderId, RingError};
use super::revoke::{Hold, Pins, Run};
use super::wait::WaitStrategy;
use crate::sync::{AtomicU32, AtomicU64, MAX_READERS, Ordering, fence_heavy, is_alive, next_serial};
use crossbeam_utils::CachePadded;

/// The sequence of a place that gates nobody.
pub(super) const FREE: u64 = u64::MAX;

/// A place: two lines written by its reader per batch, of which others look at one; one line written at attach and detach.
pub(super) struct Place {
    sequence: CachePadded<AtomicU64>,
    pub(super) hold: CachePadded<Hold>,
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

impl Place {
    /// Says that all below `sequence` is done.
    #[inline(always)]
    pub(super) fn store(&self, sequence: u64) {
        // SYNC reader-advanced: what the reader read happens before the publisher overwrites it, and what it wrote happens
        // before downstream readers go on.
        self.sequence.store(sequence, Ordering::Release);
    }
}

impl Place {
    /// Moves the sequence from where it was last seen, unless somebody else has moved it.
    pub(super) fn advance(&self, from: u64, to: u64) -> Result<(), u64> {
        // SYNC reader-evicted: a publisher lends the spill before it moves the sequence, so that a reader that sees it moved (`sequence`) finds the spill lent, or
        // with what was taken in it. (The copies themselves are vouched for by their stamps. loom, which runs each thread in program order, cannot
        // show the difference.)
        self.sequence.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}

/// A place that is kept for its reader for a while.
pub(super) struct Kept<'p> {
    places: &'p Places,
    index: usize,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.places.let_go(self.index);
    }
}

/// All places of one ring.
pub(super) struct Places {
    sets: CachePadded<Sets>,
    places: Box<[Place]>,
}

struct Sets {
    /// A bit for each place that is taken or kept.
    taken: AtomicU64,
    /// A bit for each place whose reader was revoked and has not left yet.
    revoked: AtomicU64,
}

/// The reader that gates publishers the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slowest {
    pub(super) sequence: u64,
    pub(super) reader: ReaderId,
}

fn bits(mut set: u64) -> impl Iterator<Item = usize> + Clone {
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
            hold: CachePadded::new(Hold::new()),
            terms: CachePadded::new(Terms {
                after: AtomicU64::new(0),
                holders: AtomicU32::new(0),
                thread: AtomicU32::new(0),
                wait: AtomicU32::new(0),
                serial: AtomicU64::new(1),
            }),
        };
        let sets = Sets { taken: AtomicU64::new(0), revoked: AtomicU64::new(0) };
        Self { sets: CachePadded::new(sets), places: (0..MAX_READERS).map(|_| place()).collect() }
    }

    #[inline(always)]
    pub(super) fn place(&self, reader: ReaderId) -> &Place {
        debug_assert!(reader.index() < self.places.len());
        // SAFETY: ids are made by `take` alone, of any ring, with an index below `MAX_READERS`: as many places as each ring has.
        unsafe { self.places.get_unchecked(reader.index()) }
    }

    /// Takes a free place for a reader that runs after `after`. Its sequence stays `FREE`.
    pub(super) fn take(&self, after: &[ReaderId], wait: WaitStrategy) -> Result<ReaderId, RingError> {
        let mut kept = 0;
        for &reader in after {
            if !self.keep(reader) {
                bits(kept).for_each(|i| self.let_go(i));
                return Err(RingError::NotAttached { reader });
            }
            if kept & (1 << reader.index()) != 0 {
                self.let_go(reader.index());
            }
            kept |= 1 << reader.index();
        }
        let Some(index) = self.take_bit() else {
            bits(kept).for_each(|i| self.let_go(i));
            return Err(RingError::PlacesExhausted { places: MAX_READERS });
        };
        self.places[index].hold.reset();
        let terms = &self.places[index].terms;
        terms.after.store(kept, Ordering::Relaxed);
        terms.thread.store(0, Ordering::Relaxed);
        terms.wait.store(wait as u32, Ordering::Relaxed);
        let serial = next_serial();
        terms.serial.store(serial, Ordering::Relaxed);
        terms.holders.store(1, Ordering::Release); // SYNC place-taken
        Ok(ReaderId::new(index, serial))
    }

    fn take_bit(&self) -> Option<usize> {
        let mut taken = self.sets.taken.load(Ordering::Relaxed);
        loop {
            let index = (!taken).trailing_zeros() as usize;
            if index >= MAX_READERS {
                return None;
            }
            // SYNC place-freed (acquire): the last holder's stores to the place come before ours.
            match self.sets.taken.compare_exchange(taken, taken | (1 << index), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(index),
                Err(now) => taken = now,
            }
        }
    }

    /// One more holder, unless that reader is gone.
    fn keep(&self, reader: ReaderId) -> bool {
        let place = &self.place(reader);
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
                    self.let_go(reader.index());
                    return false;
                }
                Err(now) => holders = now,
            }
        }
        false
    }

    /// Keeps the place from becoming another reader's for as long as the answer lives. `None`: that reader is gone.
    pub(super) fn keep_for_now(&self, reader: ReaderId) -> Option<Kept<'_>> {
        self.keep(reader).then(|| Kept { places: self, index: reader.index() })
    }

    /// Whether the place is still that reader's, revoked or not. A reader that leaves stores `FREE` before its place can be taken again.
    fn is_attached(&self, reader: ReaderId) -> bool {
        self.id(reader.index()) == reader && self.sequence(reader) != FREE
    }

    fn id(&self, index: usize) -> ReaderId {
        ReaderId::new(index, self.places[index].terms.serial.load(Ordering::Relaxed))
    }

    fn let_go(&self, index: usize) {
        let terms = &self.places[index].terms;
        // SYNC place-released: each holder's use of the place happens before the last one gives it back.
        if terms.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let after = terms.after.load(Ordering::Relaxed);
            self.sets.taken.fetch_and(!(1 << index), Ordering::Release); // SYNC place-freed
            bits(after).for_each(|i| self.let_go(i));
        }
    }

    /// The reader goes: its place gates nobody from here on, and is given back once nobody runs after it.
    pub(super) fn release(&self, reader: ReaderId) {
        self.place(reader).store(FREE);
        if self.place(reader).hold.leave() {
            self.take_pin_away(reader);
        }
        self.let_go(reader.index());
    }

    // --- revoking ---------------------------------------------------------------------------------------------------------

    /// Takes the gate of a bound reader away and pins the cells that it may be borrowing, at most `most`, of a ring of `mask + 1`. False: that
    /// reader is gone, not bound, or revoked already; or the kernel cannot fence all threads.
    pub(super) fn revoke(&self, reader: ReaderId, most: u64, mask: u64) -> bool {
        // Kept, so that the place does not become another reader's meanwhile.
        if !self.keep(reader) {
            return false;
        }
        let revoked = self.revoke_kept(reader, most, mask);
        self.let_go(reader.index());
        revoked
    }

    fn revoke_kept(&self, reader: ReaderId, most: u64, mask: u64) -> bool {
        let Place { hold, terms, .. } = &self.place(reader);
        // SYNC reader-bound: what it borrowed before it was bound is handed back. The fence is tried before anything is marked.
        if terms.thread.load(Ordering::Acquire) == 0 || !fence_heavy() || !hold.mark() {
            return false;
        }
        // SYNC reader-revoked: from here on the reader has either seen the mark, or its turn is seen below.
        if !fence_heavy() {
            hold.unmark();
            return false;
        }
        // The end first: who sees a turn's end then sees at least its beginning.
        let to = hold.to();
        let from = self.sequence(reader);
        if from == FREE {
            return false;
        }
        hold.pin(Run::of(from, to, most, mask));
        self.sets.revoked.fetch_or(1 << reader.index(), Ordering::Release); // SYNC cells-pinned
        let stays = hold.confirm();
        if !stays {
            self.take_pin_away(reader);
        }
        stays
    }

    /// By the reader that leaves, or by who revokes it at that moment: once, and while the place is kept.
    fn take_pin_away(&self, reader: ReaderId) {
        // SYNC cells-pinned: what the reader borrowed is handed back before a publisher sees its cells free.
        self.sets.revoked.fetch_and(!(1 << reader.index()), Ordering::Release);
    }

    /// Whether that reader was revoked and has not left.
    pub(super) fn is_revoked(&self, reader: ReaderId) -> bool {
        let revoked = self.place(reader).hold.is_revoked();
        revoked && self.is_attached(reader)
    }

    /// Readers that were revoked and have not left.
    pub(super) fn revoked(&self) -> impl Iterator<Item = ReaderId> + Clone + '_ {
        bits(self.revoked_set()).map(|index| self.id(index))
    }

    fn revoked_set(&self) -> u64 {
        self.sets.revoked.load(Ordering::Acquire) // SYNC cells-pinned
    }

    /// The cells that revoked readers hold, of a ring of `mask + 1`.
    pub(super) fn pins(&self, mask: u64) -> Pins<impl Iterator<Item = Run> + Clone + '_> {
        Pins { runs: bits(self.revoked_set()).map(|index| self.places[index].hold.pinned()), mask }
    }

    /// The revoked reader that holds the cell of `sequence`.
    pub(super) fn pinned_by(&self, sequence: u64, mask: u64) -> Option<ReaderId> {
        let holds = |&index: &usize| {
            let runs = core::iter::once(self.places[index].hold.pinned());
            Pins { runs, mask }.next(sequence) == sequence
        };
        bits(self.revoked_set()).find(holds).map(|index| self.id(index))
    }

    // --- sequences --------------------------------------------------------------------------------------------------------

    pub(super) fn after(&self, reader: ReaderId) -> u64 {
        self.place(reader).terms.after.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn sequence(&self, reader: ReaderId) -> u64 {
        self.place(reader).sequence.load(Ordering::Acquire) // SYNC reader-advanced
    }

    /// The next sequence of that reader, unless it is gone.
    pub(super) fn reader_at(&self, reader: ReaderId) -> Option<u64> {
        // Before the look at who it is: a newcomer's sequence comes behind its number.
        let sequence = self.sequence(reader);
        (sequence != FREE && self.id(reader.index()) == reader).then_some(sequence)
    }

    /// Every reader that gates, and its sequence, at this moment.
    pub(super) fn gates(&self) -> impl Iterator<Item = Slowest> + '_ {
        // The revoked first: one that leaves after this look is seen to be gone.
        let revoked = self.revoked_set();
        bits(self.sets.taken.load(Ordering::Acquire) & !revoked) // SYNC place-freed
            .map(|index| self.id(index))
            .map(|reader| Slowest { sequence: self.sequence(reader), reader })
            .filter(|gate| gate.sequence != FREE)
    }

    /// The lowest gating sequence, if any reader gates. `fence(SeqCst)` before this call is what makes a joining reader seen, and
    /// not taken for a revoked one that had its place before.
    pub(super) fn slowest(&self) -> Option<Slowest> {
        self.gates().min_by_key(|gate| gate.sequence)
    }

    /// A reader below `sequence` that is bound to `thread`: a publisher there would wait for itself.
    pub(super) fn behind_on_thread(&self, sequence: u64, thread: u32) -> Option<Slowest> {
        self.gates().find(|gate| gate.sequence < sequence && self.thread(gate.reader) == thread)
    }

    /// Of readers that wait for each other at one sequence, the one that the others wait for.
    pub(super) fn furthest_upstream(&self, slow: Slowest) -> Slowest {
        self.upstream_at(self.after(slow.reader), slow.sequence).map_or(slow, |ahead| self.furthest_upstream(ahead))
    }

    /// One of the readers in `after` that is at `sequence`.
    fn upstream_at(&self, after: u64, sequence: u64) -> Option<Slowest> {
        let revoked = self.revoked_set();
        bits(after).find_map(|index| {
            let ahead = Slowest { sequence: self.sequence(self.id(index)), reader: self.id(index) };
            if ahead.sequence == FREE || revoked & (1 << index) != 0 {
                return self.upstream_at(self.after(ahead.reader), sequence);
            }
            (ahead.sequence == sequence).then_some(ahead)
        })
    }

    /// How far readers that run after the places in `after` may go: the lowest of their sequences. A place whose reader is gone
    /// or revoked counts as the places it ran after itself. `FREE`: nothing left to wait for but the publishers.
    #[inline]
    pub(super) fn end_of(&self, after: u64) -> u64 {
        let (mut end, revoked) = (FREE, self.revoked_set());
        for index in bits(after) {
            let reader = self.id(index);
            let mut sequence = self.sequence(reader);
            if sequence == FREE || revoked & (1 << index) != 0 {
                sequence = self.end_of(self.after(reader));
            }
            end = end.min(sequence);
        }
        end
    }

    pub(super) fn wait_strategy(&self, reader: ReaderId) -> WaitStrategy {
        WaitStrategy::from_u32(self.place(reader).terms.wait.load(Ordering::Relaxed))
    }

    /// Nothing, where that reader is gone.
    pub(super) fn set_wait_strategy(&self, reader: ReaderId, strategy: WaitStrategy) {
        if !self.is_attached(reader) {
            return;
        }
        self.place(reader).terms.wait.store(strategy as u32, Ordering::Relaxed);
    }

    pub(super) fn thread(&self, reader: ReaderId) -> u32 {
        self.place(reader).terms.thread.load(Ordering::Relaxed)
    }

    pub(super) fn bind(&self, reader: ReaderId, thread: u32) {
        self.place(reader).terms.thread.store(thread, Ordering::Release); // SYNC reader-bound
    }

    /// If the reader is bound to a thread that no longer exists, takes its place back. System calls: for the full-ring path.
    pub(super) fn bury_if_dead(&self, reader: ReaderId) -> bool {
        let thread = self.thread(reader);
        if thread == 0 || is_alive(thread) {
            return false;
        }
        // One publisher buries; the exchange also loses against a new reader that took the place meanwhile.
        let grave = &self.place(reader).terms.thread;
        if grave.compare_exchange(thread, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.release(reader);
        }
        true
    }
}
