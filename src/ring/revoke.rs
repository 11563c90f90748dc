//! Taking a reader's gate away while it may still borrow: what each reader holds in its turn, and the arithmetic of cells that are pinned by it.
//!
//! `Places` keeps a `Hold` per reader; publishers ask `Pins` where the next cell lies that they must not write. `mod.rs` says why it is right.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence_light};

/// The reader gates, and has not been asked for its gate.
const LIVE: u32 = 0;
/// Somebody is revoking it: it takes no further turn.
const MARKED: u32 = 1;
/// It gates nobody; its cells are pinned.
const REVOKED: u32 = 2;
/// It has left.
const GONE: u32 = 3;

/// What a reader holds: a line that only the reader touches, but for the one time when it is revoked.
#[derive(Debug)]
pub(super) struct Hold {
    /// Where its turn ends, stored before the turn's first borrow.
    to: AtomicU64,
    state: AtomicU32,
    /// The cells that it holds although it gates no more, as one word, so that they are never seen in part.
    pinned: AtomicU64,
}

impl Hold {
    pub(super) fn new() -> Self {
        Self { to: AtomicU64::new(0), state: AtomicU32::new(GONE), pinned: AtomicU64::new(0) }
    }

    /// For a new reader, before its place is shown to anyone.
    pub(super) fn reset(&self) {
        self.to.store(0, Ordering::Relaxed);
        self.state.store(LIVE, Ordering::Relaxed);
    }

    // --- the reader -------------------------------------------------------------------------------------------------------

    /// Begins a turn that ends before `to`; false when there may be none.
    #[inline(always)]
    pub(super) fn begin(&self, to: u64) -> bool {
        // SYNC turn-held: who sees this turn's end has all earlier turns behind it.
        self.to.store(to, Ordering::Release);
        // SYNC reader-revoked: ordered against `fence_heavy` by the kernel's interrupt: either the mark is seen below, or who revokes sees `to`.
        fence_light();
        self.state.load(Ordering::Relaxed) == LIVE
    }

    /// The reader leaves. Whether its pin is to be taken away by whoever calls this.
    pub(super) fn leave(&self) -> bool {
        self.state.swap(GONE, Ordering::AcqRel) == REVOKED // SYNC revoked-or-gone
    }

    // --- who revokes ------------------------------------------------------------------------------------------------------

    /// One of all who try gets true.
    pub(super) fn mark(&self) -> bool {
        self.state.compare_exchange(LIVE, MARKED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The mark is taken back.
    pub(super) fn unmark(&self) {
        let _ = self.state.compare_exchange(MARKED, LIVE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Where the latest turn ends.
    pub(super) fn to(&self) -> u64 {
        self.to.load(Ordering::Acquire) // SYNC turn-held
    }

    /// What is pinned, before anyone is told to look at it.
    pub(super) fn pin(&self, run: Run) {
        self.pinned.store(run.pack(), Ordering::Relaxed);
    }

    /// The pin can be seen; false when the reader has left meanwhile: then it is for the caller to take the pin away.
    pub(super) fn confirm(&self) -> bool {
        // SYNC revoked-or-gone: one of the two, the reader that leaves or who revokes, is second, sees the other and takes the pin away.
        self.state.compare_exchange(MARKED, REVOKED, Ordering::Release, Ordering::Acquire).is_ok()
    }

    // --- all others -------------------------------------------------------------------------------------------------------

    pub(super) fn is_revoked(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed), MARKED | REVOKED)
    }

    /// The cells pinned; only for a place whose bit says that it is revoked.
    pub(super) fn pinned(&self) -> Run {
        Run::unpack(self.pinned.load(Ordering::Relaxed))
    }
}

/// Cells in a row, also over the ring's end: the index of the first, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    first: u64,
    count: u64,
}

impl Run {
    /// The cells of sequences `from..to`, at most the last `most` of them.
    pub(super) fn of(from: u64, to: u64, most: u64, mask: u64) -> Self {
        let from = from.max(to.saturating_sub(most));
        Self { first: from & mask, count: to.saturating_sub(from) }
    }

    /// A ring has at most 2^32 cells, and a run is shorter than it.
    fn pack(self) -> u64 {
        debug_assert!(self.first >> 32 == 0 && self.count >> 32 == 0);
        self.first << 32 | self.count
    }

