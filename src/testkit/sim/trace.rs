//! What happened in a simulation, as one number: two runs with the same number did the same things in the same order at the same times.

use crate::event::checks::fnv;
use core::time::Duration;
use std::collections::VecDeque;

/// Threads that ran last, for whoever looks at a failure.
const RECENT: usize = 24;
/// The offset basis of FNV-1a.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// The trace.
pub(super) struct Trace {
    digest: u64,
    recent: VecDeque<usize>,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { digest: BASIS, recent: VecDeque::with_capacity(RECENT) }
    }

    /// A thread runs.
    pub(super) fn ran(&mut self, thread: usize, now: Duration) {
        self.note(&[thread as u64, u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)]);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(thread);
    }

    /// Something happens.
    pub(super) fn note(&mut self, words: &[u64]) {
        self.digest = words.iter().fold(self.digest, |digest, word| fnv(digest, &word.to_le_bytes()));
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The threads that ran last, the latest at the end.
    pub(super) fn recent(&self) -> impl Iterator<Item = usize> {
        self.recent.iter().copied()
    }
}
