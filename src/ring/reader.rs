//! Gating readers: each event is borrowed where it lies, and no publisher overwrites it before the reader has advanced.
//!
//! `Reader` is for people who own their event loop: `poll`, look at the batch, `commit`. `BoundReader` lives on one thread for good (a
//! slot's); the ring knows that thread and does not wait for it once it is dead.

use super::error::ReaderId;
use super::place::Place;
use super::shared::Shared;
use super::wait::{Idle, PARK_LIMIT, WaitStrategy};
use crate::sync::{Plain, hold_speculation, pause_until, raw_ticks, thread_id};
use core::marker::PhantomData;
use core::ops::Range;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

/// How long a reader stands back from many publishers, in ticks of the processor's counter, some two or three to the nanosecond: at first,
/// and after finding few events again and again.
const DISTANCE_MIN: u64 = 128;
const DISTANCE_MAX: u64 = 2_048;
/// So many found are few: it stands back longer; so many are enough: not as long.
const FEW: u64 = 48;
const ENOUGH: u64 = 192;

/// A gating reader of every event of the ring, in order. `Send`; dropping it detaches it.
pub struct Reader<T: Plain> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) place: ReaderId,
    /// The places this reader runs after, a bit each; 0: after the publishers alone.
    after: u64,
    /// The next sequence to read.
    pub(super) next: u64,
    /// All below is published and, where this reader runs after others, done by them.
    pub(super) seen: u64,
    /// Joined among many publishers at this sequence, and some claims below may be unfinished.
    pub(super) unsettled: Option<u64>,
    /// The last look found something: this reader runs right behind a publisher.
    close: bool,
    /// When it last found something, and how long it stands back from many publishers after that.
    found_at: u64,
    distance: u64,
}

/// What a poll found.
pub enum Polled<'r, T: Plain> {
    /// Events.
    Batch(Batch<'r, T>),
    /// Nothing new.
    Empty,
    /// Nothing new, and nothing will come: the ring is closed and read to its end.
    Closed,
}

impl<T: Plain> Reader<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, place: ReaderId, start: u64) -> Self {
        let after = shared.places.after(place);
        let unsettled = (shared.places.sequence(place) < start).then_some(start);
        Self {
            shared,
            place,
            after,
            next: start,
            seen: start,
            unsettled,
            close: false,
            found_at: 0,
            distance: DISTANCE_MIN,
        }
    }

    /// The reader's place, to run others after it and to find it in errors.
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.place
    }

    /// The next sequence to read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Looks for at most `limit` events. They are handed back on `commit`; a batch that is dropped is seen again.
    #[inline]
    pub fn poll(&mut self, limit: usize) -> Polled<'_, T> {
        let range = self.available(limit);
        if !range.is_empty() {
            Polled::Batch(Batch { end: range.end, reader: self, local: PhantomData })
        } else if self.is_finished() {
            Polled::Closed
        } else {
            Polled::Empty
        }
    }

    /// Waits, as the reader's [`WaitStrategy`] says and for at most `limit`, until there is something to read or the ring is
    /// closed; returns whether there is.
    pub fn wait_timeout(&mut self, limit: Duration) -> bool {
        let mut idle = Idle::new();
        let mut since = None;
        let shared = Arc::clone(&self.shared);
        loop {
            if !self.available(1).is_empty() {
                return true;
            }
            if self.is_finished() {
                return false;
            }
            let waited = since.get_or_insert_with(Instant::now).elapsed();
            if waited >= limit {
                return false;
            }
            let strategy = self.shared.places.wait_strategy(self.place);
            idle.step(strategy, &shared.bell, PARK_LIMIT.min(limit - waited), || {
                !self.available(1).is_empty() || self.is_finished()
            });
        }
    }

    /// Changes how this reader waits.
    pub fn set_wait_strategy(&self, strategy: WaitStrategy) {
        self.shared.places.set_wait_strategy(self.place, strategy);
    }

    /// Binds the reader to the calling thread for the rest of its life.
    #[must_use]
    pub fn bind(self) -> BoundReader<T> {
        self.shared.places.bind(self.place, thread_id());
        let turn_max = self.shared.turn_max();
        BoundReader { reader: self, turn_max, local: PhantomData }
    }

    /// The events that may be read now, at most `limit`.
    #[inline(always)]
    pub(super) fn available(&mut self, limit: usize) -> Range<u64> {
        self.see();
        self.next..self.seen.min(self.next.saturating_add(limit as u64))
    }

    /// Looks for more where all that was seen has been handed back.
    #[inline(always)]
    fn see(&mut self) {
        if self.seen <= self.next {
            self.look();
        }
    }

    #[inline(always)]
    fn look(&mut self) {
        if self.unsettled.is_some() {
            self.settle();
        }
        if self.close {
            // After the handler, so that a reader that had to wait for its event does not pay: only events in a row do.
            self.stand_back();
        }
        self.seen = self.shared.look(self.next, self.after, self.close);
        self.close = self.seen > self.next;
        if self.shared.many && self.after == 0 {
            self.keep_distance();
        }
    }

    /// Before a look that follows a find: the reader keeps away from the line that is written now. Among many publishers each claim waits until the
    /// store before it has gone through, which takes as long as the way of a line while the reader looks on. So it lets some time pass since its
    /// last find; what its handler took is part of that. `docs/adr/0005` has the measurement.
    #[inline(always)]
    fn stand_back(&self) {
        if self.shared.many && self.after == 0 {
            pause_until(self.found_at, self.distance);
        } else {
            hold_speculation();
        }
    }

    /// The time grows while it finds few events at every look, which only publishers do that are faster than that. One empty look, and it is short.
    #[inline(always)]
    fn keep_distance(&mut self) {
        let found = self.seen - self.next;
        if found == 0 {
            self.distance = DISTANCE_MIN;
            return;
        }
        self.found_at = raw_ticks();
        if found < FEW {
            self.distance = (2 * self.distance).min(DISTANCE_MAX);
        } else if found >= ENOUGH {
            self.distance = (self.distance / 2).max(DISTANCE_MIN);
        }
    }

    #[cold]
    pub(super) fn settle(&mut self) {
        if self.unsettled.is_some_and(|start| self.shared.settle(self.place, start)) {
            self.unsettled = None;
            // What was read meanwhile was not told to anyone.
            self.shared.places.place(self.place).store(self.next);
            self.shared.bell.ring_if_asleep();
        }
    }

    /// Closed, and nothing left. The close is looked at first: all that was published before it is then visible. A reader that runs
    /// after others may see nothing because those are still busy, and among many publishers a claim may be unfinished: what was
    /// published, or claimed, tells.
    #[inline]
    pub(super) fn is_finished(&mut self) -> bool {
        self.shared.is_closed()
            && self.available(1).is_empty()
            && ((self.after == 0 && !self.shared.many) || self.next >= self.shared.published())
    }

    /// Hands all below `to` back.
    #[inline(always)]
    pub(super) fn advance(&mut self, to: u64) {
        debug_assert!((self.next..=self.seen).contains(&to), "a reader advances over what it has seen");
        self.next = to;
        if self.unsettled.is_none() {
            self.shared.places.place(self.place).store(to);
        }
        self.shared.bell.ring_if_asleep();
    }

    /// # Safety
    /// `sequence` lies in a range that `available` returned and was not advanced past.
    #[inline(always)]
    unsafe fn event(&self, sequence: u64) -> Option<&T> {
        // SAFETY: the caller's promise is what `Cell::event` asks for; this reader gates until `advance` or drop.
        unsafe { self.shared.cell(sequence).event(sequence) }
    }
}

