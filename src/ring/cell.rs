//! One cell: a stamp and an event in k x 64 bytes. Publishers write it, readers poll and borrow it.
//!
//! The stamp alone decides what is published. For sequence `s` it goes from whatever an earlier lap left to `BUSY | s + 1`, then
//! to `s + 1` (an event), `MORE | s + 1` (an event, and the horizon is worth a look) or `HOLE | s + 1` (nothing; readers
//! step over it). 0 means never written.

use crate::sync::{AtomicU64, Ordering, Plain, Words, fence, fetch_to_write};

/// Set in a stamp whose sequence carries no event.
const HOLE: u64 = 1 << 63;
/// Set in a stamp while its cell is being written.
const BUSY: u64 = 1 << 62;
/// Set in the stamp of a batch's first event: the horizon is worth a look.
const MORE: u64 = 1 << 61;
/// All that may stand beside a sequence in a stamp.
const MARKS: u64 = HOLE | BUSY | MORE;

/// What a stamp says about one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Not published yet.
    NotYet,
    /// An event.
    Event,
    /// An event, the first of a batch that was published as a whole.
    First,
    /// A hole.
    Hole,
    /// A later lap has taken the cell; the newest sequence known to have started in it.
    Overwritten(u64),
}

/// A cell: one cache line for elements of up to 56 bytes, whole lines for larger ones.
#[repr(C, align(64))]
pub(super) struct Cell<T> {
    stamp: AtomicU64,
    words: Words<T>,
}

impl<T: Plain> Cell<T> {
    pub(super) fn empty() -> Self {
        Self { stamp: AtomicU64::new(0), words: Words::zeroed() }
    }

    /// Writes and publishes an event. The caller owns sequence `s` and the cell: its claim was gated.
    #[inline(always)]
    pub(super) fn publish(&self, s: u64, value: &T) {
        self.begin(s);
        self.words.store(value);
        self.stamp.store(s + 1, Ordering::Release); // SYNC cell-published
    }

    /// Writes without publishing; `expose` publishes.
    #[inline(always)]
    pub(super) fn fill(&self, s: u64, value: &T) {
        self.begin(s);
        self.words.store(value);
    }

    /// Publishes what `fill` wrote; `more`: there are events behind it, and the horizon says how far, or how far it is worth looking.
    #[inline(always)]
    pub(super) fn expose(&self, s: u64, more: bool) {
        let mark = if more { MORE } else { 0 };
        self.stamp.store(mark | (s + 1), Ordering::Release); // SYNC cell-published
    }

    /// This cell will be written soon.
    #[inline(always)]
    pub(super) fn prepare(&self) {
        fetch_to_write(&self.stamp);
    }

    /// Publishes that sequence `s` carries nothing. The words stay as they are: a revoked reader may be borrowing them, and a lossy one copy them
    /// whole. So no BUSY comes before it, and whatever laps a revoked reader shows it a hole.
    pub(super) fn publish_hole(&self, s: u64) {
        self.stamp.store(HOLE | (s + 1), Ordering::Release); // SYNC cell-published
    }

    /// Marks the cell as being written, so that a lossy copy that overlaps the write is thrown away.
    #[inline(always)]
    fn begin(&self, s: u64) {
        self.stamp.store(BUSY | (s + 1), Ordering::Relaxed);
        // SYNC cell-overwritten: the words that follow may be seen only by who can also see BUSY. On x86 this is no instruction.
        fence(Ordering::Release);
    }

    /// Looks at sequence `s`; after `Event` the event may be borrowed by a gating reader.
    #[inline(always)]
    pub(super) fn look(&self, s: u64) -> Seen {
        let stamp = self.stamp.load(Ordering::Acquire); // SYNC cell-published
        if stamp == s + 1 {
            return Seen::Event;
        }
        Self::judge(stamp, s)
    }

    #[cold]
    fn judge(stamp: u64, s: u64) -> Seen {
        let plain = stamp & !MARKS;
        if stamp == MORE | (s + 1) {
            Seen::First
        } else if stamp == HOLE | (s + 1) {
            Seen::Hole
        } else if plain > s + 1 {
            Seen::Overwritten(plain - 1)
        } else {
            Seen::NotYet
        }
    }

    /// Whether sequence `s` is published (or long past), for those who need not tell which.
    #[inline(always)]
    pub(super) fn is_published(&self, s: u64) -> bool {
        !matches!(self.look(s), Seen::NotYet)
    }

    /// Borrows the event of a published sequence; `None` is a hole. A reader that was revoked finds holes where publishers have stepped over
    /// its cells since: what those sequences were nobody knows any more.
    ///
    /// # Safety
    /// The caller is a gating reader, or one revoked in the turn that `s` belongs to; it has seen `s` published (`look`, the horizon or an
    /// upstream sequence) and has not advanced past it.
    #[inline(always)]
    pub(super) unsafe fn event(&self, s: u64) -> Option<&T> {
        // Relaxed: publication was already acquired; this only tells a hole from an event.
        let stamp = self.stamp.load(Ordering::Relaxed);
        if stamp & HOLE != 0 {
            return None;
        }
        // BUSY is possible: the horizon covers a batch a moment before the stamp of its first cell.
        debug_assert_eq!(stamp & !MARKS, s + 1, "a gating reader sees its own lap, a revoked one else only holes");
        // SAFETY: the caller's promise: no publisher writes the cell before the reader's sequence passes `s`, or the reader leaves.
        Some(unsafe { self.words.borrow() })
    }

    /// Copies the event of sequence `s` for a reader that does not gate. The copy is whole when the answer is `Event`.
    pub(super) fn copy(&self, s: u64) -> (Seen, T) {
        let before = self.look(s);
        let value = self.words.copy();
        if !matches!(before, Seen::Event | Seen::First) {
            return (before, value);
        }
        // SYNC cell-overwritten: if any word came from a later write, the stamp below is that write's BUSY or newer.
        fence(Ordering::Acquire);
        let after = self.stamp.load(Ordering::Relaxed);
        if after & !MORE == s + 1 { (Seen::Event, value) } else { (Self::judge(after, s), value) }
    }
}
