//! Faults on demand: what a slot, and all around it, does when a handler fails.

use crate::bus::{Context, Handler, InitError, Outcome, SlotView};
use crate::event::Event;
use crate::faults::{Fault, points};
use crate::sync::nap;
use std::panic::resume_unwind;

/// What a handler makes of an event at which something goes wrong; `None`: it handles it, late perhaps.
pub(super) fn befall(fault: Fault, nth: u64) -> Option<Outcome> {
    match fault {
        Fault::Dead => Some(Outcome::Dead),
        Fault::Stop => Some(Outcome::Stop),
        // Without the panic hook: it is expected.
        Fault::Panic => resume_unwind(Box::new(format!("as scripted, at event {nth}"))),
        Fault::Delay(time) => {
            nap(time);
            None
        }
        _ => None,
    }
}

/// A handler around another one that fails at chosen events and passes on the rest. It needs no fault points in the build; with them, a
/// `FaultScript` does the same to handlers as they are (point `slot.event`).
///
/// ```
/// use tagring::bus::PanicPolicy;
/// use tagring::testkit::{Drive, Fault, Faulty, Recorder};
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
///
/// let (recorder, records) = Recorder::new(16);
/// let faulty = Faulty::new(recorder).at(1, Fault::Panic);
/// let mut drive = Drive::<market::Events, _>::with(faulty, |slot| slot.policy(PanicPolicy::Skip)).expecting_panics();
/// for qty in 0..3 {
///     drive.publish(0, &market::Trade { qty });
/// }
/// drive.run();
/// assert_eq!(records.of::<market::Trade>().iter().map(|trade| trade.qty).collect::<Vec<_>>(), [0, 2]);
/// assert_eq!(drive.stats().dead, 1);
/// ```
#[derive(Debug)]
pub struct Faulty<H> {
    handler: H,
    script: Vec<(u64, Fault)>,
    seen: u64,
}

impl<H: Handler> Faulty<H> {
    /// No faults yet.
    #[must_use]
    pub fn new(handler: H) -> Self {
        Self { handler, script: Vec::new(), seen: 0 }
    }

    /// Adds a fault at the `nth` event that this handler is given, counted from 0.
    ///
    /// # Panics
    /// If the fault means nothing to a handler: it takes a delay, dead, stop and a panic.
    #[must_use]
    pub fn at(mut self, nth: u64, fault: Fault) -> Self {
        let takes = points::EVENT.takes();
        assert!(takes.contains(&fault.kind()), "a handler takes {takes:?} and no {:?}", fault.kind());
        self.script.push((nth, fault));
        self
    }

    /// The handler inside.
    #[must_use]
    pub fn into_inner(self) -> H {
        self.handler
    }
}

impl<H: Handler> Handler for Faulty<H> {
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
        let nth = self.seen;
        self.seen += 1;
        let fault = self.script.iter().find(|&&(at, _)| at == nth);
        let instead = fault.and_then(|&(_, fault)| befall(fault, nth));
        instead.unwrap_or_else(|| self.handler.on_event(event, ctx))
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