impl<T: Plain> Drop for Reader<T> {
    fn drop(&mut self) {
        self.shared.places.release(self.place);
        self.shared.bell.ring();
    }
}

/// Events that a poll found, borrowed from the ring. Holes are left out of the iteration and counted in [`Batch::sequences`].
pub struct Batch<'r, T: Plain> {
    reader: &'r mut Reader<T>,
    end: u64,
    local: PhantomData<*const ()>,
}

impl<T: Plain> Batch<'_, T> {
    /// The sequences covered, holes included.
    #[must_use]
    pub fn sequences(&self) -> Range<u64> {
        self.reader.next..self.end
    }

    /// The events with their sequences, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.sequences().filter_map(|s| {
            // SAFETY: `available` returned this range, and the batch borrows the reader: nothing is advanced meanwhile.
            unsafe { self.reader.event(s) }.map(|event| (s, event))
        })
    }

    /// Hands the whole batch back to the publishers.
    #[inline]
    pub fn commit(self) {
        let end = self.end;
        self.reader.advance(end);
    }

    /// Hands all below `sequence` back; the rest is seen again.
    ///
    /// # Panics
    /// If `sequence` is outside the batch.
    pub fn commit_to(self, sequence: u64) {
        assert!(
            (self.reader.next..=self.end).contains(&sequence),
            "commit_to({sequence}) outside {:?}",
            self.sequences()
        );
        self.reader.advance(sequence);
    }
}

/// A reader that never leaves its thread. Where that thread ends without dropping it, a publisher that finds the ring full takes
/// the place back. Where a handler does not return, [`super::Ring::revoke`] lets the ring go on without it.
pub struct BoundReader<T: Plain> {
    reader: Reader<T>,
    /// A turn takes no more: a quarter of the ring, so that what a revoked reader holds never closes it.
    turn_max: u64,
    local: PhantomData<*const ()>,
}

