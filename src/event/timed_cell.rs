//! The cell of families with deadlines: the plain cell, whose last word is the moment from which the event is of no use any more. `events!` makes
//! it for `pub mod NAME with deadline;`; every header in it carries the mark that says so, and in no other cell does one.

use super::cell::{Event, EventCell, StoreEvent};
use super::header::Header;
use super::payload::Payload;
use crate::clock::Ticks;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes that a deadline takes from the room for the payload.
pub const DEADLINE_BYTES: usize = size_of::<u64>();
/// What stands in the last word of an event that is of use for ever.
pub(super) const NEVER: u64 = 0;

/// As [`EventCell`], with the event's deadline in the last of its words.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct TimedCell<const WORDS: usize>(EventCell<WORDS>);

impl<const WORDS: usize> StoreEvent for TimedCell<WORDS> {
    const PAYLOAD: usize = EventCell::<WORDS>::PAYLOAD - DEADLINE_BYTES;
    const DEADLINE: bool = true;

    #[inline(always)]
    fn store<P: Payload>(header: Header, payload: &P) -> Self {
        const { assert!(size_of::<P>() <= Self::PAYLOAD, "the payload is larger than the cells of this family") }
        Self(EventCell::lay(header.timed(), payload))
    }

    #[inline(always)]
    fn as_event(&self) -> &Event {
        self.0.as_event()
    }

    #[inline(always)]
    fn expiring(mut self, at: Option<Ticks>) -> Self {
        // The clock's first tick stands for the second: both are long over.
        *self.0.last_word_mut() = at.map_or(NEVER, |at| at.0.max(1));
        self
    }

    #[inline(always)]
    fn deadline(&self) -> Option<Ticks> {
        let word = self.0.last_word();
        (word != NEVER).then_some(Ticks(word))
    }
}
