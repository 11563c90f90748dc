//! A claim: some cells in a row that belong to one publisher until it publishes or drops them.

use super::shared::{Limit, Shared};
use crate::sync::{Ordering, Plain};

/// How far ahead a batch asks for cells. `docs/adr/0001` has the measurement.
const AHEAD_IN_BATCH: u64 = 8;

/// Where a publisher stands: its permission, and a claim that it has handed out.
#[derive(Debug)]
pub(super) struct Standing {
    /// One publisher: the next sequence. Unused among many.
    pub(super) next: u64,
    pub(super) limit: Limit,
    /// From here on a single publisher takes a new limit behind an event, where nobody waits for it, rather than before the next one.
    /// Half of a generous limit: where readers are slow, and every limit is short, it is never reached.
    pub(super) renew: u64,
    /// Looks at a full ring so far.
    pub(super) full: u32,
    /// A claim handed out and not yet returned; found here on the next call, it was forgotten (`mem::forget`).
    open: Option<(u64, u64)>,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self { next: 0, limit: Limit { end: 0, gate: 0, slowest: None }, renew: u64::MAX, full: 0, open: None }
    }

    /// Whether `count` events from `next` on are within the limit. Any count: nothing is added up that could wrap.
    #[inline(always)]
    pub(super) fn allows(&self, next: u64, count: usize) -> bool {
        self.limit.end >= next && self.limit.end - next >= count as u64
    }

    /// When to take the next limit early.
    #[cold]
    pub(super) fn plan(&mut self, capacity: u64) {
        let half = self.limit.end.saturating_sub(capacity / 2);
        self.renew = if half > self.next { half } else { u64::MAX };
    }

    /// Turns a forgotten claim into holes, so that readers can pass it. No reader has seen any of it: its first cell never
    /// appeared.
    pub(super) fn heal<T: Plain>(&mut self, shared: &Shared<T>) {
        if let Some((first, end)) = self.open.take() {
            (first..end).rev().for_each(|s| shared.cell(s).publish_hole(s));
            self.next = self.next.max(end);
            shared.bell.ring_if_asleep();
        }
    }
}

/// Cells claimed together. Fill them in order with [`Claim::push`], then [`Claim::publish`]. Dropping publishes what was pushed; a
/// single publisher gives the rest back, one of many leaves holes there, which readers step over.
///
/// There is no `&mut` into a cell: a lossy reader may be copying it. `push` stores the event once, straight into the cell.
#[must_use = "dropping a claim publishes only what was pushed"]
pub struct Claim<'p, T: Plain> {
    shared: &'p Shared<T>,
    standing: &'p mut Standing,
    first: u64,
    /// The next sequence to fill.
    next: u64,
    end: u64,
    /// No reader holds a cell below this.
    room: u64,
}

impl<'p, T: Plain> Claim<'p, T> {
    #[inline(always)]
    pub(super) fn new(shared: &'p Shared<T>, standing: &'p mut Standing, first: u64, count: usize) -> Self {
        let room = standing.limit.end;
        Self { shared, standing, first, next: first, end: first + count as u64, room }
    }

    /// For a claim that leaves our hands: until it returns, the publisher's fast path is shut.
    pub(super) fn hand_out(self) -> Self {
        if self.end > self.first {
            self.standing.open = Some((self.first, self.end));
            self.standing.limit.end = 0;
        }
        self
    }

    /// Writes the next cell.
    ///
    /// # Panics
    /// If all claimed cells are filled.
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    pub fn push(&mut self, value: T) {
        assert!(self.next < self.end, "a claim of {} cells is full", self.end - self.first);
        self.shared.prepare(self.next + AHEAD_IN_BATCH, self.room);
        let cell = self.shared.cell(self.next);
        // The first cell is what a caught-up reader polls: it appears last, so that the batch is there as a whole.
        if self.next == self.first {
            cell.fill(self.next, &value)
        } else {
            cell.publish(self.next, &value)
        }
        self.next += 1;
    }

    /// Cells left to fill.
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.end - self.next) as usize
    }

    /// Sequence of the first cell.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Publishes what was pushed.
    #[inline(always)]
    pub fn publish(self) {}

    /// The cells that were not filled become holes: other publishers may already have claimed what follows.
    #[cold]
    fn leave_holes(&mut self) {
        let empty = self.next == self.first;
        (self.next.max(self.first + 1)..self.end).for_each(|s| self.shared.cell(s).publish_hole(s));
        if empty {
            self.shared.cell(self.first).publish_hole(self.first);
        }
    }
}

impl<T: Plain> Drop for Claim<'_, T> {
    #[cfg_attr(not(tagring_rtsan), inline(always))]
    #[cfg_attr(tagring_rtsan, inline(never), sanitize(realtime = "nonblocking"))]
    fn drop(&mut self) {
        self.standing.open = None;
        self.standing.limit.end = self.room;
        if self.shared.many && self.next < self.end {
            self.leave_holes();
        }
        if self.next > self.first {
            if self.shared.many {
                self.shared.hint(self.first, self.next);
            } else {
                self.standing.next = self.next;
                self.shared.horizon.store(self.next, Ordering::Release); // SYNC horizon
            }
            let more = self.next > self.first + 1;
            self.shared.cell(self.first).expose(self.first, more);
        }
        self.shared.bell.ring_if_asleep();
    }
}
