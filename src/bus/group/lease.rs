//! The right of a member to begin events, which others can end: also while its handler is in one.
//!
//! The holder says which event it is about to begin, then looks whether its lease has ended. Who ends it says so, fences all threads, then
//! takes what was said last. So of each event both know the same: begun by the holder, or left to its successor; and one that the
//! holder had said and not begun is either taken back in time or known to be lost.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence_heavy, fence_light};
use crossbeam_utils::CachePadded;

/// What an ended lease shows instead of a sequence.
const TAKEN: u64 = u64::MAX;

/// What became of an event that its holder wanted to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is the holder's.
    Yes,
    /// The lease has ended before: the event is the successor's.
    Left,
    /// The lease has ended at this very event: nobody begins it.
    Lost,
}

/// How far the holder of an ended lease came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Behind the last event that it began as it came.
    pub(crate) next: u64,
    /// Behind the last one that it began late, from a copy.
    pub(crate) late: u64,
}

/// The lease of one member.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Written by the holder.
    reached: CachePadded<(AtomicU64, AtomicU64)>,
    /// Written once, by who ends it.
    ended: CachePadded<AtomicU32>,
}

impl Lease {
    /// A lease of which nothing has been used.
    pub(crate) fn new() -> Self {
        let cells = (AtomicU64::new(0), AtomicU64::new(0));
        Self { reached: CachePadded::new(cells), ended: CachePadded::new(AtomicU32::new(0)) }
    }

    /// The holder is about to begin the event of `sequence`, as it comes.
    #[inline(always)]
    pub(crate) fn begin(&self, sequence: u64) -> Begun {
        self.try_begin(&self.reached.0, sequence)
    }

    /// The holder is about to begin the event of `sequence`, from a copy.
    #[inline]
    pub(crate) fn begin_late(&self, sequence: u64) -> Begun {
        self.try_begin(&self.reached.1, sequence)
    }

    #[inline(always)]
    fn try_begin(&self, reached: &AtomicU64, sequence: u64) -> Begun {
        // SYNC lease-reached: what the holder did to earlier events comes before whoever takes this up.
        reached.store(sequence + 1, Ordering::Release);
        // SYNC lease-ended: ordered against `fence_heavy` by the kernel's interrupt: either the end is seen below, or who ends sees `sequence`.
        fence_light();
        if self.ended.load(Ordering::Relaxed) == 0 { Begun::Yes } else { take_back(reached, sequence) }
    }

    /// The holder begins copies at `sequence`.
    pub(crate) fn set_late(&self, sequence: u64) {
        self.reached.1.store(sequence, Ordering::Release); // SYNC lease-reached
    }

    /// Ends the lease. What the holder did to all below comes before this returns. `None`, and nothing has changed: the kernel has no
    /// `membarrier`, without which the holder might begin one more.
    pub(crate) fn end(&self) -> Option<Reached> {
        self.ended.store(1, Ordering::Relaxed);
        if !fence_heavy() {
            self.ended.store(0, Ordering::Relaxed);
            return None;
        }
        Some(self.reached_by_holder())
    }

    /// Ends the lease on the holder's own thread.
    pub(crate) fn end_own(&self) -> Reached {
        self.ended.store(1, Ordering::Relaxed);
        self.reached_by_holder()
    }

    fn reached_by_holder(&self) -> Reached {
        // SYNC lease-reached: a swap, so that the holder's taking back comes before it and is seen, or behind it and fails.
        let take = |cell: &AtomicU64| cell.swap(TAKEN, Ordering::AcqRel);
        Reached { next: take(&self.reached.0), late: take(&self.reached.1) }
    }
}

/// The lease has ended, and `sequence` was said to be begun: by now that was heard, or it is taken back.
#[cold]
fn take_back(reached: &AtomicU64, sequence: u64) -> Begun {
    match reached.compare_exchange(sequence + 1, sequence, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Begun::Left,
        Err(_) => Begun::Lost,
    }
}
