//! The slot: one reader, one handler, one state machine. `turn` is the hot loop: poll, filter by tag, handle in place, advance.

use super::beat::{Beat, Phase};
use super::context::Context;
use super::dead::{Dead, DeadLetterSink, DeadReason, Returned};
use super::flow::{Books, Events, Fate, Source, Taken};
use super::handler::{Handler, Outcome};
use super::measure::{GROUP, Meter, SHORT_BATCH};
use super::name::Name;
use super::policy::PanicPolicy;
use super::restarts::Restarts;
use super::shared::{MAIL, QUARANTINE, STOP, SlotShared};
use super::slot_builder::Ticket;
use super::state::SlotState;
use super::tail::{Around, TailCause, Timeline};
use super::tally::Tally;
use crate::clock::Ticks;
use crate::event::{Event, Family, StoreEvent, TagSet};
use crate::ring::{Doorbell, WaitStrategy};
use crate::sync::{Ordering, abort, fence};
use core::time::Duration;
use crossbeam_channel::Sender;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Dead letters of one turn at most: as short as a turn over the ring.
const RETURNED_PER_TURN: usize = 64;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Nothing there.
    Idle,
    /// Events were handled, or stepped over.
    Busy,
    /// The slot is done and handed its handler back: drop it.
    Done,
}

/// A slot as its thread sees it: one virtual call per turn, none per event.
pub(super) trait RunSlot {
    /// Runs `on_start`. An error is the panic's message.
    fn start(&mut self) -> Result<(), String>;
    /// One turn; `around`: what the thread has done beside it.
    fn turn(&mut self, around: Around) -> Turned;
    fn is_ready(&mut self) -> bool;
    /// How long it will not be ready whatever is published: it pauses after a panic.
    fn pause(&self) -> Option<Duration>;
    fn wait_strategy(&self) -> WaitStrategy;
    fn bell(&self) -> Arc<Doorbell>;
    fn name(&self) -> Name;
    fn serial(&self) -> u64;
    /// Stops now, whatever is left in the ring.
    fn stop(&mut self);
    /// Whether it has stopped.
    fn is_done(&self) -> bool;
}

/// Everything a slot is built from. `S` is where its events come from: a slot that asks for nothing but events has a gating reader there, and code that knows
/// nothing of the rest.
pub(super) struct Slot<F: Family, H: Handler, S: Source<F::Cell>> {
    /// `None` once the slot has stopped gating.
    pub(super) source: Option<S>,
    pub(super) books: S::Books,
    /// Goes with the source.
    pub(super) ticket: Option<Ticket<F>>,
    pub(super) bell: Arc<Doorbell>,
    pub(super) handler: Option<H>,
    pub(super) give_back: Sender<H>,
    pub(super) ctx: Context,
    pub(super) tags: TagSet,
    pub(super) tags_version: u64,
    pub(super) meter: Meter,
    pub(super) timeline: Timeline,
    pub(super) policy: PanicPolicy,
    pub(super) shared: Arc<SlotShared>,
    pub(super) beat: Arc<Beat>,
    /// Most events of one turn.
    pub(super) limit: usize,
    pub(super) restarts: Restarts,
    /// What has been handled, kept here and shown once per turn.
    pub(super) tally: Tally,
    pub(super) letters: Option<Box<dyn DeadLetterSink<F::Cell>>>,
    /// The last turn went to dead letters: the next one is the ring's.
    pub(super) ring_is_next: bool,
}

impl<F: Family, H: Handler, S: Source<F::Cell>> RunSlot for Slot<F, H, S> {
    fn start(&mut self) -> Result<(), String> {
        self.show_tally();
        // SYNC slot-started: who quarantines the slot sees its reader bound and revokes it, or is seen here.
        fence(Ordering::SeqCst);
        if self.shared.attention() & QUARANTINE != 0 {
            // At once: the next slot of this thread may stick in its start, and this one's reader was not there to be revoked.
            self.end(SlotState::Quarantined);
        }
        let Some(handler) = &mut self.handler else { return Ok(()) };
        self.beat.set_phase(Phase::Starting);
        let ctx = &mut self.ctx;
        catch_unwind(AssertUnwindSafe(|| handler.on_start(ctx))).map_err(|panic| message(&*panic))?;
        ctx.now = ctx.clock.now();
        self.beat.set_phase(Phase::Between);
        self.shared.state.go_on(SlotState::Running);
        Ok(())
    }

