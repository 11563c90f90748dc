//! The source of a slot that asks for nothing but events: a gating reader, which lends them where they lie.

use super::{Books, Events, Fate, Source, Taken};
use crate::bus::context::Context;
use crate::bus::tally::Tally;
use crate::event::{StoreEvent, Tag};
use crate::ring::{BoundReader, Turn, WaitStrategy};

impl<C: StoreEvent> Events<C> for Turn<'_, C> {
    #[inline(always)]
    fn in_place(&self) -> bool {
        true
    }

    #[inline(always)]
    fn next(&mut self) -> Option<Taken<'_, C>> {
        Turn::next(self).map(|(cell, sequence, at_end)| Taken { cell, sequence, at_end, merged: 0 })
    }

    #[inline(always)]
    fn remaining(&self) -> u64 {
        Turn::remaining(self)
    }

    #[inline(always)]
    fn settle(&mut self) {
        Turn::settle(self);
    }

    #[inline(always)]
    fn finish(self) {
        let _ = Turn::finish(self);
    }
}

impl<C: StoreEvent> Source<C> for BoundReader<C> {
    type Books = ();
    type Turn<'t> = Turn<'t, C>;

    #[inline(always)]
    fn begin(&mut self, limit: usize) -> Option<Turn<'_, C>> {
        BoundReader::begin(self, limit)
    }

    #[inline]
    fn is_finished(&mut self) -> bool {
        BoundReader::is_finished(self)
    }

    fn is_revoked(&self) -> bool {
        BoundReader::is_revoked(self)
    }

    fn is_ready(&mut self) -> bool {
        BoundReader::is_ready(self)
    }

    fn wait_strategy(&self) -> WaitStrategy {
        BoundReader::wait_strategy(self)
    }

    fn lends(&self) -> bool {
        true
    }

    fn step_over(&mut self, at: u64, look: impl FnOnce(&C, u64)) -> bool {
        self.position() == at && self.skip_with(look)
    }

    #[inline(always)]
    fn settle_tally(&self, tally: &mut Tally) {
        tally.advance(self.position());
    }
}

/// Nothing is written down, and everything is handled.
impl<C: StoreEvent> Books<C> for () {
    const KEPT: bool = false;

    #[inline(always)]
    fn leaves_out(&mut self, _: &C, _: &Context) -> Option<Fate> {
        None
    }

    #[inline(always)]
    fn count(&mut self, _: Tag, _: Fate) {}

    #[inline(always)]
    fn show(&mut self, _: &mut Tally) {}

    fn show_last(&mut self, _: &mut Tally) {}
}
