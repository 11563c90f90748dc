//! What a slot hands to its handler beside the event: where it is, the time, the event's bytes, scratch memory.

use super::beat::Beat;
use super::bytes::ByteArena;
use super::name::Name;
use crate::clock::{Clock, Ticks};
use crate::event::StoreEvent;
use bumpalo::Bump;
use core::time::Duration;
use std::sync::Arc;

/// The slot's side of a handler call. Valid during the call.
pub struct Context {
    pub(super) slot: Name,
    pub(super) clock: Clock,
    /// The last time the slot read the clock.
    pub(super) now: Ticks,
    /// Holds the sequence at hand, where others can see it.
    pub(super) beat: Arc<Beat>,
    /// Which attempt at the event this is.
    pub(super) attempt: u32,
    /// That of the event at hand. Never set on a bus whose family has no deadlines.
    pub(super) deadline: Option<Ticks>,
    pub(super) end_of_batch: bool,
    /// Older events that the one at hand stands for.
    pub(super) merged: u64,
    /// Set while an event of this slot's ring is borrowed, which is what makes its bytes readable.
    pub(super) holds_event: bool,
    /// Set where a callback was the one that does nothing: it need not be timed.
    pub(super) did_nothing: bool,
    pub(super) arena: Option<Arc<ByteArena>>,
    /// Those of the bus's lanes; that of the lane at hand is above, and its place here is empty. Empty on a bus without lanes.
    arenas: Box<[Option<Arc<ByteArena>>]>,
    pub(super) scratch: Bump,
}

impl Context {
    pub(super) fn new(
        slot: Name,
        clock: Clock,
        beat: Arc<Beat>,
        arena: Option<Arc<ByteArena>>,
        scratch_bytes: usize,
    ) -> Self {
        let now = clock.now();
        let scratch = Bump::with_capacity(scratch_bytes);
        Self {
            slot,
            clock,
            now,
            beat,
            attempt: 1,
            deadline: None,
            end_of_batch: false,
            merged: 0,
            holds_event: false,
            did_nothing: false,
            arena,
            arenas: Box::default(),
            scratch,
        }
    }

    /// The bus has lanes with these arenas; that of lane 0, which is at hand, was given to [`Self::new`].
    pub(super) fn set_arenas(&mut self, mut arenas: Box<[Option<Arc<ByteArena>>]>) {
        arenas.iter_mut().take(1).for_each(|arena| *arena = None);
        self.arenas = arenas;
    }

    /// The events at hand came in this lane.
    #[inline]
    pub(super) fn set_lane(&mut self, lane: usize) {
        let before = self.beat.lane();
        if lane != before {
            self.change_lane(before, lane);
        }
    }

    /// Moves arenas and counts no references.
    fn change_lane(&mut self, from: usize, to: usize) {
        debug_assert!(!self.holds_event, "a lane changes between turns");
        if let Some(place) = self.arenas.get_mut(from) {
            core::mem::swap(&mut self.arena, place);
        }
        if let Some(place) = self.arenas.get_mut(to) {
            core::mem::swap(&mut self.arena, place);
        }
        self.beat.set_lane(to);
    }

    /// The event in `cell` is the one at hand from here on.
    #[inline(always)]
    pub(super) fn take_up<C: StoreEvent>(&mut self, cell: &C) {
        if C::DEADLINE {
            self.deadline = cell.deadline();
        }
    }

    /// The slot's name.
    #[must_use]
    pub fn slot(&self) -> &str {
        self.slot.as_str()
    }

    /// The sequence of the event at hand; after a batch, of the last one. A dead letter that was handed back keeps its own.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.beat.at()
    }

    /// The lane that the event at hand came in, after a batch that of the last one; 0 where the bus has no lanes. [`Self::sequence`] is that lane's.
    #[must_use]
    #[inline]
    pub fn lane(&self) -> usize {
        self.beat.lane()
    }

    /// Which attempt at the event this is: 1, or more where a dead letter was handed back.
    #[must_use]
    #[inline]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the event at hand is the last of its batch. Where that one is filtered out or a hole, no event carries the flag:
    /// `on_batch_end` runs in every case.
    #[must_use]
    #[inline]
    pub fn end_of_batch(&self) -> bool {
        self.end_of_batch
    }

    /// How many older events of its key, which the handler never had, the event at hand stands for: 0 unless the slot conflates.
    #[must_use]
    #[inline]
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// The time as the slot last read it, at most 64 events ago: no clock is read here. Where the slot measures nothing
    /// ([`super::Measure::Off`]) and in `on_idle` that may be long ago: ask [`Self::clock`].
    #[must_use]
    #[inline]
    pub fn now(&self) -> Ticks {
        self.now
    }

    /// The deadline of the event at hand, after a batch that of the last one, if it has one: only those of families declared `with deadline` do.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Ticks> {
        self.deadline
    }

    /// The time left to the deadline of the event at hand: zero when it has come, `None` where there is none. Reads the clock.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.deadline?.since(self.clock.now());
        Some(Duration::from_nanos(self.clock.to_ns(left)))
    }

    /// For a handler that wraps another: its `on_batch_end` or `on_idle` did something of its own, whatever the inner one, called before, did. A slot
    /// takes the time of those that do nothing for nothing.
    #[inline]
    pub fn did_something(&mut self) {
        self.did_nothing = false;
    }

    /// The bus's clock.
    #[must_use]
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The bytes published with the event at hand; empty when there are none. 8-aligned.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.arena {
            // SAFETY: `holds_event` is set only while the slot's gating reader holds the sequence at hand on this bus, in the lane whose arena this is, and cleared
            // before it advances; only this thread changes that sequence; the borrow of `self` ends with the handler call.
            Some(arena) if self.holds_event => unsafe { arena.bytes(self.beat.at()) },
            _ => &[],
        }
    }

    /// Scratch memory that lasts until the end of the batch: nothing allocated in it is dropped, all is forgotten at once.
    #[must_use]
    #[inline]
    pub fn scratch(&self) -> &Bump {
        &self.scratch
    }
}
