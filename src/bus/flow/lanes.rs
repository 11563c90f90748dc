//! The source of a slot on a bus of several lanes: a gating reader for each, of which one has the turn. Built by the slot's thread; a lane's events keep
//! their order, and lie where they were published while they are handled.

use super::lane_order::{LaneOrder, LanePolicy};
use super::rows::Rows;
use crate::event::StoreEvent;
use crate::ring::{BoundReader, Reader, Turn, WaitStrategy};
use smallvec::SmallVec;
use std::rc::Rc;

/// A slot's readers, the most urgent lane first.
pub(in crate::bus) struct LaneReaders<C: StoreEvent> {
    readers: SmallVec<[BoundReader<C>; 4]>,
    order: LaneOrder,
    /// The lane of the last turn, and where its reader stood when that began.
    current: usize,
    began_at: u64,
    rows: Rc<Rows>,
}

impl<C: StoreEvent> LaneReaders<C> {
    /// Bound to the calling thread.
    pub(super) fn new(
        readers: impl IntoIterator<Item = Reader<C>>,
        policy: &LanePolicy,
        turn_limit: usize,
        rows: &Rc<Rows>,
    ) -> Self {
        let readers: SmallVec<[_; 4]> = readers.into_iter().map(Reader::bind).collect();
        for (lane, reader) in readers.iter().enumerate() {
            rows.lane_joined(lane, reader.position());
        }
        let order = LaneOrder::new(policy, readers.len(), turn_limit);
        let began_at = readers[0].position();
        Self { readers, order, current: 0, began_at, rows: Rc::clone(rows) }
    }

    /// All sequences of all lanes that are done with.
    pub(super) fn position(&self) -> u64 {
        self.readers.iter().map(BoundReader::position).sum()
    }

    /// Begins the next turn, of the lane that comes next. `None`: no lane has anything.
    #[inline]
    pub(super) fn begin(&mut self, limit: usize) -> Option<(Turn<'_, C>, usize)> {
        let position = self.readers[self.current].position();
        if position > self.began_at {
            // Here and not at the end of the turn: a panic may have ended that.
            self.order.took(self.current, position - self.began_at);
        }
        self.began_at = position;
        let readers = &mut self.readers;
        let pick = self.order.pick(limit, |lane| readers[lane].is_ready())?;
        (self.current, self.began_at) = (pick.lane, readers[pick.lane].position());
        self.rows.set_lane(pick.lane);
        let turn = readers[pick.lane].begin(pick.limit)?;
        Some((turn, pick.lane))
    }

    /// The lane of the last turn.
    pub(super) fn current(&mut self) -> &mut BoundReader<C> {
        &mut self.readers[self.current]
    }

    /// All lanes closed and read to their ends, or one of them taken away: then all are about to be.
    pub(super) fn is_finished(&mut self) -> bool {
        self.is_revoked() || self.readers.iter_mut().all(BoundReader::is_finished)
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.readers.iter().any(BoundReader::is_revoked)
    }

    pub(super) fn is_ready(&mut self) -> bool {
        self.readers.iter_mut().any(BoundReader::is_ready)
    }

    /// All lanes wait in the same way.
    pub(super) fn wait_strategy(&self) -> WaitStrategy {
        self.readers[0].wait_strategy()
    }

    /// Brings the lane's own counts up to where its reader stands.
    pub(super) fn settle(&self) {
        self.rows.lane_stands(self.readers[self.current].position());
    }

    pub(super) fn is_behind(&self) -> bool {
        self.rows.is_behind()
    }
}