    #[cfg_attr(tagring_rtsan, sanitize(realtime = "nonblocking"))]
    fn turn(&mut self, around: Around) -> Turned {
        crate::fault!(crate::faults::points::TURN, self.ctx.slot.as_str(); Drop => return Turned::Idle);
        if self.shared.attention() != 0
            && let Some(turned) = self.attend()
        {
            if turned == Turned::Busy {
                self.timeline.end(around);
            }
            return turned;
        }
        if self.restarts.is_pausing() && !self.resume(around) {
            return if self.is_done() { Turned::Done } else { Turned::Idle };
        }
        let (Some(source), Some(handler)) = (&mut self.source, &mut self.handler) else { return Turned::Done };
        if self.shared.tags.version() != self.tags_version
            && let Some(version) = self.shared.tags.try_load_into(&mut self.tags)
        {
            self.tags_version = version;
            self.shared.apply(version);
        }
        let mut stop = false;
        let hands = Hands {
            handler,
            ctx: &mut self.ctx,
            beat: &self.beat,
            books: &mut self.books,
            tags: &self.tags,
            meter: &mut self.meter,
            timeline: &mut self.timeline,
            around,
            tally: &mut self.tally,
            letters: &mut self.letters,
            stop: &mut stop,
        };
        let limit = self.limit;
        let begun = catch_unwind(AssertUnwindSafe(|| {
            let Some(mut turn) = source.begin(limit) else { return false };
            hands.run(&mut turn);
            turn.finish();
            true
        }));
        self.ctx.holds_event = false;
        match begun {
            Ok(false) if source.is_finished() => {
                if source.is_revoked() {
                    return self.end(SlotState::Quarantined);
                }
                stop = true;
            }
            Ok(false) => return self.idle(around),
            Ok(true) => {}
            Err(panic) => {
                let turned = self.panicked(&message(&*panic));
                self.timeline.end(around);
                if !stop || self.is_done() {
                    return turned;
                }
            }
        }
        self.timeline.end(around);
        self.show_tally();
        if stop {
            self.stop();
            return Turned::Done;
        }
        self.beat.set_phase(Phase::Between);
        Turned::Busy
    }

    fn is_ready(&mut self) -> bool {
        let attention = self.shared.attention();
        if let Some(pause) = self.pause() {
            // Letters wait until the pause is over, like all other events.
            return pause.is_zero() || attention & (STOP | QUARANTINE) != 0;
        }
        attention != 0
            || self.shared.tags.version() != self.tags_version
            || self.source.as_mut().is_some_and(|source| source.is_ready() || source.is_finished())
    }

    fn pause(&self) -> Option<Duration> {
        self.restarts.left(&self.ctx.clock)
    }

    fn wait_strategy(&self) -> WaitStrategy {
        self.source.as_ref().map_or(WaitStrategy::SpinThenPark, Source::wait_strategy)
    }

    fn bell(&self) -> Arc<Doorbell> {
        Arc::clone(&self.bell)
    }

    fn name(&self) -> Name {
        self.ctx.slot
    }

    fn serial(&self) -> u64 {
        self.shared.serial
    }

    fn stop(&mut self) {
        self.end(SlotState::Stopped);
    }

    fn is_done(&self) -> bool {
        self.handler.is_none()
    }
}

impl<F: Family, H: Handler, S: Source<F::Cell>> Drop for Slot<F, H, S> {
    /// Its thread or its owner goes without having stopped it.
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.beat.set_phase(Phase::Stopping);
            self.source = None;
            self.ticket = None;
            self.letters = None;
            self.shared.end(SlotState::Stopped);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(handler))) {
                self.shared.count_panic(&message(&*panic));
            }
        }
        self.beat.end();
    }
}

