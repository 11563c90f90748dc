//! A group as its writer and its readers share it: what it keeps, where, and its counts.

use super::entry::EntryOf;
use super::trail::Trail;
use crate::bus::Name;
use crate::clock::Clock;
use crate::counters::Block;
use crate::event::{Family, TagSet};
use std::sync::Arc;

/// What a group has kept so far and what became of it: `kept == held + overwritten + aged`, at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HistoryStats {
    /// Events kept so far.
    pub kept: u64,
    /// Those that can be found now.
    pub held: u64,
    /// Those that later ones pushed out while they were not too old.
    pub overwritten: u64,
    /// Those that became too old before that.
    pub aged: u64,
}

/// A group.
pub(super) struct Group<F: Family> {
    pub(super) name: Name,
    pub(super) tags: TagSet,
    pub(super) count_max: u64,
    /// Ticks of the clock.
    pub(super) age_max: Option<u64>,
    pub(super) clock: Clock,
    pub(super) trail: Arc<Trail<EntryOf<F>>>,
    /// After each turn of the writer: entries kept, the first one that is held, and how many of those below became too old.
    pub(super) counts: Block<3>,
}

impl<F: Family> Group<F> {
    /// What was published before this is too old now; 0 where there is no limit.
    pub(super) fn cutoff(&self) -> u64 {
        self.age_max.map_or(0, |age| self.clock.now().0.saturating_sub(age))
    }

    /// The chain of a key.
    #[inline(always)]
    pub(super) fn chain_of(&self, key: u32) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all of the key's, and keys that count up spread evenly.
        let spread = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (spread >> (u64::BITS - self.trail.chains().trailing_zeros())) as usize
    }

    /// The first entry from `low` on whose latest time so far is `cutoff` or later, or `end`. Those below are too old, each of them. Looks
    /// near `low` first: what becomes too old between two looks is little.
    pub(super) fn first_young(&self, low: u64, end: u64, cutoff: u64) -> u64 {
        let is_old = |number: u64| self.trail.copy(number).is_none_or(|entry| entry.high() < cutoff);
        let (mut low, mut step) = (low, 1);
        while low < end && is_old((low + step - 1).min(end - 1)) {
            low = (low + step).min(end);
            step *= 2;
        }
        // The last look was at one that is young: it, or one before it, is the first.
        let mut high = (low + step - 1).min(end);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_old(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}
