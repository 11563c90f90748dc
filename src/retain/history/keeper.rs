//! The handler that keeps a history: the one writer of its groups. It sits in a slot like any other, alone or as a member of a tuple.

use super::entry::{Entry, EntryOf, cell_of};
use super::group::Group;
use super::trail::TrailWriter;
use crate::bus::{Context, Handler, Outcome};
use crate::event::{Event, Family, TagSet};
use std::sync::Arc;

/// Writes a history. Attach it to a slot of the bus that the history was built for, with the tags that [`Self::tags`] names; in a tuple put it
/// first, so that a panic of another member does not keep an event from it. It never waits, and allocates nothing.
///
/// An event that is handed back to its slot as a dead letter is kept once, as it came the first time. A history goes on where its keeper is
/// attached anew after it was handed back; meanwhile it stands still.
pub struct HistoryKeeper<F: Family> {
    groups: Box<[Writer<F>]>,
}

/// The writer's side of a group.
pub(super) struct Writer<F: Family> {
    group: Arc<Group<F>>,
    tags: TagSet,
    trail: TrailWriter<EntryOf<F>>,
    /// One more than the sequence of the newest entry.
    next: u64,
    /// The latest publish time so far.
    high: u64,
    late_max: u64,
    /// The first entry that is held.
    floor: u64,
    /// Entries below it that became too old.
    aged: u64,
}

impl<F: Family> HistoryKeeper<F> {
    pub(super) fn new(groups: impl Iterator<Item = Writer<F>>) -> Self {
        Self { groups: groups.collect() }
    }

    /// The tags of all groups: those that its slot is to be given.
    #[must_use]
    pub fn tags(&self) -> TagSet {
        self.groups.iter().fold(TagSet::EMPTY, |tags, writer| tags.union(&writer.tags))
    }
}

impl<F: Family> Writer<F> {
    pub(super) fn new(group: Arc<Group<F>>, trail: TrailWriter<EntryOf<F>>) -> Self {
        let tags = group.tags;
        Self { group, tags, trail, next: 0, high: 0, late_max: 0, floor: 0, aged: 0 }
    }

    #[inline(always)]
    fn keep(&mut self, sequence: u64, cell: F::Cell, event: &Event) {
        let time = event.header().publish_ticks().0;
        let (after, high_before) = (self.next, self.high);
        self.next = sequence + 1;
        self.high = high_before.max(time);
        self.late_max = self.late_max.max(self.high - time);
        let late_max = self.late_max;
        let chain = self.group.chain_of(event.key());
        self.trail.push(chain, |link| Entry { cell, sequence, after, high_before, late_max, link });
    }

    /// Counts what is no longer held: by number, then by age. What was pushed out before it was seen to be too old counts as overwritten.
    fn settle(&mut self) {
        let kept = self.trail.kept();
        self.floor = self.floor.max(kept.saturating_sub(self.group.count_max));
        if self.group.age_max.is_some() {
            let young = self.group.first_young(self.floor, kept, self.group.cutoff());
            self.aged += young - self.floor;
            self.floor = young;
        }
        self.group.counts.write(&[kept, self.floor, self.aged]);
    }
}

impl<F: Family> Handler for HistoryKeeper<F> {
    #[inline]
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let sequence = ctx.sequence();
        let Some(cell) = cell_of::<F::Cell>(event) else {
            // Of another family: this is not the history's bus.
            return Outcome::Dead;
        };
        for writer in &mut self.groups {
            // A sequence below was kept already: it is a letter that was handed back.
            if writer.tags.contains(event.tag()) && sequence >= writer.next {
                writer.keep(sequence, cell, event);
            }
        }
        Outcome::Done
    }

    fn on_batch_end(&mut self, ctx: &mut Context) {
        ctx.did_something();
        self.groups.iter_mut().for_each(Writer::settle);
    }
}
