//! What publishers and readers of one ring share, and the rules that both sides rely on: gating, joining, closing.

use super::cell::{Cell, Seen};
use super::error::{ReaderId, RingError};
use super::evict::Parcels;
use super::place::{Places, Slowest};
use super::revoke::{Pins, Run};
use super::wait::{Doorbell, WaitStrategy};
use crate::sync::{AtomicU32, AtomicU64, HINT_EVERY, Ordering, Plain, fence, hold_speculation};
use core::hint::black_box;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Largest capacity, in cells.
const CAPACITY_MAX: usize = 1 << 32;

/// The shared part of a ring. Each field is a line of its own or never written after the build.
pub(super) struct Shared<T> {
    cells: Box<[Cell<T>]>,
    mask: u64,
    /// Whether many publishers may exist: they claim through `cursor`, and what `horizon` says is then no promise.
    pub(super) many: bool,
    /// Many publishers: the next sequence to claim. One publisher: where it stood when it last refreshed its gating limit.
    /// Either way no publisher holds a limit above this plus the capacity.
    pub(super) cursor: CachePadded<AtomicU64>,
    /// One publisher: all below is published. Many: how far it is worth looking. A hint.
    pub(super) horizon: CachePadded<AtomicU64>,
    control: CachePadded<Control>,
    pub(super) bell: Arc<Doorbell>,
    pub(super) places: Places,
    pub(super) parcels: Parcels<T>,
}

struct Control {
    closed: AtomicU32,
    publishers: AtomicU32,
}

/// A publisher's cached permission: it may claim sequences below `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) end: u64,
    /// No reader gates below this. `end` is lower where a revoked reader holds a cell before it.
    pub(super) gate: u64,
    /// Who holds the limit down, and where; `None`: an unfinished claim of another publisher.
    pub(super) slowest: Option<Slowest>,
}

impl<T: Plain> Shared<T> {
    pub(super) fn new(capacity: usize, many: bool, bell: Arc<Doorbell>) -> Result<Arc<Self>, RingError> {
        if !(2..=CAPACITY_MAX).contains(&capacity) || !capacity.is_power_of_two() {
            return Err(RingError::Capacity { capacity });
        }
        Ok(Arc::new(Self {
            // Each cell is written here, so that no page is touched for the first time by a publisher. Not known to be zero, or an allocator might
            // be asked for zeroed memory instead.
            cells: (0..capacity).map(|_| black_box(Cell::empty())).collect(),
            mask: capacity as u64 - 1,
            many,
            cursor: CachePadded::new(AtomicU64::new(0)),
            horizon: CachePadded::new(AtomicU64::new(0)),
            control: CachePadded::new(Control { closed: AtomicU32::new(0), publishers: AtomicU32::new(0) }),
            bell,
            places: Places::new(),
            parcels: Parcels::new(),
        }))
    }

