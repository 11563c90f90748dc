//! The 16 bytes before each payload: when, for which key, what, how late.

use super::delay;
use super::tag::Tag;
use crate::clock::Ticks;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Set beside the tag where the last word of the cell is a deadline. (Tags take ten bits of their sixteen.)
const TIMED: u16 = 1 << 15;

/// The header of an event.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    time: u64,
    key: u32,
    tag: u16,
    delay: u16,
}

impl Header {
    /// A header for an event published at `time`, `delay` ticks after it should have been.
    #[must_use]
    #[inline(always)]
    pub const fn new(tag: Tag, key: u32, time: Ticks, delay: u64) -> Self {
        Self { time: time.0, key, tag: tag.get(), delay: if delay == 0 { 0 } else { delay::encode(delay) } }
    }

    /// What the event is.
    #[must_use]
    #[inline(always)]
    pub const fn tag(&self) -> Tag {
        Tag::from_bits(self.tag)
    }

    /// The same for an event in a cell whose last word is its deadline.
    #[inline(always)]
    pub(super) const fn timed(mut self) -> Self {
        self.tag |= TIMED;
        self
    }

    /// The same for an event in a cell of another kind.
    #[inline(always)]
    pub(super) const fn untimed(mut self) -> Self {
        self.tag &= !TIMED;
        self
    }

    /// Whether the last word of the event's cell is its deadline.
    #[inline(always)]
    pub(super) const fn is_timed(&self) -> bool {
        self.tag & TIMED != 0
    }

    /// The instrument or partition key.
    #[must_use]
    #[inline(always)]
    pub const fn key(&self) -> u32 {
        self.key
    }

    /// When it was published.
    #[must_use]
    #[inline(always)]
    pub const fn publish_ticks(&self) -> Ticks {
        Ticks(self.time)
    }

    /// How long after its intended time it was published, within 1/2048.
    #[must_use]
    #[inline(always)]
    pub const fn delay_ticks(&self) -> u64 {
        delay::decode(self.delay)
    }

    /// When it should have been published.
    #[must_use]
    #[inline]
    pub const fn intended_ticks(&self) -> Ticks {
        Ticks(self.time.saturating_sub(self.delay_ticks()))
    }
}

impl core::fmt::Debug for Header {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Header")
            .field("time", &self.time)
            .field("key", &self.key)
            .field("tag", &self.tag().get())
            .field("delay", &self.delay)
            .finish()
    }
}
