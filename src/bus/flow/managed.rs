//! The source of a slot that asks for more than events: a policy that may lose some, deadlines, modes, accounts by tag. Where it comes from is decided
//! once a turn; what it costs is paid by such slots alone.

use super::copying::{CopiedTurn, Copying};
use super::fate::Fate;
use super::gap::Gap;
use super::lane_order::LanePolicy;
use super::lanes::LaneReaders;
use super::overflow::Policies;
use super::rows::Rows;
use super::{Admission, Books, Events, Source, Taken};
use crate::bus::context::Context;
use crate::bus::shared::SlotShared;
use crate::bus::tally::Tally;
use crate::event::{StoreEvent, Tag, TagSet};
use crate::ring::{BoundReader, Reader, Turn, WaitStrategy};
use std::rc::Rc;
use std::sync::Arc;

/// Where the events of such a slot come from.
pub(in crate::bus) enum Managed<C: StoreEvent> {
    /// From where they lie: publishers wait for the slot.
    InPlace(BoundReader<C>, Rc<Rows>),
    /// Copied: nobody waits.
    Copied(Box<Copying<C>>, Rc<Rows>),
    /// From where they lie, in one of several lanes.
    Lanes(Box<LaneReaders<C>>),
}

impl<C: StoreEvent> Managed<C> {
    /// A slot's source, bound to the calling thread.
    pub(in crate::bus) fn new(
        reader: Reader<C>,
        policies: &Policies,
        family: &TagSet,
        shared: &Arc<SlotShared>,
        rows: &Rc<Rows>,
    ) -> Self {
        if policies.is_evictable(family) {
            Self::Copied(Box::new(Copying::new(reader, policies, family, shared, rows)), Rc::clone(rows))
        } else {
            Self::InPlace(reader.bind(), Rc::clone(rows))
        }
    }

    /// That of a slot on a bus with lanes, the most urgent first.
    pub(in crate::bus) fn of_lanes(
        readers: impl IntoIterator<Item = Reader<C>>,
        policy: &LanePolicy,
        turn_limit: usize,
        rows: &Rc<Rows>,
    ) -> Self {
        Self::Lanes(Box::new(LaneReaders::new(readers, policy, turn_limit, rows)))
    }

    /// Where it stands in its ring; of lanes the sum.
    pub(in crate::bus) fn position(&self) -> u64 {
        match self {
            Self::InPlace(reader, _) => reader.position(),
            Self::Copied(copying, _) => copying.position(),
            Self::Lanes(lanes) => lanes.position(),
        }
    }
}

/// The events of one turn.
pub(in crate::bus) enum ManagedTurn<'t, C: StoreEvent> {
    /// With its lane.
    InPlace(Turn<'t, C>, usize),
    Copied(CopiedTurn<'t, C>),
}

impl<C: StoreEvent> Events<C> for ManagedTurn<'_, C> {
    fn in_place(&self) -> bool {
        matches!(self, Self::InPlace(..))
    }

    #[inline]
    fn next(&mut self) -> Option<Taken<'_, C>> {
        match self {
            Self::InPlace(turn, _) => Events::next(turn),
            Self::Copied(turn) => turn.next(),
        }
    }

    #[inline]
    fn remaining(&self) -> u64 {
        match self {
            Self::InPlace(turn, _) => turn.remaining(),
            Self::Copied(turn) => turn.remaining(),
        }
    }

    #[inline]
    fn settle(&mut self) {
        match self {
            Self::InPlace(turn, _) => turn.settle(),
            Self::Copied(turn) => turn.settle(),
        }
    }

    fn finish(self) {
        if let Self::InPlace(turn, _) = self {
            let _ = turn.finish();
        }
    }

    #[inline]
    fn gap(&mut self) -> Option<Gap<'_>> {
        match self {
            Self::InPlace(..) => None,
            Self::Copied(turn) => turn.gap(),
        }
    }

    #[inline]
    fn lane(&self) -> usize {
        match self {
            Self::InPlace(_, lane) => *lane,
            Self::Copied(_) => 0,
        }
    }
}

