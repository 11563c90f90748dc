//! What publishers have taken from a slot that is too slow, until its thread looks: how many of each tag were dropped, and of keys that conflate the
//! newest event.

use super::backlog::{Backlog, Merging};
use super::fate::Fate;
use super::overflow::SlotOverflow;
use crate::bus::shared::SlotShared;
use crate::event::{StoreEvent, TagSet};
use crate::ring::Spill;
use std::sync::Arc;

/// What is the same for all spills of a slot.
pub(super) struct Rules {
    pub(super) policy: Box<[SlotOverflow]>,
    /// The row of each tag in the slot's account.
    pub(super) index: Box<[u16]>,
    /// For its tags.
    pub(super) shared: Arc<SlotShared>,
}

/// What publishers have taken from a slot since its thread looked last.
pub(super) struct SlotSpill<C> {
    rules: Arc<Rules>,
    tags: TagSet,
    tags_version: u64,
    /// By row: what was outside the tag set, dropped, merged.
    pub(super) filtered: Box<[u64]>,
    pub(super) dropped: Box<[u64]>,
    pub(super) conflated: Box<[u64]>,
    pub(super) holes: u64,
    /// What was dropped lies between the two.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) latest: Backlog<C>,
}

impl<C: StoreEvent> SlotSpill<C> {
    pub(super) fn new(rules: Arc<Rules>, rows: usize, keys: usize) -> Self {
        let counts = || vec![0; rows].into_boxed_slice();
        let mut tags = TagSet::EMPTY;
        let tags_version = rules.shared.tags.load_into(&mut tags);
        Self {
            rules,
            tags,
            tags_version,
            filtered: counts(),
            dropped: counts(),
            conflated: counts(),
            holes: 0,
            from: u64::MAX,
            to: 0,
            latest: Backlog::new(0, 0, keys),
        }
    }

    /// For the next time. (What is in `latest` was taken out.)
    pub(super) fn clear(&mut self) {
        [&mut self.filtered, &mut self.dropped, &mut self.conflated].into_iter().for_each(|counts| counts.fill(0));
        (self.holes, self.from, self.to) = (0, u64::MAX, 0);
    }

    fn drop_one(&mut self, row: usize, sequence: u64) {
        self.dropped[row] += 1;
        self.from = self.from.min(sequence);
        self.to = self.to.max(sequence + 1);
    }
}

impl<C: StoreEvent> Spill<C> for SlotSpill<C> {
    fn may_take(&self, cell: &C) -> bool {
        let tag = cell.as_event().tag();
        self.rules.policy[usize::from(tag.get())] != SlotOverflow::Gate || !self.wants(cell)
    }

    fn take(&mut self, sequence: u64, cell: Option<&C>) {
        let Some(cell) = cell else {
            self.holes += 1;
            return;
        };
        if self.rules.shared.tags.version() != self.tags_version
            && let Some(version) = self.rules.shared.tags.try_load_into(&mut self.tags)
        {
            self.tags_version = version;
        }
        let tag = cell.as_event().tag();
        let row = usize::from(self.rules.index[usize::from(tag.get())]);
        if !self.tags.contains(tag) {
            self.filtered[row] += 1;
        } else if self.rules.policy[usize::from(tag.get())] == SlotOverflow::Conflate {
            match self.latest.merge(cell, sequence, 0) {
                Merging::New => {}
                Merging::Joined => self.conflated[row] += 1,
                Merging::NoRoom => self.drop_one(row, sequence),
            }
        } else {
            self.drop_one(row, sequence);
        }
    }
}

impl<C: StoreEvent> SlotSpill<C> {
    /// Whether the slot's tag set, as asked for last, has the event's tag.
    fn wants(&self, cell: &C) -> bool {
        let mut tags = TagSet::EMPTY;
        self.rules.shared.tags.try_load_into(&mut tags).is_none_or(|_| tags.contains(cell.as_event().tag()))
    }

    /// What the fates of a row are called.
    pub(super) fn fates(&self, row: usize) -> [(Fate, u64); 3] {
        [
            (Fate::Filtered, self.filtered[row]),
            (Fate::Dropped, self.dropped[row]),
            (Fate::Conflated, self.conflated[row]),
        ]
    }
}
