//! Readers that do not hold a ring up: what they are too slow for is taken from them, by the publisher that needs the room, and handed to a
//! spill of their own.
//!
//! Such a reader copies events and then moves its sequence by compare-exchange; a publisher that finds the ring full because of it does the same
//! on its behalf. Whoever moves the sequence over an event has it, and the other's copy is thrown away: no event is seen twice, and none is lost
//! without being told. All of it happens on the path of a full ring: `room.rs` calls it, and a ring without such readers has one word that is 0.

use super::cell::Seen;
use super::error::ReaderId;
use super::place::{FREE, Slowest};
use super::reader::Reader;
use super::shared::Shared;
use super::wait::WaitStrategy;
use crate::sync::{AtomicPtr, AtomicU64, LENT_LOOKS, MAX_READERS, Ordering, Plain, spin_loop, thread_id};
use core::any::Any;
use core::marker::PhantomData;
use core::ptr;

/// Most events that a publisher takes from a reader at once: about a microsecond of its time. Fewer, and a reader that copies meanwhile would lose
/// every race.
const EVICT_MAX: u64 = 512;
/// Most events that a reader claims at once.
const CLAIM_MAX: usize = 64;

/// Where events go that a reader is too slow for. Only one thread has it at a time: the publisher that evicts, or the reader's.
pub trait Spill<T>: Any + Send {
    /// Whether the event may be taken from its reader. If not, the reader gates there like any other.
    fn may_take(&self, event: &T) -> bool;
    /// The event, or the hole, that its reader will not get. Called on a publisher's thread: it must neither lock, wait nor allocate.
    fn take(&mut self, sequence: u64, event: Option<&T>);
}

/// A spill on its way between a reader and publishers, with room for copies.
struct Parcel<T> {
    copies: Vec<Option<T>>,
    spill: Box<dyn Spill<T>>,
}

/// No such reader has this place.
const fn none<T>() -> *mut Parcel<T> {
    ptr::null_mut()
}

/// A publisher has it at this moment.
fn lent<T>() -> *mut Parcel<T> {
    ptr::without_provenance_mut(align_of::<Parcel<T>>())
}

/// The parcels of all places of a ring.
pub(super) struct Parcels<T> {
    /// A bit for each place whose reader may be evicted.
    set: AtomicU64,
    /// A bit for each place whose reader is revoked where it would be waited for.
    cut_off: AtomicU64,
    parcels: Box<[AtomicPtr<Parcel<T>>]>,
}

impl<T: Plain> Parcels<T> {
    pub(super) fn new() -> Self {
        Self {
            set: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            parcels: (0..MAX_READERS).map(|_| AtomicPtr::new(none())).collect(),
        }
    }

    fn parcel(&self, reader: ReaderId) -> &AtomicPtr<Parcel<T>> {
        &self.parcels[reader.index()]
    }

    /// Whether the place's reader may be evicted.
    fn has(&self, reader: ReaderId) -> bool {
        self.set.load(Ordering::Relaxed) & (1 << reader.index()) != 0
    }

    /// Whether the place's reader is revoked where it would be waited for.
    fn cuts_off(&self, reader: ReaderId) -> bool {
        self.cut_off.load(Ordering::Relaxed) & (1 << reader.index()) != 0
    }

    /// Whether all readers are waited for.
    fn is_empty(&self) -> bool {
        self.set.load(Ordering::Relaxed) | self.cut_off.load(Ordering::Relaxed) == 0
    }

    /// The reader may be evicted from here on.
    fn put(&self, reader: ReaderId, parcel: Box<Parcel<T>>) {
        self.parcel(reader).store(Box::into_raw(parcel), Ordering::Release); // SYNC spill-handed
        self.set.fetch_or(1 << reader.index(), Ordering::Relaxed);
    }