    #[inline(always)]
    pub(super) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// Where the cells lie: address and bytes.
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.cells.as_ptr() as usize, size_of_val(&*self.cells))
    }

    #[inline(always)]
    pub(super) fn cell(&self, sequence: u64) -> &Cell<T> {
        let index = (sequence & self.mask) as usize;
        debug_assert!(index < self.cells.len());
        // SAFETY: `mask` is the length less one, a power of two less one.
        unsafe { self.cells.get_unchecked(index) }
    }

    /// Asks for the cell of `sequence`, which will be written soon. Only where no reader holds it: those below `room`.
    #[inline(always)]
    pub(super) fn prepare(&self, sequence: u64, room: u64) {
        if sequence < room {
            self.cell(sequence).prepare();
        }
    }

    // --- publishers -------------------------------------------------------------------------------------------------------

    pub(super) fn add_publisher(&self) {
        self.control.publishers.fetch_add(1, Ordering::Relaxed);
    }

    /// The last publisher to go closes the ring.
    pub(super) fn drop_publisher(&self) {
        // SYNC last-publisher: everything any publisher published happens before the close.
        if self.control.publishers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    pub(super) fn close(&self) {
        self.control.closed.store(1, Ordering::Release); // SYNC ring-closed
        self.bell.ring();
    }

    #[inline(always)]
    pub(super) fn is_closed(&self) -> bool {
        self.control.closed.load(Ordering::Acquire) != 0 // SYNC ring-closed
    }

    /// How far a publisher that stands at `at` may claim. One publisher: `at` is its next sequence. Many: the claim counter as just
    /// read, before this call.
    ///
    /// SYNC join: the cursor is at least `at` before the fence, the places are read after it. A joining reader stores its place,
    /// fences, reads the cursor. Whichever fence is second sees the other side: either this limit takes the new reader into
    /// account, or the reader sees a cursor of at least `at` and starts no lower, and no limit without it exceeds `at` + capacity.
    #[cold]
    pub(super) fn limit(&self, at: u64) -> Limit {
        if !self.many {
            self.cursor.store(at, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst); // SYNC join
        let slowest = self.places.slowest();
        let gate = match slowest {
            Some(slowest) => slowest.sequence.min(at) + self.capacity(),
            None if self.many => self.finished_up_to(at) + self.capacity(),
            None => at + self.capacity(),
        };
        Limit { end: gate.min(self.places.pins(self.mask).next(at)), gate, slowest }
    }

    /// Takes the gate of a reader away; see [`super::Ring::revoke`].
    pub(super) fn revoke(&self, reader: ReaderId) -> bool {
        let revoked = self.places.revoke(reader, self.turn_max(), self.mask);
        if revoked {
            self.bell.ring();
        }
        revoked
    }

    /// Most sequences of one turn of a bound reader: what it may hold when it is revoked.
    pub(super) fn turn_max(&self) -> u64 {
        (self.capacity() / 4).max(1)
    }

    /// The revoked reader that may still borrow from the cell of `sequence`.
    pub(super) fn pinned_by(&self, sequence: u64) -> Option<ReaderId> {
        self.places.pinned_by(sequence, self.mask)
    }

    /// The cells that revoked readers hold.
    pub(super) fn pins(&self) -> Pins<impl Iterator<Item = Run> + Clone + '_> {
        self.places.pins(self.mask)
    }

    /// Publishes holes from `at` to `to`, both within the gate, over cells of which some are pinned: of those only the stamps are written.
    /// False: another publisher was there first.
    pub(super) fn pass_over(&self, at: u64, to: u64) -> bool {
        // Relaxed: as any claim.
        if self.many && self.cursor.compare_exchange(at, to, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        // From the last to the first: a revoked reader that goes on with its turn meanwhile meets the rest of its events, then holes alone.
        (at..to).rev().for_each(|s| self.cell(s).publish_hole(s));
        if !self.many {
            self.horizon.store(to, Ordering::Release); // SYNC horizon
        }
        self.bell.ring_if_asleep();
        true
    }

    /// The first sequence below `claimed` that is not published yet. With readers this is never needed: no reader passes an
    /// unfinished claim, so gating on readers gates on it.
    fn finished_up_to(&self, claimed: u64) -> u64 {
        let from = claimed.saturating_sub(self.capacity());
        (from..claimed).find(|&s| !self.cell(s).is_published(s)).unwrap_or(claimed)
    }

    // --- readers ----------------------------------------------------------------------------------------------------------

    /// Joins a reader while events flow. Returns its place and the first sequence it reads: nothing published after this call is
    /// missed, nothing older than the newest events at the call is seen.
    pub(super) fn join(&self, after: &[ReaderId], wait: WaitStrategy) -> Result<(ReaderId, u64), RingError> {
        let place = self.places.take(after, wait)?;
        self.parcels.clear(place);
        let lowest = self.cursor.load(Ordering::Relaxed).saturating_sub(self.capacity());
        self.places.place(place).store(lowest);
        fence(Ordering::SeqCst); // SYNC join
        let cursor = self.cursor.load(Ordering::Relaxed);
        if self.many {
            // Other publishers may still be writing below the cursor: the place is raised as far as they are done, and by `settle`
            // later on.
            self.settle(place, cursor);
            return Ok((place, cursor));
        }
        let start = self.newest(cursor.max(self.horizon.load(Ordering::Acquire))); // SYNC horizon
        self.places.place(place).store(start);
        Ok((place, start))
    }

    /// Raises the place of a reader that joined at `start` among many publishers; true once nothing below `start` is unfinished.
    pub(super) fn settle(&self, place: ReaderId, start: u64) -> bool {
        let finished = self.finished_up_to(start);
        self.places.place(place).store(finished);
        finished == start
    }

    /// From a sequence below which all is published, the first that is not; looks at most one lap ahead.
    fn newest(&self, from: u64) -> u64 {
        (from..from + self.capacity()).find(|&s| !self.cell(s).is_published(s)).unwrap_or(from + self.capacity())
    }

    /// How far a reader at `next` can see, `next` itself when there is nothing. Costs one line when idle, and one for a lone event: only
    /// a reader that is `behind` (its last look found something), or that meets a batch, looks at the horizon. That line moves between the
    /// cores whenever the publisher has raised it, and would make every 64th lone event late.
    #[inline(always)]
    pub(super) fn look(&self, next: u64, after: u64, behind: bool) -> u64 {
        if after != 0 {
            let end = self.places.end_of(after);
            if end != super::place::FREE {
                return end.max(next);
            }
        }
        match self.cell(next).look(next) {
            Seen::NotYet => next,
            Seen::Event if !behind => next + 1,
            _ if self.many => self.look_ahead(next),
            _ => self.horizon.load(Ordering::Acquire).max(next + 1), // SYNC horizon
        }
    }

    /// Among many publishers the horizon only says how far it is worth looking: what lies below it was published by someone a while ago, or
    /// claimed by somebody else before that. So stamps decide, and below the horizon no line is looked at that a publisher is about to write. Where it says
    /// nothing new, there are few: each stamp is looked at only once the one before is known. The claim counter would say more, but it is the
    /// line that publishers fight for: a look at it for each event halves what they can publish.
    #[inline(always)]
    fn look_ahead(&self, next: u64) -> u64 {
        const LOOK_AHEAD: u64 = 256;
        let horizon = self.horizon.load(Ordering::Relaxed);
        let mut end = next + 1;
        let far = horizon.min(next + LOOK_AHEAD);
        if far > end {
            while end < far && self.cell(end).is_published(end) {
                end += 1;
            }
            return end;
        }
        while end < next + HINT_EVERY {
            hold_speculation();
            if !self.cell(end).is_published(end) {
                break;
            }
            end += 1;
        }
        end
    }

    /// One of many publishers has written the cells from `first` to `end`, or will have in a moment: where that passes a multiple of the horizon's
    /// period, or they are a batch, readers are told how far it is worth looking.
    #[inline(always)]
    pub(super) fn hint(&self, first: u64, end: u64) {
        let passes = (first ^ end) & !(HINT_EVERY - 1) != 0;
        // Relaxed: stamps decide. Of two publishers that store at once the lower one may come last.
        if (passes || end - first > 1) && self.horizon.load(Ordering::Relaxed) < end {
            self.horizon.store(end, Ordering::Relaxed);
        }
    }

    /// All below is published, also among many publishers.
    pub(super) fn finished(&self) -> u64 {
        let published = self.published();
        if self.many { self.finished_up_to(published) } else { published }
    }

    /// All below is claimed; for many publishers some of it may still be in the writing.
    pub(super) fn published(&self) -> u64 {
        let cursor = self.cursor.load(Ordering::Relaxed);
        if self.many { cursor } else { self.newest(cursor.max(self.horizon.load(Ordering::Acquire))) } // SYNC horizon
    }
}
