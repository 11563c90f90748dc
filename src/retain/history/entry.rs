//! One entry of a history group: the event's own words, and what makes it findable. Plain, so that it can lie in a ring.

use crate::clock::Ticks;
use crate::event::{Event, Family, Header, StoreEvent};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An entry in a ring's cell. Packed, so that it has no padding whatever `C` is: with its stamp, one cache line more than the event's own cell.
///
/// `after` and `high_before` grow from entry to entry, also where publish times do not: that is what makes binary search exact.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub(super) struct Entry<C> {
    pub(super) cell: C,
    /// The event's sequence on its bus.
    pub(super) sequence: u64,
    /// One more than the sequence of the entry before; 0 in the first.
    pub(super) after: u64,
    /// The latest publish time of all entries before; 0 in the first.
    pub(super) high_before: u64,
    /// How far behind the latest one before it any publish time was so far, this one's included.
    pub(super) late_max: u64,
    /// One more than the number of the entry before it in its chain; 0: there was none.
    pub(super) link: u64,
}

impl<C: StoreEvent> Entry<C> {
    /// When the event was published.
    pub(super) fn time(&self) -> u64 {
        let cell = self.cell;
        cell.as_event().header().publish_ticks().0
    }

    /// The latest publish time of all entries up to this one.
    pub(super) fn high(&self) -> u64 {
        self.time().max(self.high_before)
    }
}

/// The words of an event's cell; `None` where its cell is of another size than that of this family.
#[inline(always)]
pub(super) fn cell_of<C: StoreEvent>(event: &Event) -> Option<C> {
    let mut cell = C::new_zeroed();
    let (header, payload) = cell.as_mut_bytes().split_at_mut_checked(size_of::<Header>())?;
    if payload.len() != event.payload_bytes().len() {
        return None;
    }
    header.copy_from_slice(event.header().as_bytes());
    payload.copy_from_slice(event.payload_bytes());
    Some(cell)
}

/// A copy of an event that a history has kept.
pub struct Kept<F: Family> {
    cell: F::Cell,
    sequence: u64,
}

impl<F: Family> Clone for Kept<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Family> Copy for Kept<F> {}

impl<F: Family> Kept<F> {
    pub(super) fn of(entry: &EntryOf<F>) -> Self {
        Self { cell: entry.cell, sequence: entry.sequence }
    }

    /// The event: header and payload.
    #[must_use]
    pub fn event(&self) -> &Event {
        self.cell.as_event()
    }

    /// Its sequence on its bus.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was published, by the bus's clock.
    #[must_use]
    pub fn time(&self) -> Ticks {
        self.event().header().publish_ticks()
    }
}

impl<F: Family> core::fmt::Debug for Kept<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Kept").field("sequence", &self.sequence).field("event", &self.event()).finish()
    }
}

/// An entry of a family.
pub(super) type EntryOf<F> = Entry<<F as Family>::Cell>;
