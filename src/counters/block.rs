//! Counts that are read together: one thread writes all of them at once, and whoever reads gets them as they stood after one of those
//! writes, never half of two.
//!
//! A sequence lock with two copies: the writer fills the copy that is not current and then makes it the current one. So a writer that
//! is preempted in the middle holds up no reader, and a reader tries again only when a whole write went by while it copied.

use crate::sync::{AtomicU64, Ordering, fence, spin_loop};

/// Copies before a reader gives its core away: each failure means that the writer has finished another write meanwhile.
const TRIES: u32 = 64;

/// `N` counts, written as one by one thread and read as one by any.
///
/// ```
/// use tagring::counters::Block;
///
/// let block = Block::<3>::new();
/// assert_eq!(block.try_read(), Some([0; 3]));
/// for i in 0..5 {
///     block.write(&[i, 2 * i, 3 * i]);
///     assert_eq!((block.try_read(), block.one(1)), (Some([i, 2 * i, 3 * i]), 2 * i));
/// }
/// ```
pub struct Block<const N: usize> {
    /// Writes so far; its lowest bit says which copy is current.
    version: AtomicU64,
    copies: [[AtomicU64; N]; 2],
}

impl<const N: usize> Default for Block<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Block<N> {
    /// All counts 0.
    #[must_use]
    pub fn new() -> Self {
        let zeroes = || core::array::from_fn(|_| AtomicU64::new(0));
        Self { version: AtomicU64::new(0), copies: [zeroes(), zeroes()] }
    }

    /// Replaces all counts. For one thread alone: two that write mix their counts up.
    #[inline(always)]
    pub fn write(&self, counts: &[u64; N]) {
        let version = self.version.load(Ordering::Relaxed).wrapping_add(1);
        // SYNC block-reused: who reads a word that is stored below sees at least the version before, and throws its copy away. On x86
        // this is no instruction.
        fence(Ordering::Release);
        let copy = &self.copies[(version & 1) as usize];
        for (cell, count) in copy.iter().zip(counts) {
            cell.store(*count, Ordering::Relaxed);
        }
        self.version.store(version, Ordering::Release); // SYNC block-written
    }

    /// All counts as they stood after one write. `None` after 64 copies, each of which a write went by: try again later.
    #[must_use]
    pub fn try_read(&self) -> Option<[u64; N]> {
        for _ in 0..TRIES {
            let version = self.version.load(Ordering::Acquire); // SYNC block-written
            let copy = &self.copies[(version & 1) as usize];
            let counts = core::array::from_fn(|i| copy[i].load(Ordering::Relaxed));
            // SYNC block-reused: if any word came from the write after the next, that next one's version is seen below.
            fence(Ordering::Acquire);
            if self.version.load(Ordering::Relaxed) == version {
                return Some(counts);
            }
            spin_loop();
        }
        None
    }

    /// One count, by itself. Not monotonic, though the count may be: one that is read while the writer is at work may be that of the write to
    /// come, and the next call may then answer with the write before it.
    #[must_use]
    #[inline]
    pub fn one(&self, index: usize) -> u64 {
        let version = self.version.load(Ordering::Acquire); // SYNC block-written
        self.copies[(version & 1) as usize][index].load(Ordering::Relaxed)
    }
}