    fn unpack(word: u64) -> Self {
        Self { first: word >> 32, count: word & u64::from(u32::MAX) }
    }
}

/// The cells that revoked readers hold, of a ring of `mask + 1` cells. For cold paths: each question looks at every run.
pub(super) struct Pins<I> {
    pub(super) runs: I,
    pub(super) mask: u64,
}

impl<I: Iterator<Item = Run> + Clone> Pins<I> {
    /// How many cells of `run` lie at and behind that of `s`; 0: `s` is not in it.
    fn left(&self, run: Run, s: u64) -> u64 {
        run.count.saturating_sub(s.wrapping_sub(run.first) & self.mask)
    }

    /// The first sequence from `at` on whose cell is pinned; `u64::MAX`: none.
    pub(super) fn next(&self, at: u64) -> u64 {
        let to_run = |run: Run| if self.left(run, at) > 0 { 0 } else { run.first.wrapping_sub(at) & self.mask };
        let runs = self.runs.clone().filter(|run| run.count > 0);
        runs.map(to_run).min().map_or(u64::MAX, |ahead| at + ahead)
    }

    /// The first sequence from `at` on whose cell is free; one lap on where none is.
    pub(super) fn behind(&self, at: u64) -> u64 {
        let mut s = at;
        while s - at <= self.mask {
            match self.runs.clone().map(|run| self.left(run, s)).max() {
                None | Some(0) => return s,
                Some(left) => s += left,
            }
        }
        at + self.mask + 1
    }

    /// Free cells in a row, at most.
    pub(super) fn longest_free(&self) -> u64 {
        let start = self.behind(0);
        let (mut s, mut longest) = (start, 0);
        while s - start <= self.mask {
            let end = self.next(s).min(s + self.mask + 1);
            longest = longest.max(end - s);
            s = self.behind(end);
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of runs in small rings, against a look at each cell.
    #[test]
    fn runs_of_cells_are_what_the_cells_say() {
        for (bits, most, first, second) in
            (1..5).flat_map(|bits| pairs(1_u64 << bits).map(move |(m, a, b)| (bits, m, a, b)))
        {
            let capacity = 1_u64 << bits;
            let run = |(from, count)| Run::of(from, from + count, most, capacity - 1);
            let runs = [run(first), run(second)].map(|run| Run::unpack(run.pack()));
            let pinned =
                |s: u64| runs.iter().any(|run| (0..run.count).any(|i| (run.first + i) % capacity == s % capacity));
            let pins = Pins { runs: runs.into_iter(), mask: capacity - 1 };
            for at in 40..40 + capacity {
                let lap = at..at + capacity;
                assert_eq!(pins.next(at), lap.clone().find(|&s| pinned(s)).unwrap_or(u64::MAX), "{runs:?} from {at}");
                let behind = lap.clone().find(|&s| !pinned(s)).unwrap_or(at + capacity);
                assert_eq!(pins.behind(at), behind, "{runs:?} from {at}");
            }
            let free_from = |s: u64| (s..s + capacity).take_while(|&s| !pinned(s)).count() as u64;
            assert_eq!(pins.longest_free(), (0..capacity).map(free_from).max().unwrap(), "{runs:?}");
        }
    }

    /// How long a run may be, and two runs of that length at most: where they begin and how many cells they have.
    fn pairs(capacity: u64) -> impl Iterator<Item = (u64, (u64, u64), (u64, u64))> {
        let most = capacity / 2;
        let runs = move || (7..7 + capacity).flat_map(move |from| (0..=most).map(move |count| (from, count)));
        runs().flat_map(move |first| runs().map(move |second| (most, first, second)))
    }

    #[test]
    fn a_run_is_at_most_what_a_turn_can_hold() {
        assert_eq!(Run::of(10, 14, 4, 15), Run { first: 10, count: 4 });
        assert_eq!(Run::of(2, 14, 4, 15), Run { first: 10, count: 4 }, "a reader that joined amid a claim says less");
        assert_eq!(Run::of(14, 10, 4, 15), Run { first: 14, count: 0 }, "it is behind the end of its last turn");
    }
}
