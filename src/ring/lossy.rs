//! Lossy readers: they copy events out and never hold a publisher back. What they were too slow for is reported as an exact gap.
//! The last `capacity` events are always there to be copied: the ring is the history of its bus.

use super::cell::Seen;
use super::shared::Shared;
use crate::sync::Plain;
use std::sync::Arc;

/// A reader that no publisher waits for. Any number may exist; none takes a place.
pub struct LossyReader<T: Plain> {
    shared: Arc<Shared<T>>,
    next: u64,
    lost: u64,
}

/// What a lossy poll found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied<T> {
    /// A whole event, copied out.
    Event {
        /// Its sequence.
        sequence: u64,
        /// The copy.
        event: T,
    },
    /// Events `from..to` were overwritten before they could be copied. Holes among them count: they are sequences too.
    Gap {
        /// The first one lost.
        from: u64,
        /// The next one that is tried.
        to: u64,
    },
    /// Nothing new.
    Empty,
    /// Nothing new, and the ring is closed.
    Closed,
}

impl<T: Plain> LossyReader<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, start: u64) -> Self {
        Self { shared, next: start, lost: 0 }
    }

    /// The next sequence to read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Sequences lost so far, all gaps together.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Copies the next event, or says how many are gone.
    pub fn poll(&mut self) -> Copied<T> {
        loop {
            let sequence = self.next;
            match self.shared.cell(sequence).copy(sequence) {
                (Seen::Event | Seen::First, event) => {
                    self.next += 1;
                    return Copied::Event { sequence, event };
                }
                (Seen::Hole, _) => self.next += 1,
                (Seen::Overwritten(newest), _) => return self.gap(newest),
                (Seen::NotYet, _) if !self.shared.is_closed() => return Copied::Empty,
                // The close comes after the last publication: one more look tells.
                (Seen::NotYet, _) => match self.shared.cell(sequence).look(sequence) {
                    Seen::NotYet => return Copied::Closed,
                    _ => continue,
                },
            }
        }
    }

    /// Skips to the oldest sequence that is safe for a while: an eighth of the ring ahead of the publisher's heels.
    fn gap(&mut self, newest: u64) -> Copied<T> {
        let capacity = self.shared.capacity();
        let (from, to) = (self.next, (newest + 1 + capacity / 8).saturating_sub(capacity).max(self.next + 1));
        self.next = to;
        self.lost += to - from;
        Copied::Gap { from, to }
    }
}
