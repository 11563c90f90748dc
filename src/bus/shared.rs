//! What a slot's thread and those who look at the slot from outside share: its tags, what it is asked to do, its state, its counts.

use super::flow::{Fates, LaneCounts, RowsReader};
use super::state::{SlotState, StateCell};
use super::tally::{COUNTS, Tally};
use crate::counters::Block;
use crate::event::{AtomicTagSet, Tag, TagSet};
use crate::sync::{AtomicU32, AtomicU64, Ordering, next_serial};
use crossbeam_utils::CachePadded;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Asked to stop.
pub(super) const STOP: u32 = 1;
/// Dead letters were handed back to the slot.
pub(super) const MAIL: u32 = 2;
/// Ended from outside: gates nobody any more.
pub(super) const QUARANTINE: u32 = 4;

/// Shared by the slot's thread, its handle and its views.
pub(super) struct SlotShared {
    pub(super) tags: AtomicTagSet,
    pub(super) state: StateCell,
    /// Which slot of the process it is.
    pub(super) serial: u64,
    /// Version of the tag set that the slot works with.
    applied: AtomicU64,
    /// What the slot is asked to do, a bit each: one relaxed load per turn.
    attention: AtomicU32,
    /// Whether the handler was handed back.
    handed_back: AtomicU32,
    /// Kernel id of the slot's thread.
    thread: AtomicU32,
    /// On a line of its own: others lock it while the slot looks at what stands above.
    cold: CachePadded<Cold>,
    counts: CachePadded<Block<COUNTS>>,
    /// The account by tag, where the slot keeps one: its totals are those above, and more of them.
    rows: Option<RowsReader>,
}

/// What is written on cold paths only. The numbers are written under the lock, and read without it.
#[derive(Default)]
struct Cold {
    panics: AtomicU64,
    restarts: AtomicU64,
    record: Mutex<Record>,
}

/// What needs the lock.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) last_panic: Option<String>,
    /// What the slot was handling when it was quarantined from outside.
    pub(super) quarantined_at: Option<(u64, Tag)>,
}

impl SlotShared {
    pub(super) fn new(tags: &TagSet, rows: Option<RowsReader>) -> Self {
        Self {
            tags: AtomicTagSet::new(*tags),
            state: StateCell::new(),
            serial: next_serial(),
            applied: AtomicU64::new(0),
            attention: AtomicU32::new(0),
            handed_back: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            cold: CachePadded::default(),
            counts: CachePadded::default(),
            rows,
        }
    }

    /// Relaxed: what it announces is ordered by its own means (a channel, the slot's state), or is nothing but the bit.
    #[inline(always)]
    pub(super) fn attention(&self) -> u32 {
        self.attention.load(Ordering::Relaxed)
    }

    #[cold]
    pub(super) fn ask(&self, bit: u32) {
        self.attention.fetch_or(bit, Ordering::Release); // SYNC slot-asked
    }

    /// Takes a request away before it is looked into, so that one that comes meanwhile is not lost.
    #[cold]
    pub(super) fn answer(&self, bit: u32) {
        self.attention.fetch_and(!bit, Ordering::Acquire); // SYNC slot-asked
    }

    pub(super) fn set_handed_back(&self) {
        self.handed_back.store(1, Ordering::Release); // SYNC slot-left
    }

    pub(super) fn is_handed_back(&self) -> bool {
        self.handed_back.load(Ordering::Acquire) != 0 // SYNC slot-left
    }

    /// The slot works with this version from here on.
    pub(super) fn apply(&self, version: u64) {
        self.applied.store(version, Ordering::Release); // SYNC tags-applied
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire) // SYNC tags-applied
    }

    pub(super) fn set_thread(&self, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// Ends the slot as `end`, or as somebody has asked before; shows it.
    #[cold]
    pub(super) fn end(&self, end: SlotState) -> SlotState {
        let end = self.state.claim_end(end);
        self.state.show_end();
        end
    }

    /// Stores the counts: plain stores by their only writer, once per turn.
    #[inline(always)]
    pub(super) fn publish(&self, tally: &Tally) {
        self.counts.write(&tally.counts());
    }

    /// What became of events by tag, and in all, of one moment; `None` where the slot keeps no such account.
    pub(super) fn account(&self) -> Option<(Tally, Vec<(Tag, Fates)>)> {
        self.rows.as_ref().map(RowsReader::read)
    }

    /// The account of each lane, of one moment; empty where the bus has none.
    pub(super) fn lanes(&self) -> Vec<LaneCounts> {
        self.rows.as_ref().map_or_else(Vec::new, RowsReader::lanes)
    }

    /// The counts as they stood after one turn.
    pub(super) fn tally(&self) -> Tally {
        if let Some((tally, _)) = self.account() {
            return tally;
        }
        loop {
            if let Some(counts) = self.counts.try_read() {
                return Tally::of(counts);
            }
            // The slot has made 64 turns meanwhile.
            crate::sync::yield_now();
        }
    }

    pub(super) fn count(&self, index: usize) -> u64 {
        self.counts.one(index)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.cold.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    pub(super) fn count_panic(&self, message: &str) {
        let mut record = self.record();
        self.cold.panics.fetch_add(1, Ordering::Relaxed);
        record.last_panic = Some(message.to_owned());
    }

    #[cold]
    pub(super) fn count_restart(&self) {
        let _record = self.record();
        self.cold.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn panics(&self) -> u64 {
        self.cold.panics.load(Ordering::Relaxed)
    }

    pub(super) fn restarts(&self) -> u64 {
        self.cold.restarts.load(Ordering::Relaxed)
    }

    /// Panics, restarts and what the last panic said, as they stood together. A slot that never panicked costs no lock.
    pub(super) fn panic_record(&self) -> (u64, u64, Option<String>) {
        if self.panics() == 0 {
            return (0, 0, None);
        }
        let record = self.record();
        (self.panics(), self.restarts(), record.last_panic.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    /// What the slot reads each turn is on no line that its watchers lock or that it writes each turn itself.
    #[test]
    fn what_others_write_lies_apart_from_what_the_slot_reads() {
        let line = |offset: usize| offset / size_of::<CachePadded<u8>>();
        let read = [
            offset_of!(SlotShared, tags),
            offset_of!(SlotShared, tags) + size_of::<AtomicTagSet>() - 1,
            offset_of!(SlotShared, attention),
            offset_of!(SlotShared, applied),
        ];
        let written = [offset_of!(SlotShared, cold), offset_of!(SlotShared, counts)];
        assert!(read.iter().all(|&read| written.iter().all(|&written| line(read) != line(written))));
        assert_ne!(line(written[0]), line(written[1]));
    }
}
