//! The slot: one reader, one handler, one state machine. `turn` is the hot loop: poll, filter by tag, handle in place, advance.

use super::context::Context;
use super::handle::{SlotShared, SlotState};
use super::handler::{Handler, Outcome};
use super::measure::{GROUP, Meter, SHORT_BATCH};
use super::policy::PanicPolicy;
use super::slot_builder::Ticket;
use crate::clock::Ticks;
use crate::event::{Family, StoreEvent, TagSet};
use crate::ring::{BoundReader, Doorbell, Turn, WaitStrategy};
use core::time::Duration;
use crossbeam_channel::Sender;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

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
    fn turn(&mut self) -> Turned;
    fn is_ready(&mut self) -> bool;
    /// How long it will not be ready whatever is published: it pauses after a panic.
    fn pause(&self) -> Option<Duration>;
    fn wait_strategy(&self) -> WaitStrategy;
    fn bell(&self) -> Arc<Doorbell>;
    /// Stops now, whatever is left in the ring.
    fn stop(&mut self);
    /// Whether it has stopped.
    fn is_done(&self) -> bool;
}

/// Everything a slot is built from.
pub(super) struct Slot<F: Family, H: Handler> {
    /// `None` once the slot has stopped gating.
    pub(super) reader: Option<BoundReader<F::Cell>>,
    /// Goes with the reader.
    pub(super) ticket: Option<Ticket<F>>,
    pub(super) bell: Arc<Doorbell>,
    pub(super) handler: Option<H>,
    pub(super) give_back: Sender<H>,
    pub(super) ctx: Context,
    pub(super) tags: TagSet,
    pub(super) tags_version: u64,
    pub(super) meter: Meter,
    pub(super) policy: PanicPolicy,
    pub(super) shared: Arc<SlotShared>,
    /// Most events of one turn.
    pub(super) limit: usize,
    pub(super) restarts: Restarts,
    /// What has been handled, kept here and stored once per turn.
    pub(super) tally: Tally,
}

/// Counts of one slot. Written by its thread alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    pub(super) filtered: u64,
    pub(super) dead: u64,
    pub(super) batches: u64,
}

/// No pause is longer, however often it was doubled: a day.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When a panicking handler may go on.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    in_window: u32,
    window_since: Option<Instant>,
    pause_until: Option<Instant>,
}

impl<F: Family, H: Handler> RunSlot for Slot<F, H> {
    fn start(&mut self) -> Result<(), String> {
        let Some(handler) = &mut self.handler else { return Ok(()) };
        let ctx = &mut self.ctx;
        catch_unwind(AssertUnwindSafe(|| handler.on_start(ctx))).map_err(|panic| message(&*panic))?;
        self.shared.set_state(SlotState::Running);
        Ok(())
    }

    fn turn(&mut self) -> Turned {
        if self.shared.wants_stop() {
            self.stop();
            return Turned::Done;
        }
        if self.restarts.pause_until.is_some() && !self.resume() {
            return if self.is_done() { Turned::Done } else { Turned::Idle };
        }
        let (Some(reader), Some(handler)) = (&mut self.reader, &mut self.handler) else { return Turned::Done };
        if self.shared.tags.version() != self.tags_version
            && let Some(version) = self.shared.tags.try_load_into(&mut self.tags)
        {
            self.tags_version = version;
            self.shared.applied(version);
        }
        let mut stop = false;
        let hands = Hands {
            handler,
            ctx: &mut self.ctx,
            tags: &self.tags,
            meter: &mut self.meter,
            tally: &mut self.tally,
            stop: &mut stop,
        };
        let covered = catch_unwind(AssertUnwindSafe(|| reader.turn(self.limit, |turn| hands.run(turn))));
        self.ctx.holds_event = false;
        match covered {
            Ok(0) if reader.is_finished() => stop = true,
            Ok(0) => return self.idle(),
            Ok(_) => {}
            Err(panic) => {
                let turned = self.panicked(&message(&*panic));
                if !stop || self.is_done() {
                    return turned;
                }
            }
        }
        self.shared.publish(&self.tally, self.ctx.sequence);
        if stop {
            self.stop();
            return Turned::Done;
        }
        Turned::Busy
    }

    fn is_ready(&mut self) -> bool {
        if let Some(pause) = self.pause() {
            return pause.is_zero() || self.shared.wants_stop();
        }
        self.shared.wants_stop()
            || self.shared.tags.version() != self.tags_version
            || self.reader.as_mut().is_some_and(|reader| reader.is_ready() || reader.is_finished())
    }

