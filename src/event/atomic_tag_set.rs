//! A tag set that changes as one while others read it: a version word and relaxed bits (a sequence lock). Writers are rare and take
//! turns; the reader, a slot's thread, looks at the version once per turn.

use super::tag_set::{TagSet, WORDS};
use crate::sync::{AtomicU64, Ordering, fence, spin_loop};

/// A shared tag set. Versions are even and grow by 2 with each change; an odd one means that a change is under way.
pub struct AtomicTagSet {
    version: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl AtomicTagSet {
    /// A set with an initial value, at version 2.
    #[must_use]
    pub fn new(tags: TagSet) -> Self {
        Self { version: AtomicU64::new(2), words: core::array::from_fn(|i| AtomicU64::new(tags.words()[i])) }
    }

    /// The version; changes whenever the set has changed or is about to.
    #[inline(always)]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire) // SYNC tag-set-changed
    }

    /// Copies the set as it was at one moment and returns its version. Repeats while a change is under way.
    pub fn load_into(&self, tags: &mut TagSet) -> u64 {
        loop {
            if let Some(version) = self.try_load_into(tags) {
                return version;
            }
            spin_loop();
        }
    }

    /// As [`Self::load_into`]; `None`, and nothing copied, while a change is under way: whoever makes it may have been preempted, and a
    /// slot's thread must not wait for it.
    pub fn try_load_into(&self, tags: &mut TagSet) -> Option<u64> {
        let version = self.version();
        if !version.is_multiple_of(2) {
            return None;
        }
        let words = core::array::from_fn(|i| self.words[i].load(Ordering::Relaxed));
        // SYNC tag-set-changing: a word of a later change comes with that change's odd version.
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then(|| {
            *tags = TagSet::from_words(words);
            version
        })
    }

    /// Replaces the set. Returns the new version.
    pub fn store(&self, tags: &TagSet) -> u64 {
        self.change(|_| *tags)
    }

    /// Adds tags. Returns the new version.
    pub fn insert(&self, tags: &TagSet) -> u64 {
        self.change(|now| now.union(tags))
    }

    /// Takes tags out. Returns the new version.
    pub fn remove(&self, tags: &TagSet) -> u64 {
        self.change(|now| now.minus(tags))
    }

    /// One change at a time: whoever makes the version odd owns the words until it is even again. Others spin for the few stores
    /// that takes.
    fn change(&self, f: impl FnOnce(TagSet) -> TagSet) -> u64 {
        let version = loop {
            let version = self.version.load(Ordering::Relaxed);
            if version.is_multiple_of(2) {
                // SYNC tag-set-changed (acquire): the words of the change before are visible.
                let odd = version + 1;
                if self.version.compare_exchange(version, odd, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    break version;
                }
            }
            spin_loop();
        };
        // SYNC tag-set-changing: the odd version is seen by who sees any of the words below.
        fence(Ordering::Release);
        let now = TagSet::from_words(core::array::from_fn(|i| self.words[i].load(Ordering::Relaxed)));
        let next = f(now);
        for (cell, word) in self.words.iter().zip(next.words()) {
            cell.store(*word, Ordering::Relaxed);
        }
        self.version.store(version + 2, Ordering::Release); // SYNC tag-set-changed
        version + 2
    }
}
