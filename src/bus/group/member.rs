//! A member: a handler around the user's, which hands it the events of the partitions that are its own.
//!
//! Invariant: which partitions it holds (`held`) and catches up with (`late`) is its own plain memory, changed between two turns alone, and
//! agrees with the table whenever it has been there.

use super::error::GroupError;
use super::handle::MemberCounts;
use super::keeper::Keeper;
use super::late::Late;
use super::{Begun, Lease, PartitionSet};
use crate::bus::context::Context;
use crate::bus::flow::Gap;
use crate::bus::handler::{Handler, InitError, Outcome};
use crate::bus::tally::POSITION;
use crate::bus::view::SlotView;
use crate::clock::Ticks;
use crate::event::{Event, Family, StoreEvent, TagSet};
use crate::ring::Copied;
use crate::sync::{AtomicU64, Ordering};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// The floor of a member that has nothing to read again.
pub(super) const NOT_LATE: u64 = u64::MAX;
/// Sequences that a busy member reads again between two turns, beside twice what its turn covered: so it gains on the bus.
const LATE_PER_TURN: u64 = 512;
/// An idle member looks after the others at every so many empty polls, where the guard is behind it, and at the first.
const LOOK_EVERY: u32 = 64;
/// Or after so many nanoseconds, which is for one that sleeps in between.
const LOOK_EVERY_NS: u64 = 50_000;

/// What a member and its group share.
pub(super) struct MemberShared {
    pub(super) lease: Lease,
    /// It may still read again from here on; [`NOT_LATE`].
    pub(super) floor: CachePadded<AtomicU64>,
    counts: CachePadded<[AtomicU64; 4]>,
}

impl MemberShared {
    fn new() -> Self {
        Self { lease: Lease::new(), floor: CachePadded::new(AtomicU64::new(NOT_LATE)), counts: CachePadded::default() }
    }

    pub(super) fn counts(&self) -> MemberCounts {
        let [handled, passed, caught_up, late_dead] =
            [0, 1, 2, 3].map(|at: usize| self.counts[at].load(Ordering::Relaxed));
        MemberCounts { handled, passed, caught_up, late_dead }
    }

    /// By the member alone.
    fn show(&self, counts: &MemberCounts) {
        let MemberCounts { handled, passed, caught_up, late_dead } = *counts;
        for (cell, count) in self.counts.iter().zip([handled, passed, caught_up, late_dead]) {
            cell.store(count, Ordering::Relaxed);
        }
    }
}

/// A member of a group: a handler to be attached to a slot of the group's bus: made by [`super::Group::member`].
pub struct Member<F: Family, H> {
    /// Dropped before the handler: others go on, however long that one takes.
    seat: Seat<F>,
    handler: H,
}

/// All of a member but its handler.
struct Seat<F: Family> {
    keeper: Arc<Keeper<F>>,
    shared: Arc<MemberShared>,
    view: Option<SlotView>,
    held: PartitionSet,
    late: Late,
    counts: MemberCounts,
    /// The table as this member knows it.
    version: u64,
    /// Where it stood when it last caught up.
    came_to: u64,
    /// Empty polls since it last looked after others, and when that was.
    idle_polls: u32,
    looked: u64,
    /// In an event that it reads again: it died there, if it is found so.
    in_late: bool,
}

impl<F: Family, H> Member<F, H> {
    pub(super) fn new(keeper: &Arc<Keeper<F>>, handler: H) -> Result<Self, GroupError> {
        let shared = Arc::new(MemberShared::new());
        keeper.enter(&shared)?;
        let seat = Seat {
            keeper: Arc::clone(keeper),
            shared,
            view: None,
            held: PartitionSet::EMPTY,
            late: Late::new(),
            counts: MemberCounts::default(),
            version: 0,
            came_to: 0,
            idle_polls: 0,
            looked: 0,
            in_late: false,
        };
        Ok(Self { seat, handler })
    }

    /// The user's handler. The member takes no part any more.
    #[must_use]
    pub fn into_inner(self) -> H {
        self.handler
    }

    /// The user's handler.
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.handler
    }
}

impl<F: Family> Seat<F> {
    /// Takes no part any more: also where that was noticed by others first.
    fn leave(&mut self) {
        self.settle_late();
        self.shared.show(&self.counts);
        self.hold_nothing();
        self.keeper.leave(&self.shared);
    }

    fn hold_nothing(&mut self) {
        self.held = PartitionSet::EMPTY;
        self.late.clear();
    }

    /// An event that it read again and never returned from is dead.
    fn settle_late(&mut self) {
        self.counts.late_dead += u64::from(core::mem::take(&mut self.in_late));
    }

