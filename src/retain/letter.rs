//! One dead letter: the event as it was, and what became of it. Small and plain, so that it can lie in a ring.

use crate::bus::{DeadReason, Name};
use crate::clock::{Clock, Ticks};
use crate::event::{Event, Family, StoreEvent};
use core::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A letter in a ring's cell: the event's own words and 56 bytes. Packed, so that it has no padding whatever `C` is.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub(super) struct LetterCell<C> {
    pub(super) cell: C,
    pub(super) sequence: u64,
    pub(super) time: u64,
    /// [`Name::to_bytes`] of the slot.
    pub(super) slot: [u8; 32],
    /// Saturates at 4 GiB.
    pub(super) bytes_len: u32,
    /// Saturates at 65,535.
    pub(super) attempt: u16,
    pub(super) reason: u8,
    pub(super) lane: u8,
}

/// A dead letter.
#[derive(Clone, Copy)]
pub struct Letter<F: Family> {
    pub(super) cell: F::Cell,
    /// The event's sequence on its bus, in its lane.
    pub sequence: u64,
    /// The lane it came in; 0 where the bus has none.
    pub lane: usize,
    /// The slot in which it died.
    pub slot: Name,
    /// Why it died.
    pub reason: DeadReason,
    /// How often the slot's handler has had it: 1, or more where it was handed back and failed again.
    pub attempt: u32,
    /// When it died, by the bus's clock.
    pub time: Ticks,
    /// Bytes of variable length that were published with it. They are not kept, and the letter is not redelivered without them.
    pub bytes_len: u32,
}

impl<F: Family> Letter<F> {
    pub(super) fn of(letter: &LetterCell<F::Cell>) -> Self {
        let LetterCell { cell, sequence, time, slot, bytes_len, attempt, reason, lane } = *letter;
        let reason = DeadReason::ALL.into_iter().find(|known| *known as u8 == reason);
        Self {
            cell,
            sequence,
            lane: usize::from(lane),
            slot: Name::from_bytes(slot),
            reason: reason.unwrap_or(DeadReason::Refused),
            attempt: u32::from(attempt),
            time: Ticks(time),
            bytes_len,
        }
    }

    /// The event: header and payload.
    #[must_use]
    pub fn event(&self) -> &Event {
        self.cell.as_event()
    }

    /// How long ago it died, by the bus's clock.
    #[must_use]
    pub fn age(&self, clock: &Clock) -> Duration {
        Duration::from_nanos(clock.to_ns(clock.now().since(self.time)))
    }
}

impl<F: Family> core::fmt::Debug for Letter<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Letter")
            .field("event", &self.event())
            .field("sequence", &self.sequence)
            .field("slot", &self.slot)
            .field("reason", &self.reason)
            .field("attempt", &self.attempt)
            .field("time", &self.time)
            .field("bytes_len", &self.bytes_len)
            .finish()
    }
}
