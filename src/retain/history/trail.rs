//! The storage of a history group: a ring that one thread writes and anyone copies from, with chains through it. An entry names the one
//! before it in its chain, so a reader follows a chain backwards and leaves all other entries alone.
//!
//! Nothing gates the ring: the writer never waits. All that is lock-free here beside the ring are two words, which are stored behind the
//! entry that they tell of.

use crate::ring::{Publisher, Ring, RingError};
use crate::sync::{AtomicU64, Ordering, Plain};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// What readers see of a trail.
pub(crate) struct Trail<T: Plain> {
    ring: Ring<T>,
    /// Entries so far: their numbers are all below.
    kept: CachePadded<AtomicU64>,
    /// For each chain one more than the number of its newest entry; 0: it has none.
    heads: Box<[AtomicU64]>,
}

/// The one writer of a trail.
pub(crate) struct TrailWriter<T: Plain> {
    publisher: Publisher<T>,
    trail: Arc<Trail<T>>,
}

impl<T: Plain> Trail<T> {
    /// A trail of `cells` entries and `chains` chains, both powers of two. All memory is taken here.
    pub(crate) fn new(cells: usize, chains: usize) -> Result<(Arc<Self>, TrailWriter<T>), RingError> {
        let (ring, publisher) = Ring::single(cells)?;
        let heads = (0..chains).map(|_| AtomicU64::new(0)).collect();
        let trail = Arc::new(Self { ring, kept: CachePadded::new(AtomicU64::new(0)), heads });
        Ok((Arc::clone(&trail), TrailWriter { publisher, trail }))
    }

    /// Entries so far. All below was written, and is there unless it has been overwritten since; heads that are asked for after this are not older.
    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire) // SYNC history-kept
    }

    /// One more than the number of a chain's newest entry; 0: it has none. The entry was written, as those of [`Self::kept`].
    pub(crate) fn head(&self, chain: usize) -> u64 {
        self.heads[chain].load(Ordering::Acquire) // SYNC history-head
    }

    /// A copy of an entry that was written; `None`: it has been overwritten, and so have all before it.
    pub(crate) fn copy(&self, number: u64) -> Option<T> {
        self.ring.copy_of(number)
    }

    /// The least number that may be there whole still: that of an earlier one is overwritten, or about to be.
    pub(crate) fn oldest(&self) -> u64 {
        (self.kept() + 1).saturating_sub(self.ring.capacity() as u64)
    }

    /// Chains.
    pub(crate) fn chains(&self) -> usize {
        self.heads.len()
    }
}

impl<T: Plain> TrailWriter<T> {
    /// Writes the next entry, in place of the oldest one where there is no room. `build` is told the link to the entry before it in its
    /// chain: one more than that one's number, or 0.
    #[inline]
    pub(crate) fn push(&mut self, chain: usize, build: impl FnOnce(u64) -> T) {
        let head = &self.trail.heads[chain];
        // Relaxed: this thread alone writes it.
        let link = head.load(Ordering::Relaxed);
        let Ok(number) = self.publisher.try_publish_with(|_| build(link)) else {
            debug_assert!(false, "a ring that nobody gates or closes takes every entry");
            return;
        };
        head.store(number + 1, Ordering::Release); // SYNC history-head
        self.trail.kept.store(number + 1, Ordering::Release); // SYNC history-kept
    }

    /// Entries so far.
    pub(crate) fn kept(&self) -> u64 {
        self.publisher.position()
    }
}