impl<T: Plain> BoundReader<T> {
    /// The reader's place.
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.reader.place
    }

    /// The next sequence to read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reader.next
    }

    /// How this reader is asked to wait.
    #[must_use]
    pub fn wait_strategy(&self) -> WaitStrategy {
        self.reader.shared.places.wait_strategy(self.reader.place)
    }

    /// Whether this reader was revoked ([`super::Ring::revoke`]): it gates nobody and takes no further turn. Drop it: until then the cells of
    /// the turn in which it was revoked are lost to the ring.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.reader.shared.places.is_revoked(self.reader.place)
    }

    /// Whether nothing more comes: the ring is closed and read to its end, or this reader was revoked.
    pub fn is_finished(&mut self) -> bool {
        self.is_revoked() || self.reader.is_finished()
    }

    /// Whether there is something to read.
    pub fn is_ready(&mut self) -> bool {
        !self.is_revoked() && !self.reader.available(1).is_empty()
    }

    /// Hands each of at most `limit` events (and at most a quarter of the ring) to `handle(event, sequence, end_of_batch)` and hands the batch back. Returns how many
    /// sequences it covered. A hole at the end of a batch means that the flag was not given: see [`Self::turn`].
    ///
    /// If `handle` panics, all before that event is handed back and the event itself will be seen again.
    #[inline]
    pub fn poll(&mut self, limit: usize, mut handle: impl FnMut(&T, u64, bool)) -> usize {
        self.turn(limit, |turn| {
            while let Some((event, sequence, at_end)) = turn.next() {
                handle(event, sequence, at_end);
            }
        })
    }

    /// One turn over at most `limit` events, and at most a quarter of the ring, taken one by one from the [`Turn`] that `run` gets. What was
    /// taken is handed back when `run` returns; if it panics, all but the event last taken. Returns how many sequences were covered; 0, and
    /// `run` is not called, once this reader was revoked.
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn turn(&mut self, limit: usize, run: impl FnOnce(&mut Turn<'_, T>)) -> usize {
        let Some(mut turn) = self.begin(limit) else { return 0 };
        run(&mut turn);
        turn.finish()
    }

    /// Begins a turn as [`Self::turn`] does; [`Turn::finish`] or dropping it ends it. `None`: there is nothing.
    #[inline(always)]
    pub fn begin(&mut self, limit: usize) -> Option<Turn<'_, T>> {
        self.reader.see();
        let Reader { shared, place, next: position, seen, unsettled, .. } = &mut self.reader;
        let (first, end) = (*position, (*seen).min(*position + self.turn_max.min(limit as u64)));
        let place = shared.places.place(*place);
        if first >= end || !place.hold.begin(end) {
            return None;
        }
        Some(Turn { shared, place, position, tells: unsettled.is_none(), next: first, end, taken: None })
    }

    /// Steps over the next event without looking at it, as after a panic in its handler.
    pub fn skip(&mut self) -> bool {
        self.skip_with(|_, _| {})
    }

    /// Steps over the next event and hands it out once, with its sequence: to be kept elsewhere, as after a panic in its handler. A hole is
    /// stepped over without. Returns whether there was anything to step over. If `look` panics, the event will be seen again.
    pub fn skip_with(&mut self, look: impl FnOnce(&T, u64)) -> bool {
        let covered = self.turn(1, |turn| {
            if let Some((event, sequence, _)) = turn.next() {
                look(event, sequence);
            }
        });
        covered == 1
    }
}

/// Events of one turn, in order. Given to the closure of [`BoundReader::turn`]. Dropping it hands back what was taken, but for the event last taken.
pub struct Turn<'r, T: Plain> {
    shared: &'r Shared<T>,
    place: &'r Place,
    /// The reader's next sequence, moved when the turn is over.
    position: &'r mut u64,
    /// Whether the place is told: not by a reader that joined amid a claim which is still open.
    tells: bool,
    next: u64,
    end: u64,
    /// The event that the closure is busy with: not handed back if it panics.
    taken: Option<u64>,
}

impl<T: Plain> Turn<'_, T> {
    /// The next event, its sequence, and whether the turn ends with it; holes are stepped over. A reader that is revoked meanwhile still gets
    /// those of its turn that publishers have not stepped over since.
    #[inline(always)]
    #[allow(clippy::should_implement_trait, reason = "a lending iterator: the borrow ends with the next call")]
    pub fn next(&mut self) -> Option<(&T, u64, bool)> {
        while self.next < self.end {
            let sequence = self.next;
            self.next += 1;
            self.taken = Some(sequence);
            // SAFETY: inside the range that was seen, of which who revokes was told the end; the reader advances only in drop, and the
            // borrow of `self` ends before the next call.
            if let Some(event) = unsafe { self.shared.cell(sequence).event(sequence) } {
                return Some((event, sequence, sequence + 1 == self.end));
            }
        }
        self.taken = None;
        None
    }

    /// Sequences left in this turn, holes included.
    #[inline(always)]
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.end - self.next
    }

    /// Says that the event last taken is done with: a panic from here on does not bring it back.
    #[inline(always)]
    pub fn settle(&mut self) {
        self.taken = None;
    }

    /// Ends the turn: all that was taken is handed back, the last one too. Returns how many sequences that were.
    #[inline(always)]
    pub fn finish(mut self) -> usize {
        self.taken = None;
        (self.next - *self.position) as usize
        // The drop advances, here and on unwinding alike.
    }

    /// Whether this turn has no sequence left.
    #[inline(always)]
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.next == self.end
    }
}

impl<T: Plain> Drop for Turn<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let to = self.taken.unwrap_or(self.next);
        debug_assert!((*self.position..=self.end).contains(&to), "a reader advances over what it has seen");
        *self.position = to;
        if self.tells {
            self.place.store(to);
        }
        self.shared.bell.ring_if_asleep();
    }
}