    /// The lease has ended at the event at hand: the rest is the successors'.
    #[cold]
    fn cut(&mut self, begun: Begun) -> Outcome {
        self.hold_nothing();
        if begun == Begun::Lost { Outcome::Dead } else { Outcome::Passed }
    }

    /// All below has gone through the slot.
    #[inline(always)]
    fn position(&self) -> u64 {
        self.view.as_ref().map_or(0, |view| view.shared.count(POSITION))
    }

    /// Whether a member that has passed everything below `next` has something to do with the table or the ring's past.
    #[inline(always)]
    fn is_called(&self, next: u64) -> bool {
        self.version != self.keeper.version() || self.late.is_due(next)
    }

    /// Between two turns, where there may be something to do. The member has passed everything below `next`; `all`: it has time.
    #[cold]
    #[inline(never)]
    fn tend(&mut self, handler: &mut impl Handler, ctx: &mut Context, next: u64, all: bool) {
        self.settle_late();
        self.take_up(next);
        if self.late.is_due(next) {
            let most = if all { u64::MAX } else { LATE_PER_TURN + 2 * next.saturating_sub(self.came_to) };
            self.catch_up(handler, ctx, next, most);
        }
        self.came_to = next;
        if self.keeper.behind(next) > 0 {
            self.keeper.try_look();
            self.looked = ctx.clock.now().0;
        }
    }

    /// Goes to the table, where that has changed.
    fn take_up(&mut self, next: u64) {
        if self.version != self.keeper.version() {
            let (shared, held, late) = (&self.shared, &mut self.held, &mut self.late);
            let known = self.keeper.try_change(|table| table.take_up(shared, next, held, late));
            self.version = known.unwrap_or(self.version);
        }
    }

    /// Reads again what it took up behind its position, at most so many sequences of it.
    fn catch_up(&mut self, handler: &mut impl Handler, ctx: &mut Context, next: u64, most: u64) {
        let tags = self.view.as_ref().map_or(TagSet::EMPTY, SlotView::tags);
        let end = next.min(self.late.next.saturating_add(most));
        let mut copies = self.keeper.bus.inner.ring.lossy_from(self.late.next);
        while self.late.next < end {
            match copies.poll() {
                Copied::Event { sequence, event: cell } if sequence < end => {
                    let event = cell.as_event();
                    if tags.contains(event.tag())
                        && self.late.wants(self.keeper.partitions.of(event.key()), sequence)
                        && !self.handle_late(handler, &cell, sequence, ctx)
                    {
                        return;
                    }
                    self.late.next = sequence + 1;
                }
                // Only holes were left.
                Copied::Event { .. } => self.late.next = end,
                // The horizon may cover a batch a moment before its first cell does.
                Copied::Empty | Copied::Closed => {
                    self.late.next = copies.position().min(end);
                    break;
                }
                // The guard holds all of it, but no longer for a member that others have given up.
                Copied::Gap { .. } => return,
            }
        }
        self.shared.floor.store(self.late.next, Ordering::Release); // SYNC member-floor
        if self.late.next == next {
            let (shared, held, late) = (&self.shared, &mut self.held, &mut self.late);
            self.keeper.try_change(|table| {
                table.caught_up(shared, next, held, late);
                false
            });
        }
    }

    /// One event from a copy; false: the lease has ended.
    fn handle_late(&mut self, handler: &mut impl Handler, cell: &F::Cell, sequence: u64, ctx: &mut Context) -> bool {
        match self.shared.lease.begin_late(sequence) {
            Begun::Yes => {}
            begun => {
                self.counts.late_dead += u64::from(begun == Begun::Lost);
                self.cut(begun);
                return false;
            }
        }
        // Before it is handled: where the handler panics, it is not handed to it again.
        self.late.next = sequence + 1;
        self.in_late = true;
        let back = Back::to(ctx, cell, sequence);
        let outcome = handler.on_event(cell.as_event(), back.ctx);
        drop(back);
        self.in_late = false;
        match outcome {
            Outcome::Done | Outcome::Passed => self.counts.caught_up += 1,
            Outcome::Dead => self.counts.late_dead += 1,
            Outcome::Stop => {
                self.counts.caught_up += 1;
                self.view.iter().for_each(SlotView::ask_to_stop);
            }
        }
        true
    }

    /// Whether an idle member is to look after others now.
    fn is_to_look(&mut self, ctx: &Context) -> bool {
        self.idle_polls = self.idle_polls.wrapping_add(1);
        self.idle_polls.is_multiple_of(LOOK_EVERY)
            || ctx.clock.to_ns(ctx.clock.now().0.saturating_sub(self.looked)) >= LOOK_EVERY_NS
    }
}