    fn pause(&self) -> Option<Duration> {
        self.restarts.pause_until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn wait_strategy(&self) -> WaitStrategy {
        self.reader.as_ref().map_or(WaitStrategy::SpinThenPark, BoundReader::wait_strategy)
    }

    fn bell(&self) -> Arc<Doorbell> {
        Arc::clone(&self.bell)
    }

    fn stop(&mut self) {
        self.shared.publish(&self.tally, self.ctx.sequence);
        if let Some(mut handler) = self.handler.take() {
            if self.reader.is_some() {
                let ctx = &mut self.ctx;
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.on_stop(ctx))) {
                    self.shared.count_panic(&message(&*panic));
                }
            }
            // The reader goes first: who gets the handler knows that nothing gates any more.
            self.reader = None;
            self.ticket = None;
            self.shared.set_stopped();
            self.shared.set_handed_back();
            // Where nobody waits for it, it is dropped here, and a panic of that must not take the thread's other slots along.
            let sent = catch_unwind(AssertUnwindSafe(|| drop(self.give_back.send(handler))));
            if let Err(panic) = sent {
                self.shared.count_panic(&message(&*panic));
            }
        }
    }

    fn is_done(&self) -> bool {
        self.handler.is_none()
    }
}

impl<F: Family, H: Handler> Drop for Slot<F, H> {
    /// Its thread or its owner goes without having stopped it.
    fn drop(&mut self) {
        if self.handler.is_some() {
            self.shared.set_stopped();
        }
    }
}

/// What the loop over one turn's events works with.
struct Hands<'a, H> {
    handler: &'a mut H,
    ctx: &'a mut Context,
    tags: &'a TagSet,
    meter: &'a mut Meter,
    tally: &'a mut Tally,
    stop: &'a mut bool,
}

impl<H: Handler> Hands<'_, H> {
    /// All events of a turn, then the end of the batch.
    #[inline(always)]
    fn run<C: StoreEvent>(mut self, turn: &mut Turn<'_, C>) {
        self.ctx.holds_event = true;
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
        self.handler.on_batch_end(self.ctx);
        self.ctx.scratch.reset();
    }

    #[inline(always)]
    fn unmeasured<C: StoreEvent>(&mut self, turn: &mut Turn<'_, C>) {
        while let Some((cell, sequence, at_end)) = turn.next() {
            if self.wants(cell) {
                self.handle(cell, sequence, at_end);
                if *self.stop {
                    return;
                }
            }
        }
    }

    /// A caught-up slot: the clock is read around every event.
    #[inline(always)]
    fn each_timed<C: StoreEvent>(&mut self, turn: &mut Turn<'_, C>) {
        let mut start = self.read_clock();
        while let Some((cell, sequence, at_end)) = turn.next() {
            if self.wants(cell) {
                self.handle(cell, sequence, at_end);
                let end = self.read_clock();
                self.meter.alone(cell.as_event().header(), start, end);
                start = end;
                if *self.stop {
                    return;
                }
            }
        }
    }

    /// A busy slot: the clock is read twice in each group of events.
    #[inline(always)]
    fn groups_timed<C: StoreEvent>(&mut self, turn: &mut Turn<'_, C>) {
        let mut left = 0;
        while let Some((cell, sequence, at_end)) = turn.next() {
            if !self.wants(cell) {
                continue;
            }
            if left == 0 {
                let start = self.read_clock();
                self.meter.close(start);
                self.handle(cell, sequence, at_end);
                let end = self.read_clock();
                self.meter.open(cell.as_event().header(), start, end);
                left = GROUP - 1;
            } else {
                self.handle(cell, sequence, at_end);
                self.meter.rest();
                left -= 1;
            }
            if *self.stop {
                break;
            }
        }
        let now = self.read_clock();
        self.meter.close(now);
    }

    #[inline(always)]
    fn wants<C: StoreEvent>(&mut self, cell: &C) -> bool {
        let wanted = self.tags.contains(cell.as_event().tag());
        self.tally.filtered += u64::from(!wanted);
        wanted
    }

    #[inline(always)]
    fn handle<C: StoreEvent>(&mut self, cell: &C, sequence: u64, at_end: bool) {
        self.ctx.sequence = sequence;
        self.ctx.end_of_batch = at_end;
        match self.handler.on_event(cell.as_event(), self.ctx) {
            Outcome::Done => self.tally.delivered += 1,
            Outcome::Dead => self.tally.dead += 1,
            Outcome::Stop => {
                self.tally.delivered += 1;
                *self.stop = true;
            }
        }
    }

    #[inline(always)]
    fn read_clock(&mut self) -> Ticks {
        // Ordered behind the load of the stamp: a plain read could run ahead of the arrival it is meant to time.
        self.ctx.now = self.ctx.clock.now_after_load();
        self.ctx.now
    }
}