    /// The place has a new reader, or none: what is left of the one before is dropped, here or by the publisher that has it.
    pub(super) fn clear(&self, reader: ReaderId) {
        if self.cuts_off(reader) {
            self.cut_off.fetch_and(!(1 << reader.index()), Ordering::Relaxed);
        }
        if !self.has(reader) {
            return;
        }
        self.set.fetch_and(!(1 << reader.index()), Ordering::Relaxed);
        let parcel = self.parcel(reader).swap(none(), Ordering::Acquire); // SYNC spill-handed
        if parcel != none() && parcel != lent() {
            // SAFETY: made by `put` or `give_back` from a box, and taken out by this exchange: nobody else has it.
            drop(unsafe { Box::from_raw(parcel) });
        }
    }

    /// Takes the parcel, if it is there. Whoever gets it has it alone.
    fn lend(&self, reader: ReaderId) -> Option<Box<Parcel<T>>> {
        let parcel = self.parcel(reader).load(Ordering::Relaxed);
        if parcel == none() || parcel == lent() {
            return None;
        }
        // SYNC spill-handed. The same pointer may have come and gone meanwhile: it is there now, and that is all that matters.
        let taken = self.parcel(reader).compare_exchange(parcel, lent(), Ordering::Acquire, Ordering::Relaxed);
        // SAFETY: it came from a box, and this exchange took it out: nobody else has it.
        taken.is_ok().then(|| unsafe { Box::from_raw(parcel) })
    }

    fn give_back(&self, reader: ReaderId, parcel: Box<Parcel<T>>) {
        let parcel = Box::into_raw(parcel);
        // SYNC spill-handed
        let given = self.parcel(reader).compare_exchange(lent(), parcel, Ordering::Release, Ordering::Relaxed);
        if given.is_err() {
            // SAFETY: the reader has left meanwhile, and what was not given back is still this thread's alone.
            drop(unsafe { Box::from_raw(parcel) });
        }
    }
}

impl<T> Drop for Parcels<T> {
    fn drop(&mut self) {
        for parcel in &self.parcels {
            let parcel = parcel.load(Ordering::Relaxed);
            if parcel != none() && parcel != lent() {
                // SAFETY: nobody else has the ring any more, and what is there came from a box.
                drop(unsafe { Box::from_raw(parcel) });
            }
        }
    }
}

impl<T: Plain> Shared<T> {
    /// Makes room up to `end`, where readers gate below that, by taking events from those that allow it. Whether it is worth looking again; if not,
    /// others are in the way, or nothing could be taken now.
    #[cold]
    pub(super) fn evict(&self, end: u64) -> bool {
        let needed = end.saturating_sub(self.capacity());
        let in_the_way = || self.places.gates().filter(|gate| gate.sequence < needed);
        if self.parcels.is_empty()
            || in_the_way().any(|gate| !self.parcels.has(gate.reader) && !self.parcels.cuts_off(gate.reader))
        {
            return false;
        }
        // With nobody in the way all have moved on since the limit was taken.
        let (mut anyone, mut again) = (false, false);
        for gate in in_the_way() {
            anyone = true;
            again |= if self.parcels.cuts_off(gate.reader) {
                self.revoke(gate.reader)
            } else {
                self.evict_from(gate, needed)
            };
        }
        again || !anyone
    }

    /// The lowest sequence of the readers that publishers wait for. Those whose events may be taken hold nobody up.
    pub(super) fn waited_for(&self) -> Option<u64> {
        self.places.gates().filter(|gate| !self.parcels.has(gate.reader)).map(|gate| gate.sequence).min()
    }

    /// From here on the reader is revoked where it would be waited for.
    pub(super) fn cut_off_when_full(&self, reader: ReaderId) {
        self.parcels.cut_off.fetch_or(1 << reader.index(), Ordering::Relaxed);
    }

