//! An event as it lies in memory: header, then payload. `EventCell` is the sized form that a ring holds, `Event` the view that handlers
//! borrow.

use super::header::Header;
use super::payload::Payload;
use super::tag::Tag;
use super::timed_cell::{DEADLINE_BYTES, NEVER};
use crate::clock::Ticks;
use crate::sync::Plain;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes that stamp and header take in a cell.
const OVERHEAD: usize = 24;

/// Words of header and payload in the smallest cell of whole cache lines that fits a payload of `size` bytes: 7, 15, 23, ...
#[must_use]
pub const fn cell_words(size: usize) -> usize {
    (size + OVERHEAD).div_ceil(64) * 8 - 1
}

/// Words of the header.
const HEADER: usize = size_of::<Header>() / 8;

/// Header and room for a payload, in `WORDS` words of 8 bytes: what a ring's cell holds behind its stamp.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct EventCell<const WORDS: usize>([u64; WORDS]);

/// An event, borrowed where it lies.
#[repr(C)]
pub struct Event {
    header: Header,
    payload: [u8],
}

/// What a ring's cell can do for a bus: take an event, show it.
pub trait StoreEvent: Plain {
    /// Bytes of room for the payload.
    const PAYLOAD: usize;
    /// Whether its events may have a deadline: those of families declared `with deadline`. The rest pay nothing for it.
    const DEADLINE: bool = false;
    /// The cell that holds this event, without a deadline.
    fn store<P: Payload>(header: Header, payload: &P) -> Self;
    /// The event in the cell.
    fn as_event(&self) -> &Event;

    /// The same with this deadline. Where [`Self::DEADLINE`] is not set, the same.
    #[must_use]
    #[inline(always)]
    fn expiring(self, _at: Option<Ticks>) -> Self {
        self
    }

    /// The moment from which the event is of no use any more, if it has one. Where [`Self::DEADLINE`] is not set, `None` and no code.
    #[must_use]
    #[inline(always)]
    fn deadline(&self) -> Option<Ticks> {
        None
    }

    /// Whether the deadline has come. Where [`Self::DEADLINE`] is not set, `false` and no code.
    #[must_use]
    #[inline(always)]
    fn has_expired(&self, now: Ticks) -> bool {
        self.deadline().is_some_and(|at| now >= at)
    }
}

impl<const WORDS: usize> StoreEvent for EventCell<WORDS> {
    const PAYLOAD: usize = (WORDS - HEADER) * 8;

    #[inline(always)]
    fn store<P: Payload>(header: Header, payload: &P) -> Self {
        // The header may be that of an event with a deadline; the cell has no room for one.
        Self::lay(header.untimed(), payload)
    }

    #[inline(always)]
    fn as_event(&self) -> &Event {
        let wide = core::ptr::slice_from_raw_parts(self.0.as_ptr().cast::<u8>(), Self::PAYLOAD) as *const Event;
        // SAFETY: `Event` is `repr(C)`: a header of HEADER words, then PAYLOAD bytes, WORDS words in all, aligned to 8 as words
        // are and without padding. Any bytes are a header. The view lives as long as `self` and only reads.
        unsafe { &*wide }
    }
}

impl<const WORDS: usize> EventCell<WORDS> {
    #[inline(always)]
    pub(super) fn lay<P: Payload>(header: Header, payload: &P) -> Self {
        const { assert!(size_of::<P>() <= Self::PAYLOAD, "the payload is larger than the cells of this family") }
        let mut words = [0; WORDS];
        let head: [u64; HEADER] = zerocopy::transmute!(header);
        words[..HEADER].copy_from_slice(&head);
        words[HEADER..].as_mut_bytes()[..size_of::<P>()].copy_from_slice(payload.as_bytes());
        Self(words)
    }

    #[inline(always)]
    pub(super) const fn last_word(&self) -> u64 {
        self.0[WORDS - 1]
    }

    #[inline(always)]
    pub(super) const fn last_word_mut(&mut self) -> &mut u64 {
        &mut self.0[WORDS - 1]
    }
}

impl Event {
    /// The header.
    #[must_use]
    #[inline(always)]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the event is.
    #[must_use]
    #[inline(always)]
    pub fn tag(&self) -> Tag {
        self.header.tag()
    }

    /// The instrument or partition key.
    #[must_use]
    #[inline(always)]
    pub fn key(&self) -> u32 {
        self.header.key()
    }

    /// The payload, if the event is a `P`: a comparison of tags, then a reference to where the payload lies.
    #[must_use]
    #[inline(always)]
    pub fn get<P: Payload>(&self) -> Option<&P> {
        const {
            assert!(
                align_of::<P>() <= 8,
                "a payload is aligned to at most 8 bytes: it lies behind a header of two words"
            )
        }
        if self.tag() != P::TAG || size_of::<P>() > self.payload.len() {
            return None;
        }
        let start = self.payload.as_ptr().cast::<P>();
        debug_assert!(start.is_aligned(), "payloads lie at an offset of 24 in cells aligned to 64");
        // SAFETY: the size was just checked; the payload is 8-aligned (it follows a header, which is) and `P`'s alignment is at
        // most 8 (checked above); any bytes are a `P` (`FromBytes`), and the borrow is that of `self`.
        Some(unsafe { &*start })
    }

    /// The moment from which the event is of no use any more, if it has one: only those of families declared `with deadline` do.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Ticks> {
        let (_, word) = self.parts();
        let word = word.map_or(NEVER, u64::from_ne_bytes);
        (word != NEVER).then_some(Ticks(word))
    }

    /// Whether the deadline has come.
    #[must_use]
    #[inline]
    pub fn has_expired(&self, now: Ticks) -> bool {
        self.deadline().is_some_and(|at| now >= at)
    }

    /// The payload's bytes, and the zeroes behind it up to the cell's room.
    #[must_use]
    pub fn payload_bytes(&self) -> &[u8] {
        self.parts().0
    }

    /// The room for the payload, and the word with the deadline where the header says that there is one.
    #[inline]
    fn parts(&self) -> (&[u8], Option<[u8; DEADLINE_BYTES]>) {
        match self.payload.split_last_chunk() {
            Some((room, word)) if self.header.is_timed() => (room, Some(*word)),
            _ => (&self.payload, None),
        }
    }
}

impl core::fmt::Debug for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut event = f.debug_struct("Event");
        event.field("header", &self.header).field("room", &self.payload_bytes().len());
        if let Some(at) = self.deadline() {
            event.field("deadline", &at);
        }
        event.finish()
    }
}