impl<F: Family, H: Handler> Slot<F, H> {
    #[inline]
    fn idle(&mut self) -> Turned {
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return Turned::Idle };
        match catch_unwind(AssertUnwindSafe(|| handler.on_idle(ctx))) {
            Ok(()) => Turned::Idle,
            Err(panic) => self.after_panic(&message(&*panic)),
        }
    }

    /// The handler panicked over an event, which was not handed back: it is stepped over, once.
    #[cold]
    fn panicked(&mut self, message: &str) -> Turned {
        let at_event =
            self.reader.as_mut().is_some_and(|reader| reader.position() == self.ctx.sequence && reader.skip());
        self.tally.dead += u64::from(at_event);
        self.ctx.scratch.reset();
        self.after_panic(message)
    }

    fn after_panic(&mut self, message: &str) -> Turned {
        self.shared.count_panic(message);
        self.shared.publish(&self.tally, self.ctx.sequence);
        self.ctx.now = self.ctx.clock.now();
        self.meter.close(self.ctx.now);
        match self.policy {
            PanicPolicy::Skip => Turned::Busy,
            PanicPolicy::Restart { max, window, pause } => {
                if !self.restarts.next(max, window, pause, Instant::now()) {
                    return self.stop_gating(SlotState::Failed);
                }
                self.shared.set_state(SlotState::Restarting);
                Turned::Busy
            }
            PanicPolicy::Quarantine => self.stop_gating(SlotState::Quarantined),
            PanicPolicy::Abort => {
                eprintln!("tagring: slot {}: handler panicked, policy is abort: {message}", self.ctx.slot);
                std::process::abort();
            }
        }
    }

    /// The slot stops gating at once and hands its handler back; `on_failed` of a broken handler runs instead of `on_stop`.
    fn stop_gating(&mut self, state: SlotState) -> Turned {
        self.reader = None;
        self.shared.set_state(state);
        if let Some(handler) = &mut self.handler {
            let ctx = &mut self.ctx;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.on_failed(ctx))) {
                self.shared.count_panic(&message(&*panic));
            }
        }
        self.stop();
        Turned::Done
    }

    /// Whether the pause after a panic is over; if so, the handler is told.
    #[cold]
    fn resume(&mut self) -> bool {
        if self.restarts.pause_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        self.restarts.pause_until = None;
        let (Some(handler), ctx) = (&mut self.handler, &mut self.ctx) else { return false };
        match catch_unwind(AssertUnwindSafe(|| handler.on_restart(ctx))) {
            Ok(()) => {
                self.shared.set_state(SlotState::Running);
                true
            }
            Err(panic) => {
                self.after_panic(&message(&*panic));
                false
            }
        }
    }
}

impl Restarts {
    /// Counts a restart; false when the window already holds `max`.
    fn next(&mut self, max: u32, window: Duration, pause: Duration, now: Instant) -> bool {
        if self.window_since.is_none_or(|since| now.duration_since(since) > window) {
            self.window_since = Some(now);
            self.in_window = 0;
        }
        if self.in_window == max {
            return false;
        }
        self.pause_until = Some(now + pause.saturating_mul(1 << self.in_window.min(20)).min(PAUSE_MAX));
        self.in_window += 1;
        true
    }
}

/// What a panic said.
pub(super) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

/// A slot driven by its owner's loop instead of a [`super::SlotThread`]: for people who own their event loop, and for tests that
/// want one step at a time. Not `Send`: it stays on the thread that attached it.
pub struct LocalSlot<H: Handler> {
    pub(super) slot: Box<dyn RunSlot>,
    pub(super) handle: super::SlotHandle<H>,
    pub(super) done: bool,
}

impl<H: Handler> LocalSlot<H> {
    /// Handles the events that are there, one batch at most. Returns whether there were any.
    pub fn turn(&mut self) -> bool {
        if self.done {
            return false;
        }
        let turned = self.slot.turn();
        self.done = turned == Turned::Done;
        turned == Turned::Busy
    }

    /// Whether the slot has stopped: by its handler, or because the bus is closed and read to its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The slot from outside: statistics, tags, state.
    #[must_use]
    pub fn handle(&self) -> &super::SlotHandle<H> {
        &self.handle
    }

    /// Detaches the slot and returns its handler; `None` if a panic took it.
    #[must_use]
    pub fn detach(mut self) -> Option<H> {
        self.slot.stop();
        self.handle.take()
    }
}