    fn evict_from(&self, Slowest { reader, sequence: from }: Slowest, needed: u64) -> bool {
        // Kept, so that the place does not become another reader's meanwhile.
        let Some(_kept) = self.places.keep_for_now(reader) else { return false };
        // Whoever has it gives it back within a microsecond, unless it is preempted.
        let lent = || {
            self.parcels.lend(reader).or_else(|| {
                spin_loop();
                None
            })
        };
        let Some(mut parcel) = (0..LENT_LOOKS).find_map(|_| lent()) else { return false };
        let Parcel { copies, spill } = &mut *parcel;
        copies.clear();
        let chunk = (self.capacity() / 8).clamp(1, EVICT_MAX);
        // It takes nothing that the readers it runs after have not had.
        let to = needed
            .max(from.saturating_add(chunk))
            .min(from.saturating_add(EVICT_MAX))
            .min(self.places.end_of(self.places.after(reader)));
        for sequence in from..to {
            match self.cell(sequence).copy(sequence) {
                (Seen::Event | Seen::First, event) if spill.may_take(&event) => copies.push(Some(event)),
                (Seen::Hole, _) => copies.push(None),
                // Not published yet (another publisher is at it, or there is no more), or not to be taken.
                _ => break,
            }
        }
        let found = !copies.is_empty();
        if found && self.places.place(reader).advance(from, from + copies.len() as u64).is_ok() {
            (from..).zip(copies.iter()).for_each(|(sequence, event)| spill.take(sequence, event.as_ref()));
        }
        self.parcels.give_back(reader, parcel);
        // Where it was not moved from here, its reader has moved it, and there is room too.
        found || self.places.sequence(reader) != from
    }
}

/// A reader that copies events and is never waited for: on a full ring publishers take its oldest events from it, into its [`Spill`]. Like
/// [`super::BoundReader`] it never leaves its thread.
pub struct EvictableReader<T: Plain, S: Spill<T>> {
    reader: Reader<T>,
    /// Not handed to the ring yet: the reader joined amid a claim which is still open, and gates until then.
    waiting: Option<Box<Parcel<T>>>,
    /// Events that it claims at once: fewer where publishers are faster.
    claim: usize,
    /// Publishers have taken something since the last exchange.
    has_lost: bool,
    local: PhantomData<(*const (), S)>,
}

impl<T: Plain> Reader<T> {
    /// Binds the reader to the calling thread for the rest of its life, and lets publishers take from it what it is too slow for.
    #[must_use]
    pub fn bind_evictable<S: Spill<T>>(self, spill: S) -> EvictableReader<T, S> {
        let shared = &self.shared;
        shared.places.bind(self.place, thread_id());
        let copies = Vec::with_capacity(shared.capacity().min(EVICT_MAX) as usize);
        let mut evictable = EvictableReader {
            waiting: Some(Box::new(Parcel { copies, spill: Box::new(spill) })),
            reader: self,
            claim: CLAIM_MAX,
            has_lost: false,
            local: PhantomData,
        };
        evictable.hand_over();
        evictable
    }
}