/// What the loop over one turn's events works with.
struct Hands<'a, H, C, B> {
    handler: &'a mut H,
    ctx: &'a mut Context,
    beat: &'a Beat,
    books: &'a mut B,
    tags: &'a TagSet,
    meter: &'a mut Meter,
    timeline: &'a mut Timeline,
    around: Around,
    tally: &'a mut Tally,
    letters: &'a mut Option<Box<dyn DeadLetterSink<C>>>,
    stop: &'a mut bool,
}

impl<H: Handler, C: StoreEvent, B: Books<C>> Hands<'_, H, C, B> {
    /// All events of a turn, then the end of the batch.
    #[inline(always)]
    fn run<E: Events<C>>(mut self, turn: &mut E) {
        if B::KEPT {
            self.ctx.set_lane(turn.lane());
        }
        self.ctx.holds_event = turn.in_place();
        self.beat.set_phase(Phase::Handling);
        if let Some(gap) = turn.gap() {
            self.handler.on_gap(&gap, self.ctx);
        }
        if self.meter.is_off() {
            self.unmeasured(turn);
        } else if turn.remaining() <= SHORT_BATCH {
            self.each_timed(turn);
        } else {
            self.groups_timed(turn);
        }
        turn.settle();
        self.ctx.holds_event = false;
        self.tally.batches += 1;
        self.beat.set_phase(Phase::BatchEnd);
        self.ctx.did_nothing = false;
        self.handler.on_batch_end(self.ctx);
        self.ctx.scratch.reset();
        if !self.ctx.did_nothing && self.timeline.is_on() {
            let before = self.ctx.now;
            let now = self.read_clock();
            self.timeline.ran(before, now, TailCause::Callback);
        }
    }

    #[inline(always)]
    fn unmeasured(&mut self, turn: &mut impl Events<C>) {
        while let Some(Taken { cell, sequence, at_end, merged }) = turn.next() {
            if self.wants(cell) {
                self.handle(cell, sequence, at_end, merged);
                if *self.stop {
                    return;
                }
            }
        }
    }

    /// A caught-up slot: the clock is read around every event.
    #[inline(always)]
    fn each_timed(&mut self, turn: &mut impl Events<C>) {
        let mut start = self.begin();
        while let Some(Taken { cell, sequence, at_end, merged }) = turn.next() {
            if self.wants(cell) {
                self.handle(cell, sequence, at_end, merged);
                let (header, end) = (cell.as_event().header(), self.read_clock());
                let total = self.meter.alone(header, start, end);
                self.timeline.check(total, header, sequence, (start, end));
                start = end;
                if *self.stop {
                    return;
                }
            }
        }
    }

    /// A busy slot: the clock is read twice in each group of events.
    #[inline(always)]
    fn groups_timed(&mut self, turn: &mut impl Events<C>) {
        let mut left = 0;
        let mut start = self.begin();
        while let Some(Taken { cell, sequence, at_end, merged }) = turn.next() {
            if !self.wants(cell) {
                continue;
            }
            if left == 0 {
                if self.meter.has_group() {
                    start = self.read_clock();
                    self.close(start);
                }
                self.handle(cell, sequence, at_end, merged);
                let (header, end) = (cell.as_event().header(), self.read_clock());
                let total = self.meter.open(header, start, end, self.tally.handled());
                self.timeline.check(total, header, sequence, (start, end));
                left = GROUP - 1;
            } else {
                self.handle(cell, sequence, at_end, merged);
                left -= 1;
            }
            if *self.stop {
                break;
            }
        }
        let now = self.read_clock();
        self.close(now);
    }

    /// The first reading of the clock in a turn.
    #[inline(always)]
    fn begin(&mut self) -> Ticks {
        let before = self.ctx.now;
        let now = self.read_clock();
        self.timeline.begin(before, now, self.around);
        now
    }

    /// Closes a group of events that share their time.
    #[inline(always)]
    fn close(&mut self, now: Ticks) {
        let handled = self.tally.handled();
        if let Some(group) = self.meter.close(now, handled) {
            let (event, events) = ((group.header(), group.age()), (self.beat.at(), group.rest(handled)));
            self.timeline.check_group(event, events, (group.since(), now));
        }
    }

    #[inline(always)]
    fn wants(&mut self, cell: &C) -> bool {
        let wanted = self.tags.contains(cell.as_event().tag());
        self.tally.filtered += u64::from(!wanted);
        if B::KEPT {
            let fate = if wanted { self.books.leaves_out(cell, self.ctx) } else { Some(Fate::Filtered) };
            let Some(fate) = fate else { return true };
            if wanted {
                self.tally.leave_out(fate);
            }
            self.count(cell, fate);
            return false;
        }
        wanted
    }

    #[inline(always)]
    fn handle(&mut self, cell: &C, sequence: u64, at_end: bool, merged: u64) {
        self.beat.set_at(sequence);
        self.ctx.take_up(cell);
        self.ctx.end_of_batch = at_end;
        if B::KEPT {
            self.ctx.merged = merged;
        }
        match give(self.handler, cell.as_event(), self.ctx) {
            Outcome::Done => {
                self.tally.delivered += 1;
                self.count(cell, Fate::Delivered);
            }
            Outcome::Dead => {
                self.tally.dead += 1;
                self.count(cell, Fate::Dead);
                refused(self.letters, self.ctx, cell, sequence);
            }
            Outcome::Stop => {
                self.tally.delivered += 1;
                self.count(cell, Fate::Delivered);
                *self.stop = true;
            }
            Outcome::Passed => {
                self.tally.filtered += 1;
                self.count(cell, Fate::Filtered);
            }
        }
    }

    #[inline(always)]
    fn count(&mut self, cell: &C, fate: Fate) {
        if B::KEPT {
            self.books.count(cell.as_event().tag(), fate);
        }
    }

    #[inline(always)]
    fn read_clock(&mut self) -> Ticks {
        // Ordered behind the load of the stamp: a plain read could run ahead of the arrival it is meant to time.
        self.ctx.now = self.ctx.clock.now_after_load();
        self.ctx.now
    }
}

