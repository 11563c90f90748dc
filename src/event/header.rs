//! The 16 bytes before each payload: when, for which key, what, how late.

use super::delay;
use super::tag::Tag;
use crate::clock::Ticks;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
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