impl<T: Plain, S: Spill<T>> EvictableReader<T, S> {
    /// The reader's place.
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.reader.place
    }

    /// The next sequence that it will look at, unless that is taken from it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reader.next
    }

    /// How this reader is asked to wait.
    #[must_use]
    pub fn wait_strategy(&self) -> WaitStrategy {
        self.reader.shared.places.wait_strategy(self.reader.place)
    }

    /// As [`super::BoundReader::is_revoked`].
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.reader.shared.places.is_revoked(self.reader.place)
    }

    /// Whether nothing more comes: the ring is closed and read to its end, or this reader was revoked.
    pub fn is_finished(&mut self) -> bool {
        if self.is_revoked() {
            return true;
        }
        self.catch_up();
        self.reader.is_finished()
    }

    /// Whether there is something to read.
    pub fn is_ready(&mut self) -> bool {
        if self.is_revoked() {
            return false;
        }
        self.catch_up();
        !self.reader.available(1).is_empty()
    }

    /// Claims at most `limit` events in a row, and at most 64, and hands copies of them to `take(sequence, event)`; `None` is a hole. An event that
    /// `wants` refuses is left, and all behind it. Returns how many sequences that were. What publishers have taken meanwhile is in the
    /// spill: [`Self::exchange`].
    pub fn claim(
        &mut self,
        limit: usize,
        copies: &mut Vec<(u64, Option<T>)>,
        mut wants: impl FnMut(&T) -> bool,
    ) -> usize {
        copies.clear();
        if self.is_revoked() {
            return 0;
        }
        loop {
            self.catch_up();
            let range = self.reader.available(limit.min(self.claim));
            let from = range.start;
            for sequence in range {
                match self.reader.shared.cell(sequence).copy(sequence) {
                    (Seen::Event | Seen::First, event) if wants(&event) => copies.push((sequence, Some(event))),
                    (Seen::Hole, _) => copies.push((sequence, None)),
                    // A batch whose first cell is about to be shown, one that was taken meanwhile, or one that is not wanted now.
                    _ => break,
                }
            }
            let count = copies.len();
            if count == 0 && self.reader.next == from && !self.was_moved() {
                return 0;
            }
            if self.moves(from, from + count as u64) {
                self.claim = (2 * self.claim).min(CLAIM_MAX);
                return count;
            }
            copies.clear();
            self.claim = (self.claim / 2).max(1);
        }
    }

    /// Whether publishers have taken something from this reader, before what it has claimed or looked at last, that [`Self::exchange`] has not
    /// brought yet.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Hands a fresh spill over for the one that publishers have filled. Gives it back where a publisher is at that one now.
    pub fn exchange(&mut self, fresh: Box<S>) -> Result<Box<S>, Box<S>> {
        if let Some(waiting) = &mut self.waiting {
            return Ok(own(core::mem::replace(&mut waiting.spill, fresh)));
        }
        let (parcels, place) = (&self.reader.shared.parcels, self.reader.place);
        let Some(mut parcel) = parcels.lend(place) else { return Err(fresh) };
        let filled = core::mem::replace(&mut parcel.spill, fresh);
        parcels.give_back(place, parcel);
        // What was taken after the last look is in it too; another exchange finds nothing.
        self.has_lost = false;
        Ok(own(filled))
    }

    /// Moves the reader's own position to where publishers have moved it.
    fn catch_up(&mut self) {
        self.hand_over();
        if self.waiting.is_none() {
            self.has_lost |= self.was_moved();
            let reader = &mut self.reader;
            reader.next = reader.next.max(reader.shared.places.sequence(reader.place));
            reader.seen = reader.seen.max(reader.next);
        }
    }

    fn was_moved(&self) -> bool {
        self.waiting.is_none() && self.reader.shared.places.sequence(self.reader.place) > self.reader.next
    }

    fn moves(&mut self, from: u64, to: u64) -> bool {
        if self.waiting.is_some() {
            self.reader.advance(to);
            return true;
        }
        let moved = self.reader.shared.places.place(self.reader.place).advance(from, to).is_ok();
        if moved {
            self.reader.next = to;
            self.reader.shared.bell.ring_if_asleep();
        }
        moved
    }

    /// Lets publishers take from this reader, once nothing below its start is open any more.
    fn hand_over(&mut self) {
        if self.waiting.is_some() && self.reader.unsettled.is_some() {
            self.reader.settle();
        }
        if self.reader.unsettled.is_none()
            && let Some(parcel) = self.waiting.take()
        {
            self.reader.shared.parcels.put(self.reader.place, parcel);
        }
    }
}

impl<T: Plain, S: Spill<T>> Drop for EvictableReader<T, S> {
    fn drop(&mut self) {
        // First, so that nobody finds a gate here whose events cannot be taken.
        self.reader.shared.places.place(self.reader.place).store(FREE);
        self.reader.shared.parcels.clear(self.reader.place);
    }
}

/// The spill of a reader's own kind.
fn own<T, S: Spill<T>>(spill: Box<dyn Spill<T>>) -> Box<S> {
    let spill: Box<dyn Any> = spill;
    match spill.downcast() {
        Ok(spill) => spill,
        Err(_) => unreachable!("a place has the spills of its own reader alone"),
    }
}
