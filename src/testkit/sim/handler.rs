//! A handler in a simulation: the user's own, with the faults that are meant for it, and an eye on what it is given.

use super::super::faulty::befall;
use super::with_threads;
use crate::bus::{Context, Handler, InitError, LANES_MAX, Outcome, SlotView};
use crate::event::Event;
use crate::event::checks::fnv;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A handler as [`super::SimBus::attach`] attaches it. Outside a simulation it is what is inside it.
#[derive(Debug)]
pub struct Simulated<H> {
    handler: H,
    /// As `BUS.SLOT`.
    slot: String,
    /// Events of the ring that it was given so far, refused and fatal ones included.
    handed: Arc<AtomicU64>,
    /// The sequence of the last one, lane by lane.
    last: [Option<u64>; LANES_MAX],
    /// Sequences it was given, where it may get a newer event before an older one: it conflates.
    seen: Option<HashSet<u64>>,
}

impl<H: Handler> Simulated<H> {
    pub(super) fn new(handler: H, slot: String, handed: Arc<AtomicU64>, conflates: bool) -> Self {
        Self { handler, slot, handed, last: [None; LANES_MAX], seen: conflates.then(HashSet::new) }
    }

    /// The user's handler.
    #[must_use]
    pub fn into_inner(self) -> H {
        self.handler
    }

    /// An event of the ring comes once, after those before it in its lane; or once, where its key has its place in the order.
    fn watch(&mut self, lane: usize, sequence: u64) {
        let is_wrong = match &mut self.seen {
            Some(seen) => !seen.insert(sequence),
            None => self.last[lane].is_some_and(|last| last >= sequence),
        };
        if is_wrong {
            let what = format!("slot {} got sequence {sequence} after {:?}", self.slot, self.last[lane]);
            with_threads(|threads| threads.wrong(what));
        }
        self.last[lane] = Some(sequence);
    }
}

impl<H: Handler> Handler for Simulated<H> {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.handler.on_init()
    }

    fn on_attach(&mut self, slot: &SlotView) {
        self.handler.on_attach(slot);
    }

    fn on_start(&mut self, ctx: &mut Context) {
        self.handler.on_start(ctx);
    }

    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let nth = self.handed.load(Ordering::Relaxed);
        if ctx.attempt() == 1 {
            self.watch(ctx.lane(), ctx.sequence());
            self.handed.store(nth + 1, Ordering::Relaxed);
        }
        let fault = with_threads(|threads| {
            let slot = fnv(0, self.slot.as_bytes());
            threads.note(&[slot, ctx.sequence(), u64::from(ctx.attempt()), u64::from(event.tag().get())]);
            threads.with_faults(|faults, random, _| faults.at_event(&self.slot, nth, random))
        });
        let instead = fault.flatten().and_then(|fault| befall(fault, nth));
        let outcome = instead.unwrap_or_else(|| self.handler.on_event(event, ctx));
        if outcome == Outcome::Passed && ctx.attempt() == 1 {
            // Not its own: it counts as not given.
            self.handed.store(nth, Ordering::Relaxed);
        }
        outcome
    }

    fn on_batch_end(&mut self, ctx: &mut Context) {
        self.handler.on_batch_end(ctx);
    }

    fn on_idle(&mut self, ctx: &mut Context) {
        self.handler.on_idle(ctx);
    }

    fn on_restart(&mut self, ctx: &mut Context) {
        self.handler.on_restart(ctx);
    }

    fn on_stop(&mut self, ctx: &mut Context) {
        self.handler.on_stop(ctx);
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.handler.on_failed(ctx);
    }
}