impl<F: Family> Drop for Seat<F> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<F: Family, H: Handler> Handler for Member<F, H> {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.handler.on_init()
    }

    fn on_attach(&mut self, slot: &SlotView) {
        self.seat.view = Some(slot.clone());
        self.handler.on_attach(slot);
    }

    fn on_start(&mut self, ctx: &mut Context) {
        let Self { seat, handler } = self;
        if let Some(slot) = &seat.view
            && (seat.keeper.bus.inner.ring.reader_at(slot.id()).is_none() || slot.lanes().len() > 1)
            && !slot.state().is_final()
        {
            let (group, bus) = (seat.keeper.name, seat.keeper.bus.name());
            panic!("{}", GroupError::OtherBus { group, bus, slot: Box::new((slot.name(), slot.bus_name())) });
        }
        if let Some(slot) = seat.view.as_ref().filter(|slot| seat.keeper.bus.inner.is_lossy(slot.id())) {
            panic!("{}", GroupError::Lossy { group: seat.keeper.name, slot: slot.name() });
        }
        handler.on_start(ctx);
        if let Some(slot) = &seat.view {
            seat.keeper.join(&seat.shared, slot.clone());
        }
        let next = seat.position();
        seat.take_up(next);
    }

    #[inline(always)]
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let Self { seat, handler } = self;
        if ctx.attempt() > 1 {
            // A dead letter that came back: it is this member's, wherever its partition is now.
            return handler.on_event(event, ctx);
        }
        if !seat.held.contains(seat.keeper.partitions.of(event.key())) {
            seat.counts.passed += 1;
            return Outcome::Passed;
        }
        match seat.shared.lease.begin(ctx.sequence()) {
            Begun::Yes => {}
            begun => return seat.cut(begun),
        }
        seat.counts.handled += 1;
        handler.on_event(event, ctx)
    }

    fn on_gap(&mut self, gap: &Gap<'_>, ctx: &mut Context) {
        self.handler.on_gap(gap, ctx);
    }

    #[inline(always)]
    fn on_batch_end(&mut self, ctx: &mut Context) {
        let Self { seat, handler } = self;
        if ctx.attempt() > 1 {
            return handler.on_batch_end(ctx);
        }
        // Behind the last event that the slot was given; where it was given none yet, what its turns before have covered.
        let next = (ctx.sequence() + 1).max(seat.position());
        let tends = seat.is_called(next) || seat.keeper.is_far_behind(next);
        if tends {
            seat.tend(handler, ctx, next, false);
        }
        seat.shared.show(&seat.counts);
        // The first idle poll behind this looks at once.
        seat.idle_polls = LOOK_EVERY - 1;
        handler.on_batch_end(ctx);
        if tends {
            ctx.did_something();
        }
    }

    #[inline(always)]
    fn on_idle(&mut self, ctx: &mut Context) {
        let Self { seat, handler } = self;
        let next = seat.position();
        let tends = seat.is_called(next) || (seat.keeper.behind(next) > 0 && seat.is_to_look(ctx));
        if tends {
            let before = seat.counts.caught_up;
            seat.tend(handler, ctx, next, true);
            if seat.counts.caught_up != before {
                handler.on_batch_end(ctx);
                ctx.scratch.reset();
            }
        }
        seat.shared.show(&seat.counts);
        handler.on_idle(ctx);
        if tends {
            ctx.did_something();
        }
    }

    fn on_restart(&mut self, ctx: &mut Context) {
        self.seat.settle_late();
        self.handler.on_restart(ctx);
    }

    fn on_stop(&mut self, ctx: &mut Context) {
        let Self { seat, handler } = self;
        if seat.keeper.bus.is_closed() {
            // Nothing more comes, and there may be nobody else: what there is to read again is read now.
            seat.keeper.try_look();
            let next = seat.position();
            seat.tend(handler, ctx, next, true);
        }
        handler.on_stop(ctx);
        seat.leave();
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.seat.leave();
        self.handler.on_failed(ctx);
    }
}

/// The context while an event is handled from a copy: its sequence and deadline. Put back when dropped. (Its bytes are not there: a bus with an arena has no
/// groups.)
struct Back<'c> {
    ctx: &'c mut Context,
    at: u64,
    deadline: Option<Ticks>,
}

impl<'c> Back<'c> {
    fn to(ctx: &'c mut Context, cell: &impl StoreEvent, sequence: u64) -> Self {
        let (at, deadline) = (ctx.beat.at(), ctx.deadline);
        ctx.beat.set_at(sequence);
        ctx.take_up(cell);
        ctx.end_of_batch = false;
        Self { ctx, at, deadline }
    }
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.ctx.beat.set_at(self.at);
        self.ctx.deadline = self.deadline;
    }
}
