//! Where a slot's events come from, and what becomes of each: the seams between the slot's loop and everything that may stand before a handler.
//!
//! A slot that asks for nothing but events has a [`BoundReader`] as its [`Source`] and `()` as its [`Books`]: every method is one call deep and the
//! rest folds away, so that its loop is the one that `docs/hot-path.md` explains. All that costs something (policies, lanes, deadlines, accounts
//! by tag) stands in one other source, [`managed::Managed`], which each handler gets a second loop for.

mod backlog;
mod bytes;
mod copying;
mod fate;
mod gap;
mod lane_order;
mod lanes;
mod managed;
mod overflow;
mod plain;
mod rows;
mod spill;

pub(crate) use bytes::{account_bytes, flow_bytes};
pub use fate::{Fate, Fates};
pub use gap::Gap;
pub use lane_order::{LANES_MAX, LanePolicy};
pub(super) use managed::{Managed, ManagedBooks};
pub(super) use overflow::Policies;
pub use overflow::SlotOverflow;
pub(super) use rows::{LaneCounts, Rows, RowsReader, rows};

use super::context::Context;
use super::tally::Tally;
use crate::clock::Ticks;
use crate::event::{Event, StoreEvent, Tag};
use crate::ring::WaitStrategy;

/// An event at hand, and where it stands.
pub(super) struct Taken<'e, C> {
    pub(super) cell: &'e C,
    pub(super) sequence: u64,
    /// Whether it is the last one of its turn.
    pub(super) at_end: bool,
    /// Older events of its key that it stands for.
    pub(super) merged: u64,
}

/// The events of one turn, in order.
pub(super) trait Events<C> {
    /// Whether they lie in the ring while they are handled, and their bytes with them.
    fn in_place(&self) -> bool;
    /// The next one.
    fn next(&mut self) -> Option<Taken<'_, C>>;
    /// How many there may still be.
    fn remaining(&self) -> u64;
    /// The event last taken is done with: a panic from here on does not bring it back.
    fn settle(&mut self);
    /// Ends the turn.
    fn finish(self);
    /// What the slot has lost since its last turn, and was not told of yet.
    #[inline(always)]
    fn gap(&mut self) -> Option<Gap<'_>> {
        None
    }
    /// The lane they came in; 0 where there is one.
    #[inline(always)]
    fn lane(&self) -> usize {
        0
    }
}

/// Where a slot's events come from.
pub(super) trait Source<C: StoreEvent> {
    /// What is written down about each event.
    type Books: Books<C>;
    /// Begins a turn of at most `limit` events; dropping it ends it. `None`: nothing is there.
    fn begin(&mut self, limit: usize) -> Option<Self::Turn<'_>>;
    /// The events of a turn.
    type Turn<'t>: Events<C>
    where
        Self: 't;
    /// Whether nothing more comes.
    fn is_finished(&mut self) -> bool;
    /// Whether its gate was taken away from outside.
    fn is_revoked(&self) -> bool;
    /// Whether there is something to handle.
    fn is_ready(&mut self) -> bool;
    fn wait_strategy(&self) -> WaitStrategy;
    /// As [`Events::in_place`].
    fn lends(&self) -> bool;
    /// The handler panicked over the event `at`, if it was over one: that event is handed to `look` and stepped over. Returns whether there was one.
    fn step_over(&mut self, at: u64, look: impl FnOnce(&C, u64)) -> bool;
    /// Brings the counts up to where the source stands.
    fn settle_tally(&self, tally: &mut Tally);
}

/// Says which events a slot handles at this moment, whatever its tags: a mode that the bus is in, for example. Asked on the slot's thread before
/// each event: it must neither lock, wait nor allocate.
pub trait Admission: Send + Sync {
    /// Whether the event is to be handled; `now` is at most 64 events old. If not it is counted as [`Fate::Shed`].
    fn admits(&self, event: &Event, now: Ticks) -> bool;
}

/// What is written down about each event beside the slot's totals, and what is asked before one is handled.
pub(super) trait Books<C: StoreEvent> {
    /// Whether there are any.
    const KEPT: bool;
    /// Why an event that the slot wants is not to be handled: its deadline is over, or a mode leaves it out.
    fn leaves_out(&mut self, cell: &C, ctx: &Context) -> Option<Fate>;
    /// One event met this fate.
    fn count(&mut self, tag: Tag, fate: Fate);
    /// Shows what was counted to others.
    fn show(&mut self, tally: &mut Tally);
    /// The same for the last time.
    fn show_last(&mut self, tally: &mut Tally);
}
