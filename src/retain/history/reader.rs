//! Reading a history: from any thread, at any time, without the writer's knowing.

use super::coverage::Coverage;
use super::entry::Kept;
use super::group::{Group, HistoryStats};
use super::query::Query;
use super::search::Search;
use crate::bus::Name;
use crate::clock::Clock;
use crate::event::{Family, TagSet};
use crate::sync::yield_now;
use core::time::Duration;
use std::sync::Arc;

/// Reads one group of a history. Cheap to clone, for any thread, as many as one likes.
pub struct HistoryReader<F: Family> {
    pub(super) group: Arc<Group<F>>,
}

impl<F: Family> Clone for HistoryReader<F> {
    fn clone(&self) -> Self {
        Self { group: Arc::clone(&self.group) }
    }
}

impl<F: Family> HistoryReader<F> {
    pub(super) fn new(group: &Arc<Group<F>>) -> Self {
        Self { group: Arc::clone(group) }
    }

    /// The group.
    #[must_use]
    pub fn name(&self) -> Name {
        self.group.name
    }

    /// The tags that it keeps.
    #[must_use]
    pub fn tags(&self) -> TagSet {
        self.group.tags
    }

    /// Events that it holds at most.
    #[must_use]
    pub fn count_max(&self) -> u64 {
        self.group.count_max
    }

    /// How old they may be.
    #[must_use]
    pub fn age_max(&self) -> Option<Duration> {
        self.group.age_max.map(|age| Duration::from_nanos(self.group.clock.to_ns(age)))
    }

    /// The clock of their times.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.group.clock
    }

    /// Puts copies of the events that match behind those in `out`, the oldest first, and says what they cover. Whatever runs meanwhile: each copy is
    /// whole, none is too old by the clock as it is read at the beginning, and none is left out that `Coverage` says is covered.
    ///
    /// Costs, in copies of entries: bisections over the group, 30 each at most and none where neither time nor sequence is asked for and nothing is too old; then those of the span that was asked for, up to the limit. Where a key is asked for, only those of its chain: its own since, and
    /// those of keys that share the chain (of 65,536, or as many as the group has cells). Allocates nothing where `out` has room for the limit.
    pub fn read(&self, query: &Query, out: &mut Vec<Kept<F>>) -> Coverage {
        match Search::begin(&self.group, query) {
            Ok(search) => search.run(out),
            Err(0) => Coverage { from: query.since, next: query.since, ..Coverage::default() },
            Err(kept) => {
                let (from, held) = (query.since, kept.min(self.group.count_max));
                Coverage { from, next: from, overwritten: held, forgotten: kept - held, ..Coverage::default() }
            }
        }
    }

    /// What was kept and what became of it: as the writer counted it after its last turn, and what has become too old since.
    #[must_use]
    pub fn stats(&self) -> HistoryStats {
        let [kept, floor, aged] = loop {
            match self.group.counts.try_read() {
                Some(counts) => break counts,
                None => yield_now(),
            }
        };
        // Without a limit of age, or once the writer has gone on, the first one is young or not known.
        let is_there = self.group.age_max.is_some() && self.group.trail.copy(floor).is_some();
        let young = if is_there { self.group.first_young(floor, kept, self.group.cutoff()) } else { floor };
        HistoryStats { kept, held: kept - young, overwritten: floor - aged, aged: aged + (young - floor) }
    }
}