/// The handler has an event, unless a fault comes before it.
#[inline(always)]
fn give<H: Handler>(handler: &mut H, event: &Event, ctx: &mut Context) -> Outcome {
    crate::fault!(crate::faults::points::EVENT, ctx.slot.as_str(); Dead => return Outcome::Dead, Stop => return Outcome::Stop);
    handler.on_event(event, ctx)
}

/// An event that its handler refused, on its way out of the hot loop.
#[cold]
#[inline(never)]
fn refused<C>(letters: &mut Option<Box<dyn DeadLetterSink<C>>>, ctx: &Context, cell: &C, sequence: u64) {
    if let Some(letters) = letters {
        bury(&mut **letters, ctx, cell, sequence, DeadReason::Refused);
    }
}

/// Hands an event on that died; `ctx` still holds it, so that its bytes are there.
fn bury<C>(letters: &mut dyn DeadLetterSink<C>, ctx: &Context, cell: &C, sequence: u64, reason: DeadReason) {
    let (attempt, time, bytes_len) = (ctx.attempt, ctx.clock.now(), ctx.bytes().len());
    letters.bury(Dead { cell, sequence, lane: ctx.lane(), reason, attempt, time, bytes_len });
}

impl<F: Family, H: Handler, S: Source<F::Cell>> Slot<F, H, S> {
    /// The slot was asked for something. `None`: the turn goes on.
    #[cold]
    fn attend(&mut self) -> Option<Turned> {
        let attention = self.shared.attention();
        if attention & QUARANTINE != 0 {
            return Some(self.end(SlotState::Quarantined));
        }
        if attention & STOP != 0 {
            return Some(self.end(SlotState::Stopped));
        }
        let ring_is_next = core::mem::take(&mut self.ring_is_next);
        if attention & MAIL != 0 && !self.restarts.is_pausing() && !ring_is_next {
            return self.take_letters();
        }
        None
    }