impl<C: StoreEvent> Source<C> for Managed<C> {
    type Books = ManagedBooks;

    fn begin(&mut self, limit: usize) -> Option<ManagedTurn<'_, C>> {
        match self {
            Self::InPlace(reader, _) => reader.begin(limit).map(|turn| ManagedTurn::InPlace(turn, 0)),
            Self::Lanes(lanes) => lanes.begin(limit).map(|(turn, lane)| ManagedTurn::InPlace(turn, lane)),
            Self::Copied(copying, _) => copying.begin().then(|| ManagedTurn::Copied(copying.turn(limit))),
        }
    }

    type Turn<'t> = ManagedTurn<'t, C>;

    fn is_finished(&mut self) -> bool {
        match self {
            Self::InPlace(reader, _) => reader.is_finished(),
            Self::Copied(copying, _) => copying.is_finished(),
            Self::Lanes(lanes) => lanes.is_finished(),
        }
    }

    fn is_revoked(&self) -> bool {
        match self {
            Self::InPlace(reader, _) => reader.is_revoked(),
            Self::Copied(copying, _) => copying.reader().is_revoked(),
            Self::Lanes(lanes) => lanes.is_revoked(),
        }
    }

    fn is_ready(&mut self) -> bool {
        match self {
            Self::InPlace(reader, rows) => reader.is_ready() || rows.is_behind(),
            Self::Copied(copying, rows) => copying.is_ready() || rows.is_behind(),
            Self::Lanes(lanes) => lanes.is_ready() || lanes.is_behind(),
        }
    }

    fn wait_strategy(&self) -> WaitStrategy {
        match self {
            Self::InPlace(reader, _) => reader.wait_strategy(),
            Self::Copied(copying, _) => copying.reader().wait_strategy(),
            Self::Lanes(lanes) => lanes.wait_strategy(),
        }
    }

    fn lends(&self) -> bool {
        matches!(self, Self::InPlace(..) | Self::Lanes(_))
    }

    fn step_over(&mut self, at: u64, look: impl FnOnce(&C, u64)) -> bool {
        match self {
            Self::InPlace(reader, _) => Source::step_over(reader, at, look),
            Self::Copied(copying, _) => copying.step_over(look),
            Self::Lanes(lanes) => Source::step_over(lanes.current(), at, look),
        }
    }

    fn settle_tally(&self, tally: &mut Tally) {
        match self {
            Self::InPlace(reader, _) => tally.settle_in_place(reader.position()),
            Self::Copied(copying, _) => tally.settle_copied(copying.done(), copying.holes()),
            Self::Lanes(lanes) => {
                lanes.settle();
                tally.settle_in_place(lanes.position());
            }
        }
    }
}

/// What such a slot writes down, and asks before it handles an event.
pub(in crate::bus) struct ManagedBooks {
    pub(in crate::bus) rows: Rc<Rows>,
    /// Whether events whose deadline is over are left out.
    pub(in crate::bus) expires: bool,
    pub(in crate::bus) admission: Option<Arc<dyn Admission>>,
}

impl<C: StoreEvent> Books<C> for ManagedBooks {
    const KEPT: bool = true;

    fn leaves_out(&mut self, cell: &C, ctx: &Context) -> Option<Fate> {
        if self.expires && C::DEADLINE && cell.has_expired(ctx.clock().now()) {
            return Some(Fate::Expired);
        }
        let is_shed = self.admission.as_ref().is_some_and(|admission| !admission.admits(cell.as_event(), ctx.now()));
        is_shed.then_some(Fate::Shed)
    }

    fn count(&mut self, tag: Tag, fate: Fate) {
        self.rows.count(tag, fate, 1);
    }

    fn show(&mut self, tally: &mut Tally) {
        self.rows.show(tally);
    }

    fn show_last(&mut self, tally: &mut Tally) {
        self.rows.show(tally);
        self.rows.show_now();
    }
}