    #[inline]
    fn idle(&mut self, around: Around) -> Turned {
        self.beat.idle();
        if S::Books::KEPT {
            // What was held back because somebody was reading.
            self.books.show(&mut self.tally);
        }
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return Turned::Idle };
        if self.timeline.is_to_look(self.beat.idle_polls(), around) {
            let before = core::mem::replace(&mut ctx.now, ctx.clock.now());
            self.timeline.idle(before, ctx.now, around);
        }
        ctx.did_nothing = false;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.on_idle(ctx))) {
            return self.after_panic(&message(&*panic));
        }
        if !ctx.did_nothing && self.timeline.is_on() {
            let before = core::mem::replace(&mut ctx.now, ctx.clock.now());
            self.timeline.ran(before, ctx.now, TailCause::Callback);
        }
        Turned::Idle
    }

    /// Shows the counts of the turn that is over.
    #[inline(always)]
    fn show_tally(&mut self) {
        if let Some(source) = &self.source {
            source.settle_tally(&mut self.tally);
        }
        self.books.show(&mut self.tally);
        self.shared.publish(&self.tally);
    }

    /// The handler panicked. If that was over an event, it was not handed back: it is stepped over, once, and becomes a dead letter.
    #[cold]
    fn panicked(&mut self, message: &str) -> Turned {
        // Before the event is counted: it is not measured.
        let _ = self.meter.close(self.ctx.clock.now(), self.tally.handled());
        let (beat, letters, ctx) = (&self.beat, &mut self.letters, &mut self.ctx);
        if let Some(source) = &mut self.source {
            // Not where the slot was quarantined meanwhile: its reader takes no turn any more.
            let (lends, mut died) = (source.lends(), None);
            let stepped = source.step_over(beat.at(), |cell, sequence| {
                died = Some(cell.as_event().tag());
                if let Some(letters) = letters {
                    ctx.holds_event = lends;
                    bury(&mut **letters, ctx, cell, sequence, DeadReason::Panicked);
                    ctx.holds_event = false;
                }
            });
            self.tally.dead += u64::from(stepped);
            if let Some(tag) = died {
                self.books.count(tag, Fate::Dead);
            }
        }
        self.ctx.scratch.reset();
        self.after_panic(message)
    }

    /// What the policy says. The counts are shown first.
    #[cold]
    fn after_panic(&mut self, message: &str) -> Turned {
        self.shared.count_panic(message);
        self.show_tally();
        self.ctx.now = self.ctx.clock.now();
        self.beat.set_phase(Phase::Between);
        match self.policy {
            PanicPolicy::Skip => Turned::Busy,
            PanicPolicy::Restart { .. } => {
                if !self.restarts.next(self.policy, &self.ctx.clock, self.ctx.now) {
                    return self.end(SlotState::Failed);
                }
                self.shared.count_restart();
                self.beat.set_phase(Phase::Pausing);
                self.shared.state.go_on(SlotState::Restarting);
                Turned::Busy
            }
            PanicPolicy::Quarantine => self.end(SlotState::Quarantined),
            PanicPolicy::Abort => {
                let slot = self.ctx.slot;
                abort(&format!("tagring: slot {slot}: handler panicked, policy is abort: {message}"))
            }
        }
    }

    /// Whether the pause after a panic is over; if so, the handler is told.
    #[cold]
    fn resume(&mut self, around: Around) -> bool {
        let now = self.ctx.clock.now();
        if !self.restarts.end_pause(now) {
            return false;
        }
        let before = core::mem::replace(&mut self.ctx.now, now);
        self.timeline.ran(before, now, TailCause::Pause);
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return false };
        self.beat.set_phase(Phase::Restarting);
        match catch_unwind(AssertUnwindSafe(|| handler.on_restart(ctx))) {
            Ok(()) => {
                // What the thread did meanwhile was the pause's.
                let before = core::mem::replace(&mut ctx.now, ctx.clock.now());
                self.timeline.ran(before, ctx.now, TailCause::Callback);
                self.timeline.goes_on(around);
                self.beat.set_phase(Phase::Between);
                self.shared.state.go_on(SlotState::Running);
                true
            }
            Err(panic) => {
                self.after_panic(&message(&*panic));
                false
            }
        }
    }

    /// Letters that were handed back to this slot, a turn's worth. `None`: there was none.
    #[cold]
    fn take_letters(&mut self) -> Option<Turned> {
        self.shared.answer(MAIL);
        let at = self.beat.at();
        let mut turned = None;
        for _ in 0..RETURNED_PER_TURN {
            let Some(letter) = self.letters.as_mut().and_then(|letters| letters.next_returned()) else { break };
            turned = Some(self.redeliver(&letter));
            if self.is_done() || self.restarts.is_pausing() {
                break;
            }
        }
        if turned.is_some() {
            // There may be more; one look too many finds out.
            self.shared.ask(MAIL);
            self.ring_is_next = true;
            self.beat.set_at(at);
        }
        turned
    }

    /// One letter that came back: handled like an event, but counted by itself, and a letter again where it fails again.
    fn redeliver(&mut self, letter: &Returned<F::Cell>) -> Turned {
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return Turned::Done };
        let event = letter.cell.as_event();
        ctx.attempt = letter.attempts.saturating_add(1);
        ctx.end_of_batch = true;
        ctx.take_up(&letter.cell);
        ctx.set_lane(letter.lane);
        ctx.beat.set_letter(Some(event.tag()));
        ctx.beat.set_at(letter.sequence);
        ctx.beat.set_phase(Phase::Redelivering);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let outcome = give(handler, event, ctx);
            handler.on_batch_end(ctx);
            outcome
        }));
        let reason = match &outcome {
            Ok(Outcome::Done | Outcome::Stop | Outcome::Passed) => None,
            Ok(Outcome::Dead) => Some(DeadReason::Refused),
            Err(_) => Some(DeadReason::Panicked),
        };
        if let (Some(reason), Some(letters)) = (reason, &mut self.letters) {
            bury(&mut **letters, ctx, &letter.cell, letter.sequence, reason);
        }
        ctx.attempt = 1;
        ctx.scratch.reset();
        ctx.beat.set_letter(None);
        let before = core::mem::replace(&mut ctx.now, ctx.clock.now());
        self.timeline.ran(before, ctx.now, TailCause::Callback);
        self.tally.redelivered += u64::from(reason.is_none());
        self.tally.redelivered_dead += u64::from(reason.is_some());
        match outcome {
            Err(panic) => return self.after_panic(&message(&*panic)),
            Ok(Outcome::Stop) => return self.end(SlotState::Stopped),
            Ok(_) => {}
        }
        self.show_tally();
        self.beat.set_phase(Phase::Between);
        Turned::Busy
    }

    /// The slot ends, as `wish` or as somebody has settled before: it stops gating, tells its handler and hands it back. One that fails
    /// stops gating before its handler is told, one that stops after: what it holds may have to be flushed first.
    #[cold]
    fn end(&mut self, wish: SlotState) -> Turned {
        if self.handler.is_none() {
            return Turned::Done;
        }
        let end = self.shared.state.claim_end(wish);
        self.show_tally();
        self.books.show_last(&mut self.tally);
        if end != SlotState::Stopped {
            self.source = None;
            self.shared.state.show_end();
        }
        self.beat.set_phase(Phase::Stopping);
        self.tell_end(end);
        // The reader goes first: who gets the handler knows that nothing gates any more.
        self.source = None;
        self.ticket = None;
        self.letters = None;
        self.shared.state.show_end();
        self.hand_back();
        Turned::Done
    }

    fn tell_end(&mut self, end: SlotState) {
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return };
        let told = catch_unwind(AssertUnwindSafe(|| match end {
            SlotState::Stopped => handler.on_stop(ctx),
            _ => handler.on_failed(ctx),
        }));
        if let Err(panic) = told {
            self.shared.count_panic(&message(&*panic));
        }
    }

    fn hand_back(&mut self) {
        let Some(handler) = self.handler.take() else { return };
        self.shared.set_handed_back();
        // Where nobody waits for it, it is dropped here, and a panic of that must not take the thread's other slots along.
        let sent = catch_unwind(AssertUnwindSafe(|| drop(self.give_back.send(handler))));
        if let Err(panic) = sent {
            self.shared.count_panic(&message(&*panic));
        }
        self.beat.end();
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}
